package io.agentmemory.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import io.agentmemory.Edge;
import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.SimilarQuery;
import io.agentmemory.VectorSpace;
import io.agentmemory.command.Command;
import io.agentmemory.command.DefineSpace;
import io.agentmemory.command.PutEmbedding;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.StoreMemory;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.IntFunction;

/** What the file store costs. */
final class FileWorks {
  private static final int SAMPLES = 64;

  private final Scale scale;
  private final Path folder;

  FileWorks(Scale scale, Path folder) {
    this.scale = scale;
    this.folder = folder;
  }

  static MemoryStore open(Path tree) {
    return MemoryStores.open("file:" + tree);
  }

  /** A tree of memories with what belongs to them, made once. */
  Path tree(int memories) throws IOException {
    Path tree = folder.resolve("tree-" + memories);
    if (!Files.exists(tree)) {
      try (MemoryStore store = open(tree)) {
        Corpus.fill(store, memories);
      }
    }
    return tree;
  }

  /** The time does not depend on how many there are. */
  Row readById(String work) throws Exception {
    int few = Math.max(1, scale.memories() / 10);
    try (MemoryStore large = open(tree(scale.memories()));
        MemoryStore small = open(tree(few))) {
      SplittableRandom random = new SplittableRandom(1);
      List<Series> series =
          ShortOperation.means(
              scale,
              () -> read(large, random.nextInt(scale.memories())),
              () -> read(small, random.nextInt(few)));
      return Row.of(
          work, "the same with a tenth of the memories", series.get(0), series.get(1), 1.25);
    }
  }

  private static Memory read(MemoryStore store, int number) {
    return store.read(Kind.MEMORY, Key.of(Corpus.id(number))).orElseThrow().live().orElseThrow();
  }

  Row put(String work) throws Exception {
    Path bare = Files.createDirectory(folder.resolve("bare-put"));
    try (MemoryStore store = open(tree(scale.memories()))) {
      Counter ours = new Counter();
      Counter theirs = new Counter();
      List<byte[]> files = new ArrayList<>(); // as long as the files of the memories that we put
      for (int number = 0; number < SAMPLES; number++) {
        StoreMemory command = Corpus.newMemory("sample", number);
        Memory stored =
            store.execute(command).live(Kind.MEMORY, Key.of(command.id())).orElseThrow();
        files.add(Files.readAllBytes(tree(scale.memories()).resolve(pathOf(stored))));
      }
      List<Series> series =
          ShortOperation.medians(
              scale,
              () -> store.execute(Corpus.newMemory("file-put", ours.next())),
              () -> {
                int number = theirs.next();
                BareFiles.putDurably(
                    bare, "memory-" + number + ".md", files.get(number % files.size()));
                return number;
              });
      return Row.of(
          work,
          "the same file written, forced and renamed, and its folder forced",
          series.get(0),
          series.get(1),
          1.0);
    } finally {
      BareFiles.delete(bare);
    }
  }

  private static String pathOf(Memory memory) {
    return "memory/" + memory.tier().folder() + "/" + memory.fileName();
  }

  Row appendVector(String work, int dimensions) throws Exception {
    Path tree = folder.resolve("append");
    List<float[]> vectors = new ArrayList<>();
    for (int number = 0; number < SAMPLES; number++) {
      vectors.add(Corpus.vector("append", number, dimensions));
    }
    try (MemoryStore store = open(tree)) {
      store.execute(new DefineSpace(VectorSpace.of("text", "bench", dimensions)));
      return append(
          work,
          store,
          number ->
              new PutEmbedding(
                  Embedding.of("text", Corpus.id(number), vectors.get(number % SAMPLES))),
          number -> Embedding.of("text", Corpus.id(number), vectors.get(number % SAMPLES)));
    } finally {
      BareFiles.delete(tree);
    }
  }

  Row appendEdge(String work, int memories) throws Exception {
    try (MemoryStore store = open(tree(memories))) {
      return append(
          work,
          store,
          number -> new PutRecords(List.of(new PutRecords.Put(edge(number), 1))),
          FileWorks::edge);
    }
  }

  private static Edge edge(int number) {
    return new Edge(
        Corpus.looseId("edge", number) + "|" + Corpus.id(0),
        Corpus.edge(number % SAMPLES, SAMPLES).members());
  }

