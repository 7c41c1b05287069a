/** Moves memories between any two stores, in stages that can be taken back. */
@NullMarked
package io.agentmemory.dualwrite;

import org.jspecify.annotations.NullMarked;
