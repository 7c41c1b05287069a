/** What the stores cost, as ratios to yardsticks taken in the same run. */
@NullMarked
package io.agentmemory.benchmarks;

import org.jspecify.annotations.NullMarked;
