package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;

import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutRecords;
import io.agentmemory.spi.Canonical;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;

/**
 * A store under test beside the reference: both get the same commands and questions and must give
 * the same answers. After every test all records of both are compared, and once more after closing
 * and reopening where the store can be.
 */
abstract class TwinStores {
  /** When the tests take place. */
  static final String AT = "2026-02-10T11:52:05.123456+00:00";

  /** Similarities may differ by this much: one store sums in another order or precision. */
  static final double NEAR = 1e-5;

  MemoryStore store;
  MemoryStore reference;
  private final List<MemoryStore> extra = new ArrayList<>();
  private boolean comparing = true;

  @SuppressWarnings("NullAway.Init") // JUnit calls open() before anything else
  TwinStores() {}

  abstract MemoryStore open(String purpose) throws Exception;

  abstract Optional<MemoryStore> openAgain(MemoryStore store) throws Exception;

  @BeforeEach
  void openBoth(TestInfo test) throws Exception {
    String method = test.getTestMethod().map(m -> m.getName()).orElse("test");
    store = open(method);
    reference = new InMemoryMemoryStore(store.namespace());
  }

  @AfterEach
  void compareAndClose() throws Exception {
    try {
      if (comparing) {
        assertSame();
      }
      MemoryStore expected = comparing ? reference : store;
      List<String> records = Dump.of(expected);
      List<String> versions = Dump.versions(expected);
      List<String> counts = Dump.counts(expected);
      Optional<MemoryStore> again = openAgain(store);
      if (again.isPresent()) {
        store = again.get();
        assertThat(Dump.of(store)).as("records after reopening").isEqualTo(records);
        assertThat(Dump.versions(store)).as("versions after reopening").isEqualTo(versions);
        assertThat(Dump.counts(store)).as("counts after reopening").isEqualTo(counts);
      }
    } finally {
      extra.forEach(MemoryStore::close);
      store.close();
      reference.close();
    }
  }

  /** One more fresh store of the kind under test, closed after the test. */
  MemoryStore another(String purpose) throws Exception {
    MemoryStore another = open(purpose);
    extra.add(another);
    return another;
  }

  /** From here on the reference gets no commands, so nothing is compared with it. */
  void leaveReference() {
    comparing = false;
  }

  /** Closes and opens the store under test if it can be, so that the rest runs on what is kept. */
  void reopenIfPossible() throws Exception {
    Optional<MemoryStore> again = openAgain(store);
    if (again.isPresent()) {
      store = again.get();
    }
  }

  // ---- asking both ----

  /** Every record, version and count is the same in both. */
  void assertSame() {
    assertThat(Dump.of(store)).as("records").isEqualTo(Dump.of(reference));
    assertThat(Dump.versions(store)).as("versions").isEqualTo(Dump.versions(reference));
    assertThat(Dump.counts(store)).as("counts").isEqualTo(Dump.counts(reference));
  }

  Outcome run(Command... commands) {
    return run(Batch.of(List.of(commands)));
  }

  Outcome run(Batch batch) {
    return run("", batch);
  }

  /** Carries the batch out in both; the outcome or error must be the same. */
  Outcome run(String note, Batch batch) {
    Answer expected = Answer.to(reference, batch);
    Answer actual = Answer.to(store, batch);
    assertThat(actual.lines())
        .as("answer to %s %s", batch.verb(), note)
        .isEqualTo(expected.lines());
    return actual.orThrow();
  }

  private record Answer(
      List<String> lines, @Nullable Outcome outcome, @Nullable MemoryStoreException error) {
    static Answer to(MemoryStore store, Batch batch) {
      try {
        Outcome outcome = store.execute(batch);
        return new Answer(Dump.of(outcome), outcome, null);
      } catch (MemoryStoreException e) {
        return new Answer(Dump.of(e), null, e);
      }
    }

    Outcome orThrow() {
      if (outcome != null) {
        return outcome;
      }
      throw error == null ? new IllegalStateException("neither outcome nor error") : error;
    }
  }

  /** Both refuse the commands with the same error and change nothing. */
  <E extends MemoryStoreException> E refused(Class<E> kind, Command... commands) {
    List<String> before = Dump.of(store);
    E error = catchThrowableOfType(kind, () -> run(commands));
    assertThat(error).as("error of kind %s", kind.getSimpleName()).isNotNull();
    assertThat(Dump.of(store)).as("records after a refusal").isEqualTo(before);
    return error;
  }

  /** The memories a query asks for, and their number, which are the same in both. */
  List<Memory> find(MemoryQuery query) {
    return find("", query);
  }

  List<Memory> find(String note, MemoryQuery query) {
    List<Memory> found = store.find(query);
    assertThat(texts(found)).as("find %s", note).isEqualTo(texts(reference.find(query)));
    assertThat(store.count(query)).as("count %s", note).isEqualTo(reference.count(query));
    return found;
  }

