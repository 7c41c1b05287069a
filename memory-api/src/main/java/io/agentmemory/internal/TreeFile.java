package io.agentmemory.internal;

import io.agentmemory.Attestation;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Observation;
import io.agentmemory.PendingCoOccurrence;
import io.agentmemory.Tier;
import io.agentmemory.VectorSpace;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A file of a tree that is either one record or a list of records: which kind, and under which
 * keys. What a file's path says decides, never what the file holds. All stores share it, so that
 * they agree on the keys that there can be.
 *
 * <p>Source: drift.md 1.5.
 *
 * @param path from the memory root, {@code /} between the parts
 * @param kind of its records
 * @param key of a {@link Form#LIST}: what comes before the ordinal in its records' keys, mostly
 *     nothing; of a {@link Form#WHOLE}: its record's key
 * @param member of a list: the member it stands under; null if the list is all there is. What
 *     stands beside such a member is a record of kind {@code value}.
 */
public record TreeFile(
    String path, Kind<?> kind, List<String> key, Form form, @Nullable String member) {

  /** How a file holds records. */
  public enum Form {
    /** A list of maps; a record's place is the last part of its key. */
    LIST,
    /** The file is the record. */
    WHOLE,
    /** The file is the record, and its value the text of the file as it is. */
    TEXT
  }

  /** The last place that a list can have. */
  public static final int LAST_PLACE = 99_999_999;

  private static final String ENDING = ".json";
  private static final List<String> TEXT_ENDINGS = List.of(".md", ".jsonl");
  private static final String CONTEXT = "context/";
  private static final int MOST_PARTS = 16;
  private static final int MOST_BYTES = 255; // of a name, on every file system that matters

  private static final Pattern VECTORS =
      Pattern.compile("embeddings_([A-Za-z0-9][A-Za-z0-9._-]{0,63})\\.json");

  /** Files of a form of their own. */
  private static final Set<String> OTHERS =
      Set.of(
          ".edges_v3.json",
          ".session_state.json",
          "embeddings.json",
          "sensors/data/image_embeddings.json",
          "sensors/data/image_memory_links.json");

  private static final List<TreeFile> NAMED =
      List.of(
          list(Kind.REJECTION, ".rejection_log.json", "rejections"),
          list(Kind.LESSON, "lessons.json", null),
          whole(
              Kind.PENDING_CO_OCCURRENCE,
              ".pending_cooccurrence.json",
              PendingCoOccurrence.KEY.part(0)),
          list(Kind.FINGERPRINT, ".fingerprint_history.json", null),
          list(Kind.VITALS, ".vitals_log.json", null),
          list(Kind.DECAY_RUN, ".decay_history.json", "sessions"),
          list(Kind.ATTESTATION, "attestations.json", null, Attestation.MERKLE),
          list(Kind.ATTESTATION, "nostr_attestations.json", null, Attestation.NOSTR),
          latest("latest_attestation.json", Attestation.MERKLE),
          latest("taste_attestation.json", Attestation.TASTE),
          latest("cognitive_attestation.json", Attestation.COGNITIVE));

  /** Copies the key. */
  public TreeFile {
    key = List.copyOf(key);
  }

  private static TreeFile list(
      Kind<?> kind, String path, @Nullable String member, String... keyBefore) {
    return new TreeFile(path, kind, List.of(keyBefore), Form.LIST, member);
  }

  private static TreeFile whole(Kind<?> kind, String path, String... key) {
    return new TreeFile(path, kind, List.of(key), Form.WHOLE, null);
  }

  private static TreeFile latest(String path, String type) {
    return whole(Kind.ATTESTATION, path, type, Attestation.LATEST);
  }

  /** The file at a path; null if it is of another form, or none that a tree keeps records in. */
  public static @Nullable TreeFile at(String path) {
    for (TreeFile file : NAMED) {
      if (file.path.equals(path)) {
        return file;
      }
    }
    if (!isPossible(path) || isOfOtherForm(path)) {
      return null;
    }
    if (!path.endsWith(ENDING)) {
      return new TreeFile(path, Kind.VALUE, List.of(path), Form.TEXT, null);
    }
    if (path.startsWith(CONTEXT) && path.indexOf('/', CONTEXT.length()) < 0) {
      String name = path.substring(CONTEXT.length(), path.length() - ENDING.length());
      return whole(Kind.CONTEXT_GRAPH, path, name);
    }
    return whole(Kind.VALUE, path, path);
  }

  /** The file that a record of this key stands in; null if there can be none. */
  public static @Nullable TreeFile of(Kind<?> kind, Key key) {
    List<String> parts = key.parts();
    if (kind.equals(Kind.VALUE)) {
      TreeFile file = at(key.part(0));
      return file != null && (file.kind.equals(kind) || file.member != null) ? file : null;
    }
    if (kind.equals(Kind.CONTEXT_GRAPH)) {
      TreeFile file = at(CONTEXT + key.part(0) + ENDING);
      return file != null && file.kind.equals(kind) ? file : null;
    }
    for (TreeFile file : NAMED) {
      if (file.kind.equals(kind) && file.isKey(parts)) {
        return file;
      }
    }
    return null;
  }

  /**
   * The file of a list; null if there is no such list.
   *
   * @param before what comes before the place in the keys of its records
   */
  public static @Nullable TreeFile listOf(Kind<?> kind, List<String> before) {
    for (TreeFile file : NAMED) {
      if (file.form == Form.LIST && file.kind.equals(kind) && file.key.equals(before)) {
        return file;
      }
    }
    return null;
  }

  private boolean isKey(List<String> parts) {
    if (form != Form.LIST) {
      return parts.equals(key);
    }
    return parts.size() == key.size() + 1
        && parts.subList(0, key.size()).equals(key)
        && isOrdinal(parts.get(key.size()));
  }

  private static boolean isOrdinal(String part) {
    return part.length() == 8 && part.chars().allMatch(c -> c >= '0' && c <= '9');
  }

  /** The key of the record at a place of a list. */
  public Key item(int ordinal) {
    List<String> parts = new ArrayList<>(key);
    parts.add(Observation.key("", ordinal).part(1));
    return new Key(parts);
  }

  /** The place that a key of this list means. */
  public int place(Key item) {
    return Integer.parseInt(item.part(key.size()));
  }

  /** Whether a store can have a record of this kind and key at all. */
  public static boolean isKey(Kind<?> kind, Key key) {
    if (key.parts().size() != kind.keyParts()
        || !key.parts().stream().allMatch(part -> Texts.unstorable(part) < 0)) {
      return false;
    }
    if (kind.equals(Kind.OBSERVATION)) {
      return isOrdinal(key.part(1));
    }
    return !isKept(kind) || of(kind, key) != null;
  }

  /** Whether records of this kind stand in such files. */
  public static boolean isKept(Kind<?> kind) {
    return kind.equals(Kind.VALUE)
        || kind.equals(Kind.CONTEXT_GRAPH)
        || NAMED.stream().anyMatch(file -> file.kind.equals(kind));
  }

  private static boolean isOfOtherForm(String path) {
    Matcher vectors = VECTORS.matcher(path);
    return OTHERS.contains(path)
        || isMemory(path)
        || (vectors.matches()
            && !vectors.group(1).equals(VectorSpace.TEXT)
            && !vectors.group(1).equals(VectorSpace.IMAGE));
  }

  private static boolean isMemory(String path) {
    int slash = path.indexOf('/');
    return path.endsWith(".md")
        && slash >= 0
        && path.indexOf('/', slash + 1) < 0
        && Tier.ofFolder(path.substring(0, slash)).isPresent();
  }

  /** Whether a file of this name may hold records. */
  public static boolean hasEnding(String name) {
    return name.endsWith(ENDING) || TEXT_ENDINGS.stream().anyMatch(name::endsWith);
  }

  /**
   * Whether a path stays in the tree, on every file system, whatever other files there are. Folders
   * that begin with a dot are somebody else's, or our own.
   */
  private static boolean isPossible(String path) {
    String[] parts = path.split("/", MOST_PARTS + 1);
    if (parts.length > MOST_PARTS || !hasEnding(path)) {
      return false;
    }
    for (int i = 0; i < parts.length; i++) {
      String part = parts[i];
      boolean isFolder = i < parts.length - 1;
      if (part.isEmpty()
          || part.getBytes(StandardCharsets.UTF_8).length > MOST_BYTES
          || part.codePoints().anyMatch(c -> c == '\\' || Character.isISOControl(c))
          || (isFolder && (part.startsWith(".") || hasEnding(part)))) {
        return false;
      }
    }
    return true;
  }
}
