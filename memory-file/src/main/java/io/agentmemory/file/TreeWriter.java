package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CoOccurrence;
import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Operation;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.file.Control.FileState;
import io.agentmemory.file.Control.Ref;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.Frames;
import io.agentmemory.internal.Places;
import io.agentmemory.spi.Canonical;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the files of a tree up to what its records are: memory files after each write, documents
 * and control data at a checkpoint. Whatever somebody else wrote is kept before it is replaced. For
 * the thread that writes.
 */
final class TreeWriter {
  private static final Logger LOG = LoggerFactory.getLogger(FileMemoryStore.class);
  private static final Duration UNDO = Duration.ofDays(7);

  /** How long an editor may take to save a file that cannot be read meanwhile. */
  private static final Duration SAVING = Duration.ofMillis(500);

  private static final int SAVING_TRIES = 4;
  private static final int LINE_ENTRIES = 500;
  private static final long SMALL_STATE = 4 << 20;
  private static final int FEW_FILES = 16;
  private static final int FORCING_THREADS = 8;

  static final String UNDO_FOLDER = "undo";
  static final String CONFLICTS = "conflicts";
  static final String QUARANTINE = "quarantine";

  /**
   * The log, or the names in a folder, could not be forced. Another force could report success for
   * what is lost, and neither can be written anew by who goes on: only opening again can.
   */
  static final class UnforcedException extends IOException {
    private static final long serialVersionUID = 1L;

    UnforcedException(String what, IOException cause) {
      super(what, cause);
    }
  }

  /** A document that has to be written was edited outside, and cannot be read now. */
  static final class UnreadableDocumentException extends IOException {
    private static final long serialVersionUID = 1L;

    UnreadableDocumentException(String file, UnreadableFileException cause) {
      super(file + " was edited outside and cannot be read", cause);
    }
  }

  private final Disk disk;
  private final Layout layout;
  private final Tree tree;
  private final Clock clock;

  /** Memory files that could not be written yet: the text, null for one that goes. */
  private final Map<String, @Nullable String> behind = new LinkedHashMap<>();

  /** Folders whose names changed since the last checkpoint. */
  private final Set<Path> touched = new HashSet<>();

  /** Documents that we wrote over an edit of others, with what it says, but did not read yet. */
  private final Set<String> unimported = new HashSet<>();

  private int kept; // conflicts of this object, to tell their names apart

  TreeWriter(Disk disk, Layout layout, Tree tree, Clock clock) {
    this.disk = disk;
    this.layout = layout;
    this.tree = tree;
    this.clock = clock;
  }

  // ---- folders ----

  /** Makes a folder and those above it, each durable in the one above. */
  static void ensureFolder(Disk disk, Path folder) throws IOException {
    if (disk.stat(folder) != null) {
      return;
    }
    Path parent = folder.getParent();
    if (parent != null) {
      ensureFolder(disk, parent);
    }
    disk.createFolder(folder);
    if (parent != null) {
      try {
        disk.forceFolder(parent);
      } catch (IOException e) {
        try {
          disk.delete(folder); // the next try is to make it anew, not to take it for durable
        } catch (IOException second) {
          e.addSuppressed(second);
        }
        throw e;
      }
    }
  }

  /** Forces the names that a checkpoint relies on. */
  private void forceFolder(Path folder) throws UnforcedException {
    try {
      disk.forceFolder(folder);
    } catch (IOException e) {
      throw new UnforcedException("a folder", e);
    }
  }

  // ---- what others do while we have the tree open ----

  /** What no state is kept of, when it was last looked at: files that cannot be read. */
  private Map<String, Disk.Stat> unreadable = new HashMap<>();

  /** Whether a file is not as it was left. Looks at each file's size and time, reads none. */
  boolean isEdited() throws IOException {
    Set<String> there = new HashSet<>(layout.documents());
    there.removeIf(file -> !Documents.isDocument(file));
    for (Tier tier : Tier.values()) {
      Path folder = layout.root().resolve(tier.folder());
      Disk.Stat stat = disk.stat(folder);
      boolean real = stat != null && stat.type() == Disk.Type.FOLDER;
      for (String name : real ? disk.list(folder) : List.<String>of()) {
        if (TreeReader.isMemoryName(name)) {
          there.add(Layout.memoryFile(tier, name));
        }
      }
    }
    Map<String, Disk.Stat> before = unreadable;
    unreadable = new HashMap<>();
    boolean edited = false;
    for (String file : there) {
      Disk.Stat stat = disk.stat(layout.resolve(file));
      FileState known = tree.files.get(file);
      if (stat == null || behind.containsKey(file)) {
        continue;
      }
      if (known != null && !tree.brokenDocuments.containsKey(file)) {
        edited |= !isAsKnown(stat, known) || tree.missing.containsKey(file);
      } else if (tree.unread.contains(file) || tree.brokenDocuments.containsKey(file)) {
        unreadable.put(file, stat);
        edited |= !stat.sameAs(before.get(file));
      } else {
        edited = true;
      }
    }
    for (String file : tree.files.keySet()) {
      edited |=
          !there.contains(file) && !behind.containsKey(file) && !tree.missing.containsKey(file);
    }
    return edited;
  }

  /** Whether the folder still has what the last checkpoint put there. */
  boolean isTheTreeThatWasOpened() throws IOException {
    Path head = layout.control(Control.CHECKPOINT);
    return disk.stat(head) != null && java.util.Arrays.equals(disk.read(head), tree.head.bytes());
  }

  /** Goes on from another writer of the same tree, all of whose files are written. */
  void take(TreeWriter before) {
    touched.addAll(before.touched);
    kept = before.kept;
  }

