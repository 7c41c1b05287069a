package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;
import java.util.List;

/**
 * Puts records in the state of having been deleted at a revision. Each is applied only where the
 * store has none or one of a lower revision; the others are left alone and listed as skipped. What
 * lives in a deleted record (the co-occurrence entries of a memory, the observations of an edge,
 * the recalls of the session) goes with it. Doing it again changes nothing.
 */
public record DeleteRecords(List<Delete> deletes) implements Command {

  /** Copies the list. */
  public DeleteRecords {
    deletes = List.copyOf(deletes);
  }

  /** A record's name and the revision of its deletion elsewhere. */
  public record Delete(Kind<?> kind, Key key, long revision) {
    /** Checks that nothing is missing. */
    public Delete {
      requireNonNull(kind, "kind");
      requireNonNull(key, "key");
      if (revision < 1) {
        throw new IllegalArgumentException("revision " + revision + " is below 1");
      }
      if (key.parts().size() != kind.keyParts()
          || (kind.equals(Kind.OBSERVATION) && !key.part(1).matches("[0-9]{8}"))) {
        throw new IllegalArgumentException("no record of kind " + kind + " has such a key");
      }
    }
  }

  @Override
  public String verb() {
    return "deleteRecords";
  }

  @Override
  public String subject() {
    return deletes.size() == 1 ? deletes.get(0).kind() + ":" + deletes.get(0).key() : "";
  }

  @Override
  public void needs(Needs needs) {
    for (Delete delete : deletes) {
      needs.record(delete.kind(), delete.key());
      if (delete.kind().equals(Kind.MEMORY)) {
        needs.ownedBy(delete.key().part(0));
      } else if (delete.kind().equals(Kind.EDGE)) {
        needs.observationsOf(delete.key().part(0));
      } else if (delete.kind().equals(Kind.SESSION)) {
        needs.sessionRecalls();
      }
    }
  }
}
