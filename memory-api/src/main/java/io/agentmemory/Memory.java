package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;

/**
 * One thing the agent remembers: a text, and what its front matter says about it. Everything is
 * verbatim; members that this library does not know are kept.
 *
 * @param id any text; the {@code id} in the front matter, else the file's name without ending
 * @param tier the folder the memory lies in
 * @param fileName the name of its file within that folder
 * @param content the body
 * @param frontMatter what stands between the fences: nearly always a {@link Value.Map}; null if the
 *     file has none. The entries of {@code co_occurrences} are records of their own ({@link
 *     CoOccurrence}), so a map there is always empty here and only says that the member is present.
 */
public record Memory(
    String id, Tier tier, String fileName, String content, @Nullable Value frontMatter)
    implements MemoryRecord, MemoryHead {

  /** The member whose entries are {@link CoOccurrence} records. */
  public static final String CO_OCCURRENCES = "co_occurrences";

  /** Checks that nothing is missing. */
  public Memory {
    requireNonNull(id, "id");
    requireNonNull(tier, "tier");
    requireNonNull(fileName, "fileName");
    requireNonNull(content, "content");
    if (frontMatter instanceof Value.Map map
        && map.get(CO_OCCURRENCES) instanceof Value.Map counts
        && !counts.isEmpty()) {
      frontMatter = map.with(CO_OCCURRENCES, Value.EMPTY_MAP);
    }
  }

  /** Id, tier and sizes; never the content. */
  @Override
  public String toString() {
    return "Memory[" + id + ", " + tier + ", " + content.length() + " chars, " + frontMatter + "]";
  }

  static Memory of(Key key, Value.Map content) {
    return new Memory(
        key.part(0),
        Tier.ofFolder(text(content, "tier"))
            .orElseThrow(() -> new IllegalArgumentException("a memory without a known tier")),
        text(content, "file_name"),
        text(content, "content"),
        content.get("front_matter"));
  }

  private static String text(Value.Map content, String name) {
    String text = Value.textOf(content.get(name));
    if (text == null) {
      throw new IllegalArgumentException("a memory without " + name);
    }
    return text;
  }

  @Override
  public Kind<Memory> kind() {
    return Kind.MEMORY;
  }

  @Override
  public Key key() {
    return Key.of(id);
  }

  @Override
  public Value.Map tree() {
    LinkedHashMap<String, Value> tree = new LinkedHashMap<>();
    tree.put("tier", Value.of(tier.folder()));
    tree.put("file_name", Value.of(fileName));
    if (frontMatter != null) {
      tree.put("front_matter", frontMatter);
    }
    tree.put("content", Value.of(content));
    return new Value.Map(tree);
  }

  /** A copy with these members as front matter. */
  public Memory withMembers(Value.Map members) {
    return new Memory(id, tier, fileName, content, members);
  }

  /** A copy with another body. */
  public Memory withContent(String content) {
    return new Memory(id, tier, fileName, content, frontMatter);
  }

  /** A copy in another tier. */
  public Memory withTier(Tier tier) {
    return new Memory(id, tier, fileName, content, frontMatter);
  }
}
