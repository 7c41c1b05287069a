package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Attestation;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.spi.Needs;

/**
 * Puts a record where the one of its key is, or is not yet: a latest attestation, a context graph,
 * or a file that is kept whole. Nothing lives in these, and none of them stands in a list.
 *
 * @param expectedRevision the revision of the one that is there, 0 if there never was one; {@link
 *     #ANY} for whatever is there
 */
public record ReplaceRecord(MemoryRecord record, long expectedRevision) implements Command {
  /** Stands for any revision, and for none. */
  public static final long ANY = -1;

  /**
   * Takes both.
   *
   * @throws IllegalArgumentException if it is a record of another sort
   */
  public ReplaceRecord {
    requireNonNull(record, "record");
    boolean latest =
        record instanceof Attestation attestation && attestation.name().equals(Attestation.LATEST);
    Kind<?> kind = record.kind();
    if (!latest && !kind.equals(Kind.CONTEXT_GRAPH) && !kind.equals(Kind.VALUE)) {
      throw new IllegalArgumentException("no record of kind " + kind + " is replaced as a whole");
    }
    if (expectedRevision < ANY) {
      throw new IllegalArgumentException("expectedRevision is below " + ANY);
    }
  }

  @Override
  public String verb() {
    return "replace";
  }

  @Override
  public String subject() {
    return record.kind() + ":" + record.key();
  }

  @Override
  public void needs(Needs needs) {
    needs.record(record.kind(), record.key());
  }
}
