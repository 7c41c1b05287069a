package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.OtherFile;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.PutRecords;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Goes through an outage while there is none: does not ask the target any more, writes and reads a
 * record of its own, asks the target again, and sees whether it gets what it lacks. The record is
 * deleted again while the target still counts as away, so that nothing but its tombstone remains.
 */
final class Drill {
  private static final OtherFile RECORD =
      new OtherFile("agent-memory-drill.json", Value.of("a drill, to be deleted"));

  private final DualWriteMemoryStore store;
  private final TwoStores stores;
  private final Breaker breaker;
  private final Operation operation =
      new Operation(DualWriteMemoryStore.STORE, "drill", RECORD.path());

  Drill(DualWriteMemoryStore store, TwoStores stores, Breaker breaker) {
    this.store = store;
    this.stores = stores;
    this.breaker = breaker;
  }

  /**
   * Does it.
   *
   * @throws StoreUnavailableException if the stores are not well enough for it to say anything
   * @throws UncategorizedStoreException if something came out otherwise than it should
   */
  void run(Duration atMost) {
    store.replay(atMost);
    DualWriteStatus before = store.status();
    if (!before.stage().writesBoth() || !before.targetReachable() || !before.isSettled()) {
      throw StoreUnavailableException.notApplied(
          operation, "a drill needs a stage with both stores, and neither lacking anything", null);
    }
    breaker.hold();
    try {
      write(new PutRecords(List.of(new PutRecords.Put(RECORD, next()))));
      check(read().flatMap(Stored::live).isPresent(), "what was written is not read");
      check(!store.status().target().isNone(), "what the target lacks is not known");
      write(new DeleteRecords(List.of(new DeleteRecords.Delete(Kind.VALUE, RECORD.key(), next()))));
      check(read().flatMap(Stored::live).isEmpty(), "what was deleted is read");
    } finally {
      breaker.release();
    }
    check(store.replay(atMost) == 0, "the target did not get what it lacked in time");
    check(
        version(stores.source()).equals(version(stores.target())),
        "the two stores ended with different states");
  }

  private void write(Command command) {
    store.execute(new Batch(OpId.random(), List.of(command)));
  }

  private Optional<Stored<OtherFile>> read() {
    return store.read(Kind.VALUE, RECORD.key());
  }

  private long next() {
    return read().map(Stored::revision).orElse(0L) + 1;
  }

  private static Object version(io.agentmemory.MemoryStore some) {
    Optional<? extends Stored<? extends MemoryRecord>> found = some.read(Kind.VALUE, RECORD.key());
    return found.<Object>map(Stored::version).orElse("none");
  }

  private void check(boolean holds, String otherwise) {
    if (!holds) {
      throw new UncategorizedStoreException(operation, requireNonNull(otherwise), null);
    }
  }
}
