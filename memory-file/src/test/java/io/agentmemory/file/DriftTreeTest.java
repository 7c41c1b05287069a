package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.ImageLink;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.SimilarQuery;
import io.agentmemory.StoreInfo;
import io.agentmemory.Stored;
import io.agentmemory.Value;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.PutRecords;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trees that the original software wrote. */
final class DriftTreeTest {
  @TempDir Path folder;

  /** What the files of a sample are mostly about that are not kept whole. */
  private static final Map<String, String> KINDS =
      Map.ofEntries(
          Map.entry(".edges_v3.json", "edge"),
          Map.entry(".session_state.json", "session"),
          Map.entry(".pending_cooccurrence.json", "pending_co_occurrence"),
          Map.entry(".rejection_log.json", "rejection"),
          Map.entry("lessons.json", "lesson"),
          Map.entry(".fingerprint_history.json", "fingerprint"),
          Map.entry(".vitals_log.json", "vitals"),
          Map.entry(".decay_history.json", "decay_run"),
          Map.entry("attestations.json", "attestation"),
          Map.entry("nostr_attestations.json", "attestation"),
          Map.entry("latest_attestation.json", "attestation"),
          Map.entry("taste_attestation.json", "attestation"),
          Map.entry("cognitive_attestation.json", "attestation"),
          Map.entry("embeddings.json", "embedding"),
          Map.entry("sensors/data/image_embeddings.json", "embedding"),
          Map.entry("sensors/data/image_memory_links.json", "image_link"));

  /** Each file that lies there is listed once, with the kind that it holds, and no other. */
  private static void assertFiles(FileMemoryStore store, DriftSamples sample) throws IOException {
    Map<String, String> expected = new TreeMap<>();
    List<Path> files;
    try (Stream<Path> walk = Files.walk(sample.tree())) {
      files = walk.filter(Files::isRegularFile).toList();
    }
    for (Path file : files) {
      String path = sample.tree().relativize(file).toString().replaceFirst("^memory/", "");
      String kinds =
          path.matches("(core|active|archive)/[^/]+\\.md")
              ? "memory"
              : path.matches("context/[^/]+\\.json")
                  ? "context_graph"
                  : KINDS.getOrDefault(path, "value");
      expected.put(path, StoreInfo.Use.RECORDS + " " + kinds);
    }
    Map<String, String> found = new TreeMap<>();
    store
        .info()
        .files()
        .forEach(
            file ->
                assertThat(found.put(file.path(), file.use() + " " + file.detail()))
                    .as("%s, once", file.path())
                    .isNull());
    assertThat(found).hasSizeGreaterThan(200).isEqualTo(expected);
  }

  private static FileMemoryStore open(Path tree) {
    return FileMemoryStore.builder(tree).checkpointAfter(Duration.ofHours(1)).build();
  }

  @Test
  void givenTheSmallTree_whenOpened_thenEverythingIsThereAndNothingSetAside() throws IOException {
    DriftSamples sample = DriftSamples.small(folder);
    Map<String, String> before = Trees.fingerprint(folder);

    try (FileMemoryStore store = FileMemoryStore.builder(sample.tree()).readOnly().build()) {
      counts(store, 160, 2, 2228, 931, 4577, 158 + 9, 5);
      assertFiles(store, sample);
      others(store, 134, 29, 31);
      assertThat(store.info().kinds())
          .containsEntry(Kind.SESSION, 1L)
          .containsEntry(Kind.SESSION_RECALL, 9L)
          .containsEntry(Kind.PENDING_CO_OCCURRENCE, 0L)
          .containsEntry(Kind.FINGERPRINT, 6L)
          .containsEntry(Kind.VITALS, 6L)
          .containsEntry(Kind.DECAY_RUN, 20L)
          .containsEntry(Kind.ATTESTATION, 12L + 1 + 3);
    }

    assertThat(Trees.fingerprint(folder)).isEqualTo(before);
  }

  @Test
  void givenTheLargerTree_whenOpened_thenEverythingIsThereAndNothingSetAside() throws IOException {
    DriftSamples sample = DriftSamples.thousand(folder);

    try (FileMemoryStore store = FileMemoryStore.builder(sample.memory()).readOnly().build()) {
      counts(store, 1010, 2, 13340, 3176, 4383, 998 + 9, 5);
      assertFiles(store, sample);
    }
  }

  private static void others(FileMemoryStore store, long... expected) {
    Map<Kind<?>, Long> kinds = store.info().kinds();
    assertThat(kinds.get(Kind.REJECTION)).isEqualTo(expected[0]);
    assertThat(kinds.get(Kind.LESSON)).isEqualTo(expected[1]);
    assertThat(kinds.get(Kind.CONTEXT_GRAPH)).isEqualTo(expected[2]);
    assertThat(store.read(Kind.VALUE, Key.of("short_term_buffer.json"))).isPresent();
    assertThat(store.read(Kind.VALUE, Key.of("sensors/physical_entities.json"))).isPresent();
    assertThat(store.read(Kind.CONTEXT_GRAPH, Key.of("where_moltx")).flatMap(Stored::live))
        .hasValueSatisfying(
            graph -> {
              assertThat(graph.dimension()).contains("where");
              assertThat(graph.subView()).contains("moltx");
            });
    try (var lessons = store.scan(Kind.LESSON)) {
      assertThat(lessons.map(lesson -> lesson.key().part(0)).toList().get(28))
          .isEqualTo("00000028");
    }
  }

