package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Digest;
import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryQuery.TimeField;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OpId;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.Version;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Canonical;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collections;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A record as it is kept in memory: what a tree of objects would take several times the room of is
 * kept as text, and turned into the record when somebody reads it. Immutable, but for the digest,
 * which is worked out when it is first asked for, and for the place of a vector.
 */
final class Row {
  final Kind<?> kind;
  final Key key;
  final long revision;
  final @Nullable OpId lastOp;

  /** A {@link MemoryBody}, a {@link VectorBody}, the JSON of any other record, null: deleted. */
  final @Nullable Object body;

  /** As {@link Stored#place}. */
  final long place;

  private volatile byte @Nullable [] digest;

  private Row(
      Kind<?> kind,
      Key key,
      long revision,
      @Nullable OpId lastOp,
      byte @Nullable [] digest,
      @Nullable Object body,
      long place) {
    this.kind = kind;
    this.key = key;
    this.revision = revision;
    this.lastOp = lastOp;
    this.digest = digest;
    this.body = body;
    this.place = place;
  }

  static Row tombstone(Kind<?> kind, Key key, long revision, @Nullable OpId lastOp) {
    return new Row(kind, key, revision, lastOp, null, null, 0);
  }

  /**
   * @param digest null if it is not known yet
   */
  static Row live(
      MemoryRecord record, long revision, @Nullable OpId lastOp, byte @Nullable [] digest) {
    Object body =
        record instanceof Memory memory
            ? new MemoryBody(memory)
            : record instanceof Embedding embedding
                ? new VectorBody(embedding)
                : Canonical.json(record.tree());
    return new Row(record.kind(), record.key(), revision, lastOp, digest, body, 0);
  }

  /** A record or tombstone as a store hands it out. */
  static Row of(Stored<?> stored) {
    if (stored.isTombstone()) {
      return tombstone(stored.kind(), stored.key(), stored.revision(), stored.lastOp());
    }
    return live(
            requireNonNull(stored.value()),
            stored.revision(),
            stored.lastOp(),
            bytes(requireNonNull(stored.version().digest())))
        .placed(stored.place());
  }

  /** A live record at revision 1, from the parts that a cache holds. */
  static Row cached(Kind<?> kind, Key key, byte[] digest, Object body) {
    return new Row(kind, key, 1, null, digest, body, 0);
  }

  /** The same record at another revision. */
  Row at(long revision, @Nullable OpId lastOp) {
    return new Row(kind, key, revision, lastOp, digest, body, place);
  }

  /** The same record at another place. */
  Row placed(long place) {
    return place == this.place ? this : new Row(kind, key, revision, lastOp, digest, body, place);
  }

  boolean isLive() {
    return body != null;
  }

  /** Whether there is more to know of it than that it lies in a file. */
  boolean hasControl() {
    return body == null || revision != 1 || lastOp != null;
  }

  MemoryBody memory() {
    return (MemoryBody) requireNonNull(body);
  }

  VectorBody vector() {
    return (VectorBody) requireNonNull(body);
  }

  /** The record. The place of a vector must not change meanwhile. */
  MemoryRecord record() {
    Object there = requireNonNull(body);
    if (there instanceof MemoryBody memory) {
      return memory.record(key.part(0));
    }
    if (there instanceof VectorBody vector) {
      return vector.record(key);
    }
    return kind.record(key, (Value.Map) Canonical.parse((String) there));
  }

  /** The digest of a live record. The place of a vector must not change meanwhile. */
  byte[] digest() {
    byte[] known = digest;
    if (known == null) {
      known = bytes(Canonical.digest(record()));
      digest = known;
    }
    return known;
  }

  Version version() {
    return new Version(revision, isLive() ? new Digest(HexFormat.of().formatHex(digest())) : null);
  }

  Stored<?> stored() {
    return isLive()
        ? Stored.live(record(), revision, requireNonNull(version().digest()), lastOp).at(place)
        : Stored.tombstone(kind, key, revision, lastOp);
  }

