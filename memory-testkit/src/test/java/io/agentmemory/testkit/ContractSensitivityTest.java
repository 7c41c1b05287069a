package io.agentmemory.testkit;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectNestedClass;

import io.agentmemory.Embedding;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.ForwardingMemoryStore;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.opentest4j.TestAbortedException;

/**
 * The contract has to find what is wrong with each of these stores: a test must be able to fail.
 */
final class ContractSensitivityTest {
  /** The defect that the contract is being run over. */
  private static UnaryOperator<MemoryStore> defect = store -> store;

  /** Whether it shows only once the store was closed and opened again. */
  private static boolean reopening;

  /** Whether it was found. */
  private static boolean caught;

  /** The reference store with one defect. */
  static final class Broken extends MemoryStoreContract {
    @Override
    protected MemoryStore openStore(String purpose) {
      if (caught) {
        throw new TestAbortedException("found already");
      }
      MemoryStore sound = new InMemoryMemoryStore(purpose);
      return reopening ? sound : defect.apply(sound);
    }

    @Override
    protected Optional<MemoryStore> reopen(MemoryStore store) {
      return reopening ? Optional.of(defect.apply(store)) : Optional.empty();
    }
  }

  private record Defect(
      String name, Class<?> finder, UnaryOperator<MemoryStore> how, boolean onReopening) {}

  @TestFactory
  Stream<DynamicTest> givenDefect_whenContractRuns_thenItIsFound() {
    List<Defect> defects = new ArrayList<>(List.of(sound()));
    defects.addAll(ofReads());
    defects.addAll(ofWrites());
    return defects.stream().map(d -> DynamicTest.dynamicTest(d.name(), () -> run(d)));
  }

