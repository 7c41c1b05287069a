package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.internal.Texts;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;

/**
 * Which vectors of a space lie nearest to a given one, by cosine similarity. Conditions on tier or
 * tag let only targets pass that are live memories. Immutable: each method returns a copy.
 */
public final class SimilarQuery {
  private final String space;
  private final float[] vector;
  private final int limit;
  private final double minSimilarity;
  private final EnumSet<Tier> tiers;
  private final Set<String> tags;
  private final boolean approximate;

  private SimilarQuery(
      String space,
      float[] vector,
      int limit,
      double minSimilarity,
      EnumSet<Tier> tiers,
      Set<String> tags,
      boolean approximate) {
    this.space = space;
    this.vector = vector;
    this.limit = limit;
    this.minSimilarity = minSimilarity;
    this.tiers = tiers;
    this.tags = tags;
    this.approximate = approximate;
  }

  /**
   * The ten nearest to {@code vector} in {@code space}.
   *
   * @throws IllegalArgumentException if the vector is empty or has an element that is NaN or
   *     infinite
   */
  public static SimilarQuery nearest(String space, float[] vector) {
    requireNonNull(space, "space");
    float[] copy = Embedding.of(space, "query", vector).vector();
    if (copy.length == 0) {
      throw new IllegalArgumentException("the vector is empty");
    }
    // not -1: rounding makes the cosine of opposite vectors a little less, and they count too
    double any = Double.NEGATIVE_INFINITY;
    return new SimilarQuery(space, copy, 10, any, EnumSet.noneOf(Tier.class), Set.of(), false);
  }

  /**
   * At most this many.
   *
   * @throws IllegalArgumentException if limit is not in 1 to {@link MemoryQuery#MAX_LIMIT}
   */
  public SimilarQuery limit(int limit) {
    if (limit < 1 || limit > MemoryQuery.MAX_LIMIT) {
      throw new IllegalArgumentException("limit is 1 to " + MemoryQuery.MAX_LIMIT);
    }
    return new SimilarQuery(space, vector, limit, minSimilarity, tiers, tags, approximate);
  }

  /**
   * Only vectors at least this similar, -1 to 1.
   *
   * @throws IllegalArgumentException if it is NaN
   */
  public SimilarQuery minSimilarity(double minSimilarity) {
    if (Double.isNaN(minSimilarity)) {
      throw new IllegalArgumentException("minSimilarity is not a number");
    }
    return new SimilarQuery(space, vector, limit, minSimilarity, tiers, tags, approximate);
  }

  /** Only vectors of live memories in one of these tiers. */
  public SimilarQuery tiers(Collection<Tier> tiers) {
    EnumSet<Tier> copy = EnumSet.noneOf(Tier.class);
    copy.addAll(tiers);
    return new SimilarQuery(space, vector, limit, minSimilarity, copy, tags, approximate);
  }

  /** Only vectors of live memories that have this tag; called again: and that one too. */
  public SimilarQuery tag(String tag) {
    Set<String> more = new LinkedHashSet<>(tags);
    more.add(Texts.fold(requireNonNull(tag, "tag")));
    return new SimilarQuery(space, vector, limit, minSimilarity, tiers, more, approximate);
  }

  /**
   * Lets a store answer from an index, faster, that may miss a near vector for one not quite as
   * near. A store without such an index answers exactly; none gives fewer than exact search would.
   */
  public SimilarQuery approximate() {
    return new SimilarQuery(space, vector, limit, minSimilarity, tiers, tags, true);
  }

  /** The space. */
  public String space() {
    return space;
  }

  /** A copy of the vector. */
  public float[] vector() {
    return vector.clone();
  }

  /** At most this many. */
  public int limit() {
    return limit;
  }

  /** The least similarity that counts. */
  public double minSimilarity() {
    return minSimilarity;
  }

  /** Tiers the memory may be in; empty if any target will do. */
  public Set<Tier> tiers() {
    return EnumSet.copyOf(tiers);
  }

  /** Folded tags the memory must have, all of them. */
  public Set<String> tags() {
    return tags;
  }

  /** Whether an index may answer. */
  public boolean isApproximate() {
    return approximate;
  }

  /** Whether only targets that are live memories pass. */
  public boolean needsMemory() {
    return !tiers.isEmpty() || !tags.isEmpty();
  }

  /** Whether this memory, or the lack of one, meets the conditions on tier and tag. */
  public boolean admits(Optional<Memory> memory) {
    if (!needsMemory()) {
      return true;
    }
    return memory.isPresent()
        && (tiers.isEmpty() || tiers.contains(memory.get().tier()))
        && memory.get().foldedTags().containsAll(tags);
  }

  /**
   * A vector that was found.
   *
   * @param target what it stands for: the id of a memory, in the image space a file name
   * @param similarity cosine, -1 to 1
   */
  public record Hit(String target, double similarity) {}
}
