package io.agentmemory.file;

import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.OpId;
import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.Frames;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a tree's own files do not say, as of the last checkpoint: which files there were, and the
 * revisions of the records that are not at revision 1. {@code checkpoint.json} names a file {@code
 * state-n} of lines and how far it counts; a checkpoint adds lines for what changed, so that it
 * costs as much as that, and writes a new file when most of the old one is out of date.
 */
final class Control {
  static final String CHECKPOINT = "checkpoint.json";
  private static final int LAYOUT = 1;

  /** A record's name. */
  record Ref(Kind<?> kind, Key key) {}

  /** A record's control fields; the version's digest is null for a tombstone. */
  record Known(Version version, @Nullable OpId lastOp) {}

  /**
   * A file as it was.
   *
   * @param seq of the operation that wrote it; 0 if another program did
   * @param id of the memory in it; null for a document, and for a file that is not served
   * @param memory the first digits of the digest of that memory
   * @param entries the first digits of the digests of its co-occurrence entries
   */
  record FileState(
      long size,
      long modified,
      String hash,
      long seq,
      @Nullable String id,
      @Nullable String memory,
      Map<String, String> entries) {

    /** What has to be kept in memory of it. */
    FileState brief() {
      return entries.isEmpty() && memory == null
          ? this
          : new FileState(size, modified, hash, seq, id, null, Map.of());
    }
  }

  /** A record that an operation changed, and the version it was at; null if it was not there. */
  record Touched(Ref ref, @Nullable Version before) {}

  /**
   * The head: one small file, replaced as a whole.
   *
   * @param generation counts checkpoints
   * @param seq of the last line of the log that is in it
   * @param state name of the file of lines; empty before the first checkpoint
   * @param length how many of its bytes count
   * @param fresh how many it had when it was new
   * @param edited another text each time that edits of others were taken over
   */
  record Head(
      String store,
      String namespace,
      long generation,
      long seq,
      String state,
      long length,
      long fresh,
      String edited) {

    byte[] bytes() {
      Map<String, Value> map = new LinkedHashMap<>();
      map.put("layout", Value.of((long) LAYOUT));
      map.put("store", Value.of(store));
      map.put("namespace", Value.of(namespace));
      map.put("generation", Value.of(generation));
      map.put("seq", Value.of(seq));
      map.put("state", Value.of(state));
      map.put("length", Value.of(length));
      map.put("fresh", Value.of(fresh));
      map.put("edited", Value.of(edited));
      return Canonical.json(new Value.Map(map)).getBytes(StandardCharsets.UTF_8);
    }

    /**
     * @throws IllegalArgumentException if the bytes are no head
     */
    static Head of(byte[] bytes) {
      Value.Map map = Lines.map(Canonical.parse(new String(bytes, StandardCharsets.UTF_8)));
      if (Lines.number(map, "layout") != LAYOUT) {
        throw new NewerLayoutException();
      }
      return new Head(
          Lines.text(map, "store"),
          Lines.text(map, "namespace"),
          Lines.number(map, "generation"),
          Lines.number(map, "seq"),
          Lines.text(map, "state"),
          Lines.number(map, "length"),
          Lines.number(map, "fresh"),
          Lines.text(map, "edited"));
    }
  }

  /** The tree was written by a newer version of this library. */
  static final class NewerLayoutException extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  final Map<String, FileState> files = new HashMap<>();
  final Map<Ref, Known> records = new HashMap<>();
  final Map<OpId, List<Touched>> ops = new LinkedHashMap<>();

  /** How many lines could not be read. */
  int damaged;

  /** Reads what a head names. */
  static Control read(Disk disk, Path folder, Head head) throws IOException {
    Control control = new Control();
    if (head.state().isEmpty()) {
      return control;
    }
    Path path = folder.resolve(head.state());
    byte[] bytes = disk.stat(path) == null ? new byte[0] : disk.read(path);
    Frames.Scan scan = Frames.scan(bytes, (int) Math.min(bytes.length, head.length()));
    control.damaged = scan.gaps().size() + (bytes.length < head.length() ? 1 : 0);
    for (Frames.Frame frame : scan.frames()) {
      try {
        for (Value entry : Lines.items(Lines.map(Canonical.parse(frame.text())), "entries")) {
          control.take(Lines.map(entry));
        }
      } catch (IllegalArgumentException unreadable) {
        control.damaged++;
      }
    }
    return control;
  }

