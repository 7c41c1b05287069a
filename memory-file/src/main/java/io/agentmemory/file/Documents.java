package io.agentmemory.file;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import java.util.ArrayList;
import java.util.List;
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
    if (kind.equals(Kind.SESSION) || kind.equals(Kind.SESSION_RECALL)) {
      return Layout.SESSION;
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
    return switch (file) {
      case Layout.EDGES -> JsonDocument.edges();
      case Layout.SESSION -> JsonDocument.session();
      default -> JsonDocument.imageLinks();
    };
  }

  /** The documents that lie in the same place in every tree. */
  static final List<String> FIXED =
      List.of(Layout.EDGES, Layout.IMAGE_VECTORS, Layout.IMAGE_LINKS, Layout.SESSION);

  /** The kinds whose records stand in a document that is none of vectors. */
  private static List<Kind<?>> kinds(String file) {
    return switch (file) {
      case Layout.EDGES -> List.of(Kind.EDGE, Kind.OBSERVATION);
      case Layout.SESSION -> List.of(Kind.SESSION, Kind.SESSION_RECALL);
      default -> List.of(Kind.IMAGE_LINK);
    };
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

  /** The rows of a document's records. */
  static List<Row> rows(Index index, String file) {
    List<Row> rows = new ArrayList<>();
    String space = space(file);
    if (space != null) {
      Row defined = index.row(Kind.VECTOR_SPACE, Key.of(space));
      if (defined != null && defined.isLive()) {
        rows.add(defined);
      }
      rows.addAll(index.startingWith(Kind.EMBEDDING, space));
    } else {
      for (Kind<?> kind : kinds(file)) {
        for (Row row : index.all(kind)) {
          if (row.isLive()) {
            rows.add(row);
          }
        }
      }
    }
    return rows;
  }
}
