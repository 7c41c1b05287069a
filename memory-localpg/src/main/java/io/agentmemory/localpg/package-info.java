/** A throw-away PostgreSQL on this machine, for tests and demonstrations. */
@NullMarked
package io.agentmemory.localpg;

import org.jspecify.annotations.NullMarked;
