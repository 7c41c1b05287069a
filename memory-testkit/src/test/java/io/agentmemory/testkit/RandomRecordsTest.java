package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.Observation;
import io.agentmemory.Value;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.PutRecords;
import io.agentmemory.spi.Canonical;
import io.agentmemory.testkit.RandomRecords.Mutation;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

final class RandomRecordsTest {

  private static PutRecords puts(List<? extends MemoryRecord> records) {
    return new PutRecords(records.stream().map(r -> new PutRecords.Put(r, 1)).toList());
  }

  @Nested
  class Trees {
    @Test
    void givenSeed_whenMadeTwice_thenTheSameAndAnotherSeedGivesAnother() {
      assertThat(RandomRecords.tree(5, 50)).isEqualTo(RandomRecords.tree(5, 50));
      assertThat(RandomRecords.tree(5, 50)).isNotEqualTo(RandomRecords.tree(6, 50));
    }

    @Test
    void givenManySeeds_whenPut_thenEveryRecordIsTakenAndNoneTwice() {
      for (long seed = 0; seed < 15; seed++) {
        List<MemoryRecord> tree = RandomRecords.tree(seed, 60);
        InMemoryMemoryStore store = new InMemoryMemoryStore("test");
        Outcome outcome = store.execute(puts(tree));
        assertThat(outcome.skipped()).as("seed %s", seed).isEmpty();
        assertThat(outcome.changes()).as("seed %s", seed).hasSize(tree.size());
        assertThat(outcome.changes())
            .as("no container had to be changed, seed %s", seed)
            .allSatisfy(change -> assertThat(change.after().revision()).isEqualTo(1));
        Set<String> files = new HashSet<>();
        for (MemoryRecord record : tree) {
          if (record instanceof Memory memory) {
            assertThat(files.add(memory.fileName())).as("seed %s", seed).isTrue();
          }
        }
      }
    }

    @Test
    void givenOrderOfATree_whenPutOneByOne_thenNoneComesBeforeOneItNeeds() {
      InMemoryMemoryStore store = new InMemoryMemoryStore("test");
      List<Kind<?>> kinds = new ArrayList<>();
      for (MemoryRecord record : RandomRecords.tree(1, 80)) {
        store.execute(puts(List.of(record)));
        if (!kinds.contains(record.kind())) {
          kinds.add(record.kind());
        }
      }
      assertThat(kinds).isEqualTo(Kind.all());
    }

    @Test
    void givenSomeTrees_whenLookedThrough_thenEveryTrapIsThere() {
      List<MemoryRecord> all = new ArrayList<>();
      for (long seed = 0; seed < 20; seed++) {
        all.addAll(RandomRecords.tree(seed, 100));
      }
      Map<String, Predicate<MemoryRecord>> traps = new TreeMap<>();
      for (String text :
          List.of(
              "no",
              "1:30",
              "012",
              "123e4567",
              "2026-02-31",
              "~",
              "=",
              "<<",
              "---",
              "\u0085",
              "\u2028",
              "\r",
              "\u0001",
              "\ufffe",
              "\ufeff",
              "e\u0301",
              "😀",
              "\u202e",
              "İ",
              "\u0000".replace('\0', '\\'),
              "%",
              "@",
              "`",
              "\"",
              "'",
              "#",
              ": ",
              "[",
              "{",
              "&",
              "*",
              "!",
              "|",
              ">",
              "漢".repeat(60))) {
        traps.put("text " + text, r -> Canonical.canonical(r.tree()).contains(quoted(text)));
      }
      traps.put("key of odd characters", r -> r.key().part(0).contains("\n"));
      traps.put("id of the file's name", r -> memory(r, m -> !m.members().has("id")));
      traps.put("no front matter", r -> memory(r, m -> m.frontMatter() == null));
      traps.put("null front matter", r -> memory(r, m -> Value.NULL.equals(m.frontMatter())));
      traps.put("text front matter", r -> memory(r, m -> m.frontMatter() instanceof Value.Text));
      traps.put("list front matter", r -> memory(r, m -> m.frontMatter() instanceof Value.Seq));
      traps.put("empty body", r -> memory(r, m -> m.content().isEmpty()));
      traps.put("body that ends a line", r -> memory(r, m -> m.content().endsWith("\n")));
      traps.put("body that begins a fence", r -> memory(r, m -> m.content().startsWith("---")));
      traps.put("long line", r -> memory(r, m -> m.content().matches("(?s).*[^\\n]{81}.*")));
      traps.put("tag twice", r -> memory(r, m -> new HashSet<>(m.tags()).size() < m.tags().size()));
      traps.put("tags as text", r -> memory(r, m -> m.members().get("tags") instanceof Value.Text));
      traps.put(
          "null member", r -> memory(r, m -> m.members().entries().containsValue(Value.NULL)));
      traps.put(
          "empty map", r -> memory(r, m -> m.members().entries().containsValue(Value.EMPTY_MAP)));
      traps.put(
          "empty list", r -> memory(r, m -> m.members().entries().containsValue(Value.EMPTY_SEQ)));
      traps.put("ten levels", r -> depth(r.tree()) >= 9);
      traps.put(
          "integer weight",
          r -> memory(r, m -> Value.of(1L).equals(m.members().get("emotional_weight"))));
      traps.put("time", r -> Canonical.canonical(r.tree()).contains("{\"$time\":"));
      traps.put("number as text", r -> Canonical.canonical(r.tree()).contains("{\"$number\":"));
      traps.put("least float", r -> Canonical.canonical(r.tree()).contains(":5e-324"));
      traps.put("1e16", r -> Canonical.canonical(r.tree()).contains(":1e+16"));
      traps.put("1e-5", r -> Canonical.canonical(r.tree()).contains(":1e-05"));
      traps.put(
          "count of another type",
          r -> r instanceof CoOccurrence c && c.count() instanceof Value.Text);
      traps.put("vector of zeros", r -> r instanceof Embedding e && zeros(e));
      traps.put(
          "observation without weight",
          r -> r instanceof Observation o && !o.members().has("weight"));
      traps.put("a place left empty", r -> r instanceof Observation o && o.ordinal() > 2);
      traps.forEach(
          (name, trap) -> assertThat(all.stream().filter(trap).count()).as(name).isPositive());
    }

