package io.agentmemory.dualwrite;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Operation;
import io.agentmemory.SimilarQuery;
import io.agentmemory.Stored;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The only way of a read: the authority answers, or the source while it stands in for the target. A
 * sample is asked of the other store too, and compared.
 */
final class Reads {
  private static final String STORE = DualWriteMemoryStore.STORE;

  private final TwoStores stores;
  private final StageGate gate;
  private final Writes writes;
  private final ShadowReads shadows;
  private final Debts debts;
  private final Events events;
  private final OpLog log;

  Reads(
      TwoStores stores,
      StageGate gate,
      Writes writes,
      ShadowReads shadows,
      Debts debts,
      Events events,
      OpLog log) {
    this.stores = stores;
    this.gate = gate;
    this.writes = writes;
    this.shadows = shadows;
    this.debts = debts;
    this.events = events;
    this.log = log;
  }

  <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
    Stage stage = gate.stage("read", kind.name());
    Optional<Stored<T>> found =
        ask(
            stage,
            new Operation(STORE, "read", kind + ":" + key),
            Set.of(Names.of(kind, key)),
            store -> store.read(kind, key));
    if (stage.shadowsReads() && shadows.sampled()) {
      compare(
          stage,
          "read",
          kind + ":" + key,
          found.stream().toList(),
          () -> stores.authority(stage).read(kind, key).stream().toList(),
          () -> stores.secondary(stage).read(kind, key).stream().toList(),
          Comparisons::records);
    }
    return found;
  }

  <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
    Stage stage = gate.stage("readAll", kind.name());
    List<Stored<T>> found =
        ask(
            stage,
            new Operation(STORE, "readAll", kind.name()),
            Names.of(kind, keys),
            store -> store.readAll(kind, keys));
    if (stage.shadowsReads() && shadows.sampled()) {
      compare(
          stage,
          "readAll",
          kind.name(),
          List.copyOf(found),
          () -> stores.authority(stage).readAll(kind, keys),
          () -> stores.secondary(stage).readAll(kind, keys),
          Comparisons::records);
    }
    return found;
  }

  List<Memory> find(MemoryQuery query) {
    Stage stage = gate.stage("find", "");
    List<Memory> found =
        ask(stage, new Operation(STORE, "find", ""), null, store -> store.find(query));
    if (stage.shadowsReads() && shadows.sampled()) {
      compare(
          stage,
          "find",
          "",
          List.copyOf(found),
          () -> stores.authority(stage).find(query),
          () -> stores.secondary(stage).find(query),
          (a, b) -> Comparisons.memories(a, b, query.offset() > 0));
    }
    return found;
  }

  long count(MemoryQuery query) {
    Stage stage = gate.stage("count", "");
    long count = ask(stage, new Operation(STORE, "count", ""), null, store -> store.count(query));
    if (stage.shadowsReads() && shadows.sampled()) {
      compare(
          stage,
          "count",
          "",
          count,
          () -> stores.authority(stage).count(query),
          () -> stores.secondary(stage).count(query),
          Comparisons::counts);
    }
    return count;
  }

  List<SimilarQuery.Hit> search(SimilarQuery query) {
    Stage stage = gate.stage("search", query.space());
    List<SimilarQuery.Hit> found =
        ask(stage, new Operation(STORE, "search", query.space()), null, s -> s.search(query));
    // What an index finds is not what another store has to find.
    if (stage.shadowsReads() && !query.isApproximate() && shadows.sampled()) {
      compare(
          stage,
          "search",
          query.space(),
          List.copyOf(found),
          () -> stores.authority(stage).search(query),
          () -> stores.secondary(stage).search(query),
          (a, b) -> Comparisons.hits(a, b, query.limit()));
    }
    return found;
  }

  // ---- who answers ----

  @SuppressWarnings("ReferenceEquality") // one of two objects
  <T> Stream<T> stream(String verb, String subject, Writes.Reading<Stream<T>> reading) {
    Operation read = new Operation(STORE, verb, subject);
    Stage stage = gate.stage(verb, subject);
    return ask(
        stage,
        read,
        null,
        store ->
            fallsBack(stage) && store == stores.target()
                ? writes.inParts(read, reading.from(store))
                : reading.from(store));
  }

  /**
   * Lets the store answer that has what is asked for: the authority, or the source while it stands
   * in for the target.
   *
   * @param names of what is asked for; null for everything
   */
  private <R> R ask(
      Stage stage, Operation read, @Nullable Set<String> names, Writes.Reading<R> reading) {
    if (!fallsBack(stage)) {
      return reading.from(stores.authority(stage));
    }
    if (!debts.isLacking(Side.TARGET, names)) {
      Optional<R> answer = writes.readTarget(read, reading);
      if (answer.isPresent()) {
        return answer.get();
      }
    }
    MemoryStore source = writes.sourceFor(read, names);
    events.readFellBack(read);
    return reading.from(source);
  }

  private <R> void compare(
      Stage stage,
      String verb,
      String subject,
      R result,
      Supplier<R> authority,
      Supplier<R> shadow,
      ShadowReads.Comparison<R> comparison) {
    shadows.compare(
        new Operation(STORE, verb, subject),
        result,
        authority,
        shadow,
        comparison,
        () -> gate.stage() == stage);
  }

  /** Whether the source stands in where the target gives no answer. */
  boolean fallsBack(Stage stage) {
    return log.isKept() && stage.targetIsAuthority() && stage.writesBoth();
  }
}
