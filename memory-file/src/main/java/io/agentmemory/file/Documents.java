package io.agentmemory.file;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.file.Control.Ref;
import io.agentmemory.internal.TreeFile;
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
    TreeFile file = TreeFile.of(kind, key);
    return file == null ? null : file.path();
  }

  /** How a document is read and written. */
  static Document format(String file) {
    String space = space(file);
    if (space != null) {
      return Document.vectors(space);
    }
    TreeFile other = TreeFile.at(file);
    if (other != null) {
      return switch (other.form()) {
        case LIST -> new ListDocument(other);
        case WHOLE -> new WholeDocument(other);
        case TEXT -> new TextDocument(other);
      };
    }
    return switch (file) {
      case Layout.EDGES -> Document.edges();
      case Layout.SESSION -> Document.session();
      default -> Document.imageLinks();
    };
  }

  /** The documents of a form of their own that lie in the same place in every tree. */
  private static final List<String> FIXED =
      List.of(Layout.EDGES, Layout.IMAGE_VECTORS, Layout.IMAGE_LINKS, Layout.SESSION);

  /** The kinds whose records stand in such a document that is none of vectors. */
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

  /** The kind that a document is mostly about. */
  static Kind<?> kind(String file) {
    TreeFile other = TreeFile.at(file);
    if (space(file) != null) {
      return Kind.EMBEDDING;
    }
    return other == null ? kinds(file).get(0) : other.kind();
  }

  /** Whether a file that is no memory's holds records. */
  static boolean isDocument(String file) {
    return FIXED.contains(file) || space(file) != null || TreeFile.at(file) != null;
  }

  /** The record that a file is; null if it is no record but holds some. */
  static @Nullable Ref whole(String file) {
    TreeFile found = TreeFile.at(file);
    return found == null || found.form() == TreeFile.Form.LIST
        ? null
        : new Ref(found.kind(), new Key(found.key()));
  }

  /** The live rows of a document's records. */
  static List<Row> rows(Index index, String file) {
    List<Row> rows = new ArrayList<>();
    String space = space(file);
    TreeFile other = TreeFile.at(file);
    if (space != null) {
      add(index.row(Kind.VECTOR_SPACE, Key.of(space)), rows);
      rows.addAll(index.startingWith(Kind.EMBEDDING, space));
    } else if (other == null) {
      kinds(file).forEach(kind -> index.all(kind).forEach(row -> add(row, rows)));
    } else if (other.form() != TreeFile.Form.LIST) {
      add(index.row(other.kind(), new Key(other.key())), rows);
    } else {
      add(index.row(Kind.VALUE, Key.of(file)), rows);
      for (Row row : index.all(other.kind())) {
        if (other.equals(TreeFile.of(row.kind, row.key))) {
          add(row, rows);
        }
      }
    }
    return rows;
  }

  private static void add(@Nullable Row row, List<Row> rows) {
    if (row != null && row.isLive()) {
      rows.add(row);
    }
  }
}