    private String quoted(String text) {
      String json = Canonical.canonical(Value.of(text));
      return json.substring(1, json.length() - 1);
    }

    private boolean memory(MemoryRecord record, Predicate<Memory> trap) {
      return record instanceof Memory memory && trap.test(memory);
    }

    private boolean zeros(Embedding embedding) {
      for (float f : embedding.vector()) {
        if (f != 0) {
          return false;
        }
      }
      return true;
    }

    private int depth(Value value) {
      int deepest = 0;
      if (value instanceof Value.Seq seq) {
        for (Value item : seq.items()) {
          deepest = Math.max(deepest, 1 + depth(item));
        }
      } else if (value instanceof Value.Map map) {
        for (Value item : map.entries().values()) {
          deepest = Math.max(deepest, 1 + depth(item));
        }
      }
      return deepest;
    }
  }

  @Nested
  class Mutations {
    @Test
    void givenRecords_whenMutated_thenEachCopyIsValidAndDiffersInThatFieldAlone() {
      Map<Kind<?>, Set<String>> fields = new HashMap<>();
      for (long seed = 0; seed < 6; seed++) {
        List<MemoryRecord> tree = RandomRecords.tree(seed, 30);
        InMemoryMemoryStore store = new InMemoryMemoryStore("test");
        store.execute(puts(tree));
        long revision = 1;
        for (MemoryRecord record : tree) {
          List<Mutation> mutations = RandomRecords.mutations(record);
          assertThat(mutations.isEmpty()).isEqualTo(record.tree().isEmpty());
          for (Mutation mutation : mutations) {
            String note =
                "seed " + seed + ", " + mutation.field() + " of " + RandomRecords.show(record);
            MemoryRecord copy = mutation.record();
            assertThat(copy.key()).isEqualTo(record.key());
            assertThat(differing(record.tree(), copy.tree()))
                .as(note)
                .containsExactly(mutation.field());
            assertThat(Canonical.digest(copy)).as(note).isNotEqualTo(Canonical.digest(record));
            Outcome outcome =
                store.execute(new PutRecords(List.of(new PutRecords.Put(copy, ++revision))));
            assertThat(outcome.changes()).as(note).hasSize(1);
            fields.computeIfAbsent(record.kind(), k -> new HashSet<>()).add(mutation.field());
          }
          assertThat(RandomRecords.mutations(record)).isEqualTo(mutations);
          store.execute(new PutRecords(List.of(new PutRecords.Put(record, ++revision))));
        }
      }
      assertThat(fields.keySet())
          .containsExactlyInAnyOrderElementsOf(
              Kind.all().stream().filter(kind -> !kind.equals(Kind.SESSION_RECALL)).toList());
      assertThat(fields.get(Kind.MEMORY))
          .contains("tier", "file_name", "content", "front_matter", "front_matter.tags");
      assertThat(fields.get(Kind.EMBEDDING)).contains("vector", "members.preview");
      assertThat(fields.get(Kind.EDGE)).contains("members.belief", "members.one more");
    }

