@NullMarked
package io.agentmemory.spi;

import org.jspecify.annotations.NullMarked;
