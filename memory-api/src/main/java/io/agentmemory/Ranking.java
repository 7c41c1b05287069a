package io.agentmemory;

import io.agentmemory.internal.Arithmetic;
import io.agentmemory.internal.Texts;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Ranks memories as a {@link MemorySearch} asks, to the last bit and the same over every store: a
 * store finds those that may be among the best, with room for all that its own arithmetic can err;
 * doubles, summed in one order, decide between them.
 */
final class Ranking {
  private static final int CANDIDATES = 64;
  private static final int GROWTH = 8;
  private static final int CHUNK = 500;

  private static final Comparator<Ranked> ORDER =
      Comparator.comparingDouble((Ranked ranked) -> ranked.hit.score())
          .reversed()
          .thenComparing(ranked -> ranked.place);

  private final MemoryStore store;
  private final MemorySearch search;
  private final Map<String, Integer> degrees;
  private final double most;

  /** Where a memory stands among equals: by tier, file name, id; one that is not there, last. */
  record Place(@Nullable Tier tier, String fileName, String id) implements Comparable<Place> {
    static Place of(String id, Optional<Memory> memory) {
      return memory
          .map(there -> new Place(there.tier(), there.fileName(), id))
          .orElseGet(() -> new Place(null, "", id));
    }

    @Override
    public int compareTo(Place other) {
      int order = Integer.compare(number(), other.number());
      order = order == 0 ? Texts.compare(fileName, other.fileName) : order;
      return order == 0 ? Texts.compare(id, other.id) : order;
    }

    private int number() {
      return tier == null ? Tier.values().length : tier.ordinal();
    }
  }

  /**
   * A hit with its place.
   *
   * @param recallable whether a recall could be noted
   */
  record Ranked(MemorySearch.Hit hit, Place place, boolean recallable) {}

  Ranking(MemoryStore store, MemorySearch search) {
    this.store = store;
    this.search = search;
    this.degrees = search.graph().map(this::degrees).orElse(Map.of());
    int highest = degrees.values().stream().mapToInt(Integer::intValue).max().orElse(0);
    this.most = search.resolutionBoost() * factor(highest);
  }

  private Map<String, Integer> degrees(String graph) {
    Map<String, Integer> counts = new HashMap<>();
    Value edges =
        store
            .read(Kind.CONTEXT_GRAPH, Key.of(graph))
            .flatMap(Stored::live)
            .map(found -> found.members().get("edges"))
            .orElse(Value.NULL);
    if (edges instanceof Value.Map map) {
      for (String pair : map.entries().keySet()) {
        String[] ids = pair.split("\\|", -1);
        if (ids.length == 2) {
          counts.merge(ids[0], 1, Integer::sum);
          counts.merge(ids[1], 1, Integer::sum);
        }
      }
    }
    return counts;
  }

  private double factor(int degree) {
    return degree == 0 ? 1 : 1 + search.dimensionBoost() * Arithmetic.log(1.0 + degree);
  }

  /** The best, best first. */
  List<Ranked> best() {
    double error = error(search.vector().length);
    SimilarQuery query =
        SimilarQuery.nearest(search.space(), search.vector())
            .minSimilarity(search.threshold() - error);
    int asked = (int) Math.min(MemoryQuery.MAX_LIMIT, Math.max(CANDIDATES, 4L * search.limit()));
    while (true) {
      List<SimilarQuery.Hit> near = store.search(query.limit(asked));
      Best best = new Best();
      for (int from = 0; from < near.size(); from += CHUNK) {
        List<SimilarQuery.Hit> chunk = near.subList(from, Math.min(near.size(), from + CHUNK));
        best.add(embeddings(store, search.space(), chunk));
      }
      if (near.size() < asked
          || best.holdsAgainst(near.get(near.size() - 1).similarity() + 2 * error)) {
        return best.sorted();
      }
      if (asked == MemoryQuery.MAX_LIMIT) {
        return ofAll();
      }
      asked = Math.min(MemoryQuery.MAX_LIMIT, asked * GROWTH);
    }
  }

  /** What a store that sums in floats, or numbers that were rounded, may be off by. */
  static double error(int dimensions) {
    return (dimensions + 64) * (double) Math.ulp(1f);
  }

  static List<Embedding> embeddings(MemoryStore store, String space, List<SimilarQuery.Hit> hits) {
    List<Key> keys = hits.stream().map(hit -> Key.of(space, hit.target())).toList();
    return store.readAll(Kind.EMBEDDING, keys).stream()
        .flatMap(stored -> stored.live().stream())
        .toList();
  }

