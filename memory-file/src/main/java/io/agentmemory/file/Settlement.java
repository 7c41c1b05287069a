package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.OpId;
import io.agentmemory.Stored;
import io.agentmemory.file.Control.FileState;
import io.agentmemory.file.Control.Known;
import io.agentmemory.file.Control.Ref;
import io.agentmemory.file.Readings.Found;
import io.agentmemory.file.Readings.Logged;
import io.agentmemory.file.Readings.Origin;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.Places;
import io.agentmemory.internal.Texts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Holds a tree's files against its log and its control data, and decides what counts.
 *
 * <p>A file that is neither as the last checkpoint saw it nor as a line of the log left it was
 * edited by somebody else. What it says then counts, at the next revision; record by record, so
 * that what the edit left alone keeps what the log says. Only a record that the log changed too is
 * a conflict: the edit stays, ours is set aside. A record that an edited file no longer has was
 * deleted. Files that vanished take their memories with them only if they are few (at most 50, and
 * at most every tenth): more may be a folder that is not mounted, and count as missing. So does
 * each whose tier's folder is gone or is none.
 */
final class Settlement {
  private static final int MOST_VANISHED = 50;

  /** Of a record whose digest is not known. */
  private static final byte[] NO_DIGEST = new byte[32];

  private final Disk disk;
  private final Layout layout;
  private final Tree tree;
  private final Readings readings;

  Settlement(Disk disk, Layout layout, Tree tree, Readings readings) {
    this.disk = disk;
    this.layout = layout;
    this.tree = tree;
    this.readings = readings;
  }

  void settle() throws IOException {
    settleMemories();
    settleDocuments();
    settleOps();
    if (edited) {
      tree.edited();
    }
  }

  /** Whether somebody else wrote to the tree, or removed what counts as deleted. */
  private boolean edited;

  // ---- memories: files and log together ----

  /** What was known of the memories at the last checkpoint, by id. */
  private final Map<String, FileState> base = new HashMap<>();

  private final Map<String, Found> served = new HashMap<>();