  /**
   * Goes on knowing what our last writes replaced. What others saved over a text of ours meanwhile,
   * from what it was before, is a conflict as it is in {@link #importEdit}.
   */
  void takeReplaced(Tree before) throws IOException {
    for (Map.Entry<String, Row> one : before.replaced.entrySet()) {
      Key key = Key.of(one.getKey());
      Row ours = before.index.row(Kind.MEMORY, key);
      Row now = tree.index.row(Kind.MEMORY, key);
      if (ours == null || now == null || !ours.isLive() || !now.isLive()) {
        continue;
      }
      if (java.util.Arrays.equals(ours.digest(), now.digest())) {
        tree.replaced.put(one.getKey(), one.getValue());
      } else {
        keepReplaced(one.getValue(), ours, (Memory) now.record());
      }
    }
  }

  /** Keeps our text if another program saved its own over it from the one before ours. */
  private void keepReplaced(Row replaced, Row ours, Memory theirs) throws IOException {
    if (isOfOlder((Memory) replaced.record(), (Memory) ours.record(), theirs)) {
      keepConflict(
          ours.memory().file,
          null,
          "was edited outside from what it was before we wrote",
          ours.stored());
    }
  }

  /** Takes over what somebody wrote into a memory's file since we last saw it. */
  void importEdit(Operation operation, String id, Draft draft) throws IOException {
    Row row = tree.index.row(Kind.MEMORY, Key.of(id));
    if (row == null || !row.isLive()) {
      return;
    }
    String file = row.memory().file;
    if (draft.knows(file) || behind.containsKey(file)) {
      return;
    }
    Path path = layout.resolve(file);
    Disk.Stat stat = disk.stat(path);
    FileState known = tree.files.get(file);
    if (stat == null || known == null || isAsKnown(stat, known)) {
      return; // a file that is gone is written anew
    }
    if (isCutOff(file)) {
      return; // whatever is behind it is not in the tree
    }
    if (stat.type() != Disk.Type.FILE) {
      throw unreadable(operation, id, file, "is no regular file");
    }
    byte[] bytes = disk.read(path);
    String hash = Sha.of(bytes);
    if (hash.equals(known.hash())) {
      tree.files.put(file, stamped(known, stat));
      return;
    }
    MemoryFile.Parsed parsed = null;
    for (int tries = 1; parsed == null; tries++) {
      String reason;
      try {
        MemoryFile.Parsed found =
            MemoryFile.parse(row.memory().tier, Layout.nameOf(row.memory().file), bytes);
        reason = bytes.length == 0 ? "is empty" : null;
        boolean another = !found.memory().id().equals(id);
        if (reason == null && (!another || tries == SAVING_TRIES)) {
          parsed = found;
          break;
        }
      } catch (UnreadableFileException e) {
        reason = Readings.reason(e);
      }
      boolean told = tree.broken.containsKey(id); // whoever was told of it has waited once
      if (reason != null && (told || tries == SAVING_TRIES)) {
        throw unreadable(operation, id, file, reason);
      }
      LockSupport.parkNanos(SAVING.toNanos() / SAVING_TRIES); // an editor may be at it
      Disk.Stat now = disk.stat(path);
      if (now == null || now.type() != Disk.Type.FILE) {
        throw unreadable(operation, id, file, "was replaced while it was read");
      }
      stat = now;
      bytes = disk.read(path);
      hash = Sha.of(bytes);
    }
    if (tree.broken.remove(id) != null) {
      tree.setAside.remove(file);
      tree.unread.remove(file);
    }
    if (!parsed.memory().id().equals(id)) {
      tree.setAside.put(file, "was edited outside and has another id now: open the store again");
      throw new MemoryConflictException(
          operation, "the file of memory " + id + " was given another id", row.revision, 0);
    }
    Row replaced = tree.replaced.remove(id);
    if (replaced != null) {
      keepReplaced(replaced, row, requireNonNull(parsed).memory());
    }
    List<Row> rows = new ArrayList<>();
    revise(Row.live(parsed.memory(), 1, null, null), row, rows);
    Map<Key, Row> old = new HashMap<>();
    tree.index.startingWith(Kind.CO_OCCURRENCE, id).forEach(entry -> old.put(entry.key, entry));
    List<Row> moved = new ArrayList<>();
    for (CoOccurrence entry : parsed.coOccurrences()) {
      Row was = old.remove(entry.key());
      Row dead = tree.index.row(Kind.CO_OCCURRENCE, entry.key());
      Row now = Row.live(entry, 1, null, null).placed(tree.newPlace());
      if (!revise(now, was == null ? dead : was, rows)) {
        moved.add(requireNonNull(was).placed(now.place)); // as it was, if perhaps elsewhere
      }
    }
    tree.index.put(moved);
    for (Row gone : old.values()) {
      rows.add(Row.tombstone(gone.kind, gone.key, gone.revision + 1, null));
    }
    revised(rows);
    tree.files.put(file, new FileState(stat.size(), stat.modified(), hash, 0, id, null, Map.of()));
    tree.changedFiles.add(file);
    tree.edited();
    LOG.info("{} was edited outside and read again", file);
  }

  /**
   * Whether an editor read a text before our last write and saved it after: something that we
   * changed is again as it was, or the body has more in common with the old one.
   */
  private static boolean isOfOlder(Memory old, Memory ours, Memory theirs) {
    Set<String> names = new LinkedHashSet<>(old.members().entries().keySet());
    names.addAll(ours.members().entries().keySet());
    for (String name : names) {
      Value was = old.members().get(name);
      if (!Objects.equals(was, ours.members().get(name))
          && Objects.equals(was, theirs.members().get(name))) {
        return true;
      }
    }
    return !old.content().equals(ours.content())
        && inCommon(theirs.content(), old.content()) > inCommon(theirs.content(), ours.content());
  }

  /** How many characters two texts begin and end with alike. */
  private static int inCommon(String a, String b) {
    int most = Math.min(a.length(), b.length());
    int first = 0;
    while (first < most && a.charAt(first) == b.charAt(first)) {
      first++;
    }
    int last = 0;
    while (last < most - first
        && a.charAt(a.length() - 1 - last) == b.charAt(b.length() - 1 - last)) {
      last++;
    }
    return first + last;
  }

