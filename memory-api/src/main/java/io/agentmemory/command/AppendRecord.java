package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.Value;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Adds a record at the end of its list. If the list then has more places than records are kept, the
 * oldest go: those that stay move up, so that the first one stands at place 0 and no place between
 * is empty.
 *
 * @param kind one whose records stand in a list
 * @param before what comes before the place in their keys: the type of an attestation, else nothing
 * @param members of the record
 * @param keep how many of the list are kept; at least 1
 */
public record AppendRecord(Kind<?> kind, List<String> before, Value.Map members, int keep)
    implements Command {
  /** For a list that grows without end. */
  public static final int ALL = Integer.MAX_VALUE;

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if there is no such list, or {@code keep} is below 1
   */
  public AppendRecord {
    requireNonNull(kind, "kind");
    requireNonNull(members, "members");
    before = List.copyOf(before);
    if (TreeFile.listOf(kind, before) == null) {
      throw new IllegalArgumentException("there is no list " + before + " of kind " + kind);
    }
    if (keep < 1) {
      throw new IllegalArgumentException("keep is below 1");
    }
  }

  @Override
  public String verb() {
    return "append";
  }

  @Override
  public String subject() {
    return before.isEmpty() ? kind.name() : kind + ":" + String.join("/", before);
  }

  @Override
  public void needs(Needs needs) {
    needs.endOf(kind, before, 1);
  }
}
