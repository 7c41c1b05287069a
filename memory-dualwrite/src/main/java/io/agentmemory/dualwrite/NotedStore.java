package io.agentmemory.dualwrite;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Stored;
import io.agentmemory.spi.ForwardingMemoryStore;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A store as it would be if it held some states that it refuses; where one asks for records. */
final class NotedStore extends ForwardingMemoryStore {
  private final Map<Ref, Stored<?>> noted = new HashMap<>();

  NotedStore(MemoryStore store, Collection<Debt> refused) {
    super(store);
    Debts.states(refused).forEach(state -> noted.put(new Ref(state.kind(), state.key()), state));
  }

  @Override
  public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    return readAll(kind, List.of(key)).stream().findFirst();
  }

  @Override
  @SuppressWarnings("unchecked") // a state of a kind
  public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    Map<Key, Stored<T>> found = new HashMap<>();
    super.readAll(kind, keys).forEach(stored -> found.put(stored.key(), stored));
    List<Stored<T>> all = new ArrayList<>();
    for (Key key : keys.stream().distinct().sorted().toList()) {
      Stored<T> state = (Stored<T>) noted.getOrDefault(new Ref(kind, key), found.get(key));
      if (state != null) {
        all.add(state);
      }
    }
    return all;
  }
}
