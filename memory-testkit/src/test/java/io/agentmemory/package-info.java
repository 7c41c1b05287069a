/** Tests that reach into the API's own package and need a store. */
@NullMarked
package io.agentmemory;

import org.jspecify.annotations.NullMarked;