  /** The heads of the memories that meet a query, which are the same in both. */
  List<MemoryHead> heads(String note, MemoryQuery query) {
    try (Stream<MemoryHead> heads = store.heads(query);
        Stream<MemoryHead> expected = reference.heads(query)) {
      List<MemoryHead> found = heads.toList();
      // equal but for the order of members, which is no part of a record
      assertThat(found).as("heads %s", note).isEqualTo(expected.toList());
      return found;
    }
  }

  List<String> ids(MemoryQuery query) {
    return find(query).stream().map(Memory::id).toList();
  }

  /** The nearest vectors, which are the same in both but for noise and for the order of ties. */
  List<SimilarQuery.Hit> search(SimilarQuery query) {
    return search("", query);
  }

  List<SimilarQuery.Hit> search(String note, SimilarQuery query) {
    List<SimilarQuery.Hit> found = store.search(query);
    List<SimilarQuery.Hit> expected = reference.search(query);
    assertThat(found).as("number of hits %s", note).hasSameSizeAs(expected);
    for (int i = 0; i < found.size(); i++) {
      SimilarQuery.Hit hit = found.get(i);
      assertThat(hit.similarity())
          .as("similarity of hit %s %s", i, note)
          .isCloseTo(expected.get(i).similarity(), within(NEAR));
      if (!hit.target().equals(expected.get(i).target())) {
        // two that noise may swap: the reference has this one too, equally near
        assertThat(expected)
            .as("hit %s %s", i, note)
            .anySatisfy(
                other -> {
                  assertThat(other.target()).isEqualTo(hit.target());
                  assertThat(other.similarity()).isCloseTo(hit.similarity(), within(NEAR));
                });
      }
    }
    assertThat(found.stream().map(SimilarQuery.Hit::target)).as(note).doesNotHaveDuplicates();
    return found;
  }

  List<String> targets(SimilarQuery query) {
    return search(query).stream().map(SimilarQuery.Hit::target).toList();
  }

  static List<String> texts(List<? extends MemoryRecord> records) {
    return records.stream().map(r -> r.key() + " " + Canonical.canonical(r.tree())).toList();
  }

  // ---- looking into the store ----

  <T extends MemoryRecord> Stored<T> stored(Kind<T> kind, String... key) {
    return store.read(kind, Key.of(key)).orElseThrow();
  }

  <T extends MemoryRecord> T live(Kind<T> kind, String... key) {
    return stored(kind, key).live().orElseThrow();
  }

  Memory memory(String id) {
    return live(Kind.MEMORY, id);
  }

  long revision(String id) {
    return stored(Kind.MEMORY, id).revision();
  }

  // ---- making records ----

  /** A memory with a plain front matter: these names and values in turn after id and created. */
  static Memory record(String id, Object... members) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("id", Value.of(id));
    map.put("created", Value.of(AT));
    for (int i = 0; i < members.length; i += 2) {
      map.put((String) members[i], value(members[i + 1]));
    }
    return new Memory(id, Tier.ACTIVE, "a-" + id + ".md", "body of " + id, new Value.Map(map));
  }

  static Value value(Object value) {
    if (value instanceof Value ready) {
      return ready;
    }
    if (value instanceof Number number) {
      return number instanceof Double
          ? Value.of(number.doubleValue())
          : Value.of(number.longValue());
    }
    return value instanceof List<?> list
        ? new Value.Seq(list.stream().map(TwinStores::value).toList())
        : Value.of((String) value);
  }

  static Value.Map members(Object... members) {
    Map<String, Value> map = new LinkedHashMap<>();
    for (int i = 0; i < members.length; i += 2) {
      map.put((String) members[i], value(members[i + 1]));
    }
    return new Value.Map(map);
  }

  static PutRecords put(MemoryRecord record, long revision) {
    return new PutRecords(List.of(new PutRecords.Put(record, revision)));
  }

  /** Records in this order, each at revision 1. */
  static PutRecords put(MemoryRecord... records) {
    List<PutRecords.Put> puts = new ArrayList<>();
    for (MemoryRecord record : records) {
      puts.add(new PutRecords.Put(record, 1));
    }
    return new PutRecords(puts);
  }

  static DeleteRecords delete(MemoryRecord record, long revision) {
    return new DeleteRecords(
        List.of(new DeleteRecords.Delete(record.kind(), record.key(), revision)));
  }

  static Batch copy(Command... commands) {
    return new Batch(OpId.copy(), List.of(commands));
  }

  static Embedding vector(String space, String target, double... floats) {
    float[] vector = new float[floats.length];
    for (int i = 0; i < floats.length; i++) {
      vector[i] = (float) floats[i];
    }
    return Embedding.of(space, target, vector);
  }

  /** A null where none is allowed, for showing that it is refused. */
  @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"})
  static <T> T nothing() {
    return null;
  }
}