  private Row append(
      String work,
      MemoryStore store,
      IntFunction<Command> command,
      IntFunction<MemoryRecord> record)
      throws Exception {
    Path file = folder.resolve("bare-append");
    Counter ours = new Counter();
    Counter theirs = new Counter();
    List<byte[]> lines = new ArrayList<>();
    for (int number = 0; number < SAMPLES; number++) {
      lines.add(Canonical.json(record.apply(number).tree()).getBytes(UTF_8));
    }
    try (FileChannel channel = FileChannel.open(file, CREATE_NEW, WRITE)) {
      List<Series> series =
          ShortOperation.medians(
              scale,
              () -> store.execute(command.apply(ours.next())),
              () -> {
                byte[] line = lines.get(theirs.next() % lines.size());
                BareFiles.append(channel, line);
                return line;
              });
      return Row.of(
          work,
          "the record as JSON, appended to a bare file and forced",
          series.get(0),
          series.get(1),
          1.2);
    } finally {
      Files.deleteIfExists(file);
    }
  }

  /** Opening, in time. */
  Row openTree(String work) throws Exception {
    Path tree = tree(scale.memories());
    MemoryStore[] open = new MemoryStore[1];
    List<Series> series =
        Turns.take(
            2,
            scale.rounds(),
            List.of(
                Side.timed(() -> {}, () -> open[0] = open(tree), () -> open[0].close()),
                Side.timed(() -> BareFiles.readAll(tree))));
    return Row.of(
        work,
        "reading the memory files and documents of the tree",
        series.get(0),
        series.get(1),
        6);
  }

  /** Opening, in memory held. */
  Row openHeap(String work) throws Exception {
    Path tree = tree(scale.memories());
    long text = BareFiles.size(tree);
    long before = usedHeap();
    try (MemoryStore store = open(tree)) {
      long held = usedHeap() - before;
      if (store.memories().findById(Corpus.id(0)).isEmpty()) {
        throw new IllegalStateException("the tree lost a memory");
      }
      return Row.ofBytes(work, "the bytes of those files", Series.of(held), Series.of(text), 3);
    }
  }

  private static long usedHeap() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  /** The ten nearest, exactly. */
  List<Row> search(String work) throws Exception {
    int dimensions = scale.dimensions();
    Path tree = folder.resolve("vectors");
    try (MemoryStore store = open(tree)) {
      store.execute(new DefineSpace(VectorSpace.of("text", "bench", dimensions)));
      Corpus.put(
          store,
          scale.vectors(),
          number -> Corpus.embedding("text", Corpus.id(number), number, dimensions));
      float[] block = new float[scale.vectors() * dimensions];
      for (int number = 0; number < scale.vectors(); number++) {
        System.arraycopy(
            Corpus.vector("text", number, dimensions), 0, block, number * dimensions, dimensions);
      }
      float[] out = new float[scale.vectors()];
      Counter counter = new Counter();
      Side ours =
          () -> {
            float[] query = Corpus.vector("query", counter.next(), dimensions);
            long began = System.nanoTime();
            List<SimilarQuery.Hit> hits = store.search(SimilarQuery.nearest("text", query));
            long took = System.nanoTime() - began;
            if (hits.size() != Math.min(10, scale.vectors())) {
              throw new IllegalStateException("found " + hits.size());
            }
            return took;
          };
      Optional<Dots> vectorApi = Dots.vectorApi();
      List<Side> sides = new ArrayList<>(List.of(ours, scan(Dots.LOOP, block, out)));
      vectorApi.ifPresent(dots -> sides.add(scan(dots, block, out)));
      List<Series> series = Turns.take(10, 3 * scale.rounds(), sides);
      List<Row> rows = new ArrayList<>();
      rows.add(
          Row.of(
              work + ", loop",
              "dot products by a plain loop of four sums over one float array",
              series.get(0),
              series.get(1),
              1.3));
      if (vectorApi.isPresent()) {
        rows.add(
            Row.of(
                work + ", Vector API",
                "dot products by the Vector API over one float array",
                series.get(0),
                series.get(2),
                1.3));
      }
      return rows;
    }
  }

  private Side scan(Dots dots, float[] block, float[] out) {
    Counter counter = new Counter();
    return () -> {
      float[] query = Corpus.vector("query", counter.next(), scale.dimensions());
      long began = System.nanoTime();
      dots.scan(block, query, out);
      int[] best = Dots.largest(out, 10);
      long took = System.nanoTime() - began;
      if (best.length != Math.min(10, out.length)) {
        throw new IllegalStateException("found " + best.length);
      }
      return took;
    };
  }
}
