package io.agentmemory.file;

import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OpId;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.command.Outcome;
import io.agentmemory.spi.Canonical;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What the lines of the log say, and how: JSON, as {@link Canonical#json} spells it. */
final class Lines {
  private Lines() {}

  /**
   * One operation and what it did. Which records of a document have come to stand behind all others
   * is said by new places; the file of a memory says it by itself.
   */
  record Op(OpId id, List<Outcome.Change> changes) {}

  /**
   * What becomes of a memory's file.
   *
   * @param old SHA-256 of the bytes that were there; null if there was no file
   * @param text what is there now; null if the file goes
   */
  record FileChange(String file, @Nullable String old, @Nullable String text) {}

  /** A line of the log. */
  sealed interface Line {}

  /** The first line of a segment. */
  record Segment(String store, String boot) implements Line {}

  /** Operations that were made durable together: the commit point of each. */
  record Group(long seq, List<Op> ops, List<FileChange> files) implements Line {}

  /** SHA-256 of the documents that a checkpoint is about to put in place. */
  record Documents(long seq, Map<String, String> hashes) implements Line {}

  static String write(Line line) {
    Map<String, Value> map = new LinkedHashMap<>();
    if (line instanceof Segment segment) {
      map.put("log", Value.of(1L));
      map.put("store", Value.of(segment.store()));
      map.put("boot", Value.of(segment.boot()));
    } else if (line instanceof Group group) {
      map.put("seq", Value.of(group.seq()));
      map.put("ops", new Value.Seq(group.ops().stream().map(Lines::op).toList()));
      map.put("files", new Value.Seq(group.files().stream().map(Lines::file).toList()));
    } else if (line instanceof Documents documents) {
      map.put("seq", Value.of(documents.seq()));
      Map<String, Value> hashes = new LinkedHashMap<>();
      documents.hashes().forEach((file, hash) -> hashes.put(file, Value.of(hash)));
      map.put("documents", new Value.Map(hashes));
    }
    return Canonical.json(new Value.Map(map));
  }

  /**
   * The line of a text.
   *
   * @throws IllegalArgumentException if the text is none, or a newer version's
   */
  static Line read(String text) {
    Value.Map map = map(Canonical.parse(text));
    if (map.has("log")) {
      if (number(map, "log") != 1) {
        throw new IllegalArgumentException("a newer version wrote it");
      }
      return new Segment(text(map, "store"), text(map, "boot"));
    }
    long seq = number(map, "seq");
    if (map.get("documents") instanceof Value.Map documents) {
      Map<String, String> hashes = new LinkedHashMap<>();
      documents.entries().keySet().forEach(file -> hashes.put(file, text(documents, file)));
      return new Documents(seq, hashes);
    }
    return new Group(
        seq,
        items(map, "ops").stream().map(Lines::op).toList(),
        items(map, "files").stream().map(Lines::file).toList());
  }

  private static Value op(Op op) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("op", Value.of(op.id().toString()));
    map.put("changes", new Value.Seq(op.changes().stream().map(Lines::change).toList()));
    return new Value.Map(map);
  }

  private static Op op(Value value) {
    Value.Map map = map(value);
    OpId id = opId(text(map, "op"));
    return new Op(id, items(map, "changes").stream().map(v -> change(id, map(v))).toList());
  }

  private static Value change(Outcome.Change change) {
    Stored<?> after = change.after();
    Map<String, Value> map = new LinkedHashMap<>();
    putKey(map, after.kind(), after.key());
    Version before = change.before();
    if (before != null) {
      map.put("before", Value.of(before.revision()));
      Digest was = before.digest();
      if (was != null) {
        map.put("was", Value.of(was.hex()));
      }
    }
    map.put("revision", Value.of(after.revision()));
    MemoryRecord record = after.value();
    Digest digest = after.version().digest();
    if (record != null && digest != null) {
      if (after.hasNewPlace() && !io.agentmemory.file.Documents.inMemoryFile(after.kind())) {
        map.put("new", Value.of(after.newPlaces() - 1));
      }
      map.put("digest", Value.of(digest.hex()));
      map.put("tree", record.tree());
    }
    return new Value.Map(map);
  }

  private static Outcome.Change change(OpId op, Value.Map map) {
    Kind<?> kind = kind(map);
    Key key = key(map);
    Version before = null;
    if (map.get("before") instanceof Value.Int revision) {
      String was = Value.textOf(map.get("was"));
      before = new Version(revision.value(), was == null ? null : new Digest(was));
    }
    long revision = number(map, "revision");
    if (map.get("tree") instanceof Value.Map tree) {
      MemoryRecord record = kind.record(key, tree);
      Digest digest = new Digest(text(map, "digest"));
      Stored<?> live = Stored.live(record, revision, digest, op);
      return new Outcome.Change(
          before,
          map.get("new") instanceof Value.Int n ? live.at(Stored.newPlace((int) n.value())) : live);
    }
    return new Outcome.Change(before, Stored.tombstone(kind, key, revision, op));
  }

  private static Value file(FileChange change) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("file", Value.of(change.file()));
    if (change.old() != null) {
      map.put("old", Value.of(change.old()));
    }
    if (change.text() != null) {
      map.put("text", Value.of(change.text()));
    }
    return new Value.Map(map);
  }

  private static FileChange file(Value value) {
    Value.Map map = map(value);
    return new FileChange(
        text(map, "file"), Value.textOf(map.get("old")), Value.textOf(map.get("text")));
  }

  // ---- the parts that other files of ours have too ----

  static void putKey(Map<String, Value> map, Kind<?> kind, Key key) {
    map.put("kind", Value.of(kind.name()));
    map.put("key", Value.Seq.ofTexts(key.parts()));
  }

  static Kind<?> kind(Value.Map map) {
    return Kind.named(text(map, "kind"))
        .orElseThrow(() -> new IllegalArgumentException("an unknown kind"));
  }

  static Key key(Value.Map map) {
    return new Key(new ArrayList<>(Value.textsOf(map.get("key"))));
  }

  static OpId opId(String text) {
    return new OpId(UUID.fromString(text));
  }

  static Value.Map map(@Nullable Value value) {
    if (value instanceof Value.Map map) {
      return map;
    }
    throw new IllegalArgumentException("a map expected");
  }

  static List<Value> items(Value.Map map, String name) {
    if (map.get(name) instanceof Value.Seq seq) {
      return seq.items();
    }
    throw new IllegalArgumentException(name + " is no list");
  }

  static String text(Value.Map map, String name) {
    String text = Value.textOf(map.get(name));
    if (text == null) {
      throw new IllegalArgumentException(name + " is no text");
    }
    return text;
  }

  static long number(Value.Map map, String name) {
    if (map.get(name) instanceof Value.Int number) {
      return number.value();
    }
    throw new IllegalArgumentException(name + " is no number");
  }
}
