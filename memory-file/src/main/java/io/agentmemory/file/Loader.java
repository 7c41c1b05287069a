package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.OpId;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.command.Outcome;
import io.agentmemory.file.Control.FileState;
import io.agentmemory.file.Control.Known;
import io.agentmemory.file.Control.Ref;
import io.agentmemory.internal.Texts;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Reads a tree: its files, then the log over them. Changes nothing.
 *
 * <p>Files are read before the log, and a line is in the log before a file changes: so whatever
 * state a writing process is in, the log has at least what the files have. A checkpoint in between
 * shows in {@code checkpoint.json}, and everything is read again.
 *
 * <p>A file that is neither as the last checkpoint saw it nor as a line of the log left it was
 * edited by somebody else. What it says then counts, at the next revision; record by record, so
 * that what the edit left alone keeps what the log says. Only a record that the log changed too is
 * a conflict: the edit stays, ours is set aside. A record that an edited file no longer has was
 * deleted. Files that vanished take their memories with them only if they are few (at most 50, and
 * at most every tenth): more may be a folder that is not mounted, and count as missing.
 */
final class Loader {
  static final int MOST_VANISHED = 50;
  private static final int TRIES = 20;
  private static final long MAX_MEMORY_FILE = 16L * ((1 << 20) + (64 << 10));
  private static final long MAX_DOCUMENT = 16L * (64 << 20);
  private static final int BATCH = 500;
  private static final int MEMORY_DIGITS = 16;
  private static final int ENTRY_DIGITS = 8;

  private final Disk disk;
  private final Layout layout;
  private final String bootId;