  /** Adds the row if it is another than before, and says whether it is. */
  private static boolean revise(Row now, @Nullable Row before, List<Row> rows) {
    if (before == null) {
      rows.add(now);
      return true;
    }
    if (!before.isLive() || !java.util.Arrays.equals(before.digest(), now.digest())) {
      rows.add(now.at(before.revision + 1, null));
      return true;
    }
    return false;
  }

  private CorruptMemoryException unreadable(
      Operation operation, String id, String file, String reason) {
    tree.setAside.put(file, reason);
    tree.unread.add(file);
    tree.broken.put(id, new Tree.Broken(file, reason));
    return new CorruptMemoryException(operation, file, reason, null);
  }

  private static boolean isAsKnown(Disk.Stat stat, FileState known) {
    return stat.type() == Disk.Type.FILE
        && stat.size() == known.size()
        && stat.modified() == known.modified();
  }

  private static FileState stamped(FileState state, Disk.Stat stat) {
    return new FileState(
        stat.size(),
        stat.modified(),
        state.hash(),
        state.seq(),
        state.id(),
        state.memory(),
        state.entries());
  }

  /**
   * The bytes of a memory's file as they are, or will be when the draft is; null if there is none.
   */
  byte @Nullable [] bytes(String file, Draft draft) throws IOException {
    if (draft.knows(file)) {
      return draft.bytes(file);
    }
    if (behind.containsKey(file)) {
      String text = behind.get(file);
      return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }
    Path path = layout.resolve(file);
    Disk.Stat stat = disk.stat(path);
    return stat == null || stat.type() != Disk.Type.FILE ? null : disk.read(path);
  }

  /** Reads what the files of memories are. */
  Leaves leaves() {
    return new Leaves(disk, layout, tree, this);
  }

  /** Whether something lies where a file would go, or will when what is behind is written. */
  boolean isThere(String file) throws IOException {
    if (behind.containsKey(file)) {
      return behind.get(file) != null;
    }
    return disk.stat(layout.resolve(file)) != null;
  }

  /** Whether something on the way to a file is there but no folder. */
  boolean isCutOff(String file) throws IOException {
    return layout.isCutOff(file);
  }

  /**
   * Why nothing is to be written to a memory's file: its folder is none, or it is gone with files
   * that do not count as deleted, and would if it were made anew. Null if there is no reason.
   */
  @Nullable String folderProblem(String file) throws IOException {
    if (layout.isCutOff(file)) {
      return "is no folder";
    }
    Tier tier = Layout.tierOf(file);
    if (tier == null || disk.stat(layout.root().resolve(tier.folder())) != null) {
      return null;
    }
    for (String known : tree.files.keySet()) {
      if (tier.equals(Layout.tierOf(known)) && !behind.containsKey(known)) {
        return "is gone";
      }
    }
    return isMissing(tier) ? "is gone" : null;
  }

  private boolean isMissing(Tier tier) {
    return tree.missing.keySet().stream().anyMatch(file -> tier.equals(Layout.tierOf(file)));
  }

  /** Refuses to write where no file of a tree can be. */
  private void checkFolder(String file, Path folder) throws IOException {
    Tier tier = Layout.tierOf(file);
    if (layout.isCutOff(file) || (tier != null && isMissing(tier) && disk.stat(folder) == null)) {
      throw new IOException("the folder of a tier is gone or is none");
    }
  }

  // ---- memory files ----

  /**
   * Writes and removes memory files, new ones first, so that a memory that moves is never gone.
   * Their line is in the log: what fails is tried again at the next checkpoint.
   *
   * @param files the new bytes; null for a file that goes
   * @param moves of files that a memory moves to: where it lay before
   */
  void put(Map<String, byte @Nullable []> files, Map<String, String> moves) {
    files.forEach(
        (file, bytes) ->
            behind.put(file, bytes == null ? null : new String(bytes, StandardCharsets.UTF_8)));
    files.forEach(
        (file, bytes) -> {
          if (bytes != null) {
            attempt(file, () -> putFile(file, bytes, moves.get(file)));
          }
        });
    Set<String> left = new HashSet<>(moves.values());
    files.forEach(
        (file, bytes) -> {
          if (bytes == null) {
            attempt(file, () -> removeFile(file, left.contains(file)));
          }
        });
  }

  private interface Step {
    void run() throws IOException;
  }

  private void attempt(String file, Step step) {
    try {
      step.run();
      behind.remove(file);
    } catch (IOException e) {
      LOG.warn("{} could not be written and will be tried again: {}", file, Engine.describe(e));
      noteBehind();
    }
  }

  private void noteBehind() {
    String note = "some memory files are behind: the next checkpoint tries again";
    if (behind.isEmpty()) {
      tree.notes.remove(note);
    } else {
      tree.notes.add(note);
    }
  }

  private void removeFile(String file, boolean moved) throws IOException {
    Path path = layout.resolve(file);
    if (layout.isCutOff(file)) {
      throw new IOException("the folder of a tier is none");
    }
    tree.changedFiles.add(file);
    keepOthers(file, path, null, moved); // one that is forgotten is to be gone
    disk.delete(path);
    tree.files.remove(file);
    found(file);
    Path folder = requireNonNull(path.getParent());
    if (disk.stat(folder) != null) {
      touched.add(folder);
    }
  }

  /**
   * Puts a file in place.
   *
   * @param like another file whose mode and owner it takes if it is new
   */
  private void putFile(String file, byte[] bytes, @Nullable String like) throws IOException {
    Path path = layout.resolve(file);
    Path folder = requireNonNull(path.getParent());
    checkFolder(file, folder);
    ensureFolder(disk, folder);
    tree.changedFiles.add(file);
    Path temporary = temporary(path);
    String hash = Sha.of(bytes);
    Disk.Stat stat;
    try {
      Path model = isFile(path) ? path : like == null ? null : layout.resolve(like);
      try (Disk.Out out = disk.create(temporary, model)) {
        out.write(0, bytes, 0, bytes.length);
      }
      stat = disk.stat(temporary); // after the move it could be another program's
      keepOthers(file, path, hash, true);
      disk.move(temporary, path);
    } catch (IOException | RuntimeException e) {
      deleteQuietly(temporary, e);
      throw e;
    }
    touched.add(folder);
    FileState written =
        new FileState(-1, -1, hash, Math.max(1, tree.seq), tree.index.idIn(file), null, Map.of());
    tree.files.remove(file); // so that the path is one text with the index's
    tree.files.put(shared(file), stat == null ? written : stamped(written, stat));
    found(file);
  }

