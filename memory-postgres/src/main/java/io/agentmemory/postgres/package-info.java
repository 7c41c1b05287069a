/** Memories in PostgreSQL with pgvector. */
@NullMarked
package io.agentmemory.postgres;

import org.jspecify.annotations.NullMarked;
