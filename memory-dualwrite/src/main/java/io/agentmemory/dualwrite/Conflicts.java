package io.agentmemory.dualwrite;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * States that lost against another one of the same record, each kept whole in a file of its own
 * until somebody decides. A file that cannot be read is kept too, and counted. Thread-safe.
 */
final class Conflicts {
  private static final Logger LOG = LoggerFactory.getLogger(DualWriteMemoryStore.class);
  private static final String SUFFIX = ".json";

  private final Disk disk;
  private final @Nullable Path folder;
  private final Clock clock;
  private final TreeMap<String, Held> held = new TreeMap<>();
  private int unreadable;

  /** A conflict and the state that lost. */
  record Held(Conflict conflict, Stored<?> loser) {}

  private Conflicts(Disk disk, @Nullable Path folder, Clock clock) {
    this.disk = disk;
    this.folder = folder;
    this.clock = clock;
  }

  /** For two stores without a folder: held as long as the process lasts. */
  static Conflicts inMemory(Clock clock) {
    return new Conflicts(LocalDisk.INSTANCE, null, clock);
  }

  /** Reads what is there. The folder is made when it is needed. */
  static Conflicts open(Disk disk, Path folder, Clock clock) throws IOException {
    Conflicts conflicts = new Conflicts(disk, folder, clock);
    for (String name : disk.list(folder)) {
      if (name.endsWith(SUFFIX) && !name.startsWith(".")) {
        try {
          Held one = parse(new String(disk.read(folder.resolve(name)), UTF_8));
          conflicts.held.put(one.conflict().id(), one);
        } catch (IOException | IllegalArgumentException broken) {
          conflicts.unreadable++;
          LOG.warn("the conflict {} cannot be read: {}", name, broken.getClass().getSimpleName());
        }
      }
    }
    return conflicts;
  }

  /**
   * Sets a state aside, durably. Empty if that one is already, which changes nothing.
   *
   * @throws StoreUnavailableException if that is not possible
   */
  synchronized Optional<Conflict> add(Ref ref, Side winner, Version won, Stored<?> loser) {
    String id = id(ref, won, loser.version());
    if (held.containsKey(id)) {
      return Optional.empty();
    }
    Instant now = clock.instant();
    Conflict conflict =
        new Conflict(id, ref.kind(), ref.key(), now, winner.toString(), won, loser.version());
    Held one = new Held(conflict, loser);
    try {
      write(one);
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "setAside", ref.toString()),
          "the state that loses could not be set aside: " + e.getClass().getSimpleName(),
          e);
    }
    held.put(id, one);
    return Optional.of(conflict);
  }

  private void write(Held one) throws IOException {
    if (folder == null) {
      return;
    }
    Files.makeFolder(disk, folder);
    Files.replace(disk, folder.resolve(one.conflict().id() + SUFFIX), text(one));
  }

  /** By id. */
  synchronized List<Conflict> list() {
    return held.values().stream().map(Held::conflict).toList();
  }

  synchronized Optional<Held> get(String id) {
    return Optional.ofNullable(held.get(id));
  }

  /** How many are not decided, those that cannot be read among them. */
  synchronized int size() {
    return held.size() + unreadable;
  }

  /** It is decided. */
  synchronized void remove(String id) {
    try {
      if (folder != null) {
        disk.delete(folder.resolve(id + SUFFIX));
        disk.forceFolder(folder);
      }
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          new Operation(DualWriteMemoryStore.STORE, "resolve", id),
          "the conflict's file could not be removed: " + e.getClass().getSimpleName(),
          e);
    }
    held.remove(id);
  }

  private static String id(Ref ref, Version won, Version lost) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update(Canonical.json(refOf(ref)).getBytes(UTF_8));
      sha.update((won + " " + lost).getBytes(UTF_8));
      return HexFormat.of().formatHex(sha.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Value refOf(Ref ref) {
    return new Value.Seq(
        List.of(Value.of(ref.kind().name()), Value.Seq.ofTexts(ref.key().parts())));
  }

  // ---- as JSON ----

  private static String text(Held one) {
    Conflict conflict = one.conflict();
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("conflict", Value.of(1L));
    map.put("id", Value.of(conflict.id()));
    map.put("kind", Value.of(conflict.kind().name()));
    map.put("key", Value.Seq.ofTexts(conflict.key().parts()));
    map.put("at", Value.of(conflict.at().toString()));
    map.put("winner", Value.of(conflict.winner()));
    map.put("won", version(conflict.won()));
    map.put("lost", version(conflict.lost()));
    MemoryRecord record = one.loser().value();
    if (record != null) {
      map.put("state", record.tree());
    }
    return Canonical.json(new Value.Map(map));
  }

  private static Value version(Version version) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("revision", Value.of(version.revision()));
    if (version.digest() != null) {
      map.put("digest", Value.of(version.digest().hex()));
    }
    return new Value.Map(map);
  }

  private static Held parse(String text) {
    if (!(Canonical.parse(text) instanceof Value.Map map)) {
      throw new IllegalArgumentException("no map");
    }
    Kind<?> kind =
        Kind.named(text(map, "kind")).orElseThrow(() -> new IllegalArgumentException("kind"));
    Key key = new Key(Value.textsOf(map.get("key")));
    Version lost = version(map.get("lost"));
    Conflict conflict =
        new Conflict(
            text(map, "id"),
            kind,
            key,
            Instant.parse(text(map, "at")),
            text(map, "winner"),
            version(map.get("won")),
            lost);
    Digest digest = lost.digest();
    Stored<?> loser =
        digest != null && map.get("state") instanceof Value.Map tree
            ? Stored.live(kind.record(key, tree), lost.revision(), digest, null)
            : Stored.tombstone(kind, key, lost.revision(), null);
    return new Held(conflict, loser);
  }

  private static Version version(@Nullable Value value) {
    if (value instanceof Value.Map map && map.get("revision") instanceof Value.Int revision) {
      String digest = Value.textOf(map.get("digest"));
      return new Version(revision.value(), digest == null ? null : new Digest(digest));
    }
    throw new IllegalArgumentException("no version");
  }

  private static String text(Value.Map map, String name) {
    String text = Value.textOf(map.get(name));
    if (text == null) {
      throw new IllegalArgumentException(name + " is no text");
    }
    return text;
  }
}