  private void take(Value.Map map) {
    if (map.has("file")) {
      String file = Lines.text(map, "file");
      if (map.has("gone")) {
        files.remove(file);
      } else {
        files.put(file, fileState(map));
      }
    } else if (map.has("op")) {
      List<Touched> touched = new ArrayList<>();
      for (Value item : Lines.items(map, "changes")) {
        Value.Map change = Lines.map(item);
        touched.add(new Touched(ref(change), version(change)));
      }
      ops.put(Lines.opId(Lines.text(map, "op")), touched);
    } else {
      Version version = version(map);
      String op = Value.textOf(map.get("by"));
      if (version != null) {
        records.put(ref(map), new Known(version, op == null ? null : Lines.opId(op)));
      }
    }
  }

  private static Ref ref(Value.Map map) {
    return new Ref(Lines.kind(map), Lines.key(map));
  }

  private static @Nullable Version version(Value.Map map) {
    if (!(map.get("revision") instanceof Value.Int revision)) {
      return null;
    }
    String digest = Value.textOf(map.get("digest"));
    return new Version(revision.value(), digest == null ? null : new Digest(digest));
  }

  private static FileState fileState(Value.Map map) {
    Map<String, String> entries = new HashMap<>();
    if (map.get("entries") instanceof Value.Map digests) {
      digests.entries().keySet().forEach(to -> entries.put(to, Lines.text(digests, to)));
    }
    return new FileState(
        Lines.number(map, "size"),
        Lines.number(map, "modified"),
        Lines.text(map, "hash"),
        Lines.number(map, "seq"),
        Value.textOf(map.get("id")),
        Value.textOf(map.get("memory")),
        entries);
  }

  // ---- the entries of lines ----

  static Value file(String file, FileState state) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("file", Value.of(file));
    map.put("size", Value.of(state.size()));
    map.put("modified", Value.of(state.modified()));
    map.put("hash", Value.of(state.hash()));
    map.put("seq", Value.of(state.seq()));
    if (state.id() != null) {
      map.put("id", Value.of(state.id()));
    }
    if (state.memory() != null) {
      map.put("memory", Value.of(state.memory()));
    }
    if (!state.entries().isEmpty()) {
      Map<String, Value> entries = new LinkedHashMap<>();
      state.entries().forEach((to, digest) -> entries.put(to, Value.of(digest)));
      map.put("entries", new Value.Map(entries));
    }
    return new Value.Map(map);
  }

  static Value gone(String file) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("file", Value.of(file));
    map.put("gone", Value.of(true));
    return new Value.Map(map);
  }

  static Value record(Ref ref, Version version, @Nullable OpId lastOp) {
    Map<String, Value> map = new LinkedHashMap<>();
    Lines.putKey(map, ref.kind(), ref.key());
    putVersion(map, version);
    if (lastOp != null) {
      map.put("by", Value.of(lastOp.toString()));
    }
    return new Value.Map(map);
  }

  static Value op(OpId op, List<Touched> touched) {
    List<Value> changes = new ArrayList<>();
    for (Touched change : touched) {
      Map<String, Value> map = new LinkedHashMap<>();
      Lines.putKey(map, change.ref().kind(), change.ref().key());
      if (change.before() != null) {
        putVersion(map, change.before());
      }
      changes.add(new Value.Map(map));
    }
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("op", Value.of(op.toString()));
    map.put("changes", new Value.Seq(changes));
    return new Value.Map(map);
  }

  private static void putVersion(Map<String, Value> map, Version version) {
    map.put("revision", Value.of(version.revision()));
    Digest digest = version.digest();
    if (digest != null) {
      map.put("digest", Value.of(digest.hex()));
    }
  }
}
