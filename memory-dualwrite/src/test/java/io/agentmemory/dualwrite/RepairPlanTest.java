package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.agentmemory.CoOccurrence;
import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Operation;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.dualwrite.RepairPlan.Result;
import io.agentmemory.internal.LocalDisk;
import io.agentmemory.spi.ForwardingMemoryStore;
import io.agentmemory.testkit.InMemoryMemoryStore;
import io.agentmemory.testkit.RandomRecords;
import io.agentmemory.testkit.RandomRecords.Mutation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RepairPlanTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";

  private final InMemoryMemoryStore right = Trees.store(Trees.records(20));
  private final InMemoryMemoryStore wrong = new InMemoryMemoryStore("elsewhere");
  @TempDir Path folder;
  private int edits;

  @BeforeEach
  void copy() {
    Backfill.builder(right, wrong).run();
  }

  private RepairPlan plan() {
    return RepairPlan.of(right, wrong);
  }

  private Result apply(RepairPlan plan, boolean deletes) {
    return plan.apply(right, wrong, folder.resolve("aside"), deletes);
  }

  private void edit(MemoryStore store, String id) {
    store.execute(UpdateMemory.of(id).content("edited " + ++edits));
  }

  private static DeleteRecords deletion(String id, long revision) {
    return new DeleteRecords(List.of(new DeleteRecords.Delete(Kind.MEMORY, Key.of(id), revision)));
  }

  private String content(MemoryStore store, String id) {
    return Trees.memory(store, id).live().map(Memory::content).orElse("deleted");
  }

  private VerifyReport verify() {
    return Verifier.builder(right, wrong).wait(duration -> true).run();
  }

  @Test
  @DisplayName("T71: repair plan applied after data moved, and twice")
  void givenPlan_whenDataMoved_thenThatIsLeftAndNamedAndASecondRunChangesNothing() {
    for (String id : List.of("m00001", "m00002", "m00003", "m00004")) {
      edit(wrong, id);
    }
    RepairPlan plan = plan();
    edit(right, "m00002");
    edit(wrong, "m00003");
    edit(right, "m00004");
    edit(wrong, "m00004");
    List<String> moved = List.of("m00002", "m00003", "m00004");
    List<String> before = states(moved);

    Result first = apply(plan, true);

    assertThat(first.repaired()).isOne();
    assertThat(first.unchanged()).isZero();
    assertThat(first.left())
        .extracting(left -> left.item().key() + " " + left.reason())
        .containsExactly(
            "m00002 moved since it was compared in the right one",
            "m00003 moved since it was compared in the wrong store",
            "m00004 moved since it was compared in both stores");
    assertThat(content(wrong, "m00001")).isEqualTo("content of 1");
    assertThat(states(moved)).isEqualTo(before);

    List<String> all =
        Stream.concat(Trees.dump(right).stream(), Trees.dump(wrong).stream()).toList();
    Result second = apply(plan, true);

    assertThat(second.repaired()).isZero();
    assertThat(second.unchanged()).isOne();
    assertThat(second.left()).isEqualTo(first.left());
    assertThat(Stream.concat(Trees.dump(right).stream(), Trees.dump(wrong).stream()))
        .isEqualTo(all);

    assertThat(apply(plan(), true).left()).as("a new plan").isEmpty();
    assertThat(verify().differences()).isEmpty();
  }

  private List<String> states(List<String> ids) {
    List<String> states = new ArrayList<>();
    for (String id : ids) {
      states.add(Trees.memory(right, id) + " " + Trees.memory(wrong, id));
    }
    return states;
  }

  @Test
  @DisplayName("T71: everything overwritten is kept whole first")
  void givenStateThatIsOverwritten_whenApplied_thenItIsSetAsideWhole() throws IOException {
    edit(wrong, "m00001");
    Stored<Memory> lost = Trees.memory(wrong, "m00001");

    assertThat(apply(plan(), false).repaired()).isOne();

    Conflicts kept = Conflicts.open(LocalDisk.INSTANCE, folder.resolve("aside"), Clock.systemUTC());
    assertThat(kept.list()).hasSize(1);
    Conflicts.Held held = kept.get(kept.list().get(0).id()).orElseThrow();
    assertThat(held.loser().value()).isEqualTo(lost.value());
    assertThat(held.conflict().won()).isEqualTo(Trees.memory(wrong, "m00001").version());
  }

  @Test
  void givenDeletedMemory_whenApplied_thenItsEntriesAreKeptAndStrangersStay() throws IOException {
    for (MemoryStore store : List.of(right, wrong)) {
      store.execute(counted("m00001", 1, 3));
    }
    wrong.execute(counted("m00001", 2, 4));
    wrong.execute(counted("m00002", 7, 3));
    right.execute(new ForgetMemory("m00001", 0));
    right.execute(new ForgetMemory("m00002", 0));

    Result result = apply(plan(), true);

    assertThat(content(wrong, "m00001")).isEqualTo("deleted");
    Conflicts kept = Conflicts.open(LocalDisk.INSTANCE, folder.resolve("aside"), Clock.systemUTC());
    assertThat(kept.list())
        .extracting(one -> one.key().toString())
        .containsExactlyInAnyOrder("m00001", "m00001/m00003");
    assertThat(content(wrong, "m00002")).isEqualTo("content of 2");
    assertThat(result.left())
        .extracting(left -> left.item().key() + " " + left.reason())
        .containsExactly(
            "m00002 would be deleted with something that was left alone",
            "m00002/m00003 the right store never had it: nobody says that it was deleted");
  }

  @Test
  void givenFileNameOfWhatIsDeleted_whenApplied_thenOneTimeIsEnough() {
    Memory was = Trees.memory(right, "m00002").live().orElseThrow();
    Memory gone = Trees.memory(right, "m00001").live().orElseThrow();
    Memory taking =
        new Memory(was.id(), gone.tier(), gone.fileName(), was.content(), was.frontMatter());
    right.execute(new ForgetMemory("m00001", 0));
    right.execute(new PutRecords(List.of(new PutRecords.Put(taking, 9))));

    assertThat(apply(plan(), true).left()).isEmpty();
    assertThat(verify().differences()).isEmpty();
  }

  @Test
  void givenRecordThatCannotBeRead_whenApplied_thenTheOthersAreRepaired() {
    edit(right, "m00001");
    edit(right, "m00002");
    RepairPlan plan = plan();
    MemoryStore damaged =
        new ForwardingMemoryStore(wrong) {
          @Override
          public <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys) {
            if (keys.contains(Key.of("m00001"))) {
              throw new CorruptMemoryException(
                  new Operation("test", "readAll", ""), "active/m.md", "is damaged", null);
            }
            return super.readAll(kind, keys);
          }
        };

    Result result = plan.apply(right, damaged, folder.resolve("aside"), false);

    assertThat(result.left())
        .extracting(left -> left.reason())
        .containsExactly("cannot be read: active/m.md");
    assertThat(content(wrong, "m00002")).startsWith("edited");
  }

  private static PutRecords counted(String id, long value, long revision) {
    CoOccurrence entry = new CoOccurrence(id, "m00003", Value.of(value));
    return new PutRecords(List.of(new PutRecords.Put(entry, revision)));
  }

  @Test
  void givenDeletions_whenApplied_thenOnlyWithConsentAndOnlyBackedByATombstone() {
    right.execute(new ForgetMemory("m00001", 0));
    wrong.execute(StoreMemory.of("stranger", AT, "x"));
    wrong.execute(new ForgetMemory("m00002", 0));
    RepairPlan plan = plan();

    Result first = apply(plan, false);

    assertThat(first.left())
        .extracting(left -> left.item().key() + " " + left.reason())
        .containsExactly(
            "m00001 would be deleted, which was not allowed",
            "stranger the right store never had it: nobody says that it was deleted");
    assertThat(content(wrong, "m00001")).isEqualTo("content of 1");
    assertThat(content(wrong, "m00002")).as("deleted by mistake").isEqualTo("content of 2");

    Result second = apply(plan, true);

    assertThat(second.repaired()).isOne();
    assertThat(second.left())
        .extracting(left -> left.item().key())
        .containsExactly(Key.of("stranger"));
    assertThat(Trees.memory(wrong, "m00001").isTombstone()).isTrue();
    Backfill.builder(right, wrong).run();
    assertThat(Trees.memory(wrong, "m00001").isTombstone()).as("no resurrection").isTrue();
  }

  @Test
  void givenWrongStoreAheadOrEvenOnlyInRevision_whenApplied_thenEqualAtARevisionAboveBoth() {
    Trees.put(wrong, List.of(Trees.memory("m00001", "content of 1")), 7);
    right.execute(deletion("m00003", 2));
    wrong.execute(deletion("m00003", 5));
    edit(right, "m00002");

    assertThat(apply(plan(), true)).isEqualTo(new Result(3, 0, List.of()));

    assertThat(verify().differences()).isEmpty();
    assertThat(Trees.memory(right, "m00001").revision()).isEqualTo(8);
    assertThat(Trees.memory(wrong, "m00002").revision()).isEqualTo(2);
  }

  @Test
  void givenRepairBrokenOffBetweenTheTwoStores_whenAppliedAgain_thenItGoesOn() {
    Trees.put(wrong, List.of(Trees.memory("m00001", "another")), 7);
    RepairPlan plan = plan();
    Trees.put(right, List.of(Trees.memory("m00001", "content of 1")), 8); // and not the other one

    assertThat(apply(plan, false)).isEqualTo(new Result(1, 0, List.of()));

    assertThat(verify().differences()).isEmpty();
    assertThat(content(wrong, "m00001")).isEqualTo("content of 1");
  }

  @Test
  void givenOneFieldOfOneRecordOfEachKindChanged_whenApplied_thenEqualAgain() {
    long seed = 11;
    List<MemoryRecord> records = RandomRecords.tree(seed, 8);
    List<MemoryRecord> changed = new ArrayList<>();
    for (Kind<?> kind : Kind.all()) {
      records.stream()
          .filter(record -> record.kind().equals(kind))
          .flatMap(record -> RandomRecords.mutations(record).stream().limit(1))
          .map(Mutation::record)
          .findFirst()
          .ifPresent(changed::add);
    }
    MemoryStore here = Trees.store(records);
    MemoryStore there = Trees.store(records);
    Trees.put(there, changed, 2);
    RepairPlan plan = RepairPlan.of(here, there);
    assertThat(plan.items()).hasSize(changed.size());

    Result result = plan.apply(here, there, folder.resolve("aside"), false);

    assertThat(result).as("seed %s", seed).isEqualTo(new Result(changed.size(), 0, List.of()));
    assertThat(Verifier.builder(here, there).run().differences()).isEmpty();
  }

  @Test
  void givenPlan_whenWrittenAndParsed_thenTheSameWithoutContent() throws IOException {
    edit(wrong, "m00001");
    right.execute(new ForgetMemory("m00002", 0));
    right.execute(StoreMemory.of("new", AT, "x"));
    RepairPlan plan = plan().between("here", "there");
    StringBuilder text = new StringBuilder();
    plan.write(text);

    RepairPlan read = RepairPlan.parse(text.toString());

    assertThat(read.items()).isEqualTo(plan.items()).hasSize(3);
    assertThat(read.isComplete()).isTrue();
    assertThat(read.rightStore()).contains("here");
    assertThat(read.wrongStore()).contains("there");
    assertThat(text.toString()).doesNotContain("edited");
    for (String bad : List.of("", "{}", text.substring(0, text.indexOf("\n") + 1), "no")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> RepairPlan.parse(bad))
          .withMessageContaining("line 1");
    }
    assertThat(Files.exists(folder.resolve("aside"))).isFalse();
  }
}
