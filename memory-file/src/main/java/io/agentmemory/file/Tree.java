package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Stored;
import io.agentmemory.file.Control.FileState;
import io.agentmemory.file.Control.Ref;
import io.agentmemory.internal.Places;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ConcurrentSkipListSet;
import org.jspecify.annotations.Nullable;

/**
 * A tree as it was read, and what has changed in it since the last checkpoint. What is not marked
 * as safe for other threads belongs to the one thread that writes.
 */
final class Tree {
  private static final int MEMORY_DIGITS = 16;
  private static final int ENTRY_DIGITS = 8;

  /** Something of ours that could not stay, because somebody else had changed the same thing. */
  record Conflict(String file, String reason, @Nullable Stored<?> ours) {}

  /** A place that a record was known at, but that cannot be read now. */
  record Broken(String location, String reason) {}

  volatile Control.Head head;

  /** Whether a checkpoint has listed the tree's files. */
  boolean based;

  /** Whether control data was lost, so that all of it has to be written again. */
  boolean controlDamaged;

  /** Of the last line in the log. */
  long seq;

  /** Another text each time that what others wrote was taken over. */
  volatile String edited = "";

  /** Called before what others wrote counts as known. */
  private Runnable whenEdited = () -> {};

  /** Above every place that a record has in a file: files are shorter than this. */
  private long nextPlace = 1L << 32;

  /** Places from here on are not in the documents yet, as the last checkpoint left them. */
  private long unwrittenPlace = nextPlace;

