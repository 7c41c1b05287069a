/**
 * A throw-away PostgreSQL on this machine, for tests and demonstrations. Needs nothing but the JDK
 * and a PostgreSQL that is installed or unpacked here. Start with {@link
 * io.agentmemory.localpg.LocalPostgres}, and catch {@link
 * io.agentmemory.localpg.LocalPostgresException}.
 */
@NullMarked
package io.agentmemory.localpg;

import org.jspecify.annotations.NullMarked;
