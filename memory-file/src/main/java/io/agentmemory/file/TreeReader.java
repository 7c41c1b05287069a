package io.agentmemory.file;

import io.agentmemory.Kind;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.command.Outcome;
import io.agentmemory.file.Control.FileState;
import io.agentmemory.file.Control.Ref;
import io.agentmemory.file.Readings.Found;
import io.agentmemory.file.Readings.Logged;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.Frames;
import io.agentmemory.internal.Places;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * Reads a tree: its files, then the log over them. Changes nothing.
 *
 * <p>Files are read before the log, and a line is in the log before a file changes: so whatever
 * state a writing process is in, the log has at least what the files have. A checkpoint in between
 * shows in {@code checkpoint.json}; then everything is read again, but for files that are the same.
 */
final class TreeReader {
  private static final int TRIES = 50;
  private static final long MAX_MEMORY_FILE = 16L * ((1 << 20) + (64 << 10));
  private static final long MAX_DOCUMENT = 16L * (64 << 20);

  /** Of a file that is one text, which is held in memory as a whole. */
  private static final long MAX_TEXT = 16L << 20;

  /** What Java makes of bytes of a name that are no text in its encoding. */
  private static final char UNREADABLE = '\uFFFD';

  private static final int BATCH = 500;

  private final Disk disk;
  private final Layout layout;
  private final String bootId;
  private final Map<Found, byte[]> unparsed = new LinkedHashMap<>();

  // of one attempt
  private Tree tree = new Tree(new Control.Head("", "", 0, 0, "", 0, 0, ""));
  private Readings readings = new Readings();
  private Map<String, Found> previous = Map.of();

  private TreeReader(Disk disk, Layout layout) {
    this.disk = disk;
    this.layout = layout;
    this.bootId = disk.bootId();
  }

  /**
   * Reads the tree.
   *
   * @param namespace the label of a tree that has none yet
   * @param alone whether no other process can be writing
   */
  static Tree read(Disk disk, Layout layout, String namespace, boolean alone) throws IOException {
    TreeReader reader = new TreeReader(disk, layout);
    IOException last = null;
    for (int i = 0; i < TRIES; i++) {
      byte[] before = reader.headBytes();
      try {
        Tree tree = reader.attempt(before, namespace);
        if (alone || Arrays.equals(before, reader.headBytes())) {
          return tree;
        }
      } catch (NoSuchFileException moved) {
        if (alone) {
          throw moved;
        }
        last = moved;
      }
    }
    throw last != null ? last : new IOException("checkpoints came faster than the tree was read");
  }

  private byte[] headBytes() throws IOException {
    try {
      return disk.read(layout.control(Control.CHECKPOINT));
    } catch (NoSuchFileException none) {
      return new byte[0];
    }
  }

  private Tree attempt(byte[] headBytes, String namespace) throws IOException {
    tree = new Tree(new Control.Head(UUID.randomUUID().toString(), namespace, 0, 0, "", 0, 0, ""));
    previous = readings.found;
    readings = new Readings();
    readHead(headBytes);
    for (Tier tier : Tier.values()) {
      readMemories(tier);
    }
    parseAll();
    readDocuments();
    readLog();
    for (Found read : readings.found.values()) {
      if (read.memory == null) {
        setAside(read.file, read.problem);
      }
    }
    new Settlement(disk, layout, tree, readings).settle();
    for (String name : disk.list(layout.control(TreeWriter.CONFLICTS))) {
      if (name.endsWith(".json")) {
        tree.kept.add(TreeWriter.keptAs(name));
      }
    }
    return tree;
  }

  private void readHead(byte[] bytes) throws IOException {
    boolean checkpointLost = false;
    if (bytes.length == 0) {
      checkpointLost = disk.stat(layout.control(Control.CHECKPOINT)) != null;
    } else {
      try {
        tree.head = Control.Head.of(bytes);
        tree.seq = tree.head.seq();
        tree.edited = tree.head.edited();
        readings.control = Control.read(disk, layout.control(), tree.head);
      } catch (IllegalArgumentException unreadable) {
        checkpointLost = true;
      }
    }
    tree.controlDamaged = checkpointLost || readings.control.damaged > 0;
    if (checkpointLost) {
      tree.notes.add(
          Layout.CONTROL + "/" + Control.CHECKPOINT + " cannot be read: revisions begin anew");
    }
    if (readings.control.damaged > 0) {
      tree.notes.add(
          Layout.CONTROL + "/" + tree.head.state() + " is damaged: some revisions begin anew");
    }
    tree.based = !tree.head.state().isEmpty();
  }

  // ---- memory files ----

