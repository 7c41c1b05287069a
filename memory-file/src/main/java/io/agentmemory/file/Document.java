package io.agentmemory.file;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One file that holds records other than a memory. Both ways it streams: what is held at a time is
 * one entry, never the document, unless it is one. Immutable, safe to share.
 */
interface Document {

  /** The edges and their observations: {@code .edges_v3.json}. */
  static Document edges() {
    return EdgesDocument.INSTANCE;
  }

  /**
   * The vectors of a space: {@code embeddings.json}, {@code sensors/data/image_embeddings.json}, or
   * {@code embeddings_<space>.json}.
   */
  static Document vectors(String space) {
    return new VectorsDocument(space);
  }

  /** The memories of each image: {@code sensors/data/image_memory_links.json}. */
  static Document imageLinks() {
    return ImageLinksDocument.INSTANCE;
  }

  /** The session: {@code .session_state.json}. */
  static Document session() {
    return SessionDocument.INSTANCE;
  }

  /**
   * Where it lies: a path under the memory folder, or one that begins with {@code sensors/}.
   * Problems name it so.
   */
  String location();

  /** Whether a record of this kind and key stands here. */
  boolean holds(Kind<?> kind, Key key);

  /**
   * Whether the document itself is a record, so that the one is there exactly where the other is.
   */
  default boolean isRecord() {
    return false;
  }

  /** Whether the document goes with these changes. */
  default boolean goes(Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes) {
    return false;
  }

  /**
   * Why this document cannot hold a record that it should: JSON knows no times, and a member must
   * not have the name of the one that holds the records. Null if it can.
   */
  @Nullable String refusal(MemoryRecord record);

  /**
   * Reads the records in the order of the document; observations after their edge, the space after
   * its vectors. What cannot be held is a problem and is left out, and the rest goes on: a problem
   * has a place such as {@code .edges_v3.json#a|b/observations/3} and a reason.
   *
   * <p>If a key stands twice, the last one counts, as for the original: that is told as a problem,
   * then its records come again; what came for that key before, observations included, is void.
   *
   * @param in is read to its end, not closed
   * @throws UnreadableFileException if it is no JSON or no text, or begins as this document cannot
   */
  void read(InputStream in, Consumer<MemoryRecord> records, BiConsumer<String, String> problems)
      throws IOException, UnreadableFileException;

  /**
   * Copies {@code old} byte for byte except for the records that change. Within a record the
   * members that stay the same keep their bytes too. What is new comes last, in the order of the
   * maps.
   *
   * <p>An observation that goes leaves {@code null} in its place if others follow, since its place
   * is its name. An entry that reading found a problem with is replaced if a change names it.
   *
   * @param old null to write a new document in the original's dialect; read to its end, not closed
   * @param changes by key the new record, or empty to drop it; kinds and keys that do not stand
   *     here are passed over
   * @throws IllegalArgumentException if it cannot hold a record ({@link #refusal}), if an
   *     observation has no edge, or if the space itself is to be dropped
   */
  void write(
      @Nullable InputStream old,
      OutputStream out,
      Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes)
      throws IOException, UnreadableFileException;

  /**
   * The same, for a document whose order counts.
   *
   * @param last those of the changes that come last, in the order of the maps, wherever they stand
   */
  default void write(
      @Nullable InputStream old,
      OutputStream out,
      Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes,
      Set<Key> last)
      throws IOException, UnreadableFileException {
    write(old, out, changes);
  }
}
