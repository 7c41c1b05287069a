package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The memories an image belongs to.
 *
 * @param image the image's file name
 * @param links the list as written. An item is an id, or a line of a tool's output with the id in
 *     brackets, such as {@code Stored memory [nkwcocez] -> name.md}.
 */
public record ImageLink(String image, Value links) implements MemoryRecord {
  private static final Pattern STORED =
      Pattern.compile("Stored memory \\[([^\\]]+)\\].*", Pattern.DOTALL);

  /** Checks that nothing is missing. */
  public ImageLink {
    requireNonNull(image, "image");
    requireNonNull(links, "links");
  }

  static ImageLink of(Key key, Value.Map content) {
    Value links = content.get("links");
    if (links == null) {
      throw new IllegalArgumentException("an image_link without links");
    }
    return new ImageLink(key.part(0), links);
  }

  /** The id that an item of the list means. */
  public static String memoryId(String item) {
    Matcher stored = STORED.matcher(item);
    return stored.matches() ? stored.group(1) : item;
  }

  @Override
  public Kind<ImageLink> kind() {
    return Kind.IMAGE_LINK;
  }

  @Override
  public Key key() {
    return Key.of(image);
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("links", links));
  }

  /** The ids in the list, each once, in order. */
  @Override
  public Set<String> owners() {
    Set<String> ids = new LinkedHashSet<>();
    Value.textsOf(links).forEach(item -> ids.add(memoryId(item)));
    return ids;
  }
}
