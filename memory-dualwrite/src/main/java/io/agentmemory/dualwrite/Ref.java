package io.agentmemory.dualwrite;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import java.util.Comparator;

/** A record's kind and key. Orders so that no record comes before one it needs. */
record Ref(Kind<?> kind, Key key) implements Comparable<Ref> {
  private static final Comparator<Ref> ORDER =
      Comparator.comparingInt((Ref ref) -> Kind.all().indexOf(ref.kind)).thenComparing(Ref::key);

  @Override
  public int compareTo(Ref other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return kind + ":" + key;
  }
}
