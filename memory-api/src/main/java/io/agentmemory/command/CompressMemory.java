package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.spi.Needs;

/**
 * Moves an active memory to the archive with a shorter body in place of its own, and notes when,
 * and how long it was.
 *
 * @param content the shorter body
 * @param at when, as text
 */
public record CompressMemory(String id, String content, String at) implements Command {

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if {@code at} is no time
   */
  public CompressMemory {
    requireNonNull(id, "id");
    requireNonNull(content, "content");
    Ids.requireTime(at);
  }

  /** Id and size; never the content. */
  @Override
  public String toString() {
    return "CompressMemory[" + id + ", " + content.length() + " chars]";
  }

  @Override
  public String verb() {
    return "compress";
  }

  @Override
  public String subject() {
    return id;
  }

  @Override
  public void needs(Needs needs) {
    Ids.need(needs, id);
  }
}
