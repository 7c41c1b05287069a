package io.agentmemory.dualwrite;

import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.Stored;
import io.agentmemory.Version;
import io.agentmemory.dualwrite.Journal.Began;
import io.agentmemory.dualwrite.Journal.Change;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.testkit.MemoryDisk;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/** Journals to test, and what is written in them. */
final class Journals {
  static final Path FOLDER = Path.of("/dual/journal");
  static final UUID ID = new UUID(7, 7);
  static final Operation OPERATION = new Operation("dual", "open", "dual");

  /** Small enough for segments to come and go. */
  static final JournalLimits SMALL = new JournalLimits(1 << 20, 1 << 10, 4096, 2048);

  private Journals() {}

  /** A disk with the folder that the journal's is made in. */
  static MemoryDisk disk() throws IOException {
    MemoryDisk disk = new MemoryDisk();
    disk.createFolder(Path.of("/dual"));
    disk.forceFolder(Path.of("/"));
    return disk;
  }

  static Journal open(Disk disk, JournalLimits limits) {
    return Journal.open(disk, FOLDER, limits, ID, OPERATION);
  }

  static Journal open(Disk disk) {
    return open(disk, SMALL);
  }

  static OpId op(int number) {
    return new OpId(new UUID(0x4000L, 0x8000000000000000L | number));
  }

  static Ref ref(int number) {
    return new Ref(Kind.EMBEDDING, Key.of("text", "m" + number));
  }

  static Began began(int number, Side leader) {
    return new Began(op(number), leader, List.of(ref(number)), Set.of());
  }

  /** A change to the record of that number, with its state. */
  static Change change(int number, long revision) {
    return change(op(number), embedding(number, revision), revision);
  }

  static Embedding embedding(int number, long revision) {
    return Embedding.of("text", "m" + number, number, revision, 0.1f);
  }

  static Change change(OpId op, MemoryRecord record, long revision) {
    Stored<?> state = Stored.live(record, revision, Canonical.digest(record), op);
    Version before = revision == 1 ? null : new Version(revision - 1, null);
    return new Change(new Ref(record.kind(), record.key()), before, state.version(), state);
  }

  static Change withoutState(Change change) {
    return new Change(change.ref(), change.before(), change.after(), null);
  }
}
