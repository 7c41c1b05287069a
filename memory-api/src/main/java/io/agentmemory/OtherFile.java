package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Map;

/**
 * A file of the tree that no other kind reads, kept whole: what a JSON file holds, or the text of
 * another one. Of a file that holds a list of records under a member (the log of rejections), what
 * stands beside that member: a map that is not empty and does not have it.
 *
 * @param path from the memory root, with {@code /} between the parts, such as {@code
 *     social/my_posts.json}; {@code sensors/...} where the folder lies beside the root. It ends in
 *     {@code .json}, {@code .jsonl} or {@code .md}
 * @param value what the file holds, of any type; of one that is not {@code .json} its text, every
 *     character of it
 */
public record OtherFile(String path, Value value) implements MemoryRecord {

  /** Checks that nothing is missing. */
  public OtherFile {
    requireNonNull(path, "path");
    requireNonNull(value, "value");
  }

  static OtherFile of(Key key, Value.Map content) {
    Value value = content.get("value");
    if (value == null) {
      throw new IllegalArgumentException("a record of kind value without value");
    }
    return new OtherFile(key.part(0), value);
  }

  @Override
  public Kind<OtherFile> kind() {
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
