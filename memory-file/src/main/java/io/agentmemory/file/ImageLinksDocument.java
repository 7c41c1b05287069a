package io.agentmemory.file;

import com.fasterxml.jackson.core.JsonToken;
import io.agentmemory.ImageLink;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.Value;
import io.agentmemory.file.JsonPatch.Edit;
import io.agentmemory.file.JsonPatch.MapEdit;
import java.io.IOException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * {@code image_memory_links.json}: under {@code links}, for each image the ids of its memories.
 *
 * <p>Source: drift.md 1.5.
 */
final class ImageLinksDocument extends AbstractDocument {
  static final ImageLinksDocument INSTANCE = new ImageLinksDocument();

  private static final String LINKS = "links";

  private ImageLinksDocument() {
    super("sensors/data/image_memory_links.json", JsonText.INDENTED);
  }

  @Override
  public boolean holds(Kind<?> kind, Key key) {
    return kind.equals(Kind.IMAGE_LINK);
  }

  @Override
  void read(Reading reading) throws IOException, UnreadableFileException {
    reading.members(
        name -> {
          if (!name.equals(LINKS)) {
            reading.skip();
          } else {
            reading.entries(name, image -> links(reading, image));
          }
        });
  }

  private static void links(Reading reading, String image)
      throws IOException, UnreadableFileException {
    if (!reading.isKey(image)) {
      reading.skip();
      return;
    }
    Value links = reading.values.read();
    if (!reading.hasProblem(image)) {
      reading.record(new ImageLink(image, links));
    }
  }

  @Override
  Edit edit(Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes, @Nullable JsonToken root) {
    Map<String, Optional<Value>> links = new LinkedHashMap<>();
    changes
        .getOrDefault(Kind.IMAGE_LINK, Map.of())
        .forEach(
            (key, record) ->
                links.put(key.part(0), record.map(there -> ((ImageLink) there).links())));
    return new JsonPatch.Members(new DocumentEdit(new LinksEdit(links)));
  }

  private static final class DocumentEdit implements MapEdit {
    private final LinksEdit links;
    private boolean hasLinks;

    DocumentEdit(LinksEdit links) {
      this.links = links;
    }

    @Override
    public Edit member(String name, boolean isMap) {
      if (!name.equals(LINKS)) {
        return Edit.KEEP;
      }
      hasLinks = true;
      return isMap || !links.changes.isEmpty() ? new JsonPatch.Members(links) : Edit.KEEP;
    }

    @Override
    public Map<String, Edit> added() {
      return !hasLinks && !links.added().isEmpty()
          ? Map.of(LINKS, new JsonPatch.Members(links))
          : Map.of();
    }
  }

  private static final class LinksEdit implements MapEdit {
    private final Map<String, Optional<Value>> changes;
    private final Set<String> seen = new HashSet<>();

    LinksEdit(Map<String, Optional<Value>> changes) {
      this.changes = changes;
    }

    @Override
    public Edit member(String image, boolean isMap) {
      Optional<Value> change = changes.get(image);
      if (change == null) {
        return Edit.KEEP;
      }
      seen.add(image);
      return change.<Edit>map(JsonPatch.Becomes::new).orElse(Edit.DROP);
    }

    @Override
    public Map<String, Edit> added() {
      Map<String, Edit> added = new LinkedHashMap<>();
      changes.forEach(
          (image, change) -> {
            if (change.isPresent() && !seen.contains(image)) {
              added.put(image, new JsonPatch.Becomes(change.get()));
            }
          });
      return added;
    }
  }
}