  private boolean isFile(Path path) throws IOException {
    Disk.Stat stat = disk.stat(path);
    return stat != null && stat.type() == Disk.Type.FILE;
  }

  private String shared(String file) {
    String id = tree.index.idIn(file);
    Row row = id == null ? null : tree.index.row(Kind.MEMORY, Key.of(id));
    return row == null || !row.isLive() ? file : row.memory().file;
  }

  private void deleteQuietly(Path temporary, Exception cause) {
    try {
      disk.delete(temporary);
    } catch (IOException second) {
      cause.addSuppressed(second);
    }
  }

  private static Path temporary(Path path) {
    String name = path.getFileName().toString();
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    if (bytes.length > 200) { // a name has at most 255 bytes
      name = HexFormat.of().formatHex(Sha.digest().digest(bytes));
    }
    return path.resolveSibling("." + name + "." + UUID.randomUUID() + ".tmp");
  }

  /**
   * Before a file is replaced or removed: keeps what somebody wrote into it behind our back among
   * the conflicts, and what another program wrote for a week.
   *
   * @param hash of what is about to be there
   */
  private void keepOthers(String file, Path path, @Nullable String hash, boolean undo)
      throws IOException {
    Disk.Stat stat = disk.stat(path);
    if (stat == null) {
      return;
    }
    FileState known = tree.files.get(file);
    if (known == null || !isAsKnown(stat, known)) {
      String found = stat.type() == Disk.Type.FILE ? Sha.of(disk.read(path)) : "";
      if (!found.equals(hash) && (known == null || !found.equals(known.hash()))) {
        if (!isRedone(file)) {
          keepConflict(file, path, "was written by another program while we wrote it", null);
        }
        return;
      }
    }
    if (undo && known != null && known.seq() == 0 && stat.type() == Disk.Type.FILE) {
      Path folder =
          layout
              .control(UNDO_FOLDER)
              .resolve(clock.millis() + "-" + file.substring(0, Math.max(0, file.indexOf('/'))));
      ensureFolder(disk, folder);
      Path second = folder.resolve(Layout.nameOf(file));
      if (disk.stat(second) == null) {
        disk.link(path, second);
        touched.add(folder);
      }
    }
  }

  /** Files that lost power halfway are ours, whatever they look like. */
  private final Set<String> redone = new HashSet<>();

  private boolean isRedone(String file) {
    return redone.contains(file);
  }

  /** Keeps a file's bytes, or a record of ours, and says so. */
  private void keepConflict(
      String file, @Nullable Path path, String reason, @Nullable Stored<?> ours)
      throws IOException {
    Path folder = layout.control(CONFLICTS);
    ensureFolder(disk, folder);
    String stem = clock.millis() + "-" + kept++;
    Map<String, Value> said = new LinkedHashMap<>();
    said.put("file", Value.of(file));
    said.put("reason", Value.of(reason));
    if (ours != null) {
      Lines.putKey(said, ours.kind(), ours.key());
      said.put("revision", Value.of(ours.revision()));
      MemoryRecord record = ours.value();
      said.put("tree", record == null ? Value.NULL : record.tree());
    }
    if (path != null) {
      Path second = folder.resolve(stem + ".kept");
      disk.link(path, second);
      said.put("bytes", Value.of(second.getFileName().toString()));
    }
    byte[] bytes = Canonical.json(new Value.Map(said)).getBytes(StandardCharsets.UTF_8);
    Path note = folder.resolve(stem + ".json");
    try (Disk.Out out = disk.create(note, null)) {
      out.write(0, bytes, 0, bytes.length);
      out.force();
    }
    disk.forceFolder(folder);
    String where = keptAs(note.getFileName().toString());
    tree.kept.add(where);
    LOG.warn("{} {}: the other side is kept in {}", file, reason, where);
  }

  static String keptAs(String name) {
    return Layout.CONTROL + "/" + CONFLICTS + "/" + name;
  }

  // ---- after opening ----

  /**
   * Does what was left to do when the tree was last written to. What fails stays in the log and is
   * tried again.
   *
   * @return whether there was anything
   */
  boolean recover() throws IOException {
    ensureFolder(disk, layout.control(StoreLog.FOLDER));
    removeTemporaries();
    boolean left = !tree.segments.isEmpty();
    if (left || tree.head.generation() == 0) {
      forceWhatIsThere();
    }
    if (tree.head.generation() == 0) {
      Path unreadable = layout.control(Control.CHECKPOINT);
      if (disk.stat(unreadable) != null) {
        ensureFolder(disk, layout.control(QUARANTINE));
        disk.link(
            unreadable,
            layout.control(QUARANTINE).resolve(Control.CHECKPOINT + "-" + clock.millis()));
      }
      putHead(
          new Control.Head(
              tree.head.store(), tree.head.namespace(), 1, tree.head.seq(), "", 0, 0, tree.edited));
    }
    keepWhatWasSettled();
    try {
      catchUp();
    } catch (IOException e) {
      LOG.warn("memory files could not be brought up to date yet: {}", Engine.describe(e));
      noteBehind();
    }
    pruneUndo();
    return left;
  }

