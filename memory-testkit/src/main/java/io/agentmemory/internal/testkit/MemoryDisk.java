package io.agentmemory.internal.testkit;

import static java.util.Objects.requireNonNull;

import io.agentmemory.internal.Disk;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory that can lose power. What is written is seen at once but is durable only when it
 * is forced: bytes by forcing their file, names by forcing their folder. {@link #afterPowerCut}
 * gives what is left: everything durable, and of the rest whatever chance leaves, torn or not. Any
 * call can be made to fail. Thread-safe.
 */
public final class MemoryDisk implements Disk {
  /** What happens at the chosen call, and after it. */
  public enum Fault {
    /** Nothing is done any more. */
    POWER_OFF,
    /** This call fails, the others go on. */
    EIO,
    /** From here on nothing can be written any more; reading, forcing and deleting go on. */
    ENOSPC,
    /** This call, if it writes bytes, writes some of them and fails. */
    SHORT_WRITE
  }

  private static final class Node {
    final long id;
    final boolean folder;
    byte[] bytes = {};
    byte[] durable = {};
    final List<Write> unforced = new ArrayList<>();
    Map<String, Node> names = new LinkedHashMap<>();
    Map<String, Node> durableNames = new LinkedHashMap<>();
    long modified;
    boolean locked;

    /** A force failed: what was not durable then never will be, whatever a later one says. */
    boolean lost;

    Node(long id, boolean folder) {
      this.id = id;
      this.folder = folder;
    }
  }

  private record Write(int position, byte[] bytes) {}

  /** A name that was given, or taken away: null. */
  private record NameChange(Node folder, String name, @Nullable Node node) {}

  private final Node root = new Node(1, true);
  private final List<List<NameChange>> unforcedNames = new ArrayList<>();
  private final String bootId;
  private long nextId = 2;
  private long clock = 1_000_000_000_000_000_000L;
  private int calls;
  private int faultAt = -1;
  private Fault fault = Fault.EIO;
  private boolean off;
  private boolean full;
  private boolean forcesIgnored;
  private boolean failedForcesLose;
  private long usable = Long.MAX_VALUE;
  private final List<String> history = new ArrayList<>();
  private final List<String> forcedAgain = new ArrayList<>();

  public MemoryDisk() {
    this("boot-0");
  }

  private MemoryDisk(String bootId) {
    this.bootId = bootId;
  }

  // ---- what tests do with it ----

  public synchronized int calls() {
    return calls;
  }

  /** What was called, in order, to say where a fault struck. */
  public synchronized String call(int number) {
    return number >= 1 && number <= history.size() ? history.get(number - 1) : "none";
  }

  /** Lets call {@code number} from now on fail; the first is 1. */
  public synchronized void failAt(int number, Fault fault) {
    this.calls = 0;
    this.history.clear();
    this.faultAt = number;
    this.fault = fault;
  }

  /** No force does anything any more: what a store that forgets to force would do. */
  public synchronized void ignoreForces() {
    forcesIgnored = true;
  }

  /**
   * As many systems are: what a force that failed should have made durable never is, although it
   * can be read, and although the next force says nothing of it.
   */
  public synchronized void failedForcesLose() {
    failedForcesLose = true;
  }

  /**
   * Files that were forced once more after their force had failed, with {@link #failedForcesLose}:
   * the second success says nothing.
   */
  public synchronized List<String> forcedAgain() {
    return List.copyOf(forcedAgain);
  }

  /** What the disk says it has room for; it takes more all the same. */
  public synchronized void usable(long bytes) {
    usable = bytes;
  }

  public synchronized boolean isOff() {
    return off;
  }

  public synchronized void repair() {
    off = false;
    full = false;
    faultAt = -1;
  }

  /**
   * The disk as another process finds it after this one was killed: nothing is lost, and nothing
   * became durable by it. A later power cut may still take what nobody forced.
   */
  public synchronized MemoryDisk afterKill() {
    MemoryDisk next = new MemoryDisk(bootId);
    Map<Node, Node> copies = new IdentityHashMap<>();
    copies.put(root, next.root);
    copyAll(root, next.root, copies);
    for (List<NameChange> changes : unforcedNames) {
      List<NameChange> copied = new ArrayList<>();
      for (NameChange change : changes) {
        Node node = change.node();
        copied.add(
            new NameChange(
                copyAll(change.folder(), copies),
                change.name(),
                node == null ? null : copyAll(node, copies)));
      }
      next.unforcedNames.add(copied);
    }
    next.nextId = nextId;
    next.clock = clock;
    next.failedForcesLose = failedForcesLose;
    return next;
  }

  private static Node copyAll(Node from, Map<Node, Node> copies) {
    Node copy = copies.get(from);
    if (copy == null) {
      copy = new Node(from.id, from.folder);
      copies.put(from, copy);
      copyAll(from, copy, copies);
    }
    return copy;
  }

  /** What is seen and what is durable; locks are gone with the process. */
  private static void copyAll(Node from, Node to, Map<Node, Node> copies) {
    to.bytes = from.bytes;
    to.durable = from.durable;
    to.unforced.addAll(from.unforced);
    to.modified = from.modified;
    to.lost = from.lost;
    from.names.forEach((name, node) -> to.names.put(name, copyAll(node, copies)));
    from.durableNames.forEach((name, node) -> to.durableNames.put(name, copyAll(node, copies)));
  }

  /** The disk after the power came back. */
  public synchronized MemoryDisk afterPowerCut(Random random) {
    boolean inOrder = random.nextBoolean(); // as a journal keeps names: all up to some moment
    int last = inOrder ? random.nextInt(unforcedNames.size() + 1) : unforcedNames.size();
    for (int i = 0; i < last; i++) {
      if (inOrder || random.nextBoolean()) {
        unforcedNames.get(i).forEach(MemoryDisk::makeDurable);
      }
    }
    MemoryDisk next = new MemoryDisk("boot-" + random.nextInt(1_000_000));
    copy(
        root,
        next.root,
        next,
        new IdentityHashMap<>(),
        node -> left(node, random),
        node -> node.durableNames);
    next.nextId = nextId;
    next.clock = clock;
    return next;
  }

  private static void makeDurable(NameChange change) {
    if (change.node() == null) {
      change.folder().durableNames.remove(change.name());
    } else {
      change.folder().durableNames.put(change.name(), change.node());
    }
  }

  /** Durable bytes, and of each write since all, some, zeros in its place, or nothing. */
  private static byte[] left(Node node, Random random) {
    byte[] bytes = node.durable.clone();
    for (Write write : node.unforced) {
      int size = write.bytes().length;
      switch (random.nextInt(4)) {
        case 0 -> bytes = written(bytes, write.position(), write.bytes(), size);
        case 1 -> bytes = written(bytes, write.position(), write.bytes(), random.nextInt(size + 1));
        case 2 -> bytes = written(bytes, write.position(), new byte[size], size);
        default -> bytes = bytes.clone();
      }
    }
    return bytes;
  }

  private static byte[] written(byte[] old, int position, byte[] more, int length) {
    byte[] bytes = Arrays.copyOf(old, Math.max(old.length, position + length));
    System.arraycopy(more, 0, bytes, position, length);
    return bytes;
  }

  private static void copy(
      Node from,
      Node to,
      MemoryDisk disk,
      Map<Node, Node> copies,
      java.util.function.Function<Node, byte[]> bytes,
      java.util.function.Function<Node, Map<String, Node>> names) {
    copies.put(from, to);
    to.modified = from.modified;
    if (!from.folder) {
      to.bytes = bytes.apply(from);
      to.durable = to.bytes;
    }
    names
        .apply(from)
        .forEach(
            (name, node) -> {
              Node copy = copies.get(node);
              if (copy == null) {
                copy = new Node(node.id, node.folder);
                copy(node, copy, disk, copies, bytes, names);
              }
              to.names.put(name, copy);
            });
    to.durableNames = new LinkedHashMap<>(to.names);
  }

  /** Every file's bytes by its path. */
  public synchronized Map<String, byte[]> files() {
    Map<String, byte[]> files = new LinkedHashMap<>();
    collect(root, "", files);
    return files;
  }

  private static void collect(Node folder, String prefix, Map<String, byte[]> files) {
    folder.names.forEach(
        (name, node) -> {
          if (node.folder) {
            collect(node, prefix + "/" + name, files);
          } else {
            files.put(prefix + "/" + name, node.bytes.clone());
          }
        });
  }

  // ---- faults ----

  private void call(String what, Path path, boolean writes) throws IOException {
    calls++;
    history.add(what + " " + path);
    if (off) {
      throw new IOException("the power is off");
    }
    if (calls == faultAt) {
      switch (fault) {
        case POWER_OFF -> {
          off = true;
          throw new IOException("the power is off");
        }
        case EIO -> throw new IOException("input/output error");
        case ENOSPC -> full = true;
        default -> {}
      }
    }
    if (full && writes) {
      throw new IOException("no space left on device");
    }
  }

  private void call(String what, Path path, Node forced) throws IOException {
    try {
      call(what, path, false);
    } catch (IOException e) {
      if (failedForcesLose && !off) {
        forced.unforced.clear();
        forced.lost = true;
      }
      throw e;
    }
  }

  // ---- the tree of names ----

  private @Nullable Node find(Path path) {
    Node node = root;
    for (Path part : path) {
      Node next = node.names.get(part.toString());
      if (next == null) {
        return null;
      }
      node = next;
    }
    return node;
  }

  private Node existing(Path path) throws IOException {
    Node node = find(path);
    if (node == null) {
      throw new NoSuchFileException(path.toString());
    }
    return node;
  }

  private Node folderOf(Path path) throws IOException {
    Path parent = path.getParent();
    Node folder = parent == null ? root : existing(parent);
    if (!folder.folder) {
      throw new NoSuchFileException(path.toString());
    }
    return folder;
  }

  private static String name(Path path) {
    return requireNonNull(path.getFileName()).toString();
  }

  private void change(NameChange... changes) {
    for (NameChange change : changes) {
      if (change.node() == null) {
        change.folder().names.remove(change.name());
      } else {
        change.folder().names.put(change.name(), change.node());
      }
      change.folder().modified = ++clock;
    }
    unforcedNames.add(List.of(changes));
  }

  // ---- the disk ----

  @Override
  public synchronized List<String> list(Path folder) throws IOException {
    call("list", folder, false);
    Node node = find(folder);
    return node == null || !node.folder ? List.of() : List.copyOf(node.names.keySet());
  }

  @Override
  public synchronized @Nullable Stat stat(Path path) throws IOException {
    call("stat", path, false);
    Node node = find(path);
    if (node == null) {
      return null;
    }
    return new Stat(
        node.folder ? Type.FOLDER : Type.FILE, node.bytes.length, node.modified, node.id);
  }

  @Override
  public Path real(Path path) {
    return path;
  }

  @Override
  public synchronized byte[] read(Path file) throws IOException {
    call("read", file, false);
    return existing(file).bytes.clone();
  }

  @Override
  public synchronized InputStream open(Path file) throws IOException {
    call("open", file, false);
    return new ByteArrayInputStream(existing(file).bytes.clone());
  }

  @Override
  public synchronized Out create(Path file, @Nullable Path like) throws IOException {
    call("create", file, true);
    Node folder = folderOf(file);
    if (folder.names.containsKey(name(file))) {
      throw new FileAlreadyExistsException(file.toString());
    }
    Node node = new Node(nextId++, false);
    node.modified = ++clock;
    change(new NameChange(folder, name(file), node));
    return new NodeOut(file, node);
  }

  @Override
  public synchronized Out reopen(Path file) throws IOException {
    call("reopen", file, false);
    return new NodeOut(file, existing(file));
  }

  @Override
  public synchronized Out share(Path file) throws IOException {
    return reopen(file);
  }

  @Override
  public synchronized long usable(Path folder) {
    return full ? 0 : usable;
  }

  @Override
  public synchronized void force(Path file) throws IOException {
    call("force", file, existing(file));
    force(existing(file));
  }

  private void force(Node node) {
    if (forcesIgnored) {
      return;
    }
    if (node.lost) {
      forcedAgain.add(history.get(history.size() - 1));
      for (Write write : node.unforced) {
        node.durable = written(node.durable, write.position(), write.bytes(), write.bytes().length);
      }
    } else {
      node.durable = node.bytes.clone();
    }
    node.unforced.clear();
  }

  @Override
  public synchronized void forceFolder(Path folder) throws IOException {
    call("forceFolder", folder, false);
    Node node = existing(folder);
    if (forcesIgnored) {
      return;
    }
    unforcedNames.removeIf(
        changes -> {
          boolean concerned = changes.stream().anyMatch(change -> change.folder() == node);
          if (concerned) {
            changes.forEach(MemoryDisk::makeDurable);
          }
          return concerned;
        });
  }

  @Override
  public synchronized void move(Path from, Path to) throws IOException {
    call("move", to, false);
    Node node = existing(from);
    change(
        new NameChange(folderOf(from), name(from), null),
        new NameChange(folderOf(to), name(to), node));
  }

  @Override
  public synchronized void link(Path file, Path second) throws IOException {
    call("link", second, true);
    Node folder = folderOf(second);
    if (folder.names.containsKey(name(second))) {
      throw new FileAlreadyExistsException(second.toString());
    }
    change(new NameChange(folder, name(second), existing(file)));
  }

  @Override
  public synchronized void delete(Path path) throws IOException {
    call("delete", path, false);
    Node node = find(path);
    if (node != null && node.names.isEmpty()) {
      change(new NameChange(folderOf(path), name(path), null));
    }
  }

  @Override
  public synchronized void createFolder(Path folder) throws IOException {
    call("createFolder", folder, true);
    if (find(folder) == null) {
      change(new NameChange(folderOf(folder), name(folder), new Node(nextId++, true)));
    }
  }

  @Override
  public synchronized LockFile openLock(Path file) throws IOException {
    call("openLock", file, true);
    Node found = find(file);
    Node node = found == null ? new Node(nextId++, false) : found;
    if (found == null) {
      change(new NameChange(folderOf(file), name(file), node));
    }
    return new NodeLock(node);
  }

  @Override
  public String bootId() {
    return bootId;
  }

  /** Writes a file from outside, durably, as another program would. */
  public synchronized void outside(String path, byte[] bytes) throws IOException {
    Path file = Path.of(path);
    Node folder = folderOf(file);
    Node node = new Node(nextId++, false);
    node.bytes = bytes.clone();
    node.durable = node.bytes;
    node.modified = ++clock;
    folder.names.put(name(file), node);
    folder.durableNames.put(name(file), node);
  }

  private final class NodeLock implements LockFile {
    private final Node node;
    private boolean mine;

    NodeLock(Node node) {
      this.node = node;
    }

    @Override
    public boolean tryLock() {
      synchronized (MemoryDisk.this) {
        mine |= !node.locked;
        node.locked = true;
        return mine;
      }
    }

    @Override
    public Object id() {
      return node.id;
    }

    @Override
    public void close() {
      synchronized (MemoryDisk.this) {
        if (mine) {
          node.locked = false;
          mine = false;
        }
      }
    }
  }

  private final class NodeOut implements Out {
    private final Path path;
    private final Node node;

    NodeOut(Path path, Node node) {
      this.path = path;
      this.node = node;
    }

    @Override
    public void write(long position, byte[] bytes, int offset, int length) throws IOException {
      synchronized (MemoryDisk.this) {
        call("write", path, true);
        byte[] part = Arrays.copyOfRange(bytes, offset, offset + length);
        if (calls == faultAt && fault == Fault.SHORT_WRITE && length > 0) {
          put((int) position, Arrays.copyOf(part, length / 2));
          throw new IOException("input/output error");
        }
        put((int) position, part);
      }
    }

    private void put(int position, byte[] part) {
      node.bytes = written(node.bytes, position, part, part.length);
      node.unforced.add(new Write(position, part));
      node.modified = ++clock;
    }

    @Override
    public void force() throws IOException {
      synchronized (MemoryDisk.this) {
        call("forceOut", path, node);
        MemoryDisk.this.force(node);
      }
    }

    @Override
    public void close() {}
  }
}
