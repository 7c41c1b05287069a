package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Map;

/**
 * A JSON file of the tree that no other kind reads, kept whole. Of a file that holds a list of
 * records under a member (the log of rejections), what stands beside that member: a map that is not
 * empty and does not have it.
 *
 * @param path from the memory root, with {@code /} between the parts, such as {@code
 *     social/my_posts.json}; {@code sensors/...} where the folder lies beside the root
 * @param value what the file holds, of any type
 */
public record JsonFile(String path, Value value) implements MemoryRecord {

  /** Checks that nothing is missing. */
  public JsonFile {
    requireNonNull(path, "path");
    requireNonNull(value, "value");
  }

  static JsonFile of(Key key, Value.Map content) {
    Value value = content.get("value");
    if (value == null) {
      throw new IllegalArgumentException("a record of kind value without value");
    }
    return new JsonFile(key.part(0), value);
  }

  @Override
  public Kind<JsonFile> kind() {
    return Kind.VALUE;
  }

  @Override
  public Key key() {
    return Key.of(path);
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("value", value));
  }
}
