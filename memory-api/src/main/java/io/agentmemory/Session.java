package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.internal.Texts;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The session that is going on. There is one at most, at {@link #KEY}; when it ends it is deleted.
 *
 * @param members started, retrieved, recalls_by_source, last_updated, and whatever else is there.
 *     The entries of the lists in {@code recalls_by_source} are records of their own ({@link
 *     SessionRecall}), so a list there is always empty here and only says that there is one.
 */
public record Session(Value.Map members) implements MemoryRecord {

  /** The key of the one session. */
  public static final Key KEY = Key.of("current");

  /** The member whose lists hold {@link SessionRecall} records. */
  public static final String RECALLS = "recalls_by_source";

  /** Checks that nothing is missing. */
  public Session {
    requireNonNull(members, "members");
    if (members.get(RECALLS) instanceof Value.Map sources) {
      Map<String, Value> emptied = new LinkedHashMap<>();
      sources
          .entries()
          .forEach(
              (source, list) ->
                  emptied.put(source, list instanceof Value.Seq ? Value.EMPTY_SEQ : list));
      members = members.with(RECALLS, new Value.Map(emptied));
    }
  }

  static Session of(Key key, Value.Map content) {
    if (!key.equals(KEY)) {
      throw new IllegalArgumentException("the session has another key");
    }
    return new Session(Members.of(Kind.SESSION, content));
  }

  @Override
  public Kind<Session> kind() {
    return Kind.SESSION;
  }

  @Override
  public Key key() {
    return KEY;
  }

  @Override
  public Value.Map tree() {
    return new Value.Map(Map.of("members", members));
  }

  /** When it started, as written. */
  public Optional<String> started() {
    return Optional.ofNullable(Value.textOf(members.get("started")));
  }

  /** When it started; empty if that is missing or no possible time. */
  public Optional<Instant> startedAt() {
    return Optional.ofNullable(Texts.instant(started().orElse(null)));
  }

  /** The ids of the memories that were retrieved. */
  public List<String> retrieved() {
    return Value.textsOf(members.get("retrieved"));
  }

  /** Whether it has the list in which the recalls of this source stand. */
  public boolean hasRecalls(String source) {
    return members.get(RECALLS) instanceof Value.Map sources
        && sources.get(source) instanceof Value.Seq;
  }
}