  private Loader(Disk disk, Layout layout) {
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
  static Tree load(Disk disk, Layout layout, String namespace, boolean alone) throws IOException {
    Loader loader = new Loader(disk, layout);
    IOException last = null;
    for (int i = 0; i < TRIES; i++) {
      byte[] before = loader.headBytes();
      try {
        Tree tree = loader.attempt(before, namespace);
        if (alone || Arrays.equals(before, loader.headBytes())) {
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

  // ---- what there is ----

  private enum Origin {
    /** As the last checkpoint saw it, or there is none. */
    SAME,
    /** As a line of the log left it, or about to be. */
    OURS,
    /** Somebody else wrote it. */
    EDITED
  }

  /** A memory's file. */
  private static final class Found {
    final String file;
    final Disk.@Nullable Stat stat;
    final @Nullable String hash;
    @Nullable Row memory;
    List<Row> entries = List.of();
    Origin origin = Origin.SAME;

    Found(String file, Disk.@Nullable Stat stat, @Nullable String hash) {
      this.file = file;
      this.stat = stat;
      this.hash = hash;
    }

    String id() {
      return requireNonNull(memory).key.part(0);
    }
  }

  /** What the log says of one file. */
  private static final class Logged {
    final Set<String> hashes = new HashSet<>();
    final List<String> texts = new ArrayList<>();
    @Nullable String last;
    long seq;
  }

  private Tree tree = new Tree(new Control.Head("", "", 0, 0, "", 0, 0));
  private Control control = new Control();
  private final Map<String, Found> found = new TreeMap<>();
  private final Map<String, Disk.Stat> documents = new LinkedHashMap<>();
  private final Map<String, String> documentHashes = new HashMap<>();
  private final Map<Ref, Stored<?>> logged = new LinkedHashMap<>();
  private final Map<String, Logged> loggedFiles = new LinkedHashMap<>();
  private final Map<String, Set<String>> loggedDocuments = new HashMap<>();
  private boolean crashed;
  private boolean checkpointLost;

  private Tree attempt(byte[] headBytes, String namespace) throws IOException {
    tree = new Tree(new Control.Head(UUID.randomUUID().toString(), namespace, 0, 0, "", 0, 0));
    control = new Control();
    found.clear();
    documents.clear();
    documentHashes.clear();
    logged.clear();
    loggedFiles.clear();
    loggedDocuments.clear();
    crashed = false;
    readHead(headBytes);
    for (Tier tier : Tier.values()) {
      readMemories(tier);
    }
    readDocuments();
    readLog();
    settleMemories();
    settleDocuments();
    settleOps();
    for (String name : disk.list(layout.control(TreeWriter.CONFLICTS))) {
      if (name.endsWith(".json")) {
        tree.kept.add(TreeWriter.keptAs(name));
      }
    }
    return tree;
  }

  private void readHead(byte[] bytes) throws IOException {
    checkpointLost = false;
    if (bytes.length == 0) {
      checkpointLost = disk.stat(layout.control(Control.CHECKPOINT)) != null;
    } else {
      try {
        tree.head = Control.Head.of(bytes);
        tree.seq = tree.head.seq();
        control = Control.read(disk, layout.control(), tree.head);
      } catch (IllegalArgumentException unreadable) {
        checkpointLost = true;
      }
    }
    tree.controlDamaged = checkpointLost || control.damaged > 0;
    if (checkpointLost) {
      tree.notes.add(
          Layout.CONTROL + "/" + Control.CHECKPOINT + " cannot be read: revisions begin anew");
    }
    if (control.damaged > 0) {
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
    for (String name : disk.list(folder)) {
      if (!isMemoryName(name)) {
        continue;
      }
      String file = Layout.memoryFile(tier, name);
      try {
        readMemory(tier, name, file, folder.resolve(name));
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

  private void readMemory(Tier tier, String name, String file, Path path) throws IOException {
    Disk.Stat stat = disk.stat(path);
    if (stat == null) {
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
    byte[] bytes = disk.read(path);
    Found read = new Found(file, stat, hash(bytes));
    try {
      parse(read, tier, name, bytes);
    } catch (UnreadableFileException e) {
      setAside(file, reason(e));
    }
    found.put(file, read);
  }

  static String reason(UnreadableFileException e) {
    return e.line() > 0 ? "line " + e.line() + ": " + e.reason() : e.reason();
  }

  private static void parse(Found into, Tier tier, String name, byte[] bytes)
      throws UnreadableFileException {
    MemoryFile.Parsed parsed = MemoryFile.parse(tier, name, bytes);
    into.entries =
        parsed.coOccurrences().stream().map(entry -> Row.live(entry, 1, null, null)).toList();
    into.memory = Row.live(parsed.memory(), 1, null, null);
  }

  static String hash(byte[] bytes) {
    return HexFormat.of().formatHex(sha256().digest(bytes));
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }

  // ---- documents ----

  private void readDocuments() throws IOException {
    Set<String> names = new LinkedHashSet<>();
    names.add(Layout.EDGES);
    List<String> there = new ArrayList<>(disk.list(layout.root()));
    there.sort(Texts::compare);
    for (String name : there) {
      if (Layout.spaceOf(name) != null) {
        names.add(name);
      }
    }
    names.add(Layout.IMAGE_VECTORS);
    names.add(Layout.IMAGE_LINKS);
    for (String file : names) {
      Path path = layout.resolve(file);
      Disk.Stat stat = disk.stat(path);
      if (stat == null) {
        continue;
      }
      if (stat.type() != Disk.Type.FILE) {
        breakDocument(file, "is no regular file");
      } else if (stat.size() > MAX_DOCUMENT) {
        breakDocument(file, "has " + stat.size() + " bytes, more than " + MAX_DOCUMENT);
      } else {
        documents.put(file, stat);
        readDocument(file, path, stat);
      }
    }
  }

  private void breakDocument(String file, String reason) {
    tree.brokenDocuments.put(file, reason);
    tree.setAside.put(file, reason);
  }

  private void readDocument(String file, Path path, Disk.Stat stat) throws IOException {
    FileState before = control.files.get(file);
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
    Hashing hashing = null;
    try (InputStream in = disk.open(path)) {
      hashing = new Hashing(in);
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
      tree.index.discard(rowsOf(tree.index, file)); // all or nothing
      breakDocument(file, reason(e));
      return;
    }
    documentHashes.put(file, hashing.hash());
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
    documentHashes.put(file, hash);
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
      Hashing hashing = new Hashing(in);
      hashing.rest();
      return hashing.hash();
    }
  }

  /** Hands rows to the index a few at a time. */
  private static final class Batch {
    private final Index index;
    private final List<Row> rows = new ArrayList<>(BATCH);

    Batch(Index index) {
      this.index = index;
    }

    void add(Row row) {
      if (row.kind.equals(Kind.EDGE)) {
        again(row);
      }
      rows.add(row);
      if (rows.size() == BATCH) {
        flush();
      }
    }

    /** An edge that stands twice counts as it stands last, without the observations of before. */
    private void again(Row edge) {
      flush();
      if (index.row(Kind.EDGE, edge.key) != null) {
        index.discard(index.startingWith(Kind.OBSERVATION, edge.key.part(0)));
      }
    }

    void flush() {
      index.put(rows);
      rows.clear();
    }
  }

  /** Takes the SHA-256 of what is read. */
  private static final class Hashing extends FilterInputStream {
    private final MessageDigest sha = sha256();

    Hashing(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      int b = in.read();
      if (b >= 0) {
        sha.update((byte) b);
      }
      return b;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      int read = in.read(bytes, offset, length);
      if (read > 0) {
        sha.update(bytes, offset, read);
      }
      return read;
    }

    @Override
    public boolean markSupported() {
      return false;
    }

    void rest() throws IOException {
      byte[] buffer = new byte[1 << 16];
      while (read(buffer, 0, buffer.length) >= 0) {
        continue;
      }
    }

    String hash() {
      return HexFormat.of().formatHex(sha.digest());
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
        crashed = true;
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
          .forEach((f, hash) -> loggedDocuments.computeIfAbsent(f, x -> new HashSet<>()).add(hash));
    } else if (line instanceof Lines.Group group && isNext(segment, group.seq())) {
      for (Lines.Op op : group.ops()) {
        List<Control.Touched> touched = new ArrayList<>();
        for (Outcome.Change change : op.changes()) {
          Stored<?> after = change.after();
          Ref ref = new Ref(after.kind(), after.key());
          logged.put(ref, after);
          touched.add(new Control.Touched(ref, change.before()));
        }
        tree.newOps.put(op.id(), touched);
      }
      for (Lines.FileChange change : group.files()) {
        Logged file = loggedFiles.computeIfAbsent(change.file(), f -> new Logged());
        if (change.old() != null) {
          file.hashes.add(change.old());
        }
        file.last = change.text();
        file.seq = group.seq();
        if (change.text() != null) {
          file.texts.add(change.text());
          file.hashes.add(hash(change.text().getBytes(StandardCharsets.UTF_8)));
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

  // ---- memories: files and log together ----

  /** What was known of the memories at the last checkpoint, by id. */
  private final Map<String, FileState> base = new HashMap<>();

  private final Map<String, Found> served = new HashMap<>();

  private void settleMemories() throws IOException {
    base.clear();
    served.clear();
    control.files.forEach(
        (file, state) -> {
          if (state.id() != null) {
            base.put(state.id(), state);
          }
        });
    Set<String> files = new LinkedHashSet<>(found.keySet());
    files.addAll(loggedFiles.keySet());
    Map<String, List<Found>> byId = new LinkedHashMap<>();
    for (String file : files) {
      Found read = settleFile(file);
      if (read != null && read.memory != null) {
        byId.computeIfAbsent(read.id(), id -> new ArrayList<>()).add(read);
      }
    }
    byId.forEach(this::serve);
    List<Row> rows = new ArrayList<>();
    for (Found read : served.values()) {
      addRow(requireNonNull(read.memory), read, rows);
      read.entries.forEach(entry -> addRow(entry, read, rows));
    }
    tree.index.put(rows);
    settleAbsent();
  }

  /** What a file holds, once the log has been over it; null if it is gone or cannot be read. */
  private @Nullable Found settleFile(String file) throws IOException {
    Found there = found.get(file);
    Logged log = loggedFiles.get(file);
    FileState before = control.files.get(file);
    if (log == null) {
      if (there == null) {
        return null;
      }
      boolean same = !tree.based || (before != null && before.hash().equals(there.hash));
      there.origin = same ? Origin.SAME : Origin.EDITED;
      remember(there, same && before != null ? before.seq() : 0);
      return there;
    }
    String hash = there == null ? null : there.hash;
    boolean known =
        there == null
            ? !tree.unread.contains(file)
            : log.hashes.contains(hash) || (before != null && before.hash().equals(hash));
    if (!known && there != null && crashed && isRemnant(file, log)) {
      known = true;
    }
    if (!known && there != null && there.memory != null) {
      there.origin = Origin.EDITED;
      remember(there, 0);
      return there;
    }
    if (!known && log.last == null) {
      return null; // deleted by us, and what stands there now cannot be read
    }
    if (!known) {
      tree.conflicts.add(new Tree.Conflict(file, "was edited outside and could not be read", null));
    }
    return ours(file, there, log);
  }

  /** The file as the log left it. */
  private @Nullable Found ours(String file, @Nullable Found there, Logged log) {
    tree.setAside.remove(file);
    tree.unread.remove(file);
    if (log.last == null) {
      if (there != null) {
        tree.redo.put(file, null);
      }
      return null;
    }
    byte[] bytes = log.last.getBytes(StandardCharsets.UTF_8);
    String hash = hash(bytes);
    Found result = there;
    if (there == null || !hash.equals(there.hash)) {
      tree.redo.put(file, log.last);
      result = new Found(file, null, hash);
      try {
        Tier tier = requireNonNull(Layout.tierOf(file));
        parse(result, tier, Layout.nameOf(file), bytes);
      } catch (UnreadableFileException impossible) {
        tree.notes.add(file + " was written in a form that cannot be read");
      }
    }
    Found ours = requireNonNull(result);
    ours.origin = Origin.OURS;
    FileState before = control.files.get(file);
    boolean others = // what is about to be replaced; so that it can be had back
        there != null
            && ours != there
            && (before == null || before.seq() == 0)
            && log.texts.stream()
                .noneMatch(t -> hash(t.getBytes(StandardCharsets.UTF_8)).equals(there.hash));
    remember(ours, others ? 0 : log.seq);
    tree.changedFiles.add(file);
    return ours;
  }

  private void remember(Found read, long seq) {
    long size = read.stat == null ? -1 : read.stat.size();
    long modified = read.stat == null ? -1 : read.stat.modified();
    String id = read.memory == null ? null : read.id();
    tree.files.put(
        read.file,
        new FileState(size, modified, requireNonNull(read.hash), seq, id, null, Map.of()));
    if (read.origin == Origin.EDITED || !tree.based) {
      tree.changedFiles.add(read.file);
    }
  }

  /** Whether these are bytes of ours that lost power before they reached the disk. */
  private boolean isRemnant(String file, Logged log) throws IOException {
    byte[] bytes = disk.read(layout.resolve(file));
    for (String text : log.texts) {
      byte[] whole = text.getBytes(StandardCharsets.UTF_8);
      boolean torn = bytes.length <= whole.length;
      for (int i = 0; torn && i < bytes.length; i++) {
        torn = bytes[i] == whole[i] || bytes[i] == 0;
      }
      if (torn) {
        return true;
      }
    }
    return false;
  }

  /** Of several files with one id, the one known before; else the shortest name, first in order. */
  private void serve(String id, List<Found> files) {
    Found first = files.get(0);
    if (files.size() > 1) {
      first =
          files.stream()
              .min(
                  Comparator.comparing((Found f) -> !isKnown(f, id))
                      .thenComparing(f -> f.file.length())
                      .thenComparing(f -> f.file, Texts::compare))
              .orElseThrow();
      List<String> names = files.stream().map(f -> f.file).sorted(Texts::compare).toList();
      String all = String.join(", ", names);
      tree.duplicates.put(id, all);
      for (Found file : files) {
        String other = file == first ? "its id, which this file keeps" : "the id of " + first.file;
        tree.setAside.put(file.file, "another file has " + other + " (" + all + ")");
        if (file != first) {
          tree.unread.add(file.file);
          FileState state = requireNonNull(tree.files.get(file.file));
          tree.files.put(
              file.file,
              new FileState(
                  state.size(), state.modified(), state.hash(), state.seq(), null, null, Map.of()));
        }
      }
    }
    served.put(id, first);
  }

  private boolean isKnown(Found file, String id) {
    FileState state = control.files.get(file.file);
    return file.origin == Origin.OURS || (state != null && id.equals(state.id()));
  }

  /** What was known of a record before somebody edited its file. */
  private record Past(long revision, @Nullable OpId lastOp, boolean live, @Nullable String digits) {
    boolean isDigest(String hex) {
      return digits != null && hex.startsWith(digits);
    }
  }

  /** What the last checkpoint knew of a record; null if there was none. */
  private @Nullable Past past(Ref ref, @Nullable Map<Ref, byte[]> digests) {
    Known known = control.records.get(ref);
    if (known != null) {
      Digest digest = known.version().digest();
      return new Past(
          known.version().revision(),
          known.lastOp(),
          digest != null,
          digest == null ? null : digest.hex());
    }
    String digits = null;
    if (digests != null) {
      byte[] digest = digests.get(ref);
      digits = digest == null ? null : HexFormat.of().formatHex(digest);
    } else if (Documents.inMemoryFile(ref.kind())) {
      FileState state = base.get(ref.key().part(0));
      if (state != null) {
        digits =
            ref.kind().equals(Kind.MEMORY)
                ? state.memory()
                : state.entries().get(ref.key().part(1));
      }
    }
    return digits == null ? null : new Past(1, null, true, digits);
  }

  private void addRow(Row row, Found file, List<Row> rows) {
    Row settled =
        settle(row, file.origin, past(new Ref(row.kind, row.key), null), file.file, file.id());
    if (settled != null) {
      rows.add(settled);
    }
  }

  /**
   * Which state a record has that a file holds, given what the log and the last checkpoint know.
   * Null if the log deleted it.
   *
   * @param id of the memory whose file has to be patched if the log knows better; null: a document
   */
  private @Nullable Row settle(
      Row row, Origin origin, @Nullable Past past, String file, @Nullable String id) {
    Ref ref = new Ref(row.kind, row.key);
    Stored<?> log = logged.get(ref);
    if (origin != Origin.EDITED) {
      if (log != null) {
        return log.isTombstone() ? null : Row.of(log);
      }
      if (past == null) {
        return row;
      }
      if (past.live()) {
        return row.at(past.revision(), past.lastOp());
      }
      tree.revised(ref);
      return row.at(past.revision() + 1, null);
    }
    String digest = HexFormat.of().formatHex(row.digest());
    if (log != null) {
      Digest logDigest = log.version().digest();
      if (logDigest != null && logDigest.hex().equals(digest)) {
        return Row.of(log);
      }
      boolean untouched = past != null && past.live() && past.isDigest(digest);
      if (untouched && (id == null || !ref.kind().equals(Kind.MEMORY) || !log.isTombstone())) {
        if (id != null) {
          tree.rerender.add(id);
        }
        return log.isTombstone() ? null : Row.of(log);
      }
      tree.conflicts.add(new Tree.Conflict(file, "was edited outside at the same time", log));
      tree.revised(ref);
      logged.remove(ref); // the edit counts
      return row.at(log.revision() + 1, null);
    }
    if (past == null) {
      return row;
    }
    if (past.live() && past.isDigest(digest)) {
      return row.at(past.revision(), past.lastOp());
    }
    tree.revised(ref);
    return row.at(past.revision() + 1, null);
  }

  /** Memories and co-occurrence entries that no file has, but that somebody knew. */
  private void settleAbsent() {
    Set<Ref> absent = new LinkedHashSet<>();
    base.forEach(
        (id, state) -> {
          absent.add(new Ref(Kind.MEMORY, Key.of(id)));
          state
              .entries()
              .keySet()
              .forEach(to -> absent.add(new Ref(Kind.CO_OCCURRENCE, Key.of(id, to))));
        });
    absent.addAll(control.records.keySet());
    absent.addAll(logged.keySet());
    absent.removeIf(
        ref ->
            !Documents.inMemoryFile(ref.kind()) || tree.index.row(ref.kind(), ref.key()) != null);
    Set<String> vanished = new LinkedHashSet<>();
    List<Row> rows = new ArrayList<>();
    for (Ref ref : absent) {
      Stored<?> log = logged.get(ref);
      Past past = past(ref, null);
      String id = ref.key().part(0);
      Found file = served.get(id);
      if (log != null) {
        boolean removed =
            !log.isTombstone()
                && file != null
                && file.origin == Origin.EDITED
                && past != null
                && past.live();
        if (removed) {
          tree.conflicts.add(
              new Tree.Conflict(
                  requireNonNull(file).file, "was edited outside at the same time", log));
          tree.revised(ref);
          rows.add(Row.tombstone(ref.kind(), ref.key(), log.revision() + 1, null));
        } else {
          rows.add(Row.of(log));
          if (!log.isTombstone()) {
            tree.rerender.add(id);
          }
        }
      } else if (past != null && !past.live()) {
        rows.add(Row.tombstone(ref.kind(), ref.key(), past.revision(), past.lastOp()));
      } else if (past != null && (file != null || !base.containsKey(id))) {
        tree.revised(ref);
        rows.add(Row.tombstone(ref.kind(), ref.key(), past.revision() + 1, null));
      } else if (past != null) {
        vanished.add(id);
      }
    }
    settleVanished(vanished, absent, rows);
    tree.index.put(rows);
  }

  private void settleVanished(Set<String> ids, Set<Ref> absent, List<Row> rows) {
    Map<String, String> files = new HashMap<>();
    control.files.forEach(
        (file, state) -> {
          if (state.id() != null && ids.contains(state.id())) {
            files.put(state.id(), file);
          }
        });
    Set<String> gone = new LinkedHashSet<>(ids);
    for (String id : ids) {
      String file = requireNonNull(files.get(id));
      if (tree.unread.contains(file)) { // still there, but no longer to be read
        gone.remove(id);
        String reason = tree.setAside.getOrDefault(file, "cannot be read");
        tree.broken.put(id, new Tree.Broken(file, reason));
      }
    }
    boolean few = gone.size() <= MOST_VANISHED && gone.size() * 10L <= base.size();
    for (Ref ref : absent) {
      String id = ref.key().part(0);
      Past past = past(ref, null);
      if (past == null || !past.live() || logged.containsKey(ref) || !ids.contains(id)) {
        continue;
      }
      if (few && gone.contains(id)) {
        tree.revised(ref);
        rows.add(Row.tombstone(ref.kind(), ref.key(), past.revision() + 1, null));
      } else {
        tree.ghosts.put(ref, past.revision());
      }
    }
    for (String id : gone) {
      String file = requireNonNull(files.get(id));
      if (few) {
        tree.changedFiles.add(file);
      } else {
        tree.missing.put(file, requireNonNull(control.files.get(file)));
        tree.setAside.put(
            file,
            "is gone, with " + (gone.size() - 1) + " others; too many at once to count as deleted");
      }
    }
    for (String id : ids) {
      if (!gone.contains(id)) { // what was known of the file stays known
        String file = requireNonNull(files.get(id));
        tree.missing.put(file, requireNonNull(control.files.get(file)));
        tree.files.remove(file);
        tree.changedFiles.remove(file);
      }
    }
  }

  // ---- documents: files and log together ----

  private void settleDocuments() throws IOException {
    Set<String> edited = new HashSet<>();
    Map<String, Map<Ref, byte[]>> bases = new HashMap<>();
    documents.forEach(
        (file, stat) -> {
          FileState before = control.files.get(file);
          String hash = documentHashes.get(file);
          if (hash == null) {
            return; // cannot be read
          }
          boolean same = !tree.based || (before != null && before.hash().equals(hash));
          boolean ours = loggedDocuments.getOrDefault(file, Set.of()).contains(hash);
          if (!same && !ours) {
            edited.add(file);
          }
          long seq = same && before != null ? before.seq() : ours ? tree.seq : 0;
          tree.files.put(
              file, new FileState(stat.size(), stat.modified(), hash, seq, null, null, Map.of()));
          if (!same || !tree.based) {
            tree.changedFiles.add(file);
          }
        });
    for (String file : edited) {
      FileState before = control.files.get(file);
      Map<Ref, byte[]> digests =
          before == null
              ? null
              : DocumentCache.digests(disk, layout.control(), file, before.hash());
      if (digests != null) {
        bases.put(file, digests);
      }
    }
    List<Row> rows = new ArrayList<>();
    for (String file : edited) {
      Map<Ref, byte[]> digests = bases.getOrDefault(file, Map.of());
      for (Row row : rowsOf(tree.index, file)) {
        Ref ref = new Ref(row.kind, row.key);
        boolean inLog = logged.containsKey(ref);
        Row settled = settle(row, Origin.EDITED, past(ref, digests), file, null);
        if (settled != null && (inLog || settled.hasControl())) {
          rows.add(settled);
        }
      }
      for (Ref ref : digests.keySet()) {
        if (!control.records.containsKey(ref) && !logged.containsKey(ref)) {
          settleAbsent(ref, true, past(ref, digests), rows);
        }
      }
    }
    tree.index.put(rows);
    rows.clear();
    for (Ref ref : control.records.keySet()) {
      String file = Documents.of(ref.kind(), ref.key());
      if (file == null || logged.containsKey(ref)) {
        continue;
      }
      Row row = tree.index.row(ref.kind(), ref.key());
      if (row == null) {
        settleAbsent(ref, edited.contains(file), past(ref, null), rows);
      } else if (!edited.contains(file)) {
        rows.add(requireNonNull(settle(row, Origin.SAME, past(ref, null), file, null)));
      }
    }
    logged.forEach((ref, state) -> settleLogged(ref, state, rows));
    tree.index.put(rows);
    for (String file : control.files.keySet()) {
      if (Layout.tierOf(file) == null
          && !documents.containsKey(file)
          && !tree.brokenDocuments.containsKey(file)) {
        tree.setAside.put(file, "is gone; what was in it does not count as deleted");
        tree.missing.put(file, requireNonNull(control.files.get(file)));
      } else if (tree.brokenDocuments.containsKey(file)) {
        tree.missing.put(file, requireNonNull(control.files.get(file)));
      }
    }
  }

  private void settleAbsent(Ref ref, boolean edited, @Nullable Past past, List<Row> rows) {
    if (past == null || tree.index.row(ref.kind(), ref.key()) != null) {
      return;
    }
    if (!past.live()) {
      rows.add(Row.tombstone(ref.kind(), ref.key(), past.revision(), past.lastOp()));
    } else if (edited) {
      tree.revised(ref);
      rows.add(Row.tombstone(ref.kind(), ref.key(), past.revision() + 1, null));
    } else {
      tree.ghosts.put(ref, past.revision());
    }
  }

  private void settleLogged(Ref ref, Stored<?> state, List<Row> rows) {
    if (Documents.inMemoryFile(ref.kind())) {
      tree.revised(ref);
      return;
    }
    String file = Documents.of(ref.kind(), ref.key());
    if (file != null && tree.brokenDocuments.containsKey(file)) {
      tree.conflicts.add(new Tree.Conflict(file, "cannot be read any more", state));
      tree.ghosts.put(ref, state.revision());
      return;
    }
    rows.add(Row.of(state));
    tree.changed(ref);
  }

  /** The rows of a document's records. */
  static List<Row> rowsOf(Index index, String file) {
    List<Row> rows = new ArrayList<>();
    String space = Documents.space(file);
    if (space != null) {
      Row defined = index.row(Kind.VECTOR_SPACE, Key.of(space));
      if (defined != null && defined.isLive()) {
        rows.add(defined);
      }
      rows.addAll(index.startingWith(Kind.EMBEDDING, space));
    } else {
      List<Kind<?>> kinds =
          file.equals(Layout.EDGES)
              ? List.of(Kind.EDGE, Kind.OBSERVATION)
              : List.of(Kind.IMAGE_LINK);
      for (Kind<?> kind : kinds) {
        for (Row row : index.all(kind)) {
          if (row.isLive()) {
            rows.add(row);
          }
        }
      }
    }
    return rows;
  }

  // ---- operations ----

  private void settleOps() {
    Map<OpId, List<Control.Touched>> named = new HashMap<>();
    for (Kind<?> kind : Kind.all()) {
      for (Row row : tree.index.all(kind)) {
        if (row.lastOp != null) {
          tree.ops.renamed(null, row.lastOp);
          if (!control.ops.containsKey(row.lastOp) && !tree.newOps.containsKey(row.lastOp)) {
            named
                .computeIfAbsent(row.lastOp, op -> new ArrayList<>())
                .add(new Control.Touched(new Ref(kind, row.key), null));
          }
        }
      }
    }
    named.forEach(tree.ops::applied);
    control.ops.forEach(tree.ops::applied);
    tree.newOps.forEach(tree.ops::applied);
  }

  // ---- what a checkpoint notes of a file ----

  /** A file with what tells edits of its records apart. */
  static FileState full(Index index, FileState state) {
    if (state.id() == null) {
      return state;
    }
    Row memory = index.row(Kind.MEMORY, Key.of(state.id()));
    if (memory == null || !memory.isLive()) {
      return state;
    }
    Map<String, String> entries = new LinkedHashMap<>();
    for (Row row : index.startingWith(Kind.CO_OCCURRENCE, state.id())) {
      entries.put(row.key.part(1), digits(row, ENTRY_DIGITS));
    }
    return new FileState(
        state.size(),
        state.modified(),
        state.hash(),
        state.seq(),
        state.id(),
        digits(memory, MEMORY_DIGITS),
        entries);
  }

  private static String digits(Row row, int digits) {
    return HexFormat.of().formatHex(row.digest()).substring(0, digits);
  }
}
