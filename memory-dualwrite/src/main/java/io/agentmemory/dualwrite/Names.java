package io.agentmemory.dualwrite;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.PutRecords;
import io.agentmemory.spi.Needs;
import java.text.Normalizer;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;

/**
 * What a write must have for itself, and what it only needs to stand still: names such that two
 * writes that touch a record in common have a name in common.
 *
 * <p>A memory stands for all that belongs to it and all that lives in it, an edge for its
 * observations, the session for its recalls. What stands in a list shares one name, for whoever
 * adds to the list may move all of it. Image links belong to several memories at once, and
 * forgetting one looks for its links, so all of them share one name. Every vector needs its space,
 * which hardly ever changes. A write that reads another kind as a whole goes alone: every other one
 * shares the name of it all.
 *
 * @param own at most one write at a time has each of these
 * @param shared several may share each of these, while none has it for its own
 */
record Names(Set<String> own, Set<String> shared) {
  /** What a write has for its own that must go alone. */
  static final String EVERYTHING = "everything";

  private static final Set<Kind<?>> LISTS =
      Set.of(
          Kind.REJECTION,
          Kind.LESSON,
          Kind.FINGERPRINT,
          Kind.VITALS,
          Kind.DECAY_RUN,
          Kind.ATTESTATION);

  private static final String IMAGES = "images";
  private static final String SESSION = "session";

  /** The names of a batch. */
  static Names of(Batch batch) {
    Set<String> own = new HashSet<>();
    Set<String> shared = new HashSet<>();
    boolean changesSpaces = batch.commands().stream().anyMatch(Names::changesSpaces);
    Needs needs = batch.needs();
    needs
        .keys()
        .forEach(
            (kind, keys) -> {
              boolean share = kind.equals(Kind.VECTOR_SPACE) && !changesSpaces;
              keys.forEach(key -> (share ? shared : own).add(of(kind, key)));
            });
    needs.owners().forEach(id -> own.add(memory(id)));
    needs.pairs().forEach(pair -> own.add(pair(pair)));
    needs.ends().keySet().forEach(end -> own.add(list(end.kind())));
    if (needs.keys().containsKey(Kind.EDGE)) {
      own.add(list(Kind.EDGE)); // so that new ones come to stand in one order in both stores
    }
    if (!needs.owners().isEmpty()) {
      own.add(IMAGES);
    }
    if (needs.hasSessionRecalls()) {
      own.add(SESSION);
    }
    needs.whole().stream().filter(LISTS::contains).forEach(kind -> own.add(list(kind)));
    (LISTS.containsAll(needs.whole()) ? shared : own).add(EVERYTHING);
    return new Names(own, shared);
  }

  private static boolean changesSpaces(Command command) {
    return command instanceof DefineSpace
        || (command instanceof PutRecords puts
            && puts.puts().stream().anyMatch(p -> p.record().kind().equals(Kind.VECTOR_SPACE)))
        || (command instanceof DeleteRecords deletes
            && deletes.deletes().stream().anyMatch(d -> d.kind().equals(Kind.VECTOR_SPACE)));
  }

  /** The names of records that are written as they are. */
  static Names of(Collection<Ref> refs) {
    Set<String> own = new HashSet<>();
    refs.forEach(ref -> own.add(of(ref.kind(), ref.key())));
    return new Names(own, Set.of(EVERYTHING));
  }

  /** The names of some records of a kind. */
  static Set<String> of(Kind<?> kind, Collection<Key> keys) {
    Set<String> names = new HashSet<>();
    keys.forEach(key -> names.add(of(kind, key)));
    return names;
  }

  /** The name of one record. */
  static String of(Kind<?> kind, Key key) {
    if (kind.equals(Kind.MEMORY) || kind.equals(Kind.CO_OCCURRENCE)) {
      return memory(key.part(0));
    }
    if (kind.equals(Kind.EMBEDDING) && key.parts().size() > 1) { // others are no record's
      return memory(key.part(1));
    }
    if (kind.equals(Kind.EDGE) || kind.equals(Kind.OBSERVATION)) {
      return pair(key.part(0));
    }
    if (kind.equals(Kind.SESSION) || kind.equals(Kind.SESSION_RECALL)) {
      return SESSION;
    }
    if (kind.equals(Kind.IMAGE_LINK)) {
      return IMAGES;
    }
    if (kind.equals(Kind.VECTOR_SPACE)) {
      return "space:" + key.part(0);
    }
    return LISTS.contains(kind) ? list(kind) : kind + ":" + key;
  }

  private static String list(Kind<?> kind) {
    return "list:" + kind;
  }

  // A command may name a memory by another normal form of its id.
  static String memory(String id) {
    return "memory:" + Normalizer.normalize(id, Normalizer.Form.NFC);
  }

  private static String pair(String pair) {
    return "pair:" + pair;
  }
}
