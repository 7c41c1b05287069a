package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.Collections;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Which memories come nearest to what was asked, with the original's scoring: cosine similarity,
 * more of it for memories that tell how to do something and, if asked for, for those that are well
 * connected along a dimension. Immutable: each method returns a copy.
 *
 * <p>Source: drift.md 2.18.
 */
public final class MemorySearch {
  /** Tags of memories that tell how to do something. */
  public static final Set<String> RESOLUTION_TAGS =
      Set.of("resolution", "procedural", "fix", "solution", "howto", "api", "endpoint");

  private static final double RESOLUTION_BOOST = 1.25;
  private static final double DIMENSION_BOOST = 0.1;
  private static final int PREVIEW = 150;

  private final String space;
  private final float[] vector;
  private final int limit;
  private final double threshold;
  private final Predicate<Memory> resolution;
  private final double resolutionBoost;
  private final @Nullable String graph;
  private final double dimensionBoost;
  private final boolean recalls;
  private final int digits;
  private final int preview;

  private MemorySearch(
      String space,
      float[] vector,
      int limit,
      double threshold,
      Predicate<Memory> resolution,
      double resolutionBoost,
      @Nullable String graph,
      double dimensionBoost,
      boolean recalls,
      int digits,
      int preview) {
    this.space = space;
    this.vector = vector;
    this.limit = limit;
    this.threshold = threshold;
    this.resolution = resolution;
    this.resolutionBoost = resolutionBoost;
    this.graph = graph;
    this.dimensionBoost = dimensionBoost;
    this.recalls = recalls;
    this.digits = digits;
    this.preview = preview;
  }

  /**
   * The five nearest to {@code vector} in the space of the memories' texts, with a similarity of
   * 0.3 or more.
   *
   * @throws IllegalArgumentException if the vector is empty or has an element that is NaN or
   *     infinite
   */
  public static MemorySearch near(float[] vector) {
    return new MemorySearch(
        VectorSpace.TEXT,
        SimilarQuery.nearest(VectorSpace.TEXT, vector).vector(),
        5,
        0.3,
        MemorySearch::isResolution,
        RESOLUTION_BOOST,
        null,
        DIMENSION_BOOST,
        true,
        0,
        PREVIEW);
  }

  private MemorySearch copy(
      String space,
      int limit,
      double threshold,
      Predicate<Memory> resolution,
      double resolutionBoost,
      @Nullable String graph,
      double dimensionBoost,
      boolean recalls,
      int digits,
      int preview) {
    return new MemorySearch(
        space,
        vector,
        limit,
        threshold,
        resolution,
        resolutionBoost,
        graph,
        dimensionBoost,
        recalls,
        digits,
        preview);
  }

  private static boolean isResolution(Memory memory) {
    return !Collections.disjoint(memory.foldedTags(), RESOLUTION_TAGS);
  }

  /**
   * In another space, whose targets are ids of memories.
   *
   * @throws IllegalArgumentException if it is the space of the images
   */
  public MemorySearch in(String space) {
    if (space.equals(VectorSpace.IMAGE)) {
      throw new IllegalArgumentException("the targets of that space are no memories");
    }
    return copy(
        space,
        limit,
        threshold,
        resolution,
        resolutionBoost,
        graph,
        dimensionBoost,
        recalls,
        digits,
        preview);
  }

  /**
   * At most this many.
   *
   * @throws IllegalArgumentException if limit is not in 1 to {@link MemoryQuery#MAX_LIMIT}
   */
  public MemorySearch limit(int limit) {
    if (limit < 1 || limit > MemoryQuery.MAX_LIMIT) {
      throw new IllegalArgumentException("limit is 1 to " + MemoryQuery.MAX_LIMIT);
    }
    return copy(
        space,
        limit,
        threshold,
        resolution,
        resolutionBoost,
        graph,
        dimensionBoost,
        recalls,
        digits,
        preview);
  }

  /**
   * Only memories at least this similar, before anything is added to that.
   *
   * @throws IllegalArgumentException if it is NaN
   */
  public MemorySearch threshold(double threshold) {
    if (Double.isNaN(threshold)) {
      throw new IllegalArgumentException("threshold is not a number");
    }
    return copy(
        space,
        limit,
        threshold,
        resolution,
        resolutionBoost,
        graph,
        dimensionBoost,
        recalls,
        digits,
        preview);
  }

  /** Taking these for memories that tell how to do something, in place of those so tagged. */
  public MemorySearch resolution(Predicate<Memory> resolution) {
    requireNonNull(resolution, "resolution");
    return copy(
        space,
        limit,
        threshold,
        resolution,
        resolutionBoost,
        graph,
        dimensionBoost,
        recalls,
        digits,
        preview);
  }

