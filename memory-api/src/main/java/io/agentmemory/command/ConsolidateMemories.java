package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.VectorSpace;
import io.agentmemory.spi.Needs;
import org.jspecify.annotations.Nullable;

/**
 * Makes one memory of two: {@code keep} takes what {@code absorb} has (tags, causes, recalls,
 * co-occurrences, the higher weight, the earlier time), and so do the counts of other memories in
 * core and active; {@code absorb} goes to the archive, without its vector. Edges, and causes in
 * other memories, stay as they are. The vector of {@code keep} is that of its old body until a new
 * one is put.
 *
 * @param content the body of the two; null to write one after the other
 * @param at when, as text
 */
public record ConsolidateMemories(String keep, String absorb, @Nullable String content, String at)
    implements Command {

  /**
   * Checks that nothing is missing.
   *
   * @throws IllegalArgumentException if both are the same, or {@code at} is no time
   */
  public ConsolidateMemories {
    requireNonNull(absorb, "absorb");
    if (keep.equals(absorb)) {
      throw new IllegalArgumentException("a memory cannot absorb itself");
    }
    Ids.requireTime(at);
  }

  /** Ids and size; never the content. */
  @Override
  public String toString() {
    return "ConsolidateMemories["
        + keep
        + ", "
        + absorb
        + ", "
        + (content == null ? "both contents" : content.length() + " chars")
        + "]";
  }

  @Override
  public String verb() {
    return "consolidate";
  }

  @Override
  public String subject() {
    return keep;
  }

  @Override
  public void needs(Needs needs) {
    Ids.need(needs, keep);
    Ids.need(needs, absorb);
    for (String id : Ids.forms(absorb)) {
      needs.record(Kind.EMBEDDING, Key.of(VectorSpace.TEXT, id));
    }
    needs.all(Kind.MEMORY).all(Kind.CO_OCCURRENCE);
  }
}
