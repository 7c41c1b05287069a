package io.agentmemory.command;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Embedding;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Limits;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Operation;
import io.agentmemory.OtherFile;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.internal.Texts;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.Numbers;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What a value has to be like to be let in. */
record Rules(Limits limits) {
  /** Deeper than any file that is read, and shallower than what recursion bears. */
  private static final int MAX_DEPTH = 256;

  /** The most that pgvector takes. */
  private static final int MAX_FLOATS = 16_000;

  private static final Pattern SPACE = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

  /** What YAML 1.1 takes for a time when it stands without quotes, where no tab can. */
  private static final Pattern YAML_TIME =
      Pattern.compile(
          "[0-9]{4}-[0-9]{2}-[0-9]{2}"
              + "|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]| +)[0-9]{1,2}:[0-9]{2}:[0-9]{2}"
              + "(?:\\.[0-9]*)?(?: *(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?");

  private static final Pattern YAML_NUMBER = Pattern.compile("[-+]?[.0-9][0-9A-Za-z_.:+-]*");

  private static final Set<String> JSON_NO_NUMBERS = Set.of("NaN", "Infinity", "-Infinity");

  private static final Set<String> SOURCE_TEXTS =
      Set.of("tags", "links", "caused_by", "leads_to", "consolidated_from");

  /**
   * An id that enters through a command: composed (NFC), short enough, without control characters.
   */
  String newId(Operation operation, String field, String id) {
    String composed = Normalizer.normalize(id, Normalizer.Form.NFC);
    plain(operation, field, composed);
    if (composed.isBlank() || composed.indexOf('\n') >= 0 || composed.indexOf('\t') >= 0) {
      throw new InvalidMemoryException(operation, field, "is blank or has a tab or line break");
    }
    size(operation, field, composed, limits.idBytes());
    return composed;
  }

  String tag(Operation operation, String tag) {
    String composed = Normalizer.normalize(tag, Normalizer.Form.NFC);
    plain(operation, "tags", composed);
    size(operation, "tags", composed, limits.tagBytes());
    return composed;
  }

  String memberName(Operation operation, String name) {
    String composed = Normalizer.normalize(name, Normalizer.Form.NFC);
    plain(operation, "member name", composed);
    size(operation, "member name", composed, limits.idBytes());
    return composed;
  }

  /** A body that enters through a command: with line feeds only. */
  String content(Operation operation, String content) {
    storable(operation, "content", content);
    String text = content.replace("\r\n", "\n").replace('\r', '\n');
    size(operation, "content", text, limits.contentBytes());
    return text;
  }

  /**
   * Members that enter through a command: all of a front matter, or what stands beside a vector.
   */
  void members(Operation operation, Value.Map members) {
    check(operation, members, 0);
    size(operation, Value.EMPTY_MAP, members);
    tags(operation, members.get("tags"));
  }

  /** One member that enters through a command, with its tags composed if that is what it holds. */
  Value member(Operation operation, String name, Value value) {
    check(operation, value, 1);
    if (!name.equals("tags")) {
      requireTexts(operation, name, value);
      return value;
    }
    tags(operation, value);
    requireTexts(operation, name, value);
    return value.isTexts()
        ? Value.Seq.ofTexts(Value.textsOf(value).stream().map(tag -> tag(operation, tag)).toList())
        : value;
  }

  private void tags(Operation operation, @Nullable Value tags) {
    if (tags instanceof Value.Seq seq && seq.items().size() > limits.tags()) {
      throw new InvalidMemoryException(operation, "tags", "are more than " + limits.tags());
    }
  }

  /** Refuses members that are too large, unless they were as large before. */
  void size(Operation operation, Value.Map before, Value.Map after) {
    int keys = after.entries().size();
    if (keys > limits.keys() && keys > before.entries().size()) {
      throw new InvalidMemoryException(
          operation, "metadata", "has a map of more than " + limits.keys() + " keys");
    }
    int size = utf8(Canonical.canonical(after));
    if (size > limits.metadataBytes() && size > utf8(Canonical.canonical(before))) {
      throw new InvalidMemoryException(
          operation, "metadata", "has " + size + " bytes, more than " + limits.metadataBytes());
    }
  }

