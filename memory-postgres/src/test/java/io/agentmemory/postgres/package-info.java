/** Tests against a real server. */
@NullMarked
package io.agentmemory.postgres;

import org.jspecify.annotations.NullMarked;