  /** Microseconds since 1970, cut; at the ends of what a long can count, that end. */
  static long micros(Instant time) {
    try {
      return Math.addExact(
          Math.multiplyExact(time.getEpochSecond(), 1_000_000L), time.getNano() / 1000);
    } catch (ArithmeticException far) {
      return time.isBefore(Instant.EPOCH) ? Long.MIN_VALUE + 1 : Long.MAX_VALUE - 1;
    }
  }

  static byte[] bytes(Digest digest) {
    return HexFormat.of().parseHex(digest.hex());
  }

  /** A memory: its texts, and what queries ask for, already worked out. */
  static final class MemoryBody {
    private static final long NO_TIME = Long.MIN_VALUE;

    final Tier tier;

    /** Path of its file; one text that every map shares. */
    final String file;

    final String content;
    final @Nullable String frontMatter;
    final @Nullable String type;
    final Set<String> tags;
    final Set<String> entities;
    final long created;
    final long event;
    final @Nullable String createdDay;
    final @Nullable String eventDay;
    final double weight;

    MemoryBody(Memory memory) {
      tier = memory.tier();
      file = Layout.memoryFile(tier, memory.fileName());
      content = memory.content();
      Value fences = memory.frontMatter();
      frontMatter = fences == null ? null : Canonical.json(fences);
      type = memory.type().map(String::intern).orElse(null);
      tags = intern(memory.foldedTags());
      entities = intern(memory.foldedEntities());
      created = micros(memory.createdAt());
      event = micros(memory.eventAt());
      createdDay = MemoryQuery.day(memory, TimeField.CREATED).map(String::intern).orElse(null);
      eventDay = MemoryQuery.day(memory, TimeField.EVENT).map(String::intern).orElse(null);
      weight = memory.weight().orElse(0);
    }

    private static Set<String> intern(Set<String> tags) {
      return Set.of(tags.stream().map(String::intern).toArray(String[]::new));
    }

    private static long micros(Optional<Instant> time) {
      return time.map(Row::micros).orElse(NO_TIME);
    }

    /** Where a range of times begins or ends: before every memory of that time. */
    private MemoryBody(long created, long event) {
      tier = Tier.CORE;
      file = "";
      content = "";
      frontMatter = null;
      type = null;
      tags = Set.of();
      entities = Set.of();
      this.created = created;
      this.event = event;
      createdDay = null;
      eventDay = null;
      weight = 0;
    }

    Memory record(String id) {
      return new Memory(
          id,
          tier,
          Layout.nameOf(file),
          content,
          frontMatter == null ? null : Canonical.parse(frontMatter));
    }

    MemoryHead head(String id) {
      return new MemoryHead.Bare(
          id, tier, Layout.nameOf(file), frontMatter == null ? null : Canonical.parse(frontMatter));
    }

    long time(TimeField field) {
      return field == TimeField.CREATED ? created : event;
    }

    @Nullable String day(TimeField field) {
      return field == TimeField.CREATED ? createdDay : eventDay;
    }

    /** As {@link MemoryQuery#matches}, from what is already worked out. */
    boolean matches(MemoryQuery query, Set<Tier> tiers, String id) {
      return tiers.contains(tier)
          && tags.containsAll(query.tags())
          && (query.types().isEmpty() || (type != null && query.types().contains(type)))
          && matchesDays(query)
          && matchesInstants(query)
          && (query.text().isEmpty() || Texts.fold(content).contains(query.text().get()))
          && (query.any().isEmpty() || matches(query.any().get(), id));
    }

    private boolean matches(MemoryQuery.Any any, String id) {
      return any.ids().contains(id)
          || !Collections.disjoint(any.tags(), tags)
          || !Collections.disjoint(any.entities(), entities)
          || (!any.texts().isEmpty() && matches(any.texts()));
    }

    private boolean matches(Set<String> texts) {
      String folded = Texts.fold(content);
      return texts.stream().anyMatch(folded::contains);
    }

    private boolean matchesDays(MemoryQuery query) {
      MemoryQuery.Days days = query.days().orElse(null);
      if (days == null) {
        return true;
      }
      String day = day(days.field());
      return day != null
          && (days.from() == null || day.compareTo(days.from().toString()) >= 0)
          && (days.before() == null || day.compareTo(days.before().toString()) < 0);
    }

