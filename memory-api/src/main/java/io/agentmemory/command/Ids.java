package io.agentmemory.command;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Needs;
import java.text.Normalizer;
import java.util.HashSet;
import java.util.List;

/** The two forms an id may be meant in: as it is, and composed as a command's ids are. */
final class Ids {
  private Ids() {}

  static String composed(String id) {
    return Normalizer.normalize(id, Normalizer.Form.NFC);
  }

  /** Adds the memory this id may mean. */
  static void need(Needs needs, String id) {
    needs.record(Kind.MEMORY, Key.of(id));
    needs.record(Kind.MEMORY, Key.of(composed(id)));
  }

  /** The forms in which a memory that this id means may have its own. */
  static List<String> forms(String id) {
    String composed = composed(id);
    return composed.equals(id) ? List.of(id) : List.of(id, composed);
  }

  /** The name of the edge between two memories. */
  static String pair(String a, String b) {
    return Texts.compare(a, b) < 0 ? a + "|" + b : b + "|" + a;
  }

  /** Adds two memories, the edge between them, and its observations. */
  static void needPair(Needs needs, String a, String b) {
    need(needs, a);
    need(needs, b);
    for (String first : forms(a)) {
      for (String second : forms(b)) {
        String pair = pair(first, second);
        needs.record(Kind.EDGE, Key.of(pair));
        needs.observationsOf(pair);
      }
    }
  }

  static List<String> requireDistinct(List<String> ids) {
    if (new HashSet<>(ids).size() != ids.size()) {
      throw new IllegalArgumentException("an id is there twice");
    }
    return List.copyOf(ids);
  }

  static void requireTime(String at) {
    if (Texts.instant(at) == null) {
      throw new IllegalArgumentException("what a command takes for now is a possible time");
    }
  }
}