  /**
   * Keeps one side of what was in conflict, and makes ready the files that have to be written.
   * Until then the log must not go, which may be all that has them.
   */
  private void keepWhatWasSettled() throws IOException {
    while (!tree.conflicts.isEmpty()) {
      Tree.Conflict conflict = tree.conflicts.get(0);
      Path path = conflict.ours() == null ? layout.resolve(conflict.file()) : null;
      keepConflict(conflict.file(), path, conflict.reason(), conflict.ours());
      tree.conflicts.remove(0);
    }
    for (String file : tree.redo.keySet()) {
      FileState known = tree.files.get(file);
      if (known == null || known.size() < 0) { // what lies there is not what the log left
        redone.add(file);
      }
    }
    behind.putAll(tree.redo);
    tree.redo.clear();
    for (String id : tree.rerender) {
      Row row = tree.index.row(Kind.MEMORY, Key.of(id));
      if (row != null && row.isLive()) {
        Path path = layout.resolve(row.memory().file);
        byte[] old = disk.stat(path) == null ? null : disk.read(path);
        behind.put(row.memory().file, rendered(row, old));
      }
    }
    tree.rerender.clear();
  }

  /**
   * Makes durable what is built on from here: the names of folders that a process made which was
   * killed before it could force them, and the lines it left. Both can be read now, and would be
   * gone after a power cut.
   */
  private void forceWhatIsThere() throws IOException {
    for (StoreLog.Found segment : tree.segments) {
      disk.force(segment.path());
    }
    Set<Path> folders = new LinkedHashSet<>();
    folders.add(layout.control(StoreLog.FOLDER));
    for (String name : disk.list(layout.control())) {
      folders.add(layout.control(name));
    }
    folders.add(layout.control());
    for (Tier tier : Tier.values()) {
      folders.add(layout.root().resolve(tier.folder()));
    }
    Set<String> files = new LinkedHashSet<>(tree.files.keySet());
    files.addAll(tree.changedDocuments.keySet());
    files.add(Layout.IMAGE_VECTORS);
    for (String file : files) {
      Path top = requireNonNull(layout.root().getParent());
      Path folder = requireNonNull(layout.resolve(file).getParent());
      for (; folder.startsWith(top); folder = requireNonNull(folder.getParent())) {
        if (!folders.add(folder) || folder.equals(top)) {
          break;
        }
      }
    }
    for (Path folder : folders) {
      Disk.Stat stat = disk.stat(folder);
      if (stat != null && stat.type() == Disk.Type.FOLDER) {
        disk.forceFolder(folder);
      }
    }
    // Above the tree, whatever we may open may be ours.
    for (Path folder = layout.root().getParent();
        tree.head.generation() == 0 && folder != null;
        folder = folder.getParent()) {
      try {
        disk.forceFolder(folder);
      } catch (AccessDeniedException notOurs) {
        break;
      }
    }
  }

