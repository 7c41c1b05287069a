/** All modules together: crossing backends, outages and kills. */
@NullMarked
package io.agentmemory.e2e;

import org.jspecify.annotations.NullMarked;