  /** More is near than a store lists at once: goes over every vector of the space. */
  private List<Ranked> ofAll() {
    Best best = new Best();
    try (Stream<Stored<Embedding>> scan = ofSpace(store, search.space())) {
      List<Embedding> chunk = new ArrayList<>();
      scan.flatMap(stored -> stored.live().stream())
          .filter(found -> similarity(found) >= search.threshold())
          .forEach(
              found -> {
                chunk.add(found);
                if (chunk.size() == CHUNK) {
                  best.add(chunk);
                  chunk.clear();
                }
              });
      best.add(chunk);
    }
    return best.sorted();
  }

  /** Every vector of a space, by target. Close the stream. */
  static Stream<Stored<Embedding>> ofSpace(MemoryStore store, String space) {
    return store
        .scan(Kind.EMBEDDING, ScanRange.after(Key.of(space, "")))
        .takeWhile(stored -> stored.key().part(0).equals(space));
  }

  private double similarity(Embedding found) {
    if (found.dimensions() != search.vector().length) {
      return Double.NEGATIVE_INFINITY;
    }
    return search.significantDigits() == 0
        ? Embedding.similarity(search.vector(), found.vector())
        : similarity(rounded(search.vector()), rounded(found.vector()));
  }

  private double[] rounded(float[] vector) {
    MathContext digits = new MathContext(search.significantDigits(), RoundingMode.HALF_EVEN);
    double[] rounded = new double[vector.length];
    for (int i = 0; i < vector.length; i++) {
      rounded[i] = new BigDecimal(vector[i]).round(digits).doubleValue();
    }
    return rounded;
  }

  /** As {@link Embedding#similarity}. */
  private static double similarity(double[] a, double[] b) {
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      dot += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    return aa == 0 || bb == 0 ? 0 : dot / (Math.sqrt(aa) * Math.sqrt(bb));
  }

  static Map<String, Memory> memories(MemoryStore store, List<String> ids) {
    Map<String, Memory> memories = new HashMap<>();
    store.readAll(Kind.MEMORY, ids.stream().map(Key::of).toList()).stream()
        .flatMap(stored -> stored.live().stream())
        .forEach(memory -> memories.put(memory.id(), memory));
    return memories;
  }

  static String text(Embedding embedding, String member, int characters) {
    String text = Value.textOf(embedding.members().get(member));
    return text == null ? "" : cut(text, characters);
  }

  static String cut(String text, int characters) {
    return text.codePointCount(0, text.length()) <= characters
        ? text
        : text.substring(0, text.offsetByCodePoints(0, characters));
  }

  private final class Best {
    private final PriorityQueue<Ranked> worstFirst = new PriorityQueue<>(ORDER.reversed());

    void add(List<Embedding> found) {
      Map<String, Memory> memories =
          memories(store, found.stream().map(Embedding::target).toList());
      for (Embedding embedding : found) {
        double similarity = similarity(embedding);
        if (similarity >= search.threshold()) {
          add(embedding, similarity, Optional.ofNullable(memories.get(embedding.target())));
        }
      }
    }

    private void add(Embedding embedding, double similarity, Optional<Memory> memory) {
      String id = embedding.target();
      boolean resolution = search.isResolution(memory);
      int degree = degrees.getOrDefault(id, 0);
      double score = resolution ? similarity * search.resolutionBoost() : similarity;
      score = degree == 0 ? score : score * factor(degree);
      MemorySearch.Hit hit =
          new MemorySearch.Hit(
              id,
              score,
              similarity,
              text(embedding, "preview", search.preview()),
              text(embedding, "path", Integer.MAX_VALUE),
              resolution,
              degree);
      worstFirst.add(
          new Ranked(
              hit,
              Place.of(id, memory),
              memory.filter(there -> there.frontMatter() instanceof Value.Map).isPresent()));
      if (worstFirst.size() > search.limit()) {
        worstFirst.poll();
      }
    }

    /** Whether nothing that is at most so similar could be among the best. */
    boolean holdsAgainst(double similarity) {
      Ranked worst = worstFirst.peek();
      return worst != null
          && worstFirst.size() == search.limit()
          && (similarity > 0 ? similarity * most : similarity) < worst.hit.score();
    }

    List<Ranked> sorted() {
      return worstFirst.stream().sorted(ORDER).toList();
    }
  }
}
