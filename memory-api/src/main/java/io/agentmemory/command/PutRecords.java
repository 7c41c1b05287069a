package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Edge;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Session;
import io.agentmemory.Stored;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Puts records in the state they have elsewhere: content and revision. Each is applied only where
 * the store has none, or one of a lower revision, or one of this revision that a backfill wrote;
 * the others are left alone and listed as skipped. Doing it again changes nothing.
 */
public record PutRecords(List<Put> puts) implements Command {

  /** Copies the list. */
  public PutRecords {
    puts = List.copyOf(puts);
  }

  /** A record and the revision it has elsewhere. */
  public record Put(MemoryRecord record, long revision) {
    /** Checks that nothing is missing. */
    public Put {
      requireNonNull(record, "record");
      if (revision < 1) {
        throw new IllegalArgumentException("revision " + revision + " is below 1");
      }
    }
  }

  /** The live ones of these, each at its revision. */
  public static PutRecords of(List<? extends Stored<?>> records) {
    return new PutRecords(
        records.stream()
            .filter(stored -> !stored.isTombstone())
            .map(stored -> new Put(requireNonNull(stored.value()), stored.revision()))
            .toList());
  }

  @Override
  public String verb() {
    return "putRecords";
  }

  @Override
  public String subject() {
    return puts.size() == 1 ? puts.get(0).record().kind() + ":" + puts.get(0).record().key() : "";
  }

  @Override
  public void needs(Needs needs) {
    for (Put put : puts) {
      needs.record(put.record().kind(), put.record().key());
      Containers.of(put.record())
          .ifPresent(container -> needs.record(container.kind(), container.key()));
      if (put.record() instanceof Memory memory && !Containers.holdsEntries(memory)) {
        needs.ownedBy(memory.id());
      } else if (put.record() instanceof Edge edge && !Containers.holdsObservations(edge)) {
        needs.observationsOf(edge.pair());
      } else if (put.record() instanceof Session) {
        needs.sessionRecalls();
      }
    }
  }
}