  private void readMemories(Tier tier) throws IOException {
    Path folder = layout.root().resolve(tier.folder());
    Disk.Stat there = disk.stat(folder);
    if (there == null) {
      return;
    }
    if (there.type() != Disk.Type.FOLDER) {
      tree.setAside.put(tier.folder(), "is no folder");
      return;
    }
    readings.tiers.add(tier);
    for (String name : disk.list(folder)) {
      if (!isMemoryName(name)) {
        continue;
      }
      String file = Layout.memoryFile(tier, name);
      try {
        readMemory(file, folder.resolve(name));
      } catch (NoSuchFileException gone) {
        continue; // a writing process moved or deleted it since it was listed
      } catch (IOException unreadable) {
        setAside(file, "cannot be read: " + unreadable.getClass().getSimpleName());
      }
    }
  }

  static boolean isMemoryName(String name) {
    return name.endsWith(".md") && !name.startsWith(".");
  }

  private void setAside(String file, String reason) {
    tree.setAside.put(file, reason);
    tree.unread.add(file);
  }

  /** It was listed, and is not there: it was deleted since, or its name is not what was listed. */
  private void notThere(String file) {
    if (file.indexOf(UNREADABLE) >= 0) {
      setAside(file, "has a name that the encoding of this JVM does not know: set LC_ALL=C.UTF-8");
      readings.unreadable = true;
    }
  }

  private void readMemory(String file, Path path) throws IOException {
    Disk.Stat stat = disk.stat(path);
    if (stat == null) {
      notThere(file);
      return;
    }
    if (stat.type() != Disk.Type.FILE) {
      setAside(file, "is no regular file");
      return;
    }
    if (stat.size() > MAX_MEMORY_FILE) {
      setAside(file, "has " + stat.size() + " bytes, more than " + MAX_MEMORY_FILE);
      return;
    }
    Found before = previous.get(file);
    if (before != null && before.stat != null && stat.isSameFileAs(before.stat)) {
      Found again = new Found(file, stat, before.hash);
      again.memory = before.memory;
      again.entries = before.entries;
      again.problem = before.problem;
      readings.found.put(file, again);
      return;
    }
    byte[] bytes = disk.read(path);
    Found read = new Found(file, stat, Sha.of(bytes));
    readings.found.put(file, read);
    unparsed.put(read, bytes);
    if (unparsed.size() == BATCH) {
      parseAll();
    }
  }

  /** Parsing takes longer than reading, so every processor may help. */
  private void parseAll() {
    unparsed.entrySet().parallelStream().forEach(read -> read.getKey().parse(read.getValue()));
    unparsed.clear();
  }

  // ---- documents ----

  private void readDocuments() throws IOException {
    for (String file : layout.documents()) {
      if (!Documents.isDocument(file)) {
        continue;
      }
      Path path = layout.resolve(file);
      Disk.Stat stat = disk.stat(path);
      if (stat == null) {
        notThere(file);
        continue;
      }
      if (stat.type() != Disk.Type.FILE) {
        breakDocument(file, "is no regular file");
      } else if (stat.size() > most(file)) {
        breakDocument(file, "has " + stat.size() + " bytes, more than " + most(file));
      } else {
        readings.documents.put(file, stat);
        readDocument(file, path, stat);
      }
    }
  }

  private static long most(String file) {
    return file.endsWith(".json") ? MAX_DOCUMENT : MAX_TEXT;
  }

  private void breakDocument(String file, String reason) {
    tree.brokenDocuments.put(file, reason);
    tree.setAside.put(file, reason);
  }

  private void readDocument(String file, Path path, Disk.Stat stat) throws IOException {
    FileState before = readings.control.files.get(file);
    Batch rows = new Batch(tree.index);
    if (before != null && before.size() == stat.size() && before.modified() == stat.modified()) {
      if (readCache(file, before.hash(), rows)) {
        return;
      }
    } else if (DocumentCache.hash(disk, layout.control(), file) != null) {
      String hash = hashOf(path);
      if (readCache(file, hash, rows)) {
        return;
      }
    }
    rows = new Batch(tree.index);
    List<DocumentCache.Problem> problems = new ArrayList<>();
    Sha.Stream hashing = null;
    try (InputStream in = disk.open(path)) {
      hashing = new Sha.Stream(in);
      Batch target = rows;
      Documents.format(file)
          .read(
              hashing,
              record -> target.add(Row.live(record, 1, null, null)),
              (where, reason) -> problems.add(new DocumentCache.Problem(where, reason)));
      hashing.rest();
      rows.flush();
    } catch (UnreadableFileException e) {
      rows.flush();
      tree.index.discard(Documents.rows(tree.index, file)); // all or nothing
      breakDocument(file, Readings.reason(e));
      return;
    }
    readings.documentHashes.put(file, hashing.hash());
    setAside(file, problems);
  }

  private boolean readCache(String file, String hash, Batch rows) {
    List<Row> all = new ArrayList<>();
    List<DocumentCache.Problem> problems =
        DocumentCache.read(disk, layout.control(), file, hash, all::add);
    if (problems == null) {
      return false;
    }
    all.forEach(rows::add);
    rows.flush();
    readings.documentHashes.put(file, hash);
    setAside(file, problems);
    return true;
  }