  private static void counts(FileMemoryStore store, long... expected) {
    Map<Kind<?>, Long> kinds = store.info().kinds();
    assertThat(kinds.keySet()).containsExactlyElementsOf(Kind.all());
    List<Kind<?>> order =
        List.of(
            Kind.MEMORY,
            Kind.VECTOR_SPACE,
            Kind.CO_OCCURRENCE,
            Kind.EDGE,
            Kind.OBSERVATION,
            Kind.EMBEDDING,
            Kind.IMAGE_LINK);
    for (int i = 0; i < expected.length; i++) {
      assertThat(kinds.get(order.get(i))).as("%s", order.get(i)).isEqualTo(expected[i]);
    }
    assertThat(store.info().tombstones().values()).containsOnly(0L);
    assertThat(store.info().setAside()).isEmpty();
    try (var versions = store.versions(Kind.MEMORY, io.agentmemory.ScanRange.ALL)) {
      assertThat(versions).allMatch(v -> v.version().revision() == 1);
    }
  }

  @Test
  void givenTheTreeOpenedForWriting_whenClosed_thenNoFileOfTheOriginalChanged() throws IOException {
    DriftSamples sample = DriftSamples.small(folder);
    Map<String, String> before = Trees.hashes(sample.tree());

    List<String> records;
    try (FileMemoryStore store = open(sample.tree())) {
      records = Snapshot.of(store);
    }
    assertThat(Trees.hashes(sample.tree())).isEqualTo(before);

    Map<String, String> closed = Trees.fingerprint(folder);
    try (FileMemoryStore store = open(sample.tree())) {
      assertThat(Snapshot.of(store)).isEqualTo(records);
    }
    Map<String, String> again = Trees.fingerprint(folder);
    closed.keySet().removeIf(DriftTreeTest::isFolder); // the lock's owner came and went
    again.keySet().removeIf(DriftTreeTest::isFolder);
    assertThat(again).isEqualTo(closed);
  }

  private static boolean isFolder(String file) {
    return file.endsWith(".memory") || file.endsWith("log");
  }

  @Test
  void givenOneRecall_whenClosed_thenOnlyThatFileAndTheSessionChanged() throws IOException {
    DriftSamples sample = DriftSamples.small(folder);
    Map<String, String> before = Trees.hashes(sample.tree());
    Memory memory;
    try (FileMemoryStore store = open(sample.tree())) {
      memory = store.find(MemoryQuery.all().limit(1)).get(0);
      assertThat(store.memories().recall(memory.id())).isPresent();
    }

    Map<String, String> after = Trees.hashes(sample.tree());
    String file = "memory/" + memory.tier().folder() + "/" + memory.fileName();
    String session = "memory/.session_state.json";
    assertThat(after.remove(file)).isNotEqualTo(before.remove(file));
    assertThat(after.remove(session)).isNotEqualTo(before.remove(session));
    assertThat(after).isEqualTo(before);
  }

  @Test
  void givenWritesOfEveryKind_whenReopened_thenTheyAreThereAndTheRestIsAsItWas()
      throws IOException {
    DriftSamples sample = DriftSamples.small(folder);
    List<String> expected;
    float[] query = new float[64];
    query[5] = 1;
    List<SimilarQuery.Hit> hits;
    try (FileMemoryStore store = open(sample.tree())) {
      List<Memory> some = store.find(MemoryQuery.all().limit(5));
      store.execute(new PutEmbedding(Embedding.of("text", some.get(0).id(), query)));
      store.memories().forget(some.get(1).id());
      Edge edge = first(store, Kind.EDGE);
      ImageLink link = first(store, Kind.IMAGE_LINK);
      store.execute(
          new PutRecords(
              List.of(
                  new PutRecords.Put(
                      new Edge(edge.pair(), edge.members().with("belief", Value.of(0.125))), 2),
                  new PutRecords.Put(
                      new ImageLink(link.image(), Value.Seq.ofTexts(List.of("x"))), 2))));
      expected = Snapshot.of(store);
      hits = store.search(SimilarQuery.nearest("text", query));
      assertThat(hits.get(0).target()).isEqualTo(some.get(0).id());
    }
    for (int i = 0; i < 2; i++) { // the second time from the caches
      try (FileMemoryStore store = open(sample.tree())) {
        assertThat(Snapshot.of(store)).isEqualTo(expected);
        assertThat(store.search(SimilarQuery.nearest("text", query))).isEqualTo(hits);
        assertThat(store.info().setAside()).isEmpty();
      }
    }
    Path cache = sample.memory().resolve(".memory/cache");
    for (Path file : Trees.named(cache, ".bin")) {
      java.nio.file.Files.delete(file);
    }
    try (FileMemoryStore store = open(sample.tree())) {
      assertThat(Snapshot.of(store)).isEqualTo(expected);
    }
  }

  private static <T extends io.agentmemory.MemoryRecord> T first(
      FileMemoryStore store, Kind<T> kind) {
    try (var records = store.scan(kind)) {
      return records.findFirst().orElseThrow().live().orElseThrow();
    }
  }

  @Test
  void givenAnEdgeOfTheOriginal_whenRead_thenItsNumbersAreVerbatim() throws IOException {
    DriftSamples sample = DriftSamples.small(folder);
    try (FileMemoryStore store = FileMemoryStore.builder(sample.memory()).readOnly().build();
        var edges = store.scan(Kind.EDGE)) {
      assertThat(edges)
          .allSatisfy(
              edge -> {
                Value.Map members = edge.live().orElseThrow().members();
                assertThat(members.get("belief")).isNotNull();
                assertThat(store.read(Kind.EDGE, Key.of(edge.key().part(0)))).contains(edge);
              });
    }
  }
}