  private void check(Operation operation, Value value, int depth) {
    if (depth > limits.depth()) {
      throw new InvalidMemoryException(
          operation, "metadata", "is nested deeper than " + limits.depth());
    }
    if (value instanceof Value.Text text) {
      plain(operation, "metadata", text.value());
    } else if (value instanceof Value.Opaque) {
      throw new InvalidMemoryException(
          operation, "metadata", "has a number that is neither of 64 bits nor a finite float");
    } else if (value instanceof Value.Time time) {
      requireTime(operation, "metadata", time, true);
    } else if (value instanceof Value.Seq seq) {
      seq.items().forEach(item -> check(operation, item, depth + 1));
    } else if (value instanceof Value.Map map) {
      if (map.entries().size() > limits.keys()) {
        throw new InvalidMemoryException(
            operation, "metadata", "has a map of more than " + limits.keys() + " keys");
      }
      map.entries()
          .forEach(
              (key, item) -> {
                plain(operation, "metadata", key);
                check(operation, item, depth + 1);
              });
    }
  }

  private static void plain(Operation operation, String field, String text) {
    storable(operation, field, text);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean control = (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c <= 0x9f);
      if (control || c == '\ufffe' || c == '\uffff') {
        throw new InvalidMemoryException(operation, field, "has a control character at " + i);
      }
    }
  }

  private static void storable(Operation operation, String field, String text) {
    int at = Texts.unstorable(text);
    if (at >= 0) {
      throw new InvalidMemoryException(operation, field, "has NUL or a lone surrogate at " + at);
    }
  }

  private static void size(Operation operation, String field, String text, int limit) {
    int size = utf8(text);
    if (size > limit) {
      throw new InvalidMemoryException(
          operation, field, "has " + size + " bytes, more than " + limit);
    }
  }

  private static int utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  /** Whether a memory's front matter can take a member: it is a map, empty, or not there. */
  static boolean hasMap(Memory memory) {
    Value there = memory.frontMatter();
    return there == null || there.equals(Value.NULL) || there instanceof Value.Map;
  }

  static void requireMap(Operation operation, Memory memory) {
    if (!hasMap(memory)) {
      throw new InvalidMemoryException(
          operation,
          "front_matter",
          "of memory " + memory.id() + " is no map, so it takes no members");
    }
  }

  // ---- what any store can hold ----

  /** The name of a space: it becomes part of a file's name. */
  static void spaceName(Operation operation, String name) {
    if (!SPACE.matcher(name).matches()) {
      throw new InvalidMemoryException(
          operation, "name", "of a space has letters, digits, '.', '_' and '-' only, at most 64");
    }
  }

  static void key(Operation operation, Kind<?> kind, Key key) {
    key.parts().forEach(part -> storable(operation, kind + " key", part));
    if (TreeFile.isKept(kind) && !TreeFile.isKey(kind, key)) {
      throw new InvalidMemoryException(
          operation, kind + " key", "is none that a record of this kind can have");
    }
  }

  /** Refuses a member whose name is the document's own. */
  static void requireUnreserved(Operation operation, MemoryRecord record) {
    if (record instanceof Embedding embedding && embedding.members().has("embedding")) {
      throw new InvalidMemoryException(
          operation, "members", "has \"embedding\", the vector's place");
    }
    if (record instanceof VectorSpace space
        && space.members().has(space.name().equals(VectorSpace.IMAGE) ? "images" : "memories")) {
      throw new InvalidMemoryException(operation, "members", "has the place of the vectors");
    }
    if (record instanceof OtherFile file) {
      TreeFile holder = TreeFile.of(Kind.VALUE, file.key());
      if (holder != null
          && holder.form() == TreeFile.Form.TEXT
          && !(file.value() instanceof Value.Text)) {
        throw new InvalidMemoryException(operation, "value", "of a file of text is no text");
      }
      String list = holder == null ? null : holder.member();
      boolean beside =
          file.value() instanceof Value.Map map
              && !map.isEmpty()
              && (list == null || !map.has(list));
      if (list != null && !beside) {
        throw new InvalidMemoryException(
            operation, "value", "is no map of what stands beside the records of that file");
      }
    }
  }

  /** Refuses a body that, standing alone in its file, would be read as having front matter. */
  static void requireReadable(Operation operation, Memory memory) {
    String content = memory.content();
    if (memory.frontMatter() == null
        && content.startsWith("---")
        && content.indexOf("---", 3) >= 0) {
      throw new InvalidMemoryException(
          operation, "content", "without front matter would be read as having some");
    }
  }

  /** Of these members a file keeps the source text, so a typed scalar would come back as text. */
  private static void requireTexts(Operation operation, String name, Value value) {
    boolean typed = false;
    if (name.equals("id")) {
      typed = isTyped(value) && !value.equals(Value.NULL);
    } else if (SOURCE_TEXTS.contains(name) && value instanceof Value.Seq seq) {
      typed = seq.items().stream().anyMatch(Rules::isTyped);
    }
    if (typed) {
      throw new InvalidMemoryException(operation, name, "holds texts, not numbers or the like");
    }
  }

  private static boolean isTyped(Value value) {
    return !(value instanceof Value.Text
        || value instanceof Value.Seq
        || value instanceof Value.Map);
  }

  /** A time typed as such: YAML has them, JSON does not. */
  private static void requireTime(
      Operation operation, String field, Value.Time time, boolean yaml) {
    if (!yaml) {
      throw new InvalidMemoryException(operation, field, "has a time that is no text");
    }
    if (!YAML_TIME.matcher(time.value()).matches()) {
      throw new InvalidMemoryException(operation, field, "has a time that does not look like one");
    }
  }

  private static void requireNumber(
      Operation operation, String field, Value.Opaque number, boolean yaml) {
    String text = number.value();
    if (!(yaml ? isYamlNumber(text) : isJsonNumber(text))) {
      throw new InvalidMemoryException(
          operation, field, "has a number that does not look like one, or needs no text");
    }
  }

  /** Nearly: a file's writer knows all spellings, and refuses what it would not read back. */
  private static boolean isYamlNumber(String text) {
    if (!YAML_NUMBER.matcher(text).matches()) {
      return false;
    }
    try {
      return Numbers.json(text, IllegalArgumentException::new) instanceof Value.Opaque;
    } catch (IllegalArgumentException notOfJson) {
      return true;
    }
  }

  private static boolean isJsonNumber(String text) {
    try {
      return JSON_NO_NUMBERS.contains(text)
          || Numbers.json(text, IllegalArgumentException::new) instanceof Value.Opaque;
    } catch (IllegalArgumentException notEvenOne) {
      return false;
    }
  }

  /** What any store can hold of a record that comes from elsewhere: verbatim, but within reason. */
  void state(Operation operation, MemoryRecord record) {
    key(operation, record.kind(), record.key());
    requireUnreserved(operation, record);
    if (record instanceof Memory memory) {
      memory(operation, memory);
    } else if (record instanceof Embedding embedding) {
      if (embedding.dimensions() < 1 || embedding.dimensions() > MAX_FLOATS) {
        throw new InvalidMemoryException(
            operation, "vector", "has not 1 to " + MAX_FLOATS + " floats");
      }
      storableValue(operation, "members", embedding.members(), false);
    } else if (record instanceof VectorSpace space) {
      spaceName(operation, space.name());
      storableValue(operation, "members", space.members(), false);
    } else if (record instanceof CoOccurrence entry) {
      storableValue(operation, "count", entry.count(), true);
    } else { // what stands in JSON
      record
          .tree()
          .entries()
          .forEach((field, value) -> storableValue(operation, field, value, false));
    }
  }

  private static void memory(Operation operation, Memory memory) {
    storable(operation, "content", memory.content());
    if (memory.content().indexOf('\r') >= 0) {
      throw new InvalidMemoryException(operation, "content", "has a carriage return");
    }
    storable(operation, "file_name", memory.fileName());
    if (!FileNames.isSafe(memory.fileName())) {
      throw new InvalidMemoryException(operation, "file_name", "is no plain name that ends in .md");
    }
    requireReadable(operation, memory);
    if (memory.frontMatter() != null) {
      storableValue(operation, "front_matter", memory.frontMatter(), true);
      memory.members().entries().forEach((name, value) -> requireTexts(operation, name, value));
    }
    String id = memory.members().get("id") instanceof Value.Text text ? text.value() : null;
    String named = id == null ? FileNames.stem(memory.fileName()) : id;
    if (!named.equals(memory.id())) {
      throw new InvalidMemoryException(
          operation, "id", "is neither the front matter's id nor, without one, the file's name");
    }
  }

  private static void storableValue(Operation operation, String field, Value value, boolean yaml) {
    storableValue(operation, field, value, yaml, 0);
  }

  private static void storableValue(
      Operation operation, String field, Value value, boolean yaml, int depth) {
    if (depth > MAX_DEPTH) {
      throw new InvalidMemoryException(operation, field, "is nested deeper than " + MAX_DEPTH);
    }
    if (value instanceof Value.Text text) {
      storable(operation, field, text.value());
    } else if (value instanceof Value.Time time) {
      requireTime(operation, field, time, yaml);
    } else if (value instanceof Value.Opaque number) {
      requireNumber(operation, field, number, yaml);
    } else if (value instanceof Value.Seq seq) {
      seq.items().forEach(item -> storableValue(operation, field, item, yaml, depth + 1));
    } else if (value instanceof Value.Map map) {
      map.entries()
          .forEach(
              (key, item) -> {
                storable(operation, field, key);
                storableValue(operation, field, item, yaml, depth + 1);
              });
    }
  }
}
