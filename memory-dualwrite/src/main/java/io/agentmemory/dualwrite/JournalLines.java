package io.agentmemory.dualwrite;

import io.agentmemory.Digest;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OpId;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.dualwrite.Journal.Began;
import io.agentmemory.dualwrite.Journal.Change;
import io.agentmemory.dualwrite.Journal.Ending;
import io.agentmemory.internal.Frames;
import io.agentmemory.spi.Canonical;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What the lines of the journal say, and how: JSON, as {@link Canonical#json} spells it. */
final class JournalLines {
  private static final long FORMAT = 1;

  private JournalLines() {}

  /** A line of the journal. */
  sealed interface Line {}

  /**
   * The first line of a segment.
   *
   * @param number of the segment
   * @param oldest the number of the oldest segment that still counted when this one was made
   * @param nextOp the number of the next operation
   * @param ending what was found at opening and is not dealt with yet
   * @param damage what was found damaged then
   */
  record Header(
      UUID folder,
      String boot,
      long number,
      long oldest,
      long nextOp,
      Ending ending,
      List<String> damage)
      implements Line {}

  /** An operation is about to be executed; {@code leaders} have been told to, the last one last. */
  record BeganLine(long number, List<Side> leaders, Began began) implements Line {}

  /** Part of what an operation did. */
  record ChangedLine(
      OpId opId, long number, Side lacking, int part, int parts, List<Change> changes)
      implements Line {}

  /** Both sides have it, or neither does. */
  record DoneLine(OpId opId) implements Line {}

  /** Segments with a lower number no longer count. */
  record OldestLine(long number) implements Line {}

  /** How many lines the segment before this one got. */
  record FollowsLine(long lines) implements Line {}

  /** A line that says no more than its name. */
  enum Mark implements Line {
    /** What was found at opening has been dealt with. */
    SETTLED,
    /** The owner ended in good order. */
    CLOSED
  }

  /** A version of the format that is not ours. */
  static final class NewerFormatException extends Exception {
    private static final long serialVersionUID = 1L;
  }

  // ---- writing ----

  /** Bytes of lines. */
  static long size(List<byte[]> lines) {
    return lines.stream().mapToLong(line -> line.length).sum();
  }

  static byte[] header(Header header) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("journal", Value.of(FORMAT));
    map.put("folder", Value.of(header.folder().toString()));
    map.put("boot", Value.of(header.boot()));
    map.put("segment", Value.of(header.number()));
    map.put("oldest", Value.of(header.oldest()));
    map.put("next", Value.of(header.nextOp()));
    map.put("ending", Value.of(header.ending().name()));
    map.put("damage", Value.Seq.ofTexts(header.damage()));
    return frame(map);
  }

  static byte[] began(long number, Collection<Side> leaders, Began began) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("began", Value.of(began.opId().toString()));
    map.put("n", Value.of(number));
    map.put("by", Value.Seq.ofTexts(leaders.stream().map(Side::name).toList()));
    map.put("records", new Value.Seq(began.refs().stream().map(JournalLines::ref).toList()));
    map.put("whole", Value.Seq.ofTexts(began.whole().stream().map(Kind::name).toList()));
    return frame(map);
  }

  /** One line, or several where it would be longer than {@code limit}. */
  static List<byte[]> changed(
      OpId opId, long number, Side lacking, List<Change> changes, int limit) {
    List<List<Value>> parts = new ArrayList<>();
    List<Value> part = new ArrayList<>();
    parts.add(part);
    long size = 0;
    for (Change change : changes) {
      long more = size(change);
      if (!part.isEmpty() && size + more > limit) {
        part = new ArrayList<>();
        parts.add(part);
        size = 0;
      }
      part.add(change(opId, change));
      size += more;
    }
    List<byte[]> lines = new ArrayList<>();
    for (int i = 0; i < parts.size(); i++) {
      Map<String, Value> map = new LinkedHashMap<>();
      map.put("changed", Value.of(opId.toString()));
      map.put("n", Value.of(number));
      map.put("lacks", Value.of(lacking.name()));
      map.put("part", Value.of((long) i));
      map.put("parts", Value.of((long) parts.size()));
      map.put("records", new Value.Seq(parts.get(i)));
      lines.add(frame(map));
    }
    return lines;
  }

  /** A record's length in a line, at most; only those that may be long are looked at. */
  private static long size(Change change) {
    Stored<?> state = change.state();
    if (state == null || state.value() == null) {
      return 600;
    }
    return 600 + 3L * Canonical.json(state.value().tree()).length();
  }

  static byte[] done(OpId opId) {
    return frame(Map.of("done", Value.of(opId.toString())));
  }

  static byte[] oldest(long number) {
    return frame(Map.of("oldest", Value.of(number)));
  }

  static byte[] follows(long lines) {
    return frame(Map.of("follows", Value.of(lines)));
  }

  static byte[] mark(Mark mark) {
    return frame(Map.of("mark", Value.of(mark.name())));
  }

  private static byte[] frame(Map<String, Value> map) {
    return Frames.line(Canonical.json(new Value.Map(map)));
  }

  private static Value ref(Ref ref) {
    List<String> texts = new ArrayList<>();
    texts.add(ref.kind().name());
    texts.addAll(ref.key().parts());
    return Value.Seq.ofTexts(texts);
  }

  private static Value change(OpId opId, Change change) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("record", ref(change.ref()));
    Version before = change.before();
    if (before != null) {
      map.put("before", version(before));
    }
    map.put("after", version(change.after()));
    Stored<?> state = change.state();
    if (state != null) {
      OpId lastOp = state.lastOp();
      if (!opId.equals(lastOp)) {
        map.put("by", lastOp == null ? Value.NULL : Value.of(lastOp.toString()));
      }
      MemoryRecord record = state.value();
      map.put("state", record == null ? Value.NULL : record.tree());
      if (record != null && state.place() != 0) {
        map.put("place", Value.of(state.place()));
      }
    }
    return new Value.Map(map);
  }

  private static Value version(Version version) {
    List<Value> items = new ArrayList<>();
    items.add(Value.of(version.revision()));
    Digest digest = version.digest();
    if (digest != null) {
      items.add(Value.of(digest.hex()));
    }
    return new Value.Seq(items);
  }

  // ---- reading ----

  /**
   * The line of a text.
   *
   * @throws IllegalArgumentException if the text is none
   * @throws NewerFormatException if it is the header of a newer version's segment
   */
  static Line read(String text) throws NewerFormatException {
    if (!(Canonical.parse(text) instanceof Value.Map map)) {
      throw new IllegalArgumentException("a map expected");
    }
    if (map.has("journal")) {
      if (number(map, "journal") != FORMAT) {
        throw new NewerFormatException();
      }
      return new Header(
          UUID.fromString(text(map, "folder")),
          text(map, "boot"),
          number(map, "segment"),
          number(map, "oldest"),
          number(map, "next"),
          Ending.valueOf(text(map, "ending")),
          texts(items(map, "damage")));
    }
    if (map.has("began")) {
      List<Side> by = texts(items(map, "by")).stream().map(Side::valueOf).toList();
      List<Ref> refs = items(map, "records").stream().map(JournalLines::ref).toList();
      Set<Kind<?>> whole = new LinkedHashSet<>();
      texts(items(map, "whole")).forEach(name -> whole.add(kind(name)));
      if (by.isEmpty()) {
        throw new IllegalArgumentException("nobody executes it");
      }
      Began began = new Began(opId(text(map, "began")), by.get(by.size() - 1), refs, whole);
      return new BeganLine(number(map, "n"), by, began);
    }
    if (map.has("changed")) {
      OpId opId = opId(text(map, "changed"));
      return new ChangedLine(
          opId,
          number(map, "n"),
          Side.valueOf(text(map, "lacks")),
          (int) number(map, "part"),
          (int) number(map, "parts"),
          items(map, "records").stream().map(item -> change(opId, item)).toList());
    }
    if (map.has("done")) {
      return new DoneLine(opId(text(map, "done")));
    }
    if (map.has("follows")) {
      return new FollowsLine(number(map, "follows"));
    }
    if (map.has("oldest")) {
      return new OldestLine(number(map, "oldest"));
    }
    return Mark.valueOf(text(map, "mark"));
  }

  private static Ref ref(@Nullable Value value) {
    if (!(value instanceof Value.Seq seq)) {
      throw new IllegalArgumentException("a record's name expected");
    }
    List<String> texts = texts(seq.items());
    if (texts.size() < 2) {
      throw new IllegalArgumentException("a record's name has a kind and a key");
    }
    return new Ref(kind(texts.get(0)), new Key(texts.subList(1, texts.size())));
  }

  private static Change change(OpId opId, Value value) {
    if (!(value instanceof Value.Map map)) {
      throw new IllegalArgumentException("a map expected");
    }
    Ref ref = ref(map.get("record"));
    Version before = map.has("before") ? version(map.get("before")) : null;
    Version after = version(map.get("after"));
    return new Change(ref, before, after, state(opId, ref, after, map));
  }

  private static @Nullable Stored<?> state(OpId opId, Ref ref, Version after, Value.Map map) {
    Value state = map.get("state");
    if (state == null) {
      return null;
    }
    OpId lastOp = opId;
    if (map.has("by")) {
      String by = Value.textOf(map.get("by"));
      lastOp = by == null ? null : opId(by);
    }
    Digest digest = after.digest();
    if (state instanceof Value.Map tree && digest != null) {
      MemoryRecord record = ref.kind().record(ref.key(), tree);
      Stored<?> live = Stored.live(record, after.revision(), digest, lastOp);
      return map.get("place") instanceof Value.Int place ? live.at(place.value()) : live;
    }
    if (digest != null || !state.equals(Value.NULL)) {
      throw new IllegalArgumentException("a tombstone has neither digest nor value");
    }
    return Stored.tombstone(ref.kind(), ref.key(), after.revision(), lastOp);
  }

  private static Version version(@Nullable Value value) {
    if (value instanceof Value.Seq seq
        && !seq.items().isEmpty()
        && seq.items().get(0) instanceof Value.Int revision) {
      String digest = seq.items().size() > 1 ? Value.textOf(seq.items().get(1)) : null;
      return new Version(revision.value(), digest == null ? null : new Digest(digest));
    }
    throw new IllegalArgumentException("a version expected");
  }

  private static Kind<?> kind(String name) {
    return Kind.named(name).orElseThrow(() -> new IllegalArgumentException("an unknown kind"));
  }

  private static OpId opId(String text) {
    return new OpId(UUID.fromString(text));
  }

  private static List<Value> items(Value.Map map, String name) {
    if (map.get(name) instanceof Value.Seq seq) {
      return seq.items();
    }
    throw new IllegalArgumentException(name + " is no list");
  }

  private static List<String> texts(List<Value> values) {
    List<String> texts = new ArrayList<>();
    for (Value value : values) {
      String text = Value.textOf(value);
      if (text == null) {
        throw new IllegalArgumentException("a text expected");
      }
      texts.add(text);
    }
    return texts;
  }

  private static String text(Value.Map map, String name) {
    String text = Value.textOf(map.get(name));
    if (text == null) {
      throw new IllegalArgumentException(name + " is no text");
    }
    return text;
  }

  private static long number(Value.Map map, String name) {
    if (map.get(name) instanceof Value.Int number) {
      return number.value();
    }
    throw new IllegalArgumentException(name + " is no number");
  }
}
