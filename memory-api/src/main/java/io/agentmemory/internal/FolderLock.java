package io.agentmemory.internal;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The right to write to a folder, held by one store object of one process. The operating system's
 * lock on the file {@code lock} in it tells processes apart; within this one a list does, and a
 * system property for the folder where several class loaders have this class, because closing any
 * second channel on that file would free the lock. Who holds it stands in {@code owner-<pid>.json},
 * for people only.
 */
public final class FolderLock implements AutoCloseable {
  private static final Set<Object> HELD = new HashSet<>();
  private static final String MARK = "io.agentmemory.lock:"; // before a folder's real path
  private static final Duration POLL = Duration.ofMillis(20);

  private final Disk disk;
  private final Path path;
  private final Disk.LockFile file;
  private final Set<Object> keys;
  private final Path owner;

  private FolderLock(Disk disk, Path path, Disk.LockFile file, Set<Object> keys, Path owner) {
    this.disk = disk;
    this.path = path;
    this.file = file;
    this.keys = keys;
    this.owner = owner;
  }

  /**
   * Takes the lock, waiting for at most {@code wait}.
   *
   * @throws StoreUnavailableException if another store has it all that time; names that one
   */
  public static FolderLock take(
      Disk disk, Path folder, Operation operation, Duration wait, Clock clock, long pid)
      throws IOException {
    long deadline = System.nanoTime() + wait.toNanos();
    Path path = folder.resolve("lock");
    Set<Object> keys = new HashSet<>();
    Path real = disk.real(folder);
    if (!reserve(Map.entry(disk, real), keys, deadline)) {
      throw taken(disk, folder, operation);
    }
    Disk.LockFile file = null;
    try {
      if (disk == LocalDisk.INSTANCE && !mark(MARK + real, keys, deadline)) {
        throw taken(disk, folder, operation);
      }
      while (true) {
        // Before it is opened: another path may lead to a file that we have locked.
        Disk.Stat there = disk.stat(path);
        Object known = there == null ? null : key(disk, there.id());
        if (known != null && !reserve(known, keys, deadline)) {
          throw taken(disk, folder, operation);
        }
        file = disk.openLock(path);
        Object id = key(disk, file.id());
        if (id != null && !id.equals(known)) {
          release(known, keys);
          if (!reserve(id, keys, deadline)) {
            throw taken(disk, folder, operation);
          }
        }
        while (!file.tryLock()) {
          if (System.nanoTime() - deadline >= 0) {
            throw taken(disk, folder, operation);
          }
          pause();
        }
        Disk.Stat now = disk.stat(path);
        if (now != null && (id == null || requireNonNull(file.id()).equals(now.id()))) {
          break;
        }
        file.close(); // somebody removed the file and made it anew: that one counts
        release(id, keys);
      }
      Path owner = folder.resolve("owner-" + pid + ".json");
      writeOwner(disk, folder, owner, clock, pid);
      return new FolderLock(disk, path, file, keys, owner);
    } catch (IOException | RuntimeException e) {
      if (file != null) {
        try {
          file.close();
        } catch (IOException second) {
          e.addSuppressed(second);
        }
      }
      releaseAll(keys);
      throw e;
    }
  }

  private static @Nullable Object key(Disk disk, @Nullable Object id) {
    return id == null ? null : Map.entry(disk, id);
  }

  /** Reserves it for this class loader. */
  private static boolean mark(String mark, Set<Object> keys, long deadline) {
    while (System.getProperties().putIfAbsent(mark, "held") != null) {
      if (System.nanoTime() - deadline >= 0) {
        return false;
      }
      pause();
    }
    keys.add(mark);
    return true;
  }

  private static boolean reserve(Object key, Set<Object> keys, long deadline) {
    synchronized (HELD) {
      boolean interrupted = false;
      try {
        while (!HELD.add(key)) {
          long left = deadline - System.nanoTime();
          if (left <= 0) {
            return false;
          }
          try {
            HELD.wait(Math.max(1, left / 1_000_000));
          } catch (InterruptedException e) {
            interrupted = true;
          }
        }
      } finally {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
      keys.add(key);
      return true;
    }
  }

  private static void release(@Nullable Object key, Set<Object> keys) {
    if (key != null) {
      synchronized (HELD) {
        keys.remove(key);
        HELD.remove(key);
        HELD.notifyAll();
      }
    }
  }

  private static void releaseAll(Set<Object> keys) {
    for (Object key : keys) {
      if (key instanceof String mark) {
        System.getProperties().remove(mark);
      }
    }
    synchronized (HELD) {
      HELD.removeAll(keys);
      HELD.notifyAll();
    }
  }

  private static void pause() {
    java.util.concurrent.locks.LockSupport.parkNanos(POLL.toNanos());
  }

  private static StoreUnavailableException taken(Disk disk, Path folder, Operation operation) {
    return StoreUnavailableException.notApplied(
        operation,
        "it is being written by " + owners(disk, folder) + "; open it for reading, or wait",
        null);
  }

  /** Whoever says that they hold the lock. */
  private static String owners(Disk disk, Path folder) {
    StringBuilder found = new StringBuilder();
    try {
      for (String name : disk.list(folder)) {
        if (!isOwner(name)) {
          continue;
        }
        Value value =
            Canonical.parse(new String(disk.read(folder.resolve(name)), StandardCharsets.UTF_8));
        if (value instanceof Value.Map map && map.get("pid") instanceof Value.Int pid) {
          found.append(found.length() == 0 ? "process " : " or process ").append(pid.value());
          String since = Value.textOf(map.get("since"));
          found.append(since == null ? "" : " since " + since);
        }
      }
    } catch (IOException | IllegalArgumentException unreadable) {
      return "another process"; // its name is a help, not a need
    }
    return found.length() == 0 ? "another process" : found.toString();
  }

  private static boolean isOwner(String name) {
    return name.matches("owner-[0-9]+\\.json");
  }

  private static void writeOwner(Disk disk, Path folder, Path owner, Clock clock, long pid)
      throws IOException {
    for (String name : disk.list(folder)) {
      if (isOwner(name)) {
        disk.delete(folder.resolve(name)); // we have the lock: whoever wrote that is gone
      }
    }
    Map<String, Value> said = new LinkedHashMap<>();
    said.put("pid", Value.of(pid));
    said.put("since", Value.of(clock.instant().toString()));
    byte[] bytes = Canonical.json(new Value.Map(said)).getBytes(StandardCharsets.UTF_8);
    try (Disk.Out out = disk.create(owner, null)) {
      out.write(0, bytes, 0, bytes.length);
    }
  }

  /** Whether the folder under this name is still the one whose lock this is. */
  public boolean isInPlace() throws IOException {
    Disk.Stat now = disk.stat(path);
    return now != null && (file.id() == null || requireNonNull(file.id()).equals(now.id()));
  }

  @Override
  public void close() throws IOException {
    try {
      disk.delete(owner);
    } finally {
      try {
        file.close();
      } finally {
        releaseAll(keys);
      }
    }
  }
}
