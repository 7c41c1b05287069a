package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.CountCoOccurrences;
import io.agentmemory.command.DeleteRecords;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.testkit.InMemoryMemoryStore;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Two stores that differ, and a command that meets the difference. */
class MismatchTest {
  private static final String AT = "2026-02-10T11:52:05+00:00";
  private static final Duration LONG = Duration.ofSeconds(10);

  /** Where the secondary is when the authority has memory {@code m} at revision 3. */
  enum Secondary {
    ABSENT,
    BEHIND,
    EQUAL,
    DIFFERENT,
    AHEAD,
    DELETED_BEFORE,
    DELETED_AFTER;

    void set(MemoryStore store) {
      switch (this) {
        case ABSENT -> {}
        case BEHIND -> Trees.put(store, List.of(Trees.memory("m", "old")), 2);
        case EQUAL -> Trees.put(store, List.of(Trees.memory("m", "content")), 3);
        case DIFFERENT -> Trees.put(store, List.of(Trees.memory("m", "different")), 3);
        case AHEAD -> Trees.put(store, List.of(Trees.memory("m", "ahead")), 7);
        case DELETED_BEFORE -> delete(store, 2);
        case DELETED_AFTER -> delete(store, 9);
      }
    }

    private static void delete(MemoryStore store, long revision) {
      store.execute(
          new DeleteRecords(List.of(new DeleteRecords.Delete(Kind.MEMORY, Key.of("m"), revision))));
    }
  }

