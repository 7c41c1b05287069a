/** What the commands print, where, and how they end. */
@NullMarked
package io.agentmemory.cli;

import org.jspecify.annotations.NullMarked;
