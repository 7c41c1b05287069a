/**
 * An agent's long-term memory behind one interface. Start with {@link io.agentmemory.MemoryStores},
 * which opens a store from a URL, and {@link io.agentmemory.MemoryStore}.
 */
@NullMarked
package io.agentmemory;

import org.jspecify.annotations.NullMarked;