  private String rendered(Row row, byte @Nullable [] old) {
    List<CoOccurrence> entries = new ArrayList<>();
    tree.index.startingWith(Kind.CO_OCCURRENCE, row.key.part(0)).stream()
        .sorted(Row.BY_PLACE)
        .forEach(entry -> entries.add((CoOccurrence) entry.record()));
    byte[] bytes = MemoryFile.render((Memory) row.record(), entries, old);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private void catchUp() throws IOException {
    for (boolean gone : new boolean[] {false, true}) { // new files first, as in put
      for (Map.Entry<String, @Nullable String> file : new LinkedHashMap<>(behind).entrySet()) {
        String text = file.getValue();
        if (text != null && !gone) {
          putFile(file.getKey(), text.getBytes(StandardCharsets.UTF_8), null);
        } else if (text == null && gone) {
          removeFile(file.getKey(), false);
        } else {
          continue;
        }
        behind.remove(file.getKey());
        redone.remove(file.getKey());
      }
    }
    noteBehind();
  }

  private void removeTemporaries() throws IOException {
    Set<Path> folders = new LinkedHashSet<>();
    for (Tier tier : Tier.values()) {
      folders.add(layout.root().resolve(tier.folder()));
    }
    folders.add(layout.root());
    folders.add(layout.control());
    folders.add(layout.control(DocumentCache.FOLDER));
    folders.add(requireNonNull(layout.resolve(Layout.IMAGE_VECTORS).getParent()));
    Set<String> documents = new HashSet<>(tree.files.keySet());
    documents.addAll(tree.changedDocuments.keySet());
    for (String file : documents) {
      if (Layout.tierOf(file) == null) {
        folders.add(requireNonNull(layout.resolve(file).getParent()));
      }
    }
    for (Path folder : folders) {
      Disk.Stat stat = disk.stat(folder);
      if (stat == null || stat.type() != Disk.Type.FOLDER) {
        continue;
      }
      for (String name : disk.list(folder)) {
        if (Layout.isTemporary(name)) {
          disk.delete(folder.resolve(name)); // we have the lock: its writer is dead
        }
      }
    }
  }

  private void pruneUndo() throws IOException {
    Path undo = layout.control(UNDO_FOLDER);
    long oldest = clock.millis() - UNDO.toMillis();
    for (String name : disk.list(undo)) {
      if (name.matches("[0-9]{1,18}-[a-z]*")
          && Long.parseLong(name.substring(0, name.indexOf('-'))) < oldest) {
        Path folder = undo.resolve(name);
        for (String file : disk.list(folder)) {
          disk.delete(folder.resolve(file));
        }
        disk.delete(folder);
      }
    }
  }

  // ---- checkpoints ----

  /** How large the documents are that a checkpoint would write. */
  long changedDocumentBytes() {
    long bytes = 0;
    for (String file : tree.changedDocuments.keySet()) {
      FileState state = tree.files.get(file);
      bytes += state == null ? 0 : Math.max(0, state.size());
    }
    return bytes;
  }

  /**
   * A document's new bytes, forced but not in place yet.
   *
   * @param temporary where they are; null if the document goes
   * @param edited whether another program changed the document while we had the tree open
   */
  private record Ready(
      String file, Path path, @Nullable Path temporary, String hash, boolean edited) {}

  /** Whether something is not as a checkpoint would leave it. */
  boolean hasToCheckpoint() {
    return !tree.based || tree.isDirty() || !behind.isEmpty();
  }

  /**
   * Makes all files durable and current, notes what they are, and drops the log. A crash anywhere
   * leaves a log that does it again. A file whose force failed is never forced again, since that
   * can succeed without the bytes: the next checkpoint writes it anew, under its name, before it
   * counts.
   *
   * @throws UnforcedException if the log or a folder failed: the log has to stay, for the next
   *     opening to write all of it anew
   */
  void checkpoint(StoreLog log) throws IOException {
    keepWhatWasSettled(); // if that failed before
    catchUp();
    forceFiles();
    Map<String, String> documents = putDocuments(log);
    // By their caches an opening tells what others edited, until the control data says so.
    boolean telling = !tree.edited.equals(tree.head.edited());
    if (!telling) {
      documents.forEach(this::putCache);
    }
    quarantine();
    putControl();
    if (telling) {
      documents.forEach(this::putCache);
    }
    log.drop();
    tree.segments.clear();
    tree.changedRecords.clear();
    tree.changedFiles.clear();
    tree.changedDocuments.clear();
    tree.newOps.clear();
  }

  private void forceFiles() throws IOException {
    List<String> files = new ArrayList<>();
    for (String file : tree.changedFiles) {
      FileState state = tree.files.get(file);
      if (state != null
          && state.seq() > 0
          && Layout.tierOf(file) != null
          && disk.stat(layout.resolve(file)) != null) {
        files.add(file);
      }
    }
    Map<String, IOException> failed = forceAll(files);
    failed.keySet().forEach(this::writeAnew);
    for (IOException failure : failed.values()) {
      throw failure;
    }
    for (Path folder : touched) {
      forceFolder(folder);
    }
    touched.clear();
  }

  /** Lets the next checkpoint write a file of ours anew whose bytes the disk may have lost. */
  private void writeAnew(String file) {
    String id = tree.index.idIn(file);
    Row row = id == null ? null : tree.index.row(Kind.MEMORY, Key.of(id));
    FileState known = tree.files.get(file);
    if (row == null || !row.isLive() || known == null) {
      return;
    }
    byte[] bytes = null;
    try {
      Path path = layout.resolve(file);
      Disk.Stat stat = disk.stat(path);
      if (stat != null && !isAsKnown(stat, known)) {
        return; // another program's bytes, for whoever touches the memory next
      }
      bytes = disk.read(path);
    } catch (IOException e) {
      LOG.debug("{} cannot be read after its force failed: {}", file, Engine.describe(e));
    }
    boolean whole = bytes != null && Sha.of(bytes).equals(known.hash());
    behind.put(
        file,
        bytes != null && whole
            ? new String(bytes, StandardCharsets.UTF_8)
            : rendered(row, null)); // what was written is out of memory too
    noteBehind();
  }

  /**
   * Forces files, many of them on several threads: those that wait together become durable together
   * (measured on ext4: 1.6 ms a file one by one, 0.1 ms by eight).
   *
   * @return the files whose force failed, and why
   */
  private Map<String, IOException> forceAll(List<String> files) throws IOException {
    Map<String, IOException> failed = new LinkedHashMap<>();
    if (files.size() <= FEW_FILES) {
      for (String file : files) {
        try {
          disk.force(layout.resolve(file));
        } catch (IOException e) {
          failed.put(file, e);
        }
      }
      return failed;
    }
    ExecutorService threads =
        Executors.newFixedThreadPool(
            FORCING_THREADS,
            work -> {
              Thread thread = new Thread(work, Thread.currentThread().getName() + "-force");
              thread.setDaemon(true);
              return thread;
            });
    try {
      Map<String, Future<?>> forced = new LinkedHashMap<>();
      for (String file : files) {
        Path path = layout.resolve(file);
        forced.put(
            file,
            threads.submit(
                () -> {
                  disk.force(path);
                  return null;
                }));
      }
      for (Map.Entry<String, Future<?>> one : forced.entrySet()) {
        try {
          one.getValue().get();
        } catch (ExecutionException e) {
          failed.put(
              one.getKey(),
              e.getCause() instanceof IOException failure
                  ? failure
                  : new IOException(e.getCause()));
        }
      }
    } catch (InterruptedException e) {
      throw new IOException("forcing was interrupted", e); // nobody interrupts this thread
    } finally {
      threads.shutdown();
    }
    return failed;
  }

  /**
   * Writes the documents that changed.
   *
   * @return those that are as the index has them, with their hashes
   */
  private Map<String, String> putDocuments(StoreLog log) throws IOException {
    List<Ready> ready = new ArrayList<>();
    try {
      for (String file : List.copyOf(tree.changedDocuments.keySet())) {
        ready.add(prepare(file));
      }
      if (ready.isEmpty()) {
        return Map.of();
      }
      Map<String, String> hashes = new LinkedHashMap<>();
      for (Ready document : ready) {
        if (document.temporary() != null) {
          hashes.put(document.file(), document.hash());
        }
      }
      log.append(tree.seq + 1, new Lines.Documents(tree.seq + 1, hashes));
      try {
        log.force();
      } catch (IOException e) {
        throw new UnforcedException("the log", e);
      }
      tree.seq++;
      for (Ready document : ready) {
        Path temporary = document.temporary();
        if (temporary == null) {
          removeDocument(document);
          continue;
        }
        Disk.Stat stat = disk.stat(temporary); // after the move it could be another program's
        keepOthers(document.file(), document.path(), document.hash(), true);
        if (document.edited()) {
          unimported.add(document.file());
        }
        disk.move(temporary, document.path());
        FileState written = new FileState(-1, -1, document.hash(), tree.seq, null, null, Map.of());
        tree.files.put(document.file(), written);
        if (stat != null) {
          tree.files.put(document.file(), stamped(written, stat));
        }
        forceFolder(requireNonNull(document.path().getParent()));
        tree.changedFiles.add(document.file());
        found(document.file());
      }
    } catch (IOException | RuntimeException e) {
      for (Ready document : ready) {
        if (document.temporary() != null) {
          deleteQuietly(document.temporary(), e);
        }
      }
      throw e;
    }
    forceFiles(); // the folders of what was kept
    Map<String, String> written = new LinkedHashMap<>();
    for (Ready document : ready) {
      String file = document.file();
      if (document.temporary() == null) {
        continue;
      }
      String hash = document.hash();
      if (!unimported.contains(file) || importDocument(file, document.path()).equals(hash)) {
        written.put(file, hash);
      }
    }
    tree.placesWritten();
    return written;
  }

  private void removeDocument(Ready document) throws IOException {
    String file = document.file();
    keepOthers(file, document.path(), null, false); // what is forgotten is to be gone
    Path folder = requireNonNull(document.path().getParent());
    if (disk.stat(folder) != null) {
      disk.delete(document.path());
      forceFolder(folder);
    }
    DocumentCache.delete(disk, layout.control(), file);
    unimported.remove(file);
    tree.files.remove(file);
    tree.changedFiles.add(file);
    found(file);
  }

  /** A file that was missing is so no longer. */
  private void found(String file) {
    if (tree.missing.remove(file) != null) {
      tree.setAside.remove(file);
    }
  }

  private Ready prepare(String file) throws IOException {
    Path path = layout.resolve(file);
    Map<io.agentmemory.Kind<?>, Map<Key, Optional<MemoryRecord>>> changes = new LinkedHashMap<>();
    List<Row> rows = new ArrayList<>();
    Set<Ref> changed = requireNonNull(tree.changedDocuments.get(file));
    for (Ref ref : changed) {
      Row row = tree.index.row(ref.kind(), ref.key());
      rows.add(row == null ? Row.tombstone(ref.kind(), ref.key(), 1, null) : row);
    }
    boolean there = isFile(path);
    if (!there) { // one that somebody deleted meanwhile is to have again what it had
      Documents.rows(tree.index, file).stream()
          .filter(row -> !changed.contains(new Ref(row.kind, row.key)))
          .forEach(rows::add);
    }
    rows.sort(Row.BY_PLACE);
    Set<Key> last = new HashSet<>();
    for (Row row : rows) {
      changes
          .computeIfAbsent(row.kind, kind -> new LinkedHashMap<>())
          .put(row.key, row.isLive() ? Optional.of(row.record()) : Optional.empty());
      if (tree.isUnwritten(row.place)) {
        last.add(row.key);
      }
    }
    Document format = Documents.format(file);
    if (format.goes(changes)) {
      return new Ready(file, path, null, "", false);
    }
    ensureFolder(disk, requireNonNull(path.getParent()));
    Path temporary = temporary(path);
    FileState known = tree.files.get(file);
    boolean edited = unimported.contains(file);
    try {
      MessageDigest sha = Sha.digest();
      try (Disk.Out to = disk.create(temporary, there ? path : null)) {
        OutputStream out =
            new BufferedOutputStream(
                new DigestOutputStream(new DocumentCache.DiskOutput(to), sha), 1 << 16);
        if (there) {
          try (InputStream in = disk.open(path)) {
            Sha.Stream old = new Sha.Stream(in);
            format.write(old, out, changes, last);
            old.rest();
            // What was read counts, not what was there at another moment.
            edited |= known == null || !old.hash().equals(known.hash());
          }
        } else {
          format.write(null, out, changes, last);
        }
        out.flush();
        to.force();
      }
      String hash = HexFormat.of().formatHex(sha.digest());
      return new Ready(file, path, temporary, hash, edited);
    } catch (UnreadableFileException e) {
      IOException failure = new UnreadableDocumentException(file, e);
      deleteQuietly(temporary, failure);
      throw failure;
    } catch (IOException | RuntimeException e) {
      deleteQuietly(temporary, e);
      throw e;
    }
  }

  /** Whether another program changed a document since we read or wrote it. */
  boolean isEdited(String file) throws IOException {
    Path path = layout.resolve(file);
    FileState known = tree.files.get(file);
    Disk.Stat stat = disk.stat(path);
    if (stat == null || (known != null && isAsKnown(stat, known))) {
      return false;
    }
    try (InputStream in = disk.open(path)) {
      Sha.Stream bytes = new Sha.Stream(in);
      bytes.rest();
      return known == null || !bytes.hash().equals(known.hash());
    }
  }

  /**
   * Takes over what another program wrote into a document while we had the tree open. Our own
   * changes are in it already; what they replaced is kept among the conflicts.
   *
   * @return the hash of what was read
   */
  private String importDocument(String file, Path path) throws IOException {
    Map<Ref, Row> old = new HashMap<>();
    for (Row row : Documents.rows(tree.index, file)) {
      old.put(new Ref(row.kind, row.key), row);
    }
    Map<Ref, Row> found = new LinkedHashMap<>();
    List<DocumentCache.Problem> problems = new ArrayList<>();
    String hash;
    try (InputStream in = disk.open(path)) {
      Sha.Stream hashing = new Sha.Stream(in);
      Documents.format(file)
          .read(
              hashing,
              record -> {
                Ref ref = new Ref(record.kind(), record.key());
                if (ref.kind().equals(Kind.EDGE) && found.containsKey(ref)) {
                  // of an edge that stands twice, the last one counts
                  found.keySet().removeIf(other -> isObservationOf(other, ref.key().part(0)));
                }
                Row row = Row.live(record, 1, null, null);
                found.put(ref, Places.has(ref.kind()) ? row.placed(tree.newPlace()) : row);
              },
              (where, reason) -> problems.add(new DocumentCache.Problem(where, reason)));
      hashing.rest();
      hash = hashing.hash();
    } catch (UnreadableFileException impossible) {
      throw new IOException("a document that was just written cannot be read", impossible);
    }
    tree.problems.put(file, problems);
    List<Row> rows = new ArrayList<>();
    List<Row> moved = new ArrayList<>();
    found.forEach(
        (ref, row) -> {
          Row was = old.remove(ref);
          Row before = was == null ? tree.index.row(ref.kind(), ref.key()) : was;
          if (!revise(row, before, rows) && row.place != 0) {
            moved.add(requireNonNull(before).placed(row.place)); // as it was, if perhaps elsewhere
          }
        });
    tree.index.put(moved);
    old.values()
        .forEach(gone -> rows.add(Row.tombstone(gone.kind, gone.key, gone.revision + 1, null)));
    revised(rows);
    tree.edited();
    unimported.remove(file);
    LOG.info("{} was edited outside and read again", file);
    return hash;
  }

  private static boolean isObservationOf(Ref ref, String pair) {
    return ref.kind().equals(Kind.OBSERVATION) && ref.key().part(0).equals(pair);
  }

  /** Puts rows that somebody else's edit made. */
  private void revised(List<Row> rows) {
    for (Row row : rows) {
      Row before = tree.index.row(row.kind, row.key);
      tree.ops.renamed(before == null ? null : before.lastOp, null);
      tree.revised(new Ref(row.kind, row.key));
    }
    tree.index.put(rows);
  }

  private void putCache(String file, String hash) {
    try {
      ensureFolder(disk, layout.control(DocumentCache.FOLDER));
      DocumentCache.write(
          disk,
          layout.control(),
          file,
          hash,
          tree.problems.getOrDefault(file, List.of()),
          Documents.rows(tree.index, file));
    } catch (IOException e) {
      LOG.debug("the cache of {} could not be written: {}", file, Engine.describe(e));
    }
  }

  /** Keeps what of the log could not be read. */
  private void quarantine() throws IOException {
    for (StoreLog.Found segment : tree.segments) {
      Lines.Segment header = segment.header();
      boolean foreign = header != null && !header.store().equals(tree.head.store());
      List<Frames.Gap> gaps =
          foreign ? List.of(new Frames.Gap(0, segment.bytes().length, false)) : segment.gaps();
      if (gaps.isEmpty()) {
        continue;
      }
      Path folder = layout.control(QUARANTINE);
      ensureFolder(disk, folder);
      for (Frames.Gap gap : gaps) {
        Path part = folder.resolve(segment.path().getFileName() + "-" + gap.from());
        if (disk.stat(part) == null) {
          try (Disk.Out out = disk.create(part, null)) {
            out.write(0, segment.bytes(), gap.from(), gap.to() - gap.from());
            out.force();
          } catch (IOException e) {
            deleteQuietly(part, e);
            throw e;
          }
        }
      }
      forceFolder(folder);
    }
  }

  // ---- control data ----

  private void putControl() throws IOException {
    Control.Head old = tree.head;
    boolean anew =
        !tree.based || tree.controlDamaged || old.length() > Math.max(SMALL_STATE, 2 * old.fresh());
    List<Value> entries = anew ? allEntries() : changedEntries();
    String name = anew ? "state-" + (old.generation() + 1) : old.state();
    Path path = layout.control(name);
    long position = anew ? 0 : old.length();
    if (anew) {
      disk.delete(path); // left by a checkpoint that did not come to its end
    }
    try (Disk.Out out = anew ? disk.create(path, null) : disk.reopen(path)) {
      for (int i = 0; i < entries.size(); i += LINE_ENTRIES) {
        List<Value> some = entries.subList(i, Math.min(entries.size(), i + LINE_ENTRIES));
        byte[] line =
            Frames.line(Canonical.json(new Value.Map(Map.of("entries", new Value.Seq(some)))));
        out.write(position, line, 0, line.length);
        position += line.length;
      }
      try {
        out.force();
      } catch (IOException e) {
        tree.controlDamaged = true; // the next one writes another file
        throw e;
      }
    }
    if (anew) {
      forceFolder(layout.control());
    }
    putHead(
        new Control.Head(
            old.store(),
            old.namespace(),
            old.generation() + 1,
            tree.seq,
            name,
            position,
            anew ? position : old.fresh(),
            tree.edited));
    tree.based = true;
    tree.controlDamaged = false;
    if (anew && !old.state().isEmpty()) {
      disk.delete(layout.control(old.state()));
    }
  }

  private void putHead(Control.Head head) throws IOException {
    Path path = layout.control(Control.CHECKPOINT);
    Path temporary = temporary(path);
    byte[] bytes = head.bytes();
    try {
      try (Disk.Out out = disk.create(temporary, null)) {
        out.write(0, bytes, 0, bytes.length);
        out.force();
      }
      disk.move(temporary, path);
    } catch (IOException | RuntimeException e) {
      deleteQuietly(temporary, e);
      throw e;
    }
    forceFolder(layout.control());
    tree.head = head;
  }

  private List<Value> changedEntries() {
    List<Value> entries = new ArrayList<>();
    for (String file : tree.changedFiles) {
      FileState state = tree.files.get(file);
      entries.add(state == null ? Control.gone(file) : Control.file(file, tree.full(state)));
    }
    for (Ref ref : tree.changedRecords) {
      Row row = tree.index.row(ref.kind(), ref.key());
      if (row != null) {
        entries.add(Control.record(ref, version(row), row.lastOp));
      }
    }
    tree.newOps.forEach((op, changes) -> entries.add(Control.op(op, changes)));
    return entries;
  }

  private List<Value> allEntries() {
    List<Value> entries = new ArrayList<>();
    tree.missing.forEach((file, state) -> entries.add(Control.file(file, state)));
    new TreeMap<>(tree.files)
        .forEach((file, state) -> entries.add(Control.file(file, tree.full(state))));
    for (Kind<?> kind : Kind.all()) {
      for (Row row : tree.index.all(kind)) {
        if (row.hasControl()) {
          entries.add(Control.record(new Ref(kind, row.key), version(row), row.lastOp));
        }
      }
    }
    tree.ops.all().forEach((op, changes) -> entries.add(Control.op(op, changes)));
    return entries;
  }

  private static Version version(Row row) {
    Digest digest = row.version().digest();
    return new Version(row.revision, digest);
  }
}
