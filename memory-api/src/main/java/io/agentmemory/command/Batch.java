package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.OpId;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Commands that take effect together or not at all, in order: a later one sees what an earlier one
 * did.
 *
 * @param opId the operation's name: repeating it under the same name takes effect once
 */
public record Batch(OpId opId, List<Command> commands) {
  /** No more commands than this in one batch. */
  public static final int MAX_COMMANDS = 1000;

  /**
   * Copies the commands.
   *
   * @throws IllegalArgumentException if there is none, or more than {@link #MAX_COMMANDS}
   */
  public Batch {
    requireNonNull(opId, "opId");
    commands = List.copyOf(commands);
    if (commands.isEmpty() || commands.size() > MAX_COMMANDS) {
      throw new IllegalArgumentException(
          "a batch has 1 to " + MAX_COMMANDS + " commands, this one " + commands.size());
    }
  }

  /** A batch under a new name. */
  public static Batch of(List<? extends Command> commands) {
    return new Batch(OpId.random(), List.copyOf(commands));
  }

  /** A batch of one under a new name. */
  public static Batch of(Command command) {
    return of(List.of(command));
  }

  /** The records these commands will read. */
  public Needs needs() {
    Needs needs = new Needs();
    commands.forEach(command -> command.needs(needs));
    return needs;
  }

  /** What they do, in one word. */
  public String verb() {
    return commands.size() == 1 ? commands.get(0).verb() : "batch";
  }

  /** What they do it to; empty if that is more than one record. */
  public String subject() {
    return commands.size() == 1 ? commands.get(0).subject() : "";
  }
}
