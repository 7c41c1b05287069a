/** The contract that every store passes, the reference store, generators and faults. */
@NullMarked
package io.agentmemory.testkit;

import org.jspecify.annotations.NullMarked;
