package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CorruptMemoryException;
import io.agentmemory.Key;
import io.agentmemory.KeyVersion;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.MemoryStore;
import io.agentmemory.Operation;
import io.agentmemory.ScanRange;
import io.agentmemory.StoreInfo;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.Version;
import io.agentmemory.identity.IdentityReport;
import io.agentmemory.spi.Canonical;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Compares two stores. Only reads; both are read at the same time, in the order of their keys, and
 * only a few records are held at once.
 *
 * <p>What counts as a difference: a record that is live on one side only; different content;
 * different revisions, also those of a record deleted on both sides, because a later copy goes by
 * them. What does not: the namespace's name, the operation that wrote a record, and a tombstone of
 * a record that the other side never had (but {@link Level#COUNTS} counts tombstones).
 *
 * <p>Stores may be written meanwhile. A record whose sides are at different revisions is looked at
 * again after 0.2 seconds, and, as long as it keeps moving, after 1, 5 and 30 more; only then, or
 * once it stands still, it is a difference. Where both sides moved to the very last, one follows
 * the other: that is counted as lagged.
 */
public final class Verifier {
  /** How closely stores are compared. */
  public enum Level {
    /** The numbers of live records and of tombstones. */
    COUNTS,
    /** Every record, by the revision and digest that the stores keep. */
    DIGESTS,
    /** Every record, by its content, down to the field: also finds what was changed by hand. */
    FIELDS,
    /**
     * Who the agent is, as computed from either store for one and the same time: see {@link
     * IdentityReport#comparable()}. Of the files of memories those are compared that both sides
     * know.
     */
    IDENTITY;

    /** Whether records are compared one by one. */
    boolean comparesRecords() {
      return this == DIGESTS || this == FIELDS;
    }
  }

  private static final int BLOCK = 250;
  private static final long MAX_BLOCK_BYTES = 1 << 20;
  private static final int BLOCKS_AHEAD = 3;
  private static final int MAX_UNSETTLED = 10_000;
  private static final List<Duration> LOOK_AGAIN =
      List.of(
          Duration.ofMillis(200),
          Duration.ofSeconds(1),
          Duration.ofSeconds(5),
          Duration.ofSeconds(30));

  private final MemoryStore source;
  private final MemoryStore target;
  private final Level level;
  private final boolean includeValues;
  private final Pauses.Wait wait;

  private final Map<Kind<?>, Count> counts = new LinkedHashMap<>();
  private final Map<Difference.Type, Long> types = new EnumMap<>(Difference.Type.class);
  private final List<Difference> differences = new ArrayList<>();
  private final List<StoreInfo.SetAside> skipped = new ArrayList<>();
  private boolean cutShort;
  private final List<String> notes = new ArrayList<>();

  private static final class Count {
    long source;
    long target;
    long equal;
    long lagged;
    long different;
  }

  private Verifier(Builder builder) {
    source = builder.source;
    target = builder.target;
    level = builder.level;
    includeValues = builder.includeValues;
    wait = builder.wait;
    Kind.all().forEach(kind -> counts.put(kind, new Count()));
  }

  /** A comparison of two stores. */
  public static Builder builder(MemoryStore source, MemoryStore target) {
    return new Builder(source, target);
  }

  /** Says how stores are compared. */
  public static final class Builder {
    private final MemoryStore source;
    private final MemoryStore target;
    private Level level = Level.FIELDS;
    private boolean includeValues;
    private Pauses.Wait wait = Verifier::sleep;

    private Builder(MemoryStore source, MemoryStore target) {
      this.source = requireNonNull(source, "source");
      this.target = requireNonNull(target, "target");
    }

    /** How closely. Default {@link Level#FIELDS}. */
    public Builder level(Level level) {
      this.level = requireNonNull(level, "level");
      return this;
    }

    /** Shows what differs itself in the report, not its length and hash. It is private content. */
    public Builder includeValues() {
      includeValues = true;
      return this;
    }

    Builder wait(Pauses.Wait wait) {
      this.wait = wait;
      return this;
    }

    /**
     * Compares.
     *
     * @throws StoreUnavailableException if a store gives no answer
     * @throws UncategorizedStoreException if a store lists keys out of order
     */
    public VerifyReport run() {
      return new Verifier(this).run();
    }
  }

  private static boolean sleep(Duration duration) {
    try {
      Thread.sleep(duration.toMillis());
      return true;
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private VerifyReport run() {
    StoreInfo a = source.info();
    StoreInfo b = target.info();
    skipped.addAll(a.setAside());
    skipped.addAll(b.setAside());
    if (level == Level.COUNTS) {
      compareCounts(a, b);
    } else if (level == Level.IDENTITY) {
      compareIdentities(a, b);
    } else {
      Kind.all().forEach(this::compare);
    }
    Map<Kind<?>, VerifyReport.Counts> kinds = new LinkedHashMap<>();
    counts.forEach(
        (kind, c) ->
            kinds.put(
                kind, new VerifyReport.Counts(c.source, c.target, c.equal, c.lagged, c.different)));
    return new VerifyReport(level, kinds, types, differences, skipped, notes, cutShort);
  }

  private Count of(Kind<?> kind) {
    return requireNonNull(counts.get(kind));
  }

  private void report(Difference difference) {
    types.merge(difference.type(), 1L, Long::sum);
    if (differences.size() < VerifyReport.MAX_LISTED) {
      differences.add(difference);
    }
  }

  // ---- counts ----

  private void compareCounts(StoreInfo a, StoreInfo b) {
    for (Duration duration : LOOK_AGAIN) {
      if (sameCounts(a, b) || !wait.pause(duration)) {
        break;
      }
      StoreInfo lastA = a;
      StoreInfo lastB = b;
      a = source.info();
      b = target.info();
      if (sameCounts(a, lastA) && sameCounts(b, lastB)) {
        break;
      }
    }
    for (Kind<?> kind : Kind.all()) {
      Count count = of(kind);
      count.source = a.kinds().getOrDefault(kind, 0L);
      count.target = b.kinds().getOrDefault(kind, 0L);
      compareCount(kind, "live", count.source, count.target);
      compareCount(
          kind,
          "tombstones",
          a.tombstones().getOrDefault(kind, 0L),
          b.tombstones().getOrDefault(kind, 0L));
    }
  }

  private static boolean sameCounts(StoreInfo a, StoreInfo b) {
    return a.kinds().equals(b.kinds()) && a.tombstones().equals(b.tombstones());
  }

  private void compareCount(Kind<?> kind, String what, long here, long there) {
    if (here != there) {
      of(kind).different++;
      report(
          new Difference(
              kind, null, Difference.Type.COUNT, what, Long.toString(here), Long.toString(there)));
    }
  }

  // ---- identity ----

  private void compareIdentities(StoreInfo a, StoreInfo b) {
    for (Kind<?> kind : Kind.all()) {
      of(kind).source = a.kinds().getOrDefault(kind, 0L);
      of(kind).target = b.kinds().getOrDefault(kind, 0L);
    }
    Identities last = identities();
    for (Duration duration : LOOK_AGAIN.subList(0, 2)) {
      if (last.differences().isEmpty() || !wait.pause(duration)) {
        break;
      }
      last = identities(); // a write may have been on its way
    }
    notes.addAll(last.notes());
    last.differences()
        .forEach(
            difference -> {
              of(difference.kind()).different++;
              report(difference);
            });
  }

  private Identities identities() {
    Clock now = Clock.fixed(Instant.now(), ZoneOffset.UTC); // one: beliefs fade from hour to hour
    return Identities.of(IdentityReport.of(source, now), IdentityReport.of(target, now));
  }

  // ---- records ----

  /**
   * A record as one side has it.
   *
   * @param kept what the store says its version is
   * @param actual the same with the digest of what it holds, if that was looked at
   */
  private record Side(
      Key key, Version kept, Version actual, @Nullable MemoryRecord value, long bytes) {

    static Side of(Stored<?> stored) {
      MemoryRecord value = stored.value();
      Version kept = stored.version();
      Version actual = value == null ? kept : new Version(kept.revision(), Canonical.digest(value));
      return new Side(stored.key(), kept, actual, value, Sizes.of(stored));
    }

    boolean isLive() {
      return !kept.isTombstone();
    }
  }

  /** Two sides of one record at the time when it was last looked at. */
  private record Pair(Key key, @Nullable Version source, @Nullable Version target) {
    static Pair of(Key key, @Nullable Side source, @Nullable Side target) {
      return new Pair(
          key, source == null ? null : source.kept, target == null ? null : target.kept);
    }

    /** Whether both sides are at other revisions than before, and than each other. */
    boolean movedFrom(Pair before) {
      return source != null
          && target != null
          && source.revision() != target.revision()
          && !source.equals(before.source)
          && !target.equals(before.target);
    }
  }

  private <T extends MemoryRecord> void compare(Kind<T> kind) {
    List<Pair> unsettled = new ArrayList<>();
    try (Prefetch<List<Side>> a = read(source, kind);
        Prefetch<List<Side>> b = read(target, kind)) {
      Reader here = new Reader(kind, a);
      Reader there = new Reader(kind, b);
      while (true) {
        Side x = here.peek();
        Side y = there.peek();
        if (x == null && y == null) {
          break;
        }
        int order = x == null ? 1 : y == null ? -1 : x.key.compareTo(y.key);
        Side left = order <= 0 ? here.take() : null;
        Side right = order >= 0 ? there.take() : null;
        count(kind, left, right);
        if (!judge(kind, left, right, false)) {
          unsettled.add(Pair.of(requireNonNull(left == null ? right : left).key, left, right));
          if (unsettled.size() == MAX_UNSETTLED) {
            settle(kind, unsettled);
          }
        }
      }
    } catch (CorruptMemoryException corrupt) {
      cutShort = true;
      skipped.add(
          new StoreInfo.SetAside(
              corrupt.location(), kind + " compared up to here: " + corrupt.getMessage()));
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw StoreUnavailableException.notApplied(
          new Operation("verify", "compare", kind.name()), "interrupted", interrupt);
    }
    settle(kind, unsettled);
  }

  private void count(Kind<?> kind, @Nullable Side left, @Nullable Side right) {
    Count count = of(kind);
    count.source += left != null && left.isLive() ? 1 : 0;
    count.target += right != null && right.isLive() ? 1 : 0;
  }

  private <T extends MemoryRecord> Prefetch<List<Side>> read(MemoryStore store, Kind<T> kind) {
    return new Prefetch<>(
        "verify-read",
        BLOCKS_AHEAD,
        sink -> {
          if (level == Level.FIELDS) {
            try (Stream<Stored<T>> scan = store.scan(kind)) {
              blocks(scan.map(Side::of).iterator(), sink);
            }
          } else {
            try (Stream<KeyVersion> scan = store.versions(kind, ScanRange.ALL)) {
              blocks(
                  scan.map(v -> new Side(v.key(), v.version(), v.version(), null, 0)).iterator(),
                  sink);
            }
          }
        });
  }

  private static void blocks(Iterator<Side> sides, Prefetch.Sink<List<Side>> sink) {
    while (sides.hasNext()) {
      List<Side> block = new ArrayList<>();
      for (long bytes = 0; block.size() < BLOCK && bytes < MAX_BLOCK_BYTES && sides.hasNext(); ) {
        Side side = sides.next();
        block.add(side);
        bytes += side.bytes;
      }
      if (!sink.put(block)) {
        return;
      }
    }
  }

  /** Reads one side one record at a time, and sees to it that keys only ever rise. */
  private final class Reader {
    private final Kind<?> kind;
    private final Prefetch<List<Side>> blocks;
    private Iterator<Side> block = List.<Side>of().iterator();
    private @Nullable Side next;
    private @Nullable Key last;

    Reader(Kind<?> kind, Prefetch<List<Side>> blocks) {
      this.kind = kind;
      this.blocks = blocks;
    }

    @Nullable Side peek() throws InterruptedException {
      while (next == null) {
        if (!block.hasNext()) {
          List<Side> more = blocks.next();
          if (more == null) {
            return null;
          }
          block = more.iterator();
          continue;
        }
        Side side = block.next();
        int order = last == null ? 1 : side.key.compareTo(last);
        if (order < 0) {
          throw new UncategorizedStoreException(
              new Operation("verify", "compare", kind + ":" + side.key),
              "a store lists keys out of order",
              null);
        }
        last = side.key;
        if (order == 0) {
          of(kind).different++;
          report(Difference.of(kind, side.key, Difference.Type.DUPLICATE_ID));
        } else {
          next = side;
        }
      }
      return next;
    }

    @Nullable Side take() {
      Side taken = next;
      next = null;
      return taken;
    }
  }

  /**
   * Reports in what two sides differ.
   *
   * @param certain if false, nothing is reported about sides at different revisions: a write may be
   *     on its way to one of them
   * @return false if that is so
   */
  private boolean judge(Kind<?> kind, @Nullable Side left, @Nullable Side right, boolean certain) {
    if (left == null || right == null) {
      Side only = requireNonNull(left == null ? right : left);
      if (!only.isLive()) {
        return true;
      }
      if (certain) {
        of(kind).different++;
        report(
            Difference.of(
                kind,
                only.key,
                left == null
                    ? Difference.Type.MISSING_IN_SOURCE
                    : Difference.Type.MISSING_IN_TARGET));
      }
      return certain;
    }
    boolean sameRevision = left.kept.revision() == right.kept.revision();
    if (left.actual.equals(right.actual) && keptDigest(left) && keptDigest(right)) {
      of(kind).equal += left.isLive() ? 1 : 0;
      return true;
    }
    if (!sameRevision && !certain) {
      return false;
    }
    of(kind).different++;
    differences(kind, left, right).forEach(this::report);
    return true;
  }

  private static boolean keptDigest(Side side) {
    return side.kept.equals(side.actual);
  }

  private List<Difference> differences(Kind<?> kind, Side left, Side right) {
    Key key = left.key;
    if (left.isLive() != right.isLive()) {
      return List.of(Difference.of(kind, key, Difference.Type.TOMBSTONE_VS_LIVE));
    }
    if (left.isLive() && !requireNonNull(left.actual.digest()).equals(right.actual.digest())) {
      if (left.value == null || right.value == null) {
        return List.of(Difference.of(kind, key, Difference.Type.FIELD));
      }
      List<Difference> fields = new ArrayList<>();
      for (Fields.Found f : Fields.of(left.value, right.value, includeValues)) {
        fields.add(
            new Difference(kind, key, Difference.Type.FIELD, f.path(), f.source(), f.target()));
      }
      return fields;
    }
    if (left.kept.revision() != right.kept.revision()) {
      return List.of(
          new Difference(
              kind,
              key,
              Difference.Type.REVISION,
              "",
              Long.toString(left.kept.revision()),
              Long.toString(right.kept.revision())));
    }
    return List.of(
        new Difference(
            kind,
            key,
            Difference.Type.CORRUPT,
            "digest",
            keptDigest(left) ? "right" : "wrong",
            keptDigest(right) ? "right" : "wrong"));
  }

  /** Looks again at records that may have been on their way; empties the list. */
  private <T extends MemoryRecord> void settle(Kind<T> kind, List<Pair> unsettled) {
    for (int looks = 0; !unsettled.isEmpty(); looks++) {
      boolean waited = wait.pause(LOOK_AGAIN.get(looks));
      boolean last = !waited || looks == LOOK_AGAIN.size() - 1;
      List<Pair> before = List.copyOf(unsettled);
      unsettled.clear();
      for (int from = 0; from < before.size(); from += BLOCK) {
        List<Pair> block = before.subList(from, Math.min(from + BLOCK, before.size()));
        List<Key> keys = block.stream().map(Pair::key).toList();
        Map<Key, Side> here = readAll(source, kind, keys);
        Map<Key, Side> there = readAll(target, kind, keys);
        for (Pair pair : block) {
          Side left = here.get(pair.key);
          Side right = there.get(pair.key);
          Pair now = Pair.of(pair.key, left, right);
          long different = of(kind).different;
          if ((left == null && right == null) || (last && now.movedFrom(pair))) {
            of(kind).lagged++;
          } else if (!judge(kind, left, right, last || now.equals(pair))) {
            unsettled.add(now);
          } else if (of(kind).different == different) {
            of(kind).lagged++;
          }
        }
      }
    }
  }

  private <T extends MemoryRecord> Map<Key, Side> readAll(
      MemoryStore store, Kind<T> kind, List<Key> keys) {
    Map<Key, Side> sides = new HashMap<>();
    for (Stored<T> stored : store.readAll(kind, keys)) {
      Side side = Side.of(stored);
      sides.put(
          stored.key(),
          level == Level.FIELDS ? side : new Side(side.key, side.kept, side.kept, null, 0));
    }
    return sides;
  }
}
