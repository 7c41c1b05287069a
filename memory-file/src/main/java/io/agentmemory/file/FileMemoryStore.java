package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Health;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Limits;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Outcome;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.FolderLock;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.internal.Texts;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.EditedOutside;
import io.agentmemory.spi.Seal;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Memories in a folder of Markdown and JSON that a person can read and edit, in the layout of
 * Drift. Everything is also held in memory, so that reading and searching touch no file.
 *
 * <p>A write is durable when it returns: one forced line in {@code .memory/log}, whatever the
 * number of records in the batch. Memory files follow at once; the JSON documents follow at a
 * checkpoint: on {@link #checkpoint()}, on {@link #close()}, after some quiet, and when the log has
 * grown.
 *
 * <p>One store at a time writes to a tree. Others may read it, also while it is being written to:
 * they see it as it was when they opened it. Programs that know nothing of all this may read at any
 * time, and may write: opening finds what they changed, by comparing with the last checkpoint, and
 * takes it over at the next revision; an open store does so when it next writes the same memory,
 * and every minute. A file that is gone takes its memory with it, unless more than 50 files or more
 * than a tenth are gone at once: then nothing counts as deleted, and {@link #info()} lists them.
 * What cannot be read is left alone and listed there, too.
 *
 * <p>{@link #scan} and {@link #versions} read each record when the stream comes to it. Thread-safe.
 */
public final class FileMemoryStore implements MemoryStore, EditedOutside, Seal {
  private static final String VERSION = "drift-files/1";

  /** In the control folder, while the tree is sealed; says why. */
  static final String SEALED = "sealed";

  private final Layout layout;
  private final Disk disk;
  private final Tree opened;
  private final @Nullable Engine engine; // null: for reading only
  private final Limits limits;
  private static final int LEAVES_AT_ONCE = 64; // as long as a write may have to wait for them

  private final @Nullable String sealed; // when it was opened for reading only

  private volatile boolean closed;

  private FileMemoryStore(
      Disk disk,
      Layout layout,
      Tree tree,
      @Nullable Engine engine,
      Limits limits,
      @Nullable String sealed) {
    this.sealed = sealed;
    this.disk = disk;
    this.layout = layout;
    this.opened = tree;
    this.engine = engine;
    this.limits = limits;
  }

  private Tree tree() {
    return engine == null ? opened : engine.tree();
  }

  private Index index() {
    return tree().index;
  }

  /**
   * A store in a folder. {@code path} is the folder that holds {@code core/}, {@code active/} and
   * {@code archive/}, or one that holds it as {@code memory/}; what is not there yet is made.
   */
  public static Builder builder(Path path) {
    return new Builder(path);
  }

  /** What a store is opened with. Not thread-safe. */
  public static final class Builder {
    private final Path path;
    private @Nullable String namespace;
    private boolean readOnly;
    private Duration lockWait = Duration.ofSeconds(1);
    private Duration checkpointAfter = Duration.ofSeconds(5);
    private Duration refreshEvery = Duration.ofSeconds(60);
    private Limits limits = Limits.DEFAULT;
    private Disk disk = LocalDisk.INSTANCE;
    private Clock clock = Clock.systemUTC();
    private int logRoom = StoreLog.ROOM;

    private Builder(Path path) {
      this.path = requireNonNull(path, "path");
    }

    /**
     * Whose memory it is. A new tree is given this label; one that has a label must have this one.
     * Default: the tree's own label, {@code default} for a new one.
     */
    public Builder namespace(String namespace) {
      if (namespace.isBlank()) {
        throw new IllegalArgumentException("the namespace is blank");
      }
      this.namespace = namespace;
      return this;
    }

    /** For reading only: takes no lock and changes nothing, not even in {@code .memory}. */
    public Builder readOnly() {
      this.readOnly = true;
      return this;
    }

    /** How long to wait for another store to close the tree. Default 1 s; at most 5 s. */
    public Builder lockWait(Duration wait) {
      if (wait.isNegative() || wait.compareTo(Duration.ofSeconds(5)) > 0) {
        throw new IllegalArgumentException("lockWait is 0 to 5 seconds");
      }
      this.lockWait = wait;
      return this;
    }

    /** How much quiet after a write leads to a checkpoint. Default 5 s; above 0. */
    public Builder checkpointAfter(Duration quiet) {
      if (quiet.isNegative() || quiet.isZero()) {
        throw new IllegalArgumentException("checkpointAfter is above 0");
      }
      this.checkpointAfter = quiet;
      return this;
    }

    /**
     * How often to look whether other programs changed the tree, as {@link #refresh()} does; a look
     * that finds nothing costs one question to the file system for each file. Default 60 s; above
     * 0.
     */
    public Builder refreshEvery(Duration between) {
      if (between.isNegative() || between.isZero()) {
        throw new IllegalArgumentException("refreshEvery is above 0");
      }
      this.refreshEvery = between;
      return this;
    }

    /** How large a value may be that enters through a command. */
    public Builder limits(Limits limits) {
      this.limits = requireNonNull(limits, "limits");
      return this;
    }

    Builder disk(Disk disk) {
      this.disk = disk;
      return this;
    }

    Builder clock(Clock clock) {
      this.clock = clock;
      return this;
    }

    /** How many bytes a segment of the log is made with. */
    Builder logRoom(int bytes) {
      this.logRoom = bytes;
      return this;
    }

    /**
     * Opens the store: reads the tree and, unless for reading only, finishes what a process that
     * ended without closing it had left to do.
     *
     * @throws StoreUnavailableException if another store has the tree open for writing (named by
     *     process), if there is no tree to read, or if the disk fails
     * @throws IllegalArgumentException if the tree has another namespace
     * @throws UncategorizedStoreException if a newer version of this library wrote the tree
     */
    public FileMemoryStore build() {
      Operation operation = new Operation(Engine.STORE, "open", path.toString());
      try {
        if (readOnly) {
          Layout layout = Layout.find(disk, path);
          if (disk.stat(layout.root()) == null) {
            throw StoreUnavailableException.notApplied(operation, "there is no such folder", null);
          }
          Tree tree = load(layout, false);
          return new FileMemoryStore(disk, layout, tree, null, limits, readSeal(disk, layout));
        }
        Layout[] found = new Layout[1];
        Engine engine = new Engine(checkpointAfter, refreshEvery, limits);
        Tree tree =
            engine.open(
                () -> {
                  found[0] = Layout.find(disk, path);
                  return session(found[0], operation);
                });
        return new FileMemoryStore(disk, found[0], tree, engine, limits, null);
      } catch (Control.NewerLayoutException newer) {
        throw new UncategorizedStoreException(
            operation, "a newer version of this library wrote the tree", newer);
      } catch (IOException e) {
        throw StoreUnavailableException.notApplied(
            operation, "the tree cannot be read: " + Engine.describe(e), e);
      }
    }

    private Tree load(Layout layout, boolean alone) throws IOException {
      Tree tree = TreeReader.read(disk, layout, namespace == null ? "default" : namespace, alone);
      if (namespace != null && !tree.head.namespace().equals(namespace)) {
        throw new IllegalArgumentException(
            "the tree belongs to namespace " + tree.head.namespace() + ", not " + namespace);
      }
      return tree;
    }

    private Engine.Rereading rereading(Layout layout) {
      return new Engine.Rereading() {
        @Override
        public Tree tree() throws IOException {
          return load(layout, true);
        }

        @Override
        public TreeWriter writer(Tree tree) {
          return new TreeWriter(disk, layout, tree, clock);
        }
      };
    }

    private Engine.Session session(Layout layout, Operation operation) throws IOException {
      boolean anew = disk.stat(layout.root()) == null;
      TreeWriter.ensureFolder(disk, layout.control());
      if (anew) { // the original's tools want them
        for (Tier tier : Tier.values()) {
          TreeWriter.ensureFolder(disk, layout.root().resolve(tier.folder()));
        }
      }
      long pid = ProcessHandle.current().pid();
      FolderLock lock = FolderLock.take(disk, layout.control(), operation, lockWait, clock, pid);
      try {
        Tree tree = load(layout, true);
        TreeWriter writer = new TreeWriter(disk, layout, tree, clock);
        String sealed = readSeal(disk, layout);
        boolean unfinished = sealed == null && writer.recover();
        StoreLog log =
            new StoreLog(
                disk,
                layout.control(),
                new Lines.Segment(tree.head.store(), disk.bootId()),
                logRoom,
                tree.segments.stream().map(StoreLog.Found::path).toList());
        if (unfinished) {
          Engine.recoveryCheckpoint(writer, log, tree);
        }
        return new Engine.Session(tree, log, writer, lock, rereading(layout), sealed);
      } catch (IOException | RuntimeException | Error e) {
        try {
          lock.close();
        } catch (IOException second) {
          e.addSuppressed(second);
        }
        throw e;
      }
    }
  }

  @Override
  public String namespace() {
    return tree().head.namespace();
  }

  @Override
  public Limits limits() {
    return limits;
  }

  @Override
  public Outcome execute(Batch batch) {
    checkOpen(requireNonNull(batch, "batch").verb());
    if (engine == null) {
      throw new UncategorizedStoreException(
          new Operation(Engine.STORE, batch.verb(), batch.subject()),
          "the store was opened for reading only",
          null);
    }
    return engine.execute(batch);
  }

  // ---- the seal ----

  private static @Nullable String readSeal(Disk disk, Layout layout) throws IOException {
    Path file = layout.control(SEALED);
    return disk.stat(file) == null ? null : new String(disk.read(file), UTF_8).strip();
  }

  @Override
  public Optional<String> sealed() {
    return Optional.ofNullable(engine == null ? sealed : engine.sealed());
  }

  /**
   * {@inheritDoc}
   *
   * <p>No file of a sealed tree is changed from then on, in {@code .memory} neither, but for the
   * note of who has it open. What others change in it is not taken over but shows in {@link
   * #health()}, while the store is open; opening it serves what stands in the files then.
   */
  @Override
  public void seal(String why) {
    requireNonNull(why, "why");
    writing("seal").seal(why, () -> mark(why));
  }

  /** {@inheritDoc} Takes over what others changed meanwhile. */
  @Override
  public void unseal() {
    writing("unseal").unseal(() -> mark(null));
  }

  private Engine writing(String verb) {
    checkOpen(verb);
    if (engine == null) {
      throw new UncategorizedStoreException(
          new Operation(Engine.STORE, verb, layout.root().toString()),
          "the store was opened for reading only",
          null);
    }
    return engine;
  }

  /** Makes the next opening find the seal, or none. */
  private @Nullable Object mark(@Nullable String why) throws IOException {
    Path file = layout.control(SEALED);
    Path temp = layout.control("." + SEALED + ".tmp");
    if (why == null) {
      disk.delete(file);
    } else {
      byte[] text = why.getBytes(UTF_8);
      disk.delete(temp);
      try (Disk.Out out = disk.create(temp, null)) {
        out.write(0, text, 0, text.length);
        out.force();
      }
      disk.move(temp, file);
    }
    disk.forceFolder(layout.control());
    return null;
  }

  @Override
  public Map<OpId, Outcome> conclude(Collection<OpId> operations) {
    return writing("conclude").conclude(List.copyOf(operations));
  }

  @Override
  public Map<OpId, Outcome> markApplied(Collection<OpId> operations) {
    return writing("markApplied").markApplied(List.copyOf(operations));
  }

  private void checkOpen(String verb) {
    if (closed) {
      throw new UncategorizedStoreException(
          new Operation(Engine.STORE, verb, ""), "the store is closed", null);
    }
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    checkOpen("read");
    requireNonNull(kind, "kind");
    requireNonNull(key, "key");
    Optional<Stored<T>> found = index().read(kind, key);
    if (found.isEmpty() || Documents.inMemoryFile(kind)) {
      refuseBroken(kind, key);
    }
    return found;
  }

  /** Refuses to call a record absent where what it stands in cannot be read. */
  private void refuseBroken(Kind<?> kind, Key key) {
    Operation operation = new Operation(Engine.STORE, "read", kind + ":" + key);
    if (Documents.inMemoryFile(kind)) {
      Tree.Broken broken = tree().broken.get(key.part(0));
      if (broken != null) {
        throw new CorruptMemoryException(operation, broken.location(), broken.reason(), null);
      }
      return;
    }
    String file = Documents.of(kind, key);
    String reason = file == null ? null : tree().brokenDocuments.get(file);
    if (file != null && reason != null) {
      throw new CorruptMemoryException(operation, file, reason, null);
    }
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    requireNonNull(kind, "kind");
    return keys.stream().distinct().sorted().flatMap(key -> read(kind, key).stream()).toList();
  }

  @Override
  public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
    checkOpen("scan");
    return index().scan(requireNonNull(kind, "kind"), range);
  }

  @Override
  public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
    checkOpen("versions");
    return index().versions(requireNonNull(kind, "kind"), range);
  }

  @Override
  public List<Memory> find(MemoryQuery query) {
    checkOpen("find");
    return index().find(query);
  }

  @Override
  public long count(MemoryQuery query) {
    checkOpen("count");
    return index().count(query);
  }

  @Override
  public Stream<MemoryHead> heads(MemoryQuery query) {
    checkOpen("heads");
    return index().heads(query);
  }

  @Override
  public List<SimilarQuery.Hit> search(SimilarQuery query) {
    checkOpen("search");
    Operation operation = new Operation(Engine.STORE, "search", query.space());
    Key key = Key.of(query.space());
    VectorSpace space = read(Kind.VECTOR_SPACE, key).flatMap(Stored::live).orElse(null);
    if (space == null) {
      throw new InvalidMemoryException(operation, "space", "is not defined");
    }
    int length = query.vector().length;
    int dimensions = space.dimensions().orElse(length);
    if (dimensions != length) {
      throw new InvalidMemoryException(
          operation, "vector", "has " + length + " floats, the space has " + dimensions);
    }
    return index().search(query);
  }

  /**
   * {@inheritDoc}
   *
   * <p>Reads every file of these memories, some at a time, so that writes go on in between. A file
   * is taken as it is now, also if somebody else has changed it since this store read it: then its
   * state is that of what stands in it. What is set aside is no leaf.
   */
  @Override
  public Stream<Leaf> leaves() {
    checkOpen("leaves");
    List<Key> keys =
        index().all(Kind.MEMORY).stream().filter(Leaves::isLeaf).map(row -> row.key).toList();
    List<List<Key>> pages = new ArrayList<>();
    for (int from = 0; from < keys.size(); from += LEAVES_AT_ONCE) {
      pages.add(keys.subList(from, Math.min(from + LEAVES_AT_ONCE, keys.size())));
    }
    return pages.stream().flatMap(page -> leaves(page).stream());
  }

  private List<Leaf> leaves(List<Key> page) {
    checkOpen("leaves");
    try {
      return engine == null ? new Leaves(disk, layout, tree(), null).of(page) : engine.leaves(page);
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(Engine.STORE, "leaves", ""),
          "a file could not be read: " + Engine.describe(e),
          e);
    }
  }

  /** Does nothing: this store sees its files itself. */
  @Override
  public void reportLeaves(List<Leaf> leaves) {
    requireNonNull(leaves, "leaves");
    checkOpen("reportLeaves");
  }

  @Override
  public Health health() {
    if (closed) {
      return new Health(Health.Status.DOWN, List.of("the store is closed"));
    }
    List<String> notes = new ArrayList<>(tree().notes);
    if (!tree().setAside.isEmpty()) {
      notes.add(tree().setAside.size() + " set aside: see info");
    }
    if (!tree().kept.isEmpty()) {
      notes.add(tree().kept.size() + " conflicts to settle: see info");
    }
    if (!tree().duplicates.isEmpty()) {
      notes.add(tree().duplicates.size() + " ids that several files have: see info");
    }
    Health.Status status = notes.isEmpty() ? Health.Status.UP : Health.Status.DEGRADED;
    if (engine == null) {
      notes.add("opened for reading only");
    }
    return new Health(status, notes);
  }

  @Override
  public StoreInfo info() {
    checkOpen("info");
    List<StoreInfo.SetAside> setAside = new ArrayList<>();
    tree()
        .setAside
        .forEach((location, reason) -> setAside.add(new StoreInfo.SetAside(location, reason)));
    for (String kept : tree().kept) {
      setAside.add(
          new StoreInfo.SetAside(kept, "keeps one side of a conflict; delete it when settled"));
    }
    try {
      return new StoreInfo(
          Engine.STORE,
          namespace(),
          VERSION,
          index().count(true),
          index().count(false),
          setAside,
          files(),
          health());
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(Engine.STORE, "info", ""),
          "the tree cannot be read: " + Engine.describe(e),
          e);
    }
  }

  /** Every file of the tree, and what it is. */
  private List<StoreInfo.File> files() throws IOException {
    SortedMap<String, StoreInfo.File> files = new TreeMap<>(Texts::compare);
    walk(layout.root(), "", files);
    Path sensors = layout.sensorsBeside();
    if (sensors != null) {
      walk(sensors, "sensors/", files);
    }
    return List.copyOf(files.values());
  }

  private void walk(Path folder, String prefix, SortedMap<String, StoreInfo.File> files)
      throws IOException {
    Disk.Stat there = disk.stat(folder);
    if (there == null || there.type() != Disk.Type.FOLDER) {
      return;
    }
    for (String name : disk.list(folder)) {
      Path path = folder.resolve(name);
      Disk.Stat stat = disk.stat(path);
      if (stat == null) {
        continue;
      }
      boolean isFolder = stat.type() == Disk.Type.FOLDER;
      if (isFolder && !name.startsWith(".")) {
        walk(path, prefix + name + "/", files);
      } else {
        String file = prefix + name + (isFolder ? "/" : "");
        files.put(file, use(file, name, stat));
      }
    }
  }

  private StoreInfo.File use(String file, String name, Disk.Stat stat) {
    String problem = tree().setAside.get(file);
    if (problem != null) {
      return new StoreInfo.File(file, StoreInfo.Use.SET_ASIDE, problem);
    }
    if (file.equals(Layout.CONTROL + "/")) {
      return new StoreInfo.File(file, StoreInfo.Use.DERIVED, "the store's log, state and caches");
    }
    if (Layout.isTemporary(name)) {
      return new StoreInfo.File(file, StoreInfo.Use.DERIVED, "a file that was being written");
    }
    boolean isMemory = Layout.tierOf(file) != null;
    if (isMemory ? TreeReader.isMemoryName(name) : Documents.isDocument(file)) {
      Kind<?> kind = isMemory ? Kind.MEMORY : Documents.kind(file);
      return new StoreInfo.File(file, StoreInfo.Use.RECORDS, kind.name());
    }
    String reason = "is of no form that memory is kept in";
    if (stat.type() == Disk.Type.FOLDER) {
      reason = "begins with a dot: another program's folder";
    } else if (stat.type() != Disk.Type.FILE) {
      reason = "is no regular file";
    } else if (isMemory) {
      reason = "begins with a dot: no memory to the original either";
    } else if (TreeFile.hasEnding(name)) {
      reason = "has a path that no record can have";
    }
    return new StoreInfo.File(file, StoreInfo.Use.SET_ASIDE, reason);
  }

  @Override
  public void checkpoint() {
    checkOpen("checkpoint");
    if (engine != null) {
      engine.checkpoint();
    }
  }

  /**
   * Takes over what other programs changed in the tree, as opening it would; a store that is open
   * for writing does so by itself every minute. Makes a checkpoint and reads the tree again, while
   * writes wait and reads go on. A store that is open for reading only stays as it is, and so does
   * one of a sealed tree.
   *
   * @throws StoreUnavailableException if the disk fails
   */
  public void refresh() {
    checkOpen("refresh");
    if (engine != null) {
      engine.refresh();
    }
  }

  @Override
  public String lastEdit() {
    return tree().edited;
  }

  @Override
  public void onEdit(Runnable told) {
    requireNonNull(told, "told");
    if (engine != null) {
      engine.whenEdited(told);
    }
  }

  @Override
  public <T extends MemoryRecord> List<Stored<T>> look(Kind<T> kind, Collection<Key> keys) {
    checkOpen("look");
    requireNonNull(kind, "kind");
    return engine == null ? List.of() : readAll(kind, engine.look(kind, List.copyOf(keys)));
  }

  /** Makes a checkpoint, frees the lock and ends the store's thread. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    if (engine != null) {
      engine.close();
    }
  }
}
