package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One thing in which two stores differ.
 *
 * @param key the record; null for a number of records, or a value computed from all
 * @param field which member, such as {@code content}, {@code tags[2]} or {@code belief}; empty if
 *     the record as a whole, or if nobody looked inside
 * @param source what the source has there: length and hash of the canonical text, unless values
 *     were asked for; empty if there is nothing to show
 * @param target what the target has there
 */
public record Difference(
    Kind<?> kind, @Nullable Key key, Type type, String field, String source, String target) {

  /** In what way two stores differ. */
  public enum Type {
    /** Live in the source; the target never had it. */
    MISSING_IN_TARGET,
    /** Live in the target; the source never had it. */
    MISSING_IN_SOURCE,
    /** Deleted on one side, live on the other. */
    TOMBSTONE_VS_LIVE,
    /** Equal content, or deleted on both sides, at different revisions. */
    REVISION,
    /** Different content. */
    FIELD,
    /** A store lists one key twice. */
    DUPLICATE_ID,
    /** Equal content, but a digest that a store keeps is not the digest of what it holds. */
    CORRUPT,
    /** Different numbers of records. */
    COUNT,
    /** One command, two results. */
    OUTCOME,
    /** Different values of an identity. */
    IDENTITY
  }

  /** Checks that nothing is missing. */
  public Difference {
    requireNonNull(kind, "kind");
    requireNonNull(type, "type");
    requireNonNull(field, "field");
    requireNonNull(source, "source");
    requireNonNull(target, "target");
  }

  static Difference of(Kind<?> kind, Key key, Type type) {
    return new Difference(kind, key, type, "", "", "");
  }

  /** For people: {@code FIELD memory q7w2e9rt content: 12 chars #0a1b2c3d, 13 chars #4e5f6071}. */
  @Override
  public String toString() {
    StringBuilder out = new StringBuilder(type.name()).append(' ').append(kind);
    if (key != null) {
      out.append(' ').append(key);
    }
    if (!field.isEmpty()) {
      out.append(' ').append(field);
    }
    if (!source.isEmpty() || !target.isEmpty()) {
      out.append(String.format(Locale.ROOT, ": %s, %s", source, target));
    }
    return out.toString();
  }
}
