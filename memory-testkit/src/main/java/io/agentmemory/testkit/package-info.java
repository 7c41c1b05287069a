/**
 * The contract that every store passes, the reference store, generators and faults. Start with
 * {@link io.agentmemory.testkit.MemoryStoreContract}, which a store's own test extends, and {@link
 * io.agentmemory.testkit.InMemoryMemoryStore}, which tells what is right.
 */
@NullMarked
package io.agentmemory.testkit;

import org.jspecify.annotations.NullMarked;