  /** What our last write to a memory replaced, of the last hundred: to know an old text by. */
  final Map<String, Row> replaced =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Row> eldest) {
          return size() > 100;
        }
      };

  final Index index = new Index(); // safe
  final Ops ops = new Ops();

  /** Every file that holds records, as it was when we read or wrote it. */
  final Map<String, FileState> files = new HashMap<>();

  /**
   * Files that are gone and do not count as deleted, and what no longer can be read. Of the former
   * some are served as they were; those are among {@link #files} too.
   */
  final Map<String, FileState> missing = new HashMap<>();

  /** Revisions that records had which are neither there nor known to be deleted. */
  final Map<Ref, Long> ghosts = new HashMap<>();

  // ---- what somebody should know of; safe ----

  /** What could not be read, by place: the reason. */
  final ConcurrentMap<String, String> setAside = new ConcurrentSkipListMap<>();

  /** Files that no record is read from although their name says there should be. */
  final Set<String> unread = ConcurrentHashMap.newKeySet();

  /** Memories whose file no longer parses, by id. */
  final ConcurrentMap<String, Broken> broken = new ConcurrentHashMap<>();

  /** Documents that do not parse: the reason. */
  final ConcurrentMap<String, String> brokenDocuments = new ConcurrentHashMap<>();

  /** Ids that two files have: the files. */
  final ConcurrentMap<String, String> duplicates = new ConcurrentHashMap<>();

  /** Conflicts that nobody has settled: the files that keep one side. */
  final Set<String> kept = new ConcurrentSkipListSet<>();

  /** What makes the store need a look. */
  final Set<String> notes = new ConcurrentSkipListSet<>();

  // ---- since the last checkpoint ----

  final Set<Ref> changedRecords = new LinkedHashSet<>();
  final Set<String> changedFiles = new LinkedHashSet<>();
  final Map<String, Set<Ref>> changedDocuments = new LinkedHashMap<>();
  final Map<io.agentmemory.OpId, List<Control.Touched>> newOps = new LinkedHashMap<>();

  /** What a document had that could not be read, to go into its cache. */
  final Map<String, List<DocumentCache.Problem>> problems = new HashMap<>();

  // ---- left to do after opening for writing ----

  /** Memory files whose write was lost: the text, null for a file that goes. */
  final Map<String, @Nullable String> redo = new LinkedHashMap<>();

  /** Memories whose file has to be patched with what the log says. */
  final Set<String> rerender = new LinkedHashSet<>();

  final List<Conflict> conflicts = new ArrayList<>();
  final List<StoreLog.Found> segments = new ArrayList<>();

  Tree(Control.Head head) {
    this.head = head;
    this.seq = head.seq();
  }

  /** A place after all that there are. */
  long newPlace() {
    return newPlaces(1);
  }

  /** The first of some places after all that there are. */
  long newPlaces(long count) {
    long first = nextPlace;
    nextPlace += count;
    return first;
  }

  /** Whether a place is one that no document has yet, since it was given out after they were. */
  boolean isUnwritten(long place) {
    return place >= unwrittenPlace;
  }

  /** The documents have all places. */
  void placesWritten() {
    unwrittenPlace = nextPlace;
  }

  /** Tells whenever what others wrote is taken over, before a checkpoint counts it as known. */
  void whenEdited(Runnable told) {
    whenEdited = told;
  }

  /** What others wrote is taken over. */
  void edited() {
    edited = UUID.randomUUID().toString();
    whenEdited.run();
  }

  /** A record has control fields that no checkpoint has. */
  void revised(Ref ref) {
    changedRecords.add(ref);
  }

  /** A record has a state that no checkpoint has. */
  void changed(Ref ref) {
    revised(ref);
    String document = Documents.of(ref.kind(), ref.key());
    if (document != null) {
      changedDocuments.computeIfAbsent(document, d -> new LinkedHashSet<>()).add(ref);
    }
  }

  boolean isDirty() {
    return !segments.isEmpty()
        || !changedRecords.isEmpty()
        || !changedFiles.isEmpty()
        || !changedDocuments.isEmpty()
        || !newOps.isEmpty();
  }

  /**
   * Goes on serving what another reading of this tree had of files that are gone by now and do not
   * count as deleted.
   *
   * @return whether there is any
   */
  boolean keepServing(Tree before) {
    boolean any = false;
    for (Map.Entry<String, FileState> gone : missing.entrySet()) {
      String file = gone.getKey();
      FileState state = before.files.get(file);
      if (state == null || unread.contains(file) || brokenDocuments.containsKey(file)) {
        continue; // was gone before, or is there but cannot be read
      }
      long place = 0;
      for (Row row : before.rows(file, gone.getValue().id())) {
        if (index.row(row.kind, row.key) == null) {
          index.put(List.of(Places.has(row.kind) ? row.placed(place++) : row));
          ghosts.remove(new Ref(row.kind, row.key));
        }
      }
      files.put(file, state);
      any = true;
    }
    return any;
  }

  /**
   * Goes on from the revisions that another reading of this tree served, where no checkpoint has
   * them and this one found older ones.
   */
  void keepRising(Tree before) {
    for (Ref ref : before.changedRecords) {
      Row was = before.index.row(ref.kind(), ref.key());
      Row now = index.row(ref.kind(), ref.key());
      if (was != null && now != null && now.revision < was.revision) {
        boolean same =
            was.isLive() == now.isLive()
                && (!was.isLive() || Arrays.equals(was.digest(), now.digest()));
        rise(ref, same ? now.at(was.revision, was.lastOp) : now.at(was.revision + 1, null));
      }
    }
    before.ghosts.forEach(
        (ref, revision) -> {
          Row now = index.row(ref.kind(), ref.key());
          if (now != null && now.revision < revision) {
            rise(ref, now.at(revision + 1, null));
          }
        });
  }

  private void rise(Ref ref, Row row) {
    index.put(List.of(row));
    revised(ref);
  }

  /** What a file holds, in its order, with what has no place first. */
  private List<Row> rows(String file, @Nullable String id) {
    List<Row> rows = new ArrayList<>();
    if (id == null) {
      rows.addAll(Documents.rows(index, file));
    } else if (id.equals(index.idIn(file))) {
      rows.add(requireNonNull(index.row(Kind.MEMORY, Key.of(id))));
      rows.addAll(index.startingWith(Kind.CO_OCCURRENCE, id));
    }
    rows.sort(Row.BY_PLACE);
    return rows;
  }

  /** A file with what tells edits of its records apart. */
  FileState full(FileState state) {
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