  private void setAside(String file, List<DocumentCache.Problem> problems) {
    tree.problems.put(file, problems);
    for (DocumentCache.Problem problem : problems) {
      String where = problem.where().isEmpty() ? file : file + ": " + problem.where();
      tree.setAside.merge(where, problem.reason(), (a, b) -> a.equals(b) ? a : a + "; " + b);
    }
  }

  private String hashOf(Path path) throws IOException {
    try (InputStream in = disk.open(path)) {
      Sha.Stream hashing = new Sha.Stream(in);
      hashing.rest();
      return hashing.hash();
    }
  }

  /** Hands rows to the index a few at a time. */
  private static final class Batch {
    private final Index index;
    private final List<Row> rows = new ArrayList<>(BATCH);
    private long place;

    Batch(Index index) {
      this.index = index;
    }

    void add(Row row) {
      rows.add(Places.has(row.kind) ? row.placed(again(row)) : row);
      if (rows.size() == BATCH) {
        flush();
      }
    }

    /**
     * An edge that stands twice counts as it stands last, without the observations of before, but
     * where it stands first: so does the original's dict. Returns its place.
     */
    private long again(Row edge) {
      flush();
      Row first = index.row(Kind.EDGE, edge.key);
      if (first == null) {
        return place++;
      }
      index.discard(index.startingWith(Kind.OBSERVATION, edge.key.part(0)));
      return first.place;
    }

    void flush() {
      index.put(rows);
      rows.clear();
    }
  }

  // ---- the log ----

  private void readLog() throws IOException {
    List<StoreLog.Found> segments = StoreLog.read(disk, layout.control());
    for (int i = 0; i < segments.size(); i++) {
      StoreLog.Found segment = segments.get(i);
      Lines.Segment header = segment.header();
      boolean last = i == segments.size() - 1;
      if (header == null) {
        if (!last || segment.lines().size() > 0) {
          note(segment, "has no beginning");
        }
      } else if (tree.head.generation() > 0 && !header.store().equals(tree.head.store())) {
        note(segment, "belongs to another tree and was left out");
        tree.segments.add(segment);
        continue;
      } else if (!header.boot().equals(bootId) || bootId.isEmpty()) {
        readings.crashed = true;
      }
      tree.segments.add(segment);
      for (Frames.Gap gap : segment.gaps()) {
        if (gap.followed()) {
          note(segment, "is damaged at byte " + gap.from());
        }
      }
      segment.lines().forEach(line -> take(segment, line));
    }
  }

  private void note(StoreLog.Found segment, String what) {
    tree.notes.add(
        Layout.CONTROL + "/" + StoreLog.FOLDER + "/" + segment.path().getFileName() + " " + what);
  }

  private void take(StoreLog.Found segment, Lines.Line line) {
    if (line instanceof Lines.Documents putting && isNext(segment, putting.seq())) {
      putting
          .hashes()
          .forEach(
              (f, hash) ->
                  readings.loggedDocuments.computeIfAbsent(f, x -> new HashSet<>()).add(hash));
    } else if (line instanceof Lines.Group group && isNext(segment, group.seq())) {
      for (Lines.Op op : group.ops()) {
        List<Control.Touched> touched = new ArrayList<>();
        long places =
            op.changes().stream().mapToLong(change -> change.after().newPlaces()).max().orElse(0);
        long next = tree.newPlaces(places);
        for (Outcome.Change change : op.changes()) {
          Stored<?> after = change.after().placedFrom(next);
          Ref ref = new Ref(after.kind(), after.key());
          readings.logged(ref, change.before());
          readings.logged(ref, after.version());
          Stored<?> was = readings.logged.get(ref);
          boolean stays = !after.isTombstone() && after.place() == 0;
          readings.logged.put(ref, stays && was != null ? after.at(was.place()) : after);
          touched.add(new Control.Touched(ref, change.before()));
        }
        tree.newOps.put(op.id(), touched);
      }
      for (Lines.FileChange change : group.files()) {
        Logged file = readings.loggedFiles.computeIfAbsent(change.file(), f -> new Logged());
        if (change.old() != null) {
          file.hashes.add(change.old());
        }
        file.last = change.text();
        file.seq = group.seq();
        if (change.text() != null) {
          file.texts.add(change.text());
          file.hashes.add(Sha.of(change.text().getBytes(StandardCharsets.UTF_8)));
        }
      }
    }
  }

  private boolean isNext(StoreLog.Found segment, long seq) {
    if (seq <= tree.seq) {
      return false; // a checkpoint has it
    }
    if (seq > tree.seq + 1 && tree.head.generation() > 0) {
      note(segment, "lacks the lines " + (tree.seq + 1) + " to " + (seq - 1));
    }
    tree.seq = seq;
    return true;
  }
}
