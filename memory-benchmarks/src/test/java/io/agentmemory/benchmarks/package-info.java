@NullMarked
package io.agentmemory.benchmarks;

import org.jspecify.annotations.NullMarked;
