package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.spi.Needs;

/**
 * Deletes a memory with its embeddings, its own co-occurrence entries and its image links. What
 * other records say about it stays, as a reference that leads nowhere.
 *
 * @param expectedRevision refuse unless the memory is at this revision; 0 for whatever it is at
 */
public record ForgetMemory(String id, long expectedRevision) implements Command {

  /** Checks that nothing is missing. */
  public ForgetMemory {
    requireNonNull(id, "id");
    if (expectedRevision < 0) {
      throw new IllegalArgumentException("expectedRevision is below 0");
    }
  }

  @Override
  public String verb() {
    return "forget";
  }

  @Override
  public String subject() {
    return id;
  }

  @Override
  public void needs(Needs needs) {
    Ids.need(needs, id);
    needs.ownedBy(id).ownedBy(Ids.composed(id));
  }
}
