/**
 * The one door for writes: commands are values, and what each means is written here once, for every
 * store. Start with {@link io.agentmemory.command.Command} and {@link
 * io.agentmemory.command.Outcome}.
 */
@NullMarked
package io.agentmemory.command;

import org.jspecify.annotations.NullMarked;
