package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Memory;
import io.agentmemory.Value;
import io.agentmemory.spi.Needs;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Changes what is listed of a memory and leaves the rest as it is.
 *
 * @param content the new body; null to leave it
 * @param set front-matter members to set; all but {@code id} and {@code co_occurrences}
 * @param remove front-matter members to take away; all but those two
 * @param expectedRevision refuse unless the memory is at this revision; 0 for whatever it is at
 */
public record UpdateMemory(
    String id, @Nullable String content, Value.Map set, Set<String> remove, long expectedRevision)
    implements Command {

  /** Checks that nothing is missing, and copies the collections. */
  public UpdateMemory {
    requireNonNull(id, "id");
    requireNonNull(set, "set");
    remove = java.util.Collections.unmodifiableSet(new LinkedHashSet<>(remove));
    for (String fixed : List.of("id", Memory.CO_OCCURRENCES)) {
      if (set.has(fixed) || remove.contains(fixed)) {
        throw new IllegalArgumentException(fixed + " is not a member to update");
      }
    }
    if (expectedRevision < 0) {
      throw new IllegalArgumentException("expectedRevision is below 0");
    }
  }

  /** Id and sizes; never the content. */
  @Override
  public String toString() {
    return "UpdateMemory["
        + id
        + ", "
        + (content == null ? "no content" : content.length() + " chars")
        + ", set "
        + set
        + ", remove "
        + remove.size()
        + ", if revision "
        + expectedRevision
        + "]";
  }

  /** An update of nothing yet. */
  public static UpdateMemory of(String id) {
    return new UpdateMemory(id, null, Value.EMPTY_MAP, Set.of(), 0);
  }

  /** A copy that also replaces the body. */
  public UpdateMemory content(String content) {
    return new UpdateMemory(id, requireNonNull(content, "content"), set, remove, expectedRevision);
  }

  /** A copy that also replaces the tags. */
  public UpdateMemory tags(List<String> tags) {
    return set("tags", Value.Seq.ofTexts(tags));
  }

  /** A copy that also replaces the emotional weight. */
  public UpdateMemory weight(double weight) {
    return set("emotional_weight", Value.of(weight));
  }

  /** A copy that also sets this member. */
  public UpdateMemory set(String member, Value value) {
    return new UpdateMemory(id, content, set.with(member, value), remove, expectedRevision);
  }

  /** A copy that also takes this member away. */
  public UpdateMemory remove(String member) {
    Set<String> more = new LinkedHashSet<>(remove);
    more.add(member);
    return new UpdateMemory(id, content, set, more, expectedRevision);
  }

  /** A copy that is refused unless the memory is at this revision; without one it is not. */
  public UpdateMemory ifRevision(OptionalLong revision) {
    return new UpdateMemory(id, content, set, remove, revision.orElse(0));
  }

  @Override
  public String verb() {
    return "update";
  }

  @Override
  public String subject() {
    return id;
  }

  @Override
  public void needs(Needs needs) {
    Ids.need(needs, id);
  }
}
