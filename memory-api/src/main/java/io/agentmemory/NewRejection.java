package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Something that is turned down and yet to be logged.
 *
 * @param category one of {@link #CATEGORIES}
 * @param reason why
 * @param target what was turned down
 * @param context what more there is to say about it
 * @param tags in their order
 * @param source where it came from
 */
public record NewRejection(
    String category,
    String reason,
    @Nullable String target,
    @Nullable String context,
    List<String> tags,
    @Nullable String source) {

  /** The categories that can be logged. Source: Drift's rejection log. */
  public static final List<String> CATEGORIES =
      List.of("bounty", "post", "memory_decay", "decision", "collaboration");

  /** The reason of one that gives none. */
  public static final String UNSPECIFIED = "unspecified";

  /** Copies the tags. */
  public NewRejection {
    requireNonNull(category, "category");
    requireNonNull(reason, "reason");
    tags = List.copyOf(tags);
  }

  /** One with nothing but a category and a reason. */
  public static NewRejection of(String category, String reason) {
    return new NewRejection(category, reason, null, null, List.of(), null);
  }

  /** A copy that says what was turned down. */
  public NewRejection target(String target) {
    return new NewRejection(category, reason, target, context, tags, source);
  }

  /** A copy that says more about it. */
  public NewRejection context(String context) {
    return new NewRejection(category, reason, target, context, tags, source);
  }

  /** A copy with these tags. */
  public NewRejection tags(String... tags) {
    return new NewRejection(category, reason, target, context, List.of(tags), source);
  }

  /** A copy that says where it came from. */
  public NewRejection source(String source) {
    return new NewRejection(category, reason, target, context, tags, source);
  }

  /** Without its text. */
  @Override
  public String toString() {
    return "NewRejection[" + category + ", " + reason.length() + " chars]";
  }
}