    private boolean matchesInstants(MemoryQuery query) {
      MemoryQuery.Instants range = query.instants().orElse(null);
      if (range == null) {
        return true;
      }
      long time = time(range.field());
      if (time == NO_TIME) {
        return false;
      }
      Instant at = Instant.EPOCH.plus(time, ChronoUnit.MICROS);
      return (range.from() == null || !at.isBefore(range.from()))
          && (range.before() == null || at.isBefore(range.before()));
    }
  }

  private static final Comparator<Row> PLACE =
      Comparator.comparing((Row row) -> row.memory().tier)
          .thenComparing(row -> row.memory().file, Texts::compare) // tells names of one tier apart
          .thenComparing(row -> row.key.part(0), Texts::compare);

  /** As {@link MemoryQuery#comparator}. Rows of memories only. */
  static Comparator<Row> order(MemoryQuery.Order order) {
    return switch (order) {
      case NEWEST -> NEWEST;
      case HEAVIEST -> HEAVIEST;
      case CREATED_DAY -> byDay(TimeField.CREATED);
      case EVENT_DAY -> byDay(TimeField.EVENT);
      case PLACE -> PLACE;
    };
  }

  private static Comparator<Row> byDay(TimeField field) {
    return Comparator.comparing(
            (Row row) -> row.memory().day(field),
            Comparator.nullsLast((a, b) -> Texts.compare(b, a)))
        .thenComparing(PLACE);
  }

  /** As {@link Stored#BY_PLACE}. */
  static final Comparator<Row> BY_PLACE =
      Comparator.comparingLong((Row row) -> row.place).thenComparing(row -> row.key);

  static final Comparator<Row> BY_KEY = Comparator.comparing(row -> row.key);

  static final Comparator<Row> NEWEST =
      Comparator.comparingLong((Row row) -> row.memory().created).reversed().thenComparing(PLACE);

  /** By the time of what they tell, the latest first. */
  static final Comparator<Row> LATEST =
      Comparator.comparingLong((Row row) -> row.memory().event).reversed().thenComparing(PLACE);

  /** Stands before every memory of a time in {@link #NEWEST} and {@link #LATEST}. */
  static Row bound(long micros) {
    return new Row(Kind.MEMORY, Key.of(""), 1, null, null, new MemoryBody(micros, micros), 0);
  }

  static final Comparator<Row> HEAVIEST =
      Comparator.comparingDouble((Row row) -> row.memory().weight).reversed().thenComparing(PLACE);

  /** A vector: its floats lie in a block with those of the others. */
  static final class VectorBody {
    final @Nullable String members;
    private float @Nullable [] floats; // until it has its place
    private @Nullable VectorBlock block;
    private int place = -1;

    VectorBody(Embedding embedding) {
      members = embedding.members().isEmpty() ? null : Canonical.json(embedding.members());
      floats = embedding.vector();
    }

    VectorBody(@Nullable String members, float[] floats) {
      this.members = members;
      this.floats = floats;
    }

    /** Takes its floats into a block. */
    void moveTo(VectorBlock block, String target) {
      float[] own = floats == null ? floats() : floats;
      this.place = block.add(own, target, this);
      this.block = block;
      this.floats = null;
    }

    /** Takes its floats out of the block again, so that somebody who still holds it can read it. */
    void leave() {
      VectorBlock from = block;
      if (from != null) {
        floats = from.floats(place);
        from.remove(place);
        block = null;
        place = -1;
      }
    }

    void place(int place) {
      this.place = place;
    }

    int dimensions() {
      return block != null ? block.dimensions() : requireNonNull(floats).length;
    }

    float[] floats() {
      return block != null ? block.floats(place) : requireNonNull(floats).clone();
    }

    Embedding record(Key key) {
      Value.Map with = members == null ? Value.EMPTY_MAP : (Value.Map) Canonical.parse(members);
      return Embedding.of(key.part(0), key.part(1), floats(), with);
    }
  }
}