  /**
   * Multiplying the score of a memory that tells how to do something by this. Default 1.25.
   *
   * @throws IllegalArgumentException if it is below 1 or not finite
   */
  public MemorySearch resolutionBoost(double factor) {
    if (!(factor >= 1 && factor < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("the factor is below 1 or not finite");
    }
    return copy(
        space,
        limit,
        threshold,
        resolution,
        factor,
        graph,
        dimensionBoost,
        recalls,
        digits,
        preview);
  }

  /**
   * Counting each edge along a dimension by this: the b of {@link #along(String)}. Default 0.1.
   *
   * @throws IllegalArgumentException if it is below 0 or not finite
   */
  public MemorySearch dimensionBoost(double boost) {
    if (!(boost >= 0 && boost < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("the boost is below 0 or not finite");
    }
    return copy(
        space,
        limit,
        threshold,
        resolution,
        resolutionBoost,
        graph,
        boost,
        recalls,
        digits,
        preview);
  }

  /**
   * More for memories with many edges in a {@link ContextGraph}: their score is multiplied by 1 + b
   * ln(1 + edges), where b is {@link #dimensionBoost(double)}. Without such a graph nothing
   * changes.
   *
   * @param dimension such as {@code what}
   */
  public MemorySearch along(String dimension) {
    requireNonNull(dimension, "dimension");
    return copy(
        space,
        limit,
        threshold,
        resolution,
        resolutionBoost,
        dimension,
        dimensionBoost,
        recalls,
        digits,
        preview);
  }

  /** As {@link #along(String)}, in the graph of one part of the dimension. */
  public MemorySearch along(String dimension, String subView) {
    return along(dimension + "_" + subView);
  }

  /** Without noting that what is found was recalled, so that nothing is written. */
  public MemorySearch withoutRecall() {
    return copy(
        space,
        limit,
        threshold,
        resolution,
        resolutionBoost,
        graph,
        dimensionBoost,
        false,
        digits,
        preview);
  }

  /**
   * Reading each number of a vector as one of so many significant digits. A file of the original
   * has numbers, not floats, and a similarity worked out from numbers of nine digits differs from
   * that of the floats next to them in the ninth digit; with this it is the original's to the last
   * bit. Default: the floats as they are. See decision 0022.
   *
   * @throws IllegalArgumentException if digits is not in 1 to 17
   */
  public MemorySearch significantDigits(int digits) {
    if (digits < 1 || digits > 17) {
      throw new IllegalArgumentException("digits is 1 to 17");
    }
    return copy(
        space,
        limit,
        threshold,
        resolution,
        resolutionBoost,
        graph,
        dimensionBoost,
        recalls,
        digits,
        preview);
  }

  /**
   * Giving as many characters of the preview beside a vector. Default 150.
   *
   * @throws IllegalArgumentException if it is below 0
   */
  public MemorySearch preview(int characters) {
    if (characters < 0) {
      throw new IllegalArgumentException("characters is below 0");
    }
    return copy(
        space,
        limit,
        threshold,
        resolution,
        resolutionBoost,
        graph,
        dimensionBoost,
        recalls,
        digits,
        characters);
  }

  int preview() {
    return preview;
  }

  int significantDigits() {
    return digits;
  }

  String space() {
    return space;
  }

  float[] vector() {
    return vector;
  }

  int limit() {
    return limit;
  }

  double threshold() {
    return threshold;
  }

  boolean isResolution(Optional<Memory> memory) {
    return memory.isPresent() && resolution.test(memory.get());
  }

  double resolutionBoost() {
    return resolutionBoost;
  }

  double dimensionBoost() {
    return dimensionBoost;
  }

  Optional<String> graph() {
    return Optional.ofNullable(graph);
  }

  boolean recalls() {
    return recalls;
  }

  /**
   * A memory that was found.
   *
   * @param id of the memory; there need be none, where a vector was left over
   * @param score the similarity with what was added; may be above 1
   * @param similarity cosine, -1 to 1, to its last bit
   * @param preview the first {@link MemorySearch#preview(int)} characters of what stands beside the
   *     vector as preview; empty if there is none
   * @param path what stands there as path; empty if there is none
   * @param resolution whether it got more because it tells how to do something
   * @param degree its edges along the dimension; 0 if none was asked for
   */
  public record Hit(
      String id,
      double score,
      double similarity,
      String preview,
      String path,
      boolean resolution,
      int degree) {
    /** Checks that nothing is missing. */
    public Hit {
      requireNonNull(id, "id");
      requireNonNull(preview, "preview");
      requireNonNull(path, "path");
    }

    /** Id and scores; never the preview. */
    @Override
    public String toString() {
      return "Hit[" + id + ", " + score + ", " + similarity + "]";
    }
  }
}