  private static void run(Defect sample) {
    defect = sample.how();
    reopening = sample.onReopening();
    caught = false;
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectNestedClass(List.of(Broken.class), sample.finder()))
            .build();
    int[] tests = {0};
    LauncherFactory.create()
        .execute(
            request,
            new TestExecutionListener() {
              @Override
              public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                tests[0] += test.isTest() ? 1 : 0;
                caught |= result.getStatus() == TestExecutionResult.Status.FAILED;
              }
            });
    assertThat(tests[0]).as("tests run").isPositive();
    assertThat(caught).as("found by %s", sample.finder()).isEqualTo(!sample.name().equals("none"));
  }

  /** That the run itself finds nothing where nothing is wrong. */
  private static Defect sound() {
    return new Defect("none", CommandContract.Store.class, store -> store, true);
  }

  private static Defect of(String name, Class<?> finder, UnaryOperator<MemoryStore> how) {
    return new Defect(name, finder, how, false);
  }

  // ---- reads and queries ----

  private static List<Defect> ofReads() {
    return List.of(
        of("scans in the order of UTF-16", QueryContract.Scans.class, Utf16Order::new),
        of("scans leave out tombstones", StateContract.Deletes.class, NoTombstones::new),
        of("ranges leave out their end", QueryContract.Scans.class, OpenRanges::new),
        of("versions tell another digest", StateContract.Puts.class, WrongDigests::new),
        of("many keys are read in the order given", QueryContract.Reads.class, Unsorted::new),
        of("counts have no places", GraphContract.Order.class, NoPlaces::new),
        of("lists tie by id", QueryContract.Finds.class, s -> listing(s, TiesById::sort)),
        of("pages overlap", QueryContract.Finds.class, OverlappingPages::new),
        of("tiers are not asked", QueryContract.Finds.class, AllTiers::new),
        of("counts stop at the page", QueryContract.Finds.class, CountsOfPages::new),
        of("filters come after the limit", QueryContract.Searches.class, LateFilters::new),
        of("nearest are found roughly", QueryContract.Searches.class, RoughSearch::new),
        of("searches forget what is negative", QueryContract.Searches.class, OnlyPositive::new),
        of("tombstones count as live", RulesContract.Lifecycle.class, WrongCounts::new),
        of("a closed store answers", RulesContract.Lifecycle.class, NeverClosed::new),
        of("errors tell content", RulesContract.Privacy.class, Talkative::new));
  }

  private static MemoryStore listing(MemoryStore store, UnaryOperator<List<Memory>> change) {
    return new ForwardingMemoryStore(store) {
      @Override
      public List<Memory> find(MemoryQuery query) {
        return change.apply(super.find(query));
      }
    };
  }

  private static final class TiesById {
    static List<Memory> sort(List<Memory> list) {
      return list.stream()
          .sorted(
              Comparator.comparing((Memory m) -> m.createdAt().map(Object::toString).orElse(""))
                  .reversed()
                  .thenComparing(Memory::id))
          .toList();
    }
  }

  private static final class Utf16Order extends ForwardingMemoryStore {
    Utf16Order(MemoryStore store) {
      super(store);
    }

    @Override
    public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
      return super.scan(kind, range)
          .sorted(Comparator.comparing(stored -> stored.key().toString()));
    }
  }

  private static final class NoTombstones extends ForwardingMemoryStore {
    NoTombstones(MemoryStore store) {
      super(store);
    }

    @Override
    public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
      return super.scan(kind, range).filter(stored -> !stored.isTombstone());
    }
  }

  private static final class OpenRanges extends ForwardingMemoryStore {
    OpenRanges(MemoryStore store) {
      super(store);
    }

    @Override
    public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
      return super.scan(kind, range).filter(stored -> !stored.key().equals(range.through()));
    }
  }

  private static final class WrongDigests extends ForwardingMemoryStore {
    WrongDigests(MemoryStore store) {
      super(store);
    }

    @Override
    public <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range) {
      return super.versions(kind, range)
          .map(
              v ->
                  new KeyVersion(
                      v.key(),
                      new io.agentmemory.Version(
                          v.version().revision(),
                          v.version().isTombstone()
                              ? null
                              : new io.agentmemory.Digest("0".repeat(64)))));
    }
  }

  private static final class NoPlaces extends ForwardingMemoryStore {
    NoPlaces(MemoryStore store) {
      super(store);
    }

    @Override
    public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
      return super.scan(kind, range).map(stored -> stored.at(0));
    }
  }

  private static final class Unsorted extends ForwardingMemoryStore {
    Unsorted(MemoryStore store) {
      super(store);
    }

    @Override
    public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
      return keys.stream().distinct().flatMap(key -> read(kind, key).stream()).toList();
    }
  }

  private static final class OverlappingPages extends ForwardingMemoryStore {
    OverlappingPages(MemoryStore store) {
      super(store);
    }

    @Override
    public List<Memory> find(MemoryQuery query) {
      return super.find(query.page(query.limit(), Math.max(0, query.offset() - 1)));
    }
  }

  private static final class AllTiers extends ForwardingMemoryStore {
    AllTiers(MemoryStore store) {
      super(store);
    }

    @Override
    public List<Memory> find(MemoryQuery query) {
      return super.find(query.tiers(List.of(Tier.values())));
    }
  }

  private static final class CountsOfPages extends ForwardingMemoryStore {
    CountsOfPages(MemoryStore store) {
      super(store);
    }

    @Override
    public long count(MemoryQuery query) {
      return Math.min(query.limit(), super.count(query));
    }
  }

  private static final class LateFilters extends ForwardingMemoryStore {
    LateFilters(MemoryStore store) {
      super(store);
    }

    @Override
    public List<SimilarQuery.Hit> search(SimilarQuery query) {
      return super.search(SimilarQuery.nearest(query.space(), query.vector()).limit(query.limit()))
          .stream()
          .filter(hit -> hit.similarity() >= query.minSimilarity())
          .filter(
              hit ->
                  query.admits(
                      delegate().read(Kind.MEMORY, Key.of(hit.target())).flatMap(Stored::live)))
          .toList();
    }
  }

  private static final class RoughSearch extends ForwardingMemoryStore {
    RoughSearch(MemoryStore store) {
      super(store);
    }

    @Override
    public List<SimilarQuery.Hit> search(SimilarQuery query) {
      return super.search(query).stream()
          .map(hit -> new SimilarQuery.Hit(hit.target(), Math.round(hit.similarity() * 1e4) / 1e4))
          .toList();
    }
  }

  private static final class OnlyPositive extends ForwardingMemoryStore {
    OnlyPositive(MemoryStore store) {
      super(store);
    }

    @Override
    public List<SimilarQuery.Hit> search(SimilarQuery query) {
      return super.search(query).stream().filter(hit -> hit.similarity() >= 0).toList();
    }
  }

  private static final class WrongCounts extends ForwardingMemoryStore {
    WrongCounts(MemoryStore store) {
      super(store);
    }

    @Override
    public StoreInfo info() {
      StoreInfo info = super.info();
      Map<Kind<?>, Long> kinds = new java.util.LinkedHashMap<>(info.kinds());
      info.tombstones().forEach((kind, count) -> kinds.merge(kind, count, Long::sum));
      return new StoreInfo(
          info.type(),
          info.namespace(),
          info.version(),
          kinds,
          info.tombstones(),
          info.setAside(),
          info.files(),
          info.health());
    }
  }

  private static final class NeverClosed extends ForwardingMemoryStore {
    NeverClosed(MemoryStore store) {
      super(store);
    }

    @Override
    public void close() {}
  }

  private static final class Talkative extends ForwardingMemoryStore {
    Talkative(MemoryStore store) {
      super(store);
    }

    @Override
    public Outcome execute(Batch batch) {
      try {
        return super.execute(batch);
      } catch (InvalidMemoryException e) {
        Operation operation = e.operation();
        String told =
            batch.commands().get(0) instanceof io.agentmemory.command.StoreMemory c
                ? c.content()
                : "";
        throw new InvalidMemoryException(operation, e.field(), "is bad: " + told, e);
      }
    }
  }

  // ---- writes ----

  private static List<Defect> ofWrites() {
    return List.of(
        of("batches are carried out one by one", StateContract.Batches.class, OneByOne::new),
        of("repeated operations take effect again", StateContract.Repeats.class, Forgetful::new),
        of("skips tell another reason", StateContract.Puts.class, s -> outcomes(s, WRONG_SKIPS)),
        of(
            "changes tell no state before",
            CommandContract.Store.class,
            s -> outcomes(s, NO_BEFORE)),
        of("recalls lose each other", ConcurrencyContract.Concurrency.class, LostUpdates::new),
        of("integers become floats", CommandContract.Recall.class, s -> values(s, FLOATS)),
        of("bodies are trimmed", CommandContract.Store.class, s -> values(s, TRIMMED)),
        of("members are sorted", CommandContract.Update.class, s -> values(s, SORTED)),
        of("null members are left out", CommandContract.Update.class, s -> values(s, NO_NULLS)),
        of("texts are composed", RulesContract.Accepted.class, s -> values(s, COMPOSED)),
        of("vectors are rounded", CommandContract.Embeddings.class, s -> values(s, ROUNDED)),
        of("operations are not kept", StateContract.Puts.class, NoOperations::new),
        new Defect("deletions are not kept", CommandContract.Forget.class, NoTombstones::new, true),
        new Defect(
            "bodies are trimmed on the way",
            CommandContract.Store.class,
            s -> values(s, TRIMMED),
            true));
  }

  private static final UnaryOperator<Outcome> WRONG_SKIPS =
      o ->
          new Outcome(
              o.opId(),
              o.changes(),
              o.skipped().stream()
                  .map(s -> new Outcome.Skip(s.kind(), s.key(), Outcome.Skip.Reason.NEWER))
                  .toList(),
              o.repeated());

  private static final UnaryOperator<Outcome> NO_BEFORE =
      o ->
          new Outcome(
              o.opId(),
              o.changes().stream().map(c -> new Outcome.Change(null, c.after())).toList(),
              o.skipped(),
              o.repeated());

  private static MemoryStore outcomes(MemoryStore store, UnaryOperator<Outcome> change) {
    return new ForwardingMemoryStore(store) {
      @Override
      public Outcome execute(Batch batch) {
        return change.apply(super.execute(batch));
      }
    };
  }

  private static final class OneByOne extends ForwardingMemoryStore {
    OneByOne(MemoryStore store) {
      super(store);
    }

    @Override
    public Outcome execute(Batch batch) {
      List<Outcome.Change> changes = new ArrayList<>();
      for (Command command : batch.commands()) {
        changes.addAll(super.execute(new Batch(OpId.random(), List.of(command))).changes());
      }
      return new Outcome(batch.opId(), changes, List.of(), false);
    }
  }

  private static final class Forgetful extends ForwardingMemoryStore {
    Forgetful(MemoryStore store) {
      super(store);
    }

    @Override
    public Outcome execute(Batch batch) {
      return super.execute(new Batch(OpId.random(), batch.commands()));
    }
  }

  private static final class NoOperations extends ForwardingMemoryStore {
    NoOperations(MemoryStore store) {
      super(store);
    }

    @Override
    public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
      return super.read(kind, key)
          .map(s -> new Stored<>(s.kind(), s.key(), s.version(), null, s.value()));
    }
  }

  private static final class LostUpdates extends ForwardingMemoryStore {
    LostUpdates(MemoryStore store) {
      super(store);
    }

    @Override
    public Outcome execute(Batch batch) {
      if (!(batch.commands().get(0) instanceof RecallMemory recall)) {
        return super.execute(batch);
      }
      Stored<Memory> found = read(Kind.MEMORY, Key.of(recall.id())).orElseThrow();
      Memory memory = requireNonNull(found.value());
      Thread.yield();
      Value.Map members = memory.members().with("recall_count", Value.of(memory.recallCount() + 1));
      super.execute(
          new PutRecords(
              List.of(new PutRecords.Put(memory.withMembers(members), found.revision() + 1))));
      return new Outcome(
          batch.opId(),
          List.of(
              new Outcome.Change(
                  found.version(), read(Kind.MEMORY, Key.of(recall.id())).orElseThrow())),
          List.of(),
          false);
    }
  }

  private static MemoryStore values(MemoryStore store, UnaryOperator<MemoryRecord> change) {
    return new ForwardingMemoryStore(store) {
      @Override
      public <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key) {
        return super.read(kind, key).map(stored -> changed(stored));
      }

      @Override
      public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
        return super.scan(kind, range).map(stored -> changed(stored));
      }

      @SuppressWarnings("unchecked") // a change keeps the kind
      private <T extends MemoryRecord> Stored<T> changed(Stored<T> stored) {
        T value = stored.value();
        if (value == null) {
          return stored;
        }
        MemoryRecord other = change.apply(value);
        return Stored.live((T) other, stored.revision(), Canonical.digest(other), stored.lastOp());
      }
    };
  }

  private static UnaryOperator<MemoryRecord> members(UnaryOperator<Value.Map> change) {
    return record ->
        record instanceof Memory memory && memory.frontMatter() instanceof Value.Map map
            ? memory.withMembers(change.apply(map))
            : record;
  }

  private static final UnaryOperator<MemoryRecord> FLOATS =
      members(
          map -> {
            Value.Map copy = map;
            for (var entry : map.entries().entrySet()) {
              if (entry.getValue() instanceof Value.Int number) {
                copy = copy.with(entry.getKey(), Value.of((double) number.value()));
              }
            }
            return copy;
          });

  private static final UnaryOperator<MemoryRecord> SORTED =
      members(map -> new Value.Map(new TreeMap<>(map.entries())));

  private static final UnaryOperator<MemoryRecord> NO_NULLS =
      members(
          map -> {
            Value.Map copy = map;
            for (var entry : map.entries().entrySet()) {
              copy = entry.getValue().equals(Value.NULL) ? copy.without(entry.getKey()) : copy;
            }
            return copy;
          });

  private static final UnaryOperator<MemoryRecord> COMPOSED =
      members(map -> (Value.Map) map.mapTexts(t -> Normalizer.normalize(t, Normalizer.Form.NFC)));

  private static final UnaryOperator<MemoryRecord> TRIMMED =
      record ->
          record instanceof Memory memory
              ? memory.withContent(memory.content().stripTrailing())
              : record;

  private static final UnaryOperator<MemoryRecord> ROUNDED =
      record -> {
        if (!(record instanceof Embedding embedding)) {
          return record;
        }
        float[] vector = embedding.vector();
        for (int i = 0; i < vector.length; i++) {
          vector[i] = Math.round(vector[i] * 1e6f) / 1e6f;
        }
        return Embedding.of(embedding.space(), embedding.target(), vector, embedding.members());
      };
}
