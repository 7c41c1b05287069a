package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Edge;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Observation;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Value;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.testkit.FaultyMemoryStore;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class VerifierTest {
  private final InMemoryMemoryStore source = Trees.store(Trees.records(777));
  private final InMemoryMemoryStore target = new InMemoryMemoryStore("elsewhere");

  @ParameterizedTest
  @EnumSource
  void givenBackfilledCopy_whenVerified_thenEqual(Verifier.Level level) {
    source.execute(new ForgetMemory("m00003", 0));
    Backfill.builder(source, target).run();

    VerifyReport report = verify(level);

    assertThat(report.differences()).isEmpty();
    assertThat(report.equal()).isTrue();
    assertThat(report.complete()).isTrue();
    assertThat(report.kinds().get(Kind.MEMORY))
        .isEqualTo(new VerifyReport.Counts(776, 776, level.comparesRecords() ? 776 : 0, 0, 0));
  }

  @Test
  void givenOneFieldChangedAtTheSameRevision_whenVerified_thenExactlyThatFieldIsNamed() {
    InMemoryMemoryStore other = Trees.store(List.of(Trees.memory("m1", "one")));
    InMemoryMemoryStore changed = Trees.store(List.of(Trees.memory("m1", "two")));

    VerifyReport report = Verifier.builder(other, changed).run();

    assertThat(report.differences())
        .singleElement()
        .satisfies(
            d -> {
              assertThat(d.key()).isEqualTo(Key.of("m1"));
              assertThat(d.type()).isEqualTo(Difference.Type.FIELD);
              assertThat(d.field()).isEqualTo("content");
              assertThat(d.source()).startsWith("5 chars #").isNotEqualTo(d.target());
            });
  }

  @Test
  void givenOneSideLongerByFar_whenVerified_thenEachRecordTooManyIsNamed() {
    VerifyReport missing = verify(Verifier.Level.FIELDS);

    assertThat(missing.types()).containsExactly(Map.entry(Difference.Type.MISSING_IN_TARGET, 783L));
    assertThat(Verifier.builder(target, source).wait(duration -> true).run().types())
        .containsExactly(Map.entry(Difference.Type.MISSING_IN_SOURCE, 783L));
  }

  private VerifyReport verify(Verifier.Level level) {
    return Verifier.builder(source, target).level(level).wait(duration -> true).run();
  }

  @Nested
  class ContextGraphs {
    private final String now = Texts.time(Instant.now());

    private Edge edge(String pair, double belief, String context, String value) {
      return new Edge(
          pair,
          Value.EMPTY_MAP
              .with("belief", Value.of(belief))
              .with(context, Value.EMPTY_MAP.with(value, Value.of(1))));
    }

    private Observation observation(String pair, double weight) {
      return new Observation(
          pair,
          0,
          Value.EMPTY_MAP.with("observed_at", Value.of(now)).with("weight", Value.of(weight)));
    }

    private List<MemoryRecord> records() {
      return List.of(
          edge("a|b", 0.5, "platform_context", "moltx"),
          observation("a|b", 1),
          edge("a|c", 0.5, "activity_context", "social"));
    }

    private List<String> differences(MemoryStore changed) {
      VerifyReport report =
          Verifier.builder(Trees.store(records()), changed)
              .level(Verifier.Level.IDENTITY)
              .wait(duration -> true)
              .run();
      assertThat(report.kinds().get(Kind.EDGE))
          .extracting(VerifyReport.Counts::different)
          .isEqualTo((long) report.differences().size());
      return report.differences().stream().map(Difference::field).toList();
    }

    @Test
    void givenTheSameEdgesInAnotherOrder_whenIdentitiesAreCompared_thenTheyAreEqual() {
      List<MemoryRecord> turned = new ArrayList<>(records());
      Collections.rotate(turned, 1); // a|c first, and an edge still before its observation

      assertThat(differences(Trees.store(turned))).isEmpty();
    }

    @Test
    void givenOneBeliefChanged_whenIdentitiesAreCompared_thenTheGraphsOfThatEdgeDiffer() {
      MemoryStore changed =
          Trees.withChanged(
              Trees.store(records()), edge("a|b", 0.501, "platform_context", "moltx"));

      assertThat(differences(changed))
          .containsExactlyInAnyOrder(
              "context_graphs.where", "context_graphs.where_moltx", "context_graphs.bridges");
    }

    @Test
    void givenOneObservationChanged_whenIdentitiesAreCompared_thenTheWindowsOfTimeDiffer() {
      MemoryStore changed = Trees.withChanged(Trees.store(records()), observation("a|b", 1.01));

      assertThat(differences(changed))
          .containsExactlyInAnyOrder(
              "context_graphs.when_hot",
              "context_graphs.when_warm",
              "context_graphs.when_cool",
              "context_graphs.bridges");
    }

    @Test
    void givenOneEdgeElsewhere_whenIdentitiesAreCompared_thenTheGraphsItWasInDiffer() {
      MemoryStore changed =
          Trees.withChanged(
              Trees.store(records()), edge("a|c", 0.5, "activity_context", "technical"));

      assertThat(differences(changed))
          .containsExactlyInAnyOrder(
              "context_graphs.why", "context_graphs.why_social", "context_graphs.why_technical");
    }
  }

  @Nested
  class Fields {
    static Stream<MemoryRecord> records() {
      List<MemoryRecord> records = new ArrayList<>(Trees.records(2));
      records.add(
          new Memory(
              "odd",
              Tier.CORE,
              "odd.md",
              "body",
              new Value.Map(
                  Map.of(
                      "content",
                      Value.of("a member of that name"),
                      "a.b",
                      Value.of(1),
                      "nested",
                      new Value.Map(Map.of("x", Value.Seq.ofTexts(List.of("y")))),
                      "null",
                      Value.NULL,
                      "truth",
                      Value.of(true),
                      "time",
                      new Value.Time("2026-02-31"),
                      "number",
                      new Value.Opaque("1e999")))));
      records.add(new Memory("bare", Tier.CORE, "bare.md", "body", null));
      records.add(new Memory("text", Tier.CORE, "text.md", "body", Value.of("no map")));
      return records.stream();
    }

    @ParameterizedTest
    @MethodSource("records")
    void givenAnyOneFieldChanged_whenVerified_thenExactlyThatOneIsNamed(MemoryRecord record) {
      InMemoryMemoryStore source = Trees.store(Trees.records(2));
      Map<String, MemoryRecord> changes = changes(record);
      MemoryStore with = Trees.withChanged(source, record);
      if (source.read(record.kind(), record.key()).isEmpty()) {
        InMemoryMemoryStore more = Trees.store(Trees.records(2));
        more.execute(
            StoreMemory.of(record.key().part(0), "2026-02-10T11:52:05+00:00", "its place"));
        with = Trees.withChanged(more, record);
      }
      assertThat(changes).isNotEmpty();
      for (Map.Entry<String, MemoryRecord> change : changes.entrySet()) {
        MemoryStore changed = Trees.withChanged(with, change.getValue());

        for (boolean there : List.of(true, false)) {
          VerifyReport report =
              Verifier.builder(there ? with : changed, there ? changed : with)
                  .wait(duration -> true)
                  .run();

          List<Difference> differences =
              report.differences().stream()
                  .filter(d -> d.type() != Difference.Type.CORRUPT) // the place holder's digest
                  .toList();
          assertThat(differences).as(change.getKey()).hasSize(1);
          assertThat(differences.get(0).kind()).isEqualTo(record.kind());
          assertThat(differences.get(0).key()).isEqualTo(record.key());
          assertThat(differences.get(0).type()).isEqualTo(Difference.Type.FIELD);
          assertThat(differences.get(0).field()).isEqualTo(change.getKey());
        }
      }
    }

    /** By the name that the report should give it: the record with that one field changed. */
    private static Map<String, MemoryRecord> changes(MemoryRecord record) {
      Map<String, MemoryRecord> changes = new LinkedHashMap<>();
      Value.Map tree = record.tree();
      tree.entries()
          .forEach(
              (name, value) -> {
                if (value instanceof Value.Map members) {
                  members
                      .entries()
                      .forEach(
                          (member, old) -> {
                            String path = tree.has(member) ? name + "." + member : quoted(member);
                            changeValue(path, old)
                                .forEach(
                                    (at, changed) ->
                                        changes.put(
                                            at, with(record, name, members.with(member, changed))));
                            changes.put(
                                path + " gone", with(record, name, members.without(member)));
                          });
                  changes.put("more", with(record, name, members.with("more", Value.of("new"))));
                } else {
                  changeValue(name, value)
                      .forEach((at, changed) -> changes.put(at, with(record, name, changed)));
                }
              });
      Map<String, MemoryRecord> named = new LinkedHashMap<>();
      changes.forEach(
          (path, changed) -> {
            boolean gone = path.endsWith(" gone");
            if (gone) {
              checkGone(record, changed, path.substring(0, path.length() - 5));
            } else if (!changed.equals(record)) {
              named.put(path, changed);
            }
          });
      return named;
    }

    private static void checkGone(MemoryRecord record, MemoryRecord changed, String path) {
      assertThat(io.agentmemory.dualwrite.Fields.of(record, changed, false))
          .singleElement()
          .satisfies(
              found -> {
                assertThat(found.path()).isEqualTo(path);
                assertThat(found.target()).isEqualTo("absent");
              });
    }

    private static String quoted(String name) {
      return name.contains(".") ? '"' + name + '"' : name;
    }

    private static MemoryRecord with(MemoryRecord record, String name, Value value) {
      return record.kind().record(record.key(), record.tree().with(name, value));
    }

    private static Map<String, Value> changeValue(String path, Value value) {
      Map<String, Value> changes = new LinkedHashMap<>();
      if (value instanceof Value.Text text && path.equals("tier")) {
        changes.put(path, Value.of(text.value().equals("core") ? "active" : "core"));
      } else if (path.equals("vector")) {
        changes.put(path, Value.of("AACAPwAAgD8="));
      } else if (value instanceof Value.Text text) {
        changes.put(path, Value.of(text.value() + "x"));
      } else if (value instanceof Value.Seq seq) {
        for (int i = 0; i < seq.items().size(); i++) {
          List<Value> items = new ArrayList<>(seq.items());
          items.set(i, Value.of("other"));
          changes.put(path + "[" + i + "]", new Value.Seq(items));
        }
        List<Value> shorter = new ArrayList<>(seq.items());
        if (!shorter.isEmpty()) {
          shorter.remove(0);
          changes.put(path, new Value.Seq(shorter));
        }
      } else if (value instanceof Value.Map map) {
        map.entries()
            .forEach(
                (name, inner) ->
                    changeValue(path + "." + name, inner)
                        .forEach((at, changed) -> changes.put(at, map.with(name, changed))));
      } else if (value instanceof Value.Int number) {
        changes.put(path, Value.of((double) number.value()));
      } else {
        changes.put(path, Value.of("of another type"));
      }
      return changes;
    }

    @Test
    void givenValuesNotAskedFor_whenReported_thenNoContentStandsAnywhere() throws IOException {
      Memory secret = Trees.memory("m00000", "xyzzy");
      MemoryStore changed = Trees.withChanged(source, secret);

      String shown = text(Verifier.builder(source, changed).run());

      assertThat(shown).contains("FIELD memory m00000 content: 14 chars #").doesNotContain("xyzzy");
      assertThat(text(Verifier.builder(source, changed).includeValues().run()))
          .contains("FIELD memory m00000 content: \"content of 0\", \"xyzzy\"");
    }
  }

  private static String text(VerifyReport report) throws IOException {
    StringBuilder out = new StringBuilder();
    report.toText(out);
    report.toJsonLines(out);
    return out.append(report).append(report.differences()).toString();
  }

  @Nested
  class Differences {
    @Test
    void givenEveryWayToDiffer_whenVerified_thenEachHasItsClass() {
      Backfill.builder(source, target).run();
      source.execute(StoreMemory.of("a-new", "2026-02-10T11:52:05+00:00", "x"));
      target.execute(StoreMemory.of("b-new", "2026-02-10T11:52:05+00:00", "x"));
      source.execute(new ForgetMemory("m00001", 0));
      target.execute(new ForgetMemory("m00002", 0));
      Trees.put(target, List.of(Trees.memory("m00003", "content of 3")), 4);
      target.execute(UpdateMemory.of("m00004").content("other"));
      source.execute(new ForgetMemory("m00005", 0));
      target.execute(deletion("m00005", 9));
      source.execute(deletion("never-there", 1));

      for (Verifier.Level level : List.of(Verifier.Level.DIGESTS, Verifier.Level.FIELDS)) {
        boolean fields = level == Verifier.Level.FIELDS;
        assertThat(verify(level).differences())
            .extracting(d -> d.type() + " " + d.key() + " " + d.field())
            .containsExactlyInAnyOrder(
                "MISSING_IN_TARGET a-new ",
                "MISSING_IN_SOURCE b-new ",
                "TOMBSTONE_VS_LIVE m00001 ",
                "TOMBSTONE_VS_LIVE m00002 ",
                "REVISION m00003 ",
                "FIELD m00004 " + (fields ? "content" : ""),
                "REVISION m00005 ");
      }
      assertThat(verify(Verifier.Level.COUNTS).differences())
          .extracting(Difference::toString)
          .containsExactly("COUNT memory tombstones: 3, 2");
    }

    private static DeleteRecords deletion(String id, long revision) {
      return new DeleteRecords(
          List.of(new DeleteRecords.Delete(Kind.MEMORY, Key.of(id), revision)));
    }

    @Test
    void givenContentChangedBehindTheStore_whenVerified_thenOnlyFieldsSeesIt() {
      Backfill.builder(source, target).run();
      MemoryStore changed = Trees.withChanged(target, Trees.memory("m00001", "by hand"));

      assertThat(Verifier.builder(source, changed).level(Verifier.Level.DIGESTS).run().equal())
          .isTrue();
      assertThat(Verifier.builder(source, changed).run().differences())
          .extracting(Difference::field)
          .containsExactly("content");
      assertThat(Verifier.builder(changed, changed).run().differences())
          .extracting(Difference::type)
          .as("equal content, but not what the stores say it is")
          .containsExactly(Difference.Type.CORRUPT);
    }

    @Test
    void givenMoreDifferencesThanAreListed_whenVerified_thenTheCountIsExact() {
      InMemoryMemoryStore many = Trees.store(Trees.records(12_345));

      VerifyReport report = Verifier.builder(many, target).wait(duration -> true).run();

      assertThat(report.total()).isEqualTo(12_351);
      assertThat(report.differences()).hasSize(VerifyReport.MAX_LISTED);
      assertThat(report.kinds().get(Kind.MEMORY))
          .isEqualTo(new VerifyReport.Counts(12_345, 0, 0, 0, 12_345));
    }

    @Test
    void givenStoreThatListsAKeyTwice_whenVerified_thenNamed() {
      MemoryStore twice =
          new ForwardingMemoryStore(source) {
            @Override
            public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
              return super.scan(kind, range)
                  .flatMap(s -> s.key().part(0).equals("m00003") ? Stream.of(s, s) : Stream.of(s));
            }
          };

      assertThat(Verifier.builder(source, twice).run().differences())
          .extracting(Difference::toString)
          .containsExactly("DUPLICATE_ID memory m00003");
    }

    @Test
    void givenStoreThatListsKeysOutOfOrder_whenVerified_thenItIsNotTrusted() {
      MemoryStore wild =
          new ForwardingMemoryStore(source) {
            @Override
            public <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range) {
              return super.scan(kind, range).sorted((a, b) -> b.key().compareTo(a.key()));
            }
          };

      assertThatExceptionOfType(UncategorizedStoreException.class)
          .isThrownBy(() -> Verifier.builder(source, wild).run())
          .withMessageContaining("out of order");
    }

    @Test
    void givenStoreThatCannotReadOn_whenVerified_thenTheReportIsNotComplete() {
      Backfill.builder(source, target).run();
      FaultyMemoryStore faulty = new FaultyMemoryStore(target);
      faulty.changeNextRead((StoreInfo info) -> info);
      faulty.failNextRead(
          new CorruptMemoryException(
              new Operation("probe", "scan", ""), "memories:m00007", "does not parse", null));

      VerifyReport report = Verifier.builder(source, faulty).wait(duration -> true).run();

      assertThat(report.complete()).isFalse();
      assertThat(report.skipped())
          .extracting(StoreInfo.SetAside::location)
          .containsExactly("memories:m00007");
      assertThat(report.kinds().get(Kind.EDGE))
          .as("other kinds are compared")
          .isEqualTo(new VerifyReport.Counts(1, 1, 1, 0, 0));
    }

    @Test
    void givenStoreThatIsAway_whenVerified_thenItSaysSo() {
      FaultyMemoryStore faulty = new FaultyMemoryStore(target);
      faulty.changeNextRead((StoreInfo info) -> info);
      faulty.failNextRead(
          StoreUnavailableException.notApplied(new Operation("probe", "scan", ""), "away", null));

      assertThatExceptionOfType(StoreUnavailableException.class)
          .isThrownBy(() -> Verifier.builder(source, faulty).run());
    }

    @Test
    void givenReport_whenWrittenAsJsonLines_thenEachLineIsAnObject() throws IOException {
      Backfill.builder(source, target).run();
      target.execute(new ForgetMemory("m00002", 0));
      StringBuilder out = new StringBuilder();

      verify(Verifier.Level.FIELDS).toJsonLines(out);

      List<Value> lines = out.toString().lines().map(Canonical::parse).toList();
      assertThat(lines).hasSize(2);
      assertThat(Canonical.canonical(lines.get(0)))
          .isEqualTo(
              "{\"class\":\"TOMBSTONE_VS_LIVE\",\"field\":\"\",\"key\":[\"m00002\"],"
                  + "\"kind\":\"memory\",\"source\":\"\",\"target\":\"\"}");
      assertThat(((Value.Map) lines.get(1)).get("equal")).isEqualTo(Value.of(false));
      assertThat(((Value.Map) lines.get(1)).get("differences")).isEqualTo(Value.of(1L));
    }
  }

  @Nested
  class Lag {
    private static final String AT = "2026-02-10T11:52:05+00:00";

    @Test
    void givenRecordThatArrivesLater_whenVerified_thenItLaggedAndIsEqual() {
      Backfill.builder(source, target).run();
      source.execute(new RecallMemory("m00001", AT));
      List<Duration> waits = new ArrayList<>();

      VerifyReport report =
          Verifier.builder(source, target)
              .wait(
                  duration -> {
                    target.execute(new RecallMemory("m00001", AT));
                    return waits.add(duration);
                  })
              .run();

      assertThat(report.differences()).isEmpty();
      assertThat(waits).containsExactly(Duration.ofMillis(200));
      assertThat(report.kinds().get(Kind.MEMORY))
          .isEqualTo(new VerifyReport.Counts(777, 777, 777, 1, 0));
    }

    @Test
    void givenRecordThatNeverSettles_whenVerified_thenItIsADifferenceAfterTheLastLook() {
      Backfill.builder(source, target).run();
      source.execute(new RecallMemory("m00001", AT));
      List<Duration> waits = new ArrayList<>();

      VerifyReport report =
          Verifier.builder(source, target)
              .wait(
                  duration -> {
                    source.execute(new RecallMemory("m00001", AT));
                    return waits.add(duration);
                  })
              .run();

      assertThat(waits)
          .containsExactly(
              Duration.ofMillis(200),
              Duration.ofSeconds(1),
              Duration.ofSeconds(5),
              Duration.ofSeconds(30));
      assertThat(report.total()).as("recall count and two more fields").isBetween(1L, 4L);
      assertThat(report.differences()).allMatch(d -> Key.of("m00001").equals(d.key()));
    }

    @Test
    void givenRecordThatIsWrittenAllTheTimeAndFollowed_whenVerified_thenItLagsAndIsNoDifference() {
      Backfill.builder(source, target).run();
      source.execute(new RecallMemory("m00001", AT));

      VerifyReport report =
          Verifier.builder(source, target)
              .wait(
                  duration -> {
                    Backfill.builder(source, target).run();
                    source.execute(new RecallMemory("m00001", AT));
                    return true;
                  })
              .run();

      assertThat(report.differences()).isEmpty();
      assertThat(report.kinds().get(Kind.MEMORY))
          .isEqualTo(new VerifyReport.Counts(777, 777, 776, 1, 0));
    }

    @Test
    void givenDifferenceThatStandsStill_whenVerified_thenItIsNotWaitedForLong() {
      Backfill.builder(source, target).run();
      source.execute(new RecallMemory("m00001", AT));
      List<Duration> waits = new ArrayList<>();

      VerifyReport report = Verifier.builder(source, target).wait(waits::add).run();

      assertThat(waits).containsExactly(Duration.ofMillis(200));
      assertThat(report.equal()).isFalse();
    }

    @Test
    void givenWritersAllTheTime_whenVerified_thenNoFalseDifference() throws Exception {
      Backfill.builder(source, target).run();
      try (DualWriteMemoryStore store =
          DualWriteMemoryStore.builder(source, target).stage(Stage.DUAL_WRITE).build()) {
        AtomicBoolean stop = new AtomicBoolean();
        List<Thread> writers = new ArrayList<>();
        for (int w = 0; w < 4; w++) {
          Random random = new Random(w);
          Thread writer =
              new Thread(
                  () -> {
                    while (!stop.get()) {
                      store.execute(
                          new RecallMemory(String.format("m%05d", random.nextInt(777)), AT));
                    }
                  });
          writer.start();
          writers.add(writer);
        }
        for (int i = 0; i < 20; i++) {
          VerifyReport report =
              Verifier.builder(source, target)
                  .wait(duration -> store.drain(Duration.ofSeconds(10)))
                  .run();
          assertThat(report.differences()).isEmpty();
        }
        stop.set(true);
        for (Thread writer : writers) {
          writer.join(10_000);
        }
      }
    }
  }
}
