package io.agentmemory.file;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import org.jspecify.annotations.Nullable;

/** Which document a record stands in, and how that is written. */
final class Documents {
  private Documents() {}

  /**
   * The document of a record; null for one that stands in a memory's file, and for a vector whose
   * space cannot have a document.
   */
  static @Nullable String of(Kind<?> kind, Key key) {
    if (kind.equals(Kind.EDGE) || kind.equals(Kind.OBSERVATION)) {
      return Layout.EDGES;
    }
    if (kind.equals(Kind.IMAGE_LINK)) {
      return Layout.IMAGE_LINKS;
    }
    if (kind.equals(Kind.VECTOR_SPACE) || kind.equals(Kind.EMBEDDING)) {
      return Layout.vectors(key.part(0));
    }
    return null;
  }

  /** How a document is read and written. */
  static JsonDocument format(String file) {
    String space = space(file);
    if (space != null) {
      return JsonDocument.vectors(space);
    }
    return file.equals(Layout.EDGES) ? JsonDocument.edges() : JsonDocument.imageLinks();
  }

  static boolean inMemoryFile(Kind<?> kind) {
    return kind.equals(Kind.MEMORY) || kind.equals(Kind.CO_OCCURRENCE);
  }

  /** The space whose vectors a document holds; null if it holds none. */
  static @Nullable String space(String file) {
    return file.equals(Layout.IMAGE_VECTORS)
        ? io.agentmemory.VectorSpace.IMAGE
        : Layout.spaceOf(file);
  }
}
