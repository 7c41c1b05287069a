package io.agentmemory.command;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;
import java.text.Normalizer;

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
}