  static Stream<Arguments> cases() {
    List<Arguments> cases = new ArrayList<>();
    for (Stage stage : List.of(Stage.DUAL_WRITE, Stage.LIVE)) {
      for (Secondary secondary : Secondary.values()) {
        for (Command command :
            List.of(
                UpdateMemory.of("m").content("new"),
                new RecallMemory("m", AT),
                new MoveMemory("m", Tier.CORE),
                new MoveMemory("m", Tier.ACTIVE),
                new ForgetMemory("m", 0),
                StoreMemory.of("n", AT, "content").withCausedBy(List.of("m")))) {
          cases.add(Arguments.of(stage, secondary, command));
        }
      }
    }
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void givenSecondaryThatDiffers_whenWritten_thenItIsReportedOnceAndSetRight(
      Stage stage, Secondary secondary, Command command) {
    InMemoryMemoryStore authority = new InMemoryMemoryStore("test");
    InMemoryMemoryStore other = new InMemoryMemoryStore("test");
    Trees.put(authority, List.of(Trees.memory("m", "content")), 3);
    secondary.set(other);
    List<Difference> mismatches = new CopyOnWriteArrayList<>();
    MemoryStore alone = new InMemoryMemoryStore("test");
    Trees.put(alone, List.of(Trees.memory("m", "content")), 3);
    alone.execute(command);

    boolean live = stage == Stage.LIVE;
    try (DualWriteMemoryStore store =
        DualWriteMemoryStore.builder(live ? other : authority, live ? authority : other)
            .stage(stage)
            .listener(
                new DualWriteListener() {
                  @Override
                  public void onMismatch(OpId operation, Difference difference) {
                    mismatches.add(difference);
                  }
                })
            .build()) {
      store.execute(command);
      assertThat(store.drain(LONG)).isTrue();

      boolean changesNothing = command.equals(new MoveMemory("m", Tier.ACTIVE));
      assertThat(store.lagging()).isEmpty();
      assertThat(contents(authority)).as("content is the authority's").isEqualTo(contents(alone));
      if (secondary == Secondary.EQUAL) {
        assertThat(mismatches).isEmpty();
        assertThat(store.stats().followed()).isEqualTo(1);
      } else if (!changesNothing && !becomeEqual(secondary, command)) {
        assertThat(mismatches)
            .isNotEmpty()
            .allMatch(d -> d.type() == Difference.Type.OUTCOME)
            .allMatch(d -> !d.toString().contains("content of"));
        assertThat(store.stats().mismatched()).isEqualTo(1);
      }
      if (!changesNothing || !mismatches.isEmpty()) {
        assertThat(Trees.dump(other)).as("secondary").isEqualTo(Trees.dump(authority));
      }
      store.execute(StoreMemory.of("later", AT, "content").withCausedBy(List.of("m")));
      assertThat(store.drain(LONG)).isTrue();
      assertThat(store.stats().secondaryFailures()).isZero();
    }
  }

  /** A command that replaces the content meets other content at the same revision. */
  private static boolean becomeEqual(Secondary secondary, Command command) {
    return secondary == Secondary.DIFFERENT
        && (command instanceof UpdateMemory || command instanceof ForgetMemory);
  }

  private static List<Memory> contents(MemoryStore store) {
    return store.find(MemoryQuery.all());
  }

  @Test
  void givenForgottenMemory_whenTheSecondaryHoldsMoreOfIt_thenThatGoesToo() {
    InMemoryMemoryStore source = Trees.store(Trees.records(3));
    InMemoryMemoryStore target = Trees.store(Trees.records(3));
    Trees.put(
        target,
        List.of(
            new CoOccurrence("m00000", "m00002", Value.of(9)),
            Embedding.of(VectorSpace.TEXT, "m00000", 7f, 7f),
            new ImageLink("other.jpg", Value.Seq.ofTexts(List.of("m00000", "m00001")))),
        5);

    try (DualWriteMemoryStore store = open(source, target)) {
      store.execute(new ForgetMemory("m00000", 0));
      assertThat(store.drain(LONG)).isTrue();

      assertThat(store.lagging()).isEmpty();
      assertThat(store.stats().mismatched()).isEqualTo(1);
      assertThat(target.find(MemoryQuery.all())).hasSize(2);
      assertThat(target.read(Kind.IMAGE_LINK, Key.of("other.jpg")).orElseThrow().isTombstone())
          .as("the authority never had it")
          .isTrue();
      assertThat(Verifier.builder(source, target).run().differences()).isEmpty();
    }
  }

  @Test
  void givenSecondaryThatLacksACount_whenItIsRaised_thenItComesToStandWhereTheAuthorityHasIt() {
    InMemoryMemoryStore source = new InMemoryMemoryStore("test");
    InMemoryMemoryStore target = new InMemoryMemoryStore("test");
    for (MemoryStore one : List.of(source, target)) {
      Trees.put(one, List.of(Trees.memory("a", "a"), Trees.memory("x", "x")), 1);
    }
    Trees.put(source, List.of(new CoOccurrence("a", "x", Value.of(1))), 1);
    for (MemoryStore one : List.of(source, target)) {
      Trees.put(one, List.of(new CoOccurrence("a", "y", Value.of(1))), 1);
    }
    try (DualWriteMemoryStore store = open(source, target)) {
      store.execute(new CountCoOccurrences(List.of("a", "x")));
      assertThat(store.drain(LONG)).isTrue();
    }
    assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
  }

  @Test
  void givenNoFolder_whenAStateIsSetAside_thenThisStoreHoldsItAndNothingIsWritten()
      throws IOException {
    InMemoryMemoryStore source = new InMemoryMemoryStore("test");
    InMemoryMemoryStore target = new InMemoryMemoryStore("test");
    Trees.put(source, List.of(Trees.memory("m", "content")), 3);
    Secondary.AHEAD.set(target);
    List<Path> before = inWorkingDirectory();
    try (DualWriteMemoryStore store = open(source, target);
        DualWriteMemoryStore other = open(source, target)) {
      store.execute(new RecallMemory("m", AT));
      assertThat(store.drain(LONG)).isTrue();

      assertThat(store.conflicts()).hasSize(1);
      assertThat(other.conflicts()).as("of other stores").isEmpty();
      assertThat(inWorkingDirectory()).as("files made").isEqualTo(before);
      store.resolve(store.conflicts().get(0).id(), Resolution.KEEP_LOSER);
      assertThat(store.conflicts()).isEmpty();
      assertThat(store.drain(LONG)).isTrue();
    }
    for (MemoryStore one : List.of(source, target)) {
      assertThat(one.memories().findById("m").orElseThrow().content()).isEqualTo("ahead");
    }
  }

  private static List<Path> inWorkingDirectory() throws IOException {
    try (Stream<Path> files = java.nio.file.Files.list(Path.of(""))) {
      return files.sorted().toList();
    }
  }

  @Test
  void givenSecondaryWithoutTheSpace_whenAVectorIsPut_thenTheSpaceComesAlong() {
    InMemoryMemoryStore source = new InMemoryMemoryStore("test");
    InMemoryMemoryStore target = new InMemoryMemoryStore("test");
    source.embeddings().define("text", "model", 2);

    try (DualWriteMemoryStore store = open(source, target)) {
      store.execute(new PutEmbedding(Embedding.of("text", "m", 1f, 2f)));
      assertThat(store.drain(LONG)).isTrue();

      assertThat(store.lagging()).isEmpty();
      assertThat(Trees.dump(target)).isEqualTo(Trees.dump(source));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void givenStoresThatDifferAtRandom_whenEveryRecordIsWritten_thenTheyEndEqual(long seed) {
    Random random = new Random(seed);
    InMemoryMemoryStore source = wild(random);
    InMemoryMemoryStore target = wild(random);
    source.embeddings().define("text", "model", 2);

    try (DualWriteMemoryStore store = open(source, target)) {
      for (int i = 0; i < 30; i++) {
        String id = "m" + i;
        boolean there = store.memories().findById(id).isPresent();
        List<Command> commands = new ArrayList<>();
        if (!there) {
          commands.add(StoreMemory.of(id, AT, "content"));
        }
        commands.add(new PutEmbedding(Embedding.of("text", id, random.nextFloat(), 1f)));
        commands.add(
            switch (random.nextInt(3)) {
              case 0 -> UpdateMemory.of(id).content("updated");
              case 1 -> new RecallMemory(id, AT);
              default -> new ForgetMemory(id, 0);
            });
        store.execute(Batch.of(commands));
      }
      assertThat(store.drain(LONG)).isTrue();

      assertThat(store.lagging()).as("seed %s", seed).isEmpty();
      assertThat(live(target)).as("seed %s", seed).isEqualTo(live(source));
    }
  }

  /** A memory made and forgotten in one batch changes nothing, so nothing is compared either. */
  private static List<String> live(MemoryStore store) {
    return Trees.dump(store).stream().filter(line -> !line.contains("digest=null")).toList();
  }

  /** Memories, vectors and deletions at revisions that tell nothing. */
  private static InMemoryMemoryStore wild(Random random) {
    InMemoryMemoryStore store = new InMemoryMemoryStore("test");
    for (int i = 0; i < 30; i++) {
      String id = "m" + i;
      switch (random.nextInt(4)) {
        case 0 -> {}
        case 1 ->
            store.execute(
                new DeleteRecords(
                    List.of(
                        new DeleteRecords.Delete(Kind.MEMORY, Key.of(id), 1 + random.nextInt(9)))));
        default ->
            Trees.put(
                store, List.of(Trees.memory(id, "c" + random.nextInt(9))), 1 + random.nextInt(9));
      }
    }
    return store;
  }

  private static DualWriteMemoryStore open(MemoryStore source, MemoryStore target) {
    return DualWriteMemoryStore.builder(source, target).stage(Stage.DUAL_WRITE).build();
  }
}