  private void settleMemories() throws IOException {
    readings.control.files.forEach(
        (file, state) -> {
          if (state.id() != null) {
            base.put(state.id(), state);
          }
        });
    Set<String> files = new LinkedHashSet<>(readings.found.keySet());
    files.addAll(readings.loggedFiles.keySet());
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
    Found there = readings.found.get(file);
    Logged log = readings.loggedFiles.get(file);
    FileState before = readings.control.files.get(file);
    if (log == null) {
      if (there == null) {
        return null;
      }
      boolean same = !tree.based || (before != null && before.hash().equals(there.hash));
      if (!same && before != null && before.id() != null && isEmpty(there)) {
        tree.setAside.put(file, "is empty");
        tree.unread.add(file);
        return null;
      }
      there.origin = same ? Origin.SAME : Origin.EDITED;
      edited |= !same && there.memory != null; // nothing is taken over from what cannot be read
      remember(there, same && before != null ? before.seq() : 0);
      return there;
    }
    String hash = there == null ? null : there.hash;
    boolean known =
        there == null
            ? !tree.unread.contains(file)
            : log.hashes.contains(hash) || (before != null && before.hash().equals(hash));
    if (!known && there != null && readings.crashed && isRemnant(file, log)) {
      known = true;
    }
    if (!known && there != null && there.memory != null && !isEmpty(there)) {
      there.origin = Origin.EDITED;
      edited = true;
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

  /** An empty file that held a memory: an editor that has only begun to save, or damage. */
  private static boolean isEmpty(Found found) {
    return found.stat != null && found.stat.size() == 0;
  }

  /** The file as the log left it. */
  private @Nullable Found ours(String file, @Nullable Found there, Logged log) {
    tree.setAside.remove(file);
    tree.unread.remove(file);
    // Done again even where it is there: who left the log may have seen its force fail, and then
    // one that succeeds says nothing.
    tree.redo.put(file, log.last);
    if (log.last == null) {
      return null;
    }
    byte[] bytes = log.last.getBytes(StandardCharsets.UTF_8);
    String hash = Sha.of(bytes);
    Found result = there;
    if (there == null || !hash.equals(there.hash)) {
      result = new Found(file, null, hash);
      result.parse(bytes);
      if (result.memory == null) {
        tree.notes.add(file + " was written in a form that cannot be read");
      }
    }
    Found ours = requireNonNull(result);
    ours.origin = Origin.OURS;
    FileState before = readings.control.files.get(file);
    boolean others = // what is about to be replaced; so that it can be had back
        there != null
            && ours != there
            && (before == null || before.seq() == 0)
            && log.texts.stream()
                .noneMatch(t -> Sha.of(t.getBytes(StandardCharsets.UTF_8)).equals(there.hash));
    remember(ours, others ? 0 : log.seq);
    tree.changedFiles.add(file);
    return ours;
  }

  private void remember(Found read, long seq) {
    long size = read.stat == null ? -1 : read.stat.size();
    long modified = read.stat == null ? -1 : read.stat.modified();
    String id = read.memory == null ? null : read.id();
    tree.files.put(read.file, new FileState(size, modified, read.hash, seq, id, null, Map.of()));
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
    FileState state = readings.control.files.get(file.file);
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
    Known known = readings.control.records.get(ref);
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
      rows.add(settled.placed(row.place)); // the file knows best where it stands
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
    Stored<?> log = readings.logged.get(ref);
    if (origin != Origin.EDITED) {
      if (log != null) {
        return log.isTombstone() ? null : logged(log, row);
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
        return logged(log, row);
      }
      boolean untouched =
          (past != null && past.live() && past.isDigest(digest))
              || readings.loggedDigests.getOrDefault(ref, Set.of()).contains(new Digest(digest));
      if (untouched && (id == null || !ref.kind().equals(Kind.MEMORY) || !log.isTombstone())) {
        if (id != null) {
          tree.rerender.add(id);
        }
        return log.isTombstone() ? null : logged(log, row);
      }
      tree.conflicts.add(new Tree.Conflict(file, "was edited outside at the same time", log));
      edited = true;
      tree.revised(ref);
      readings.logged.remove(ref); // the edit counts
      return row.at(log.revision() + 1, null);
    }
    if (past == null) {
      return row;
    }
    if (past.live() && past.isDigest(digest)) {
      return row.at(past.revision(), past.lastOp());
    }
    edited = true;
    tree.revised(ref);
    return row.at(past.revision() + 1, null);
  }

  /** What the log says of a record, where it says it stands, or else where the file has it. */
  private Row logged(Stored<?> log, @Nullable Row inFile) {
    Row row = Row.of(log);
    if (!row.isLive() || row.place != 0 || !Places.has(row.kind)) {
      return row;
    }
    return row.placed(inFile == null ? tree.newPlace() : inFile.place);
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
    absent.addAll(readings.control.records.keySet());
    absent.addAll(readings.logged.keySet());
    absent.removeIf(
        ref ->
            !Documents.inMemoryFile(ref.kind()) || tree.index.row(ref.kind(), ref.key()) != null);
    Set<String> vanished = new LinkedHashSet<>();
    List<Row> rows = new ArrayList<>();
    for (Ref ref : absent) {
      Stored<?> log = readings.logged.get(ref);
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
          rows.add(Row.of(log).placed(tree.newPlace()));
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
    readings.control.files.forEach(
        (file, state) -> {
          if (state.id() != null && ids.contains(state.id())) {
            files.put(state.id(), file);
          }
        });
    Set<String> gone = new LinkedHashSet<>(ids);
    for (String id : ids) {
      String file = requireNonNull(files.get(id));
      if (!readings.tiers.contains(requireNonNull(Layout.tierOf(file)))) {
        gone.remove(id); // its folder was not mounted, say, or is a link
        tree.setAside.put(
            file, "is in a folder that is gone or is none: does not count as deleted");
      } else if (tree.unread.contains(file)) { // still there, but no longer to be read
        gone.remove(id);
        String reason = tree.setAside.getOrDefault(file, "cannot be read");
        tree.broken.put(id, new Tree.Broken(file, reason));
      } else if (readings.unreadable) {
        gone.remove(id);
        tree.setAside.put(
            file, "is not there, but names that cannot be read are: does not count as deleted");
      }
    }
    boolean few = gone.size() <= MOST_VANISHED && gone.size() * 10L <= base.size();
    for (Ref ref : absent) {
      String id = ref.key().part(0);
      Past past = past(ref, null);
      if (past == null || !past.live() || readings.logged.containsKey(ref) || !ids.contains(id)) {
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
        edited = true;
        tree.changedFiles.add(file);
      } else {
        tree.missing.put(file, requireNonNull(readings.control.files.get(file)));
        tree.setAside.put(
            file,
            "is gone, with " + (gone.size() - 1) + " others; too many at once to count as deleted");
      }
    }
    for (String id : ids) {
      if (!gone.contains(id)) { // what was known of the file stays known
        String file = requireNonNull(files.get(id));
        tree.missing.put(file, requireNonNull(readings.control.files.get(file)));
        tree.files.remove(file);
        tree.changedFiles.remove(file);
      }
    }
  }

  // ---- documents: files and log together ----

  private void settleDocuments() throws IOException {
    Set<String> changed = new HashSet<>(); // perhaps by others, if what we wrote had an edit in it
    Map<String, Map<Ref, byte[]>> bases = new HashMap<>();
    readings.documents.forEach(
        (file, stat) -> {
          FileState before = readings.control.files.get(file);
          String hash = readings.documentHashes.get(file);
          if (hash == null) {
            return; // cannot be read
          }
          boolean same = !tree.based || (before != null && before.hash().equals(hash));
          boolean ours = readings.loggedDocuments.getOrDefault(file, Set.of()).contains(hash);
          if (!same) {
            changed.add(file);
            edited |= !ours;
          }
          long seq = same && before != null ? before.seq() : ours ? tree.seq : 0;
          tree.files.put(
              file, new FileState(stat.size(), stat.modified(), hash, seq, null, null, Map.of()));
          if (!same || !tree.based) {
            tree.changedFiles.add(file);
          }
        });
    Set<String> deleted = deletedDocuments();
    changed.addAll(deleted);
    edited |= !deleted.isEmpty();
    for (String file : changed) {
      FileState before = readings.control.files.get(file);
      Map<Ref, byte[]> digests =
          before == null
              ? null
              : DocumentCache.digests(disk, layout.control(), file, before.hash());
      Ref whole = Documents.whole(file);
      if (digests != null) {
        bases.put(file, digests);
      } else if (before != null && whole != null) {
        bases.put(file, Map.of(whole, NO_DIGEST));
      } else if (before == null) {
        bases.put(file, Map.of());
      }
    }
    List<Row> rows = new ArrayList<>();
    for (String file : changed) {
      Map<Ref, byte[]> digests = bases.getOrDefault(file, Map.of());
      for (Row row : Documents.rows(tree.index, file)) {
        Ref ref = new Ref(row.kind, row.key);
        boolean inLog = readings.logged.containsKey(ref);
        Past past = past(ref, digests);
        edited |= past == null && !inLog && bases.containsKey(file);
        Row settled = settle(row, Origin.EDITED, past, file, null);
        if (settled != null && (inLog || settled.hasControl())) {
          rows.add(settled);
        }
      }
      for (Ref ref : digests.keySet()) {
        if (!readings.control.records.containsKey(ref) && !readings.logged.containsKey(ref)) {
          settleAbsent(ref, true, past(ref, digests), rows);
        }
      }
    }
    tree.index.put(rows);
    rows.clear();
    for (Ref ref : readings.control.records.keySet()) {
      String file = Documents.of(ref.kind(), ref.key());
      if (file == null || readings.logged.containsKey(ref)) {
        continue;
      }
      Row row = tree.index.row(ref.kind(), ref.key());
      if (row == null) {
        settleAbsent(ref, changed.contains(file), past(ref, null), rows);
      } else if (!changed.contains(file)) {
        rows.add(requireNonNull(settle(row, Origin.SAME, past(ref, null), file, null)));
      }
    }
    readings.logged.forEach((ref, state) -> settleLogged(ref, state, rows));
    tree.index.put(rows);
    for (String file : readings.control.files.keySet()) {
      if (deleted.contains(file)) {
        tree.changedFiles.add(file);
      } else if (Layout.tierOf(file) == null
          && !readings.documents.containsKey(file)
          && !tree.brokenDocuments.containsKey(file)) {
        tree.setAside.put(file, "is gone; what was in it does not count as deleted");
        tree.missing.put(file, requireNonNull(readings.control.files.get(file)));
      } else if (tree.brokenDocuments.containsKey(file)) {
        tree.missing.put(file, requireNonNull(readings.control.files.get(file)));
      }
    }
  }

  /**
   * Files that were one record each and that somebody deleted, as the original does with state that
   * is used up. Where their folder is gone too, memories are missing, or names cannot be read, the
   * tree may not be all there.
   */
  private Set<String> deletedDocuments() throws IOException {
    Set<String> deleted = new HashSet<>();
    for (String file : readings.control.files.keySet()) {
      if (tree.missing.isEmpty()
          && !readings.unreadable
          && Layout.tierOf(file) == null
          && Documents.format(file).isRecord()
          && !readings.documents.containsKey(file)
          && !tree.brokenDocuments.containsKey(file)
          && disk.stat(requireNonNull(layout.resolve(file).getParent())) != null) {
        deleted.add(file);
      }
    }
    return deleted;
  }

  private void settleAbsent(Ref ref, boolean inEdited, @Nullable Past past, List<Row> rows) {
    if (past == null || tree.index.row(ref.kind(), ref.key()) != null) {
      return;
    }
    if (!past.live()) {
      rows.add(Row.tombstone(ref.kind(), ref.key(), past.revision(), past.lastOp()));
    } else if (inEdited) {
      edited = true;
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
    rows.add(logged(state, tree.index.row(ref.kind(), ref.key())));
    tree.changed(ref);
  }

  // ---- operations ----

  private void settleOps() {
    Map<OpId, List<Control.Touched>> named = new HashMap<>();
    for (Kind<?> kind : Kind.all()) {
      for (Row row : tree.index.all(kind)) {
        if (row.lastOp != null) {
          tree.ops.renamed(null, row.lastOp);
          if (!readings.control.ops.containsKey(row.lastOp)
              && !tree.newOps.containsKey(row.lastOp)) {
            named
                .computeIfAbsent(row.lastOp, op -> new ArrayList<>())
                .add(new Control.Touched(new Ref(kind, row.key), null));
          }
        }
      }
    }
    named.forEach(tree.ops::applied);
    readings.control.ops.forEach(tree.ops::applied);
    tree.newOps.forEach(tree.ops::applied);
  }
}
