/**
 * For those who write a store: canonical form, the reader that commands run over, and the provider
 * behind {@link io.agentmemory.MemoryStores#open}. Start with {@link io.agentmemory.spi.Canonical}
 * and {@link io.agentmemory.spi.StoreProvider}.
 */
@NullMarked
package io.agentmemory.spi;

import org.jspecify.annotations.NullMarked;
