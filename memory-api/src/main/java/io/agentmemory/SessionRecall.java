package io.agentmemory;

import static java.util.Objects.requireNonNull;

/**
 * That a memory was recalled in the {@link Session} that is going on. The order among recalls is no
 * content: the original keeps them in sets.
 *
 * @param source how it came to be recalled: {@code manual}, {@code start_priming} and so on
 * @param memoryId the memory's id, as written
 */
public record SessionRecall(String source, String memoryId) implements MemoryRecord {

  /** Checks that nothing is missing. */
  public SessionRecall {
    requireNonNull(source, "source");
    requireNonNull(memoryId, "memoryId");
  }

  static SessionRecall of(Key key, Value.Map content) {
    return new SessionRecall(key.part(0), key.part(1));
  }

  @Override
  public Kind<SessionRecall> kind() {
    return Kind.SESSION_RECALL;
  }

  @Override
  public Key key() {
    return Key.of(source, memoryId);
  }

  @Override
  public Value.Map tree() {
    return Value.EMPTY_MAP;
  }
}