    /** The fields in which two trees differ, members of maps one by one. */
    private Set<String> differing(Value.Map a, Value.Map b) {
      Set<String> fields = new HashSet<>();
      Set<String> names = new HashSet<>(a.entries().keySet());
      names.addAll(b.entries().keySet());
      for (String name : names) {
        Value x = a.get(name);
        Value y = b.get(name);
        if (x instanceof Value.Map inner && y instanceof Value.Map other && !name.contains(".")) {
          Set<String> members = new HashSet<>(inner.entries().keySet());
          members.addAll(other.entries().keySet());
          for (String member : members) {
            Value m = inner.get(member);
            if (m == null || !m.equals(other.get(member))) {
              fields.add(
                  List.of("members", "front_matter").contains(name) ? name + "." + member : name);
            }
          }
        } else if (x == null || !x.equals(y)) {
          fields.add(name);
        }
      }
      return fields;
    }
  }

  @Nested
  class Commands {
    @Test
    void givenManyBatches_whenRun_thenEveryCommandSucceedsAndFailsAndEveryReasonOccurs() {
      Map<String, Integer> succeeded = new TreeMap<>();
      Map<String, Integer> failed = new TreeMap<>();
      EnumSet<Outcome.Skip.Reason> reasons = EnumSet.noneOf(Outcome.Skip.Reason.class);
      Set<Kind<?>> kinds = new HashSet<>();
      Set<Class<?>> made = new HashSet<>();
      int repeated = 0;
      int found = 0;
      for (long seed = 0; seed < 40; seed++) {
        RandomCommands commands = new RandomCommands(seed);
        InMemoryMemoryStore store = new InMemoryMemoryStore("test");
        for (int i = 0; i < 150; i++) {
          Batch batch = commands.next();
          for (Command command : batch.commands()) {
            assertThat(command.verb()).isNotBlank();
            made.add(command.getClass());
          }
          try {
            Outcome outcome = store.execute(batch);
            repeated += outcome.repeated() ? 1 : 0;
            outcome.skipped().forEach(skip -> reasons.add(skip.reason()));
            outcome.changes().forEach(change -> kinds.add(change.after().kind()));
            succeeded.merge(batch.verb(), 1, Integer::sum);
          } catch (MemoryStoreException e) {
            failed.merge(e.operation().verb(), 1, Integer::sum);
          }
          found += store.find(commands.query()).size();
        }
        assertThat(store.read(Kind.MEMORY, Key.of("never stored"))).isEmpty();
      }
      assertThat(made)
          .as("commands that can be made at random")
          .containsExactlyInAnyOrder(Command.class.getPermittedSubclasses());
      assertThat(succeeded.keySet())
          .containsExactlyInAnyOrder(
              "batch",
              "store",
              "update",
              "recall",
              "move",
              "forget",
              "defineSpace",
              "putEmbedding",
              "putRecords",
              "deleteRecords",
              "addObservation",
              "logCoOccurrences",
              "countCoOccurrences",
              "decayEdges",
              "decayCoOccurrences",
              "noteRecalls",
              "startSession",
              "savePending",
              "endSession",
              "ageMemories",
              "append",
              "reject",
              "addLesson",
              "recallLessons",
              "contradict",
              "supersede",
              "replace",
              "promote",
              "compress",
              "consolidate",
              "logRetrievals",
              "orderRecords");
      assertThat(failed.keySet())
          .contains(
              "store",
              "update",
              "recall",
              "move",
              "forget",
              "defineSpace",
              "putEmbedding",
              "putRecords",
              "addObservation",
              "compress",
              "consolidate");
      assertThat(reasons).containsExactly(Outcome.Skip.Reason.values());
      assertThat(kinds).containsExactlyInAnyOrderElementsOf(Kind.all());
      assertThat(repeated).isGreaterThan(25);
      assertThat(found).isGreaterThan(500);
      assertThat(succeeded.get("batch")).isGreaterThan(100);
    }
  }
}
