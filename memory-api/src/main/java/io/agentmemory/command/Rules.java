package io.agentmemory.command;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Limits;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Observation;
import io.agentmemory.Operation;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;

/** What a value has to be like to be let in. */
record Rules(Limits limits) {

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

  void tags(Operation operation, Memory memory) {
    if (memory.tags().size() > limits.tags()) {
      throw new InvalidMemoryException(operation, "tags", "are more than " + limits.tags());
    }
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

  /** Front matter that enters through a command. */
  Value.Map members(Operation operation, Value.Map members) {
    check(operation, members, 0);
    int size = utf8(Canonical.canonical(members));
    if (size > limits.metadataBytes()) {
      throw new InvalidMemoryException(
          operation, "metadata", "has " + size + " bytes, more than " + limits.metadataBytes());
    }
    if (members.get("tags") instanceof Value.Seq tags && tags.items().size() > limits.tags()) {
      throw new InvalidMemoryException(operation, "tags", "are more than " + limits.tags());
    }
    return members;
  }

  private void check(Operation operation, Value value, int depth) {
    if (depth > limits.depth()) {
      throw new InvalidMemoryException(
          operation, "metadata", "is nested deeper than " + limits.depth());
    }
    if (value instanceof Value.Text text) {
      plain(operation, "metadata", text.value());
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

  /** What any store can hold of a record that comes from elsewhere: verbatim, but within reason. */
  void state(Operation operation, MemoryRecord record) {
    record.key().parts().forEach(part -> storable(operation, record.kind() + " key", part));
    if (record instanceof Memory memory) {
      memory(operation, memory);
    } else if (record instanceof Edge edge) {
      storableValue(operation, "members", edge.members());
    } else if (record instanceof Observation observation) {
      storableValue(operation, "members", observation.members());
    } else if (record instanceof Embedding embedding) {
      storableValue(operation, "members", embedding.members());
    } else if (record instanceof VectorSpace space) {
      storableValue(operation, "members", space.members());
    } else if (record instanceof CoOccurrence entry) {
      storableValue(operation, "count", entry.count());
    } else if (record instanceof ImageLink link) {
      storableValue(operation, "links", link.links());
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
    Value frontMatter = memory.frontMatter();
    if (frontMatter == null) {
      String content = memory.content();
      int second = content.startsWith("---") ? content.indexOf("---", 3) : -1;
      if (second >= 0) {
        throw new InvalidMemoryException(
            operation, "content", "without front matter would be read as having some");
      }
    } else {
      storableValue(operation, "front_matter", frontMatter);
    }
    String id = memory.members().get("id") instanceof Value.Text text ? text.value() : null;
    String named = id == null ? FileNames.stem(memory.fileName()) : id;
    if (!named.equals(memory.id())) {
      throw new InvalidMemoryException(
          operation, "id", "is neither the front matter's id nor, without one, the file's name");
    }
  }

  private static void storableValue(Operation operation, String field, Value value) {
    value.mapTexts(
        text -> {
          storable(operation, field, text);
          return text;
        });
  }
}
