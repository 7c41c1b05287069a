package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.StoreInfo;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** In what two stores differ. */
public final class VerifyReport {
  /** No more differences than this are listed; the counts are exact. */
  public static final int MAX_LISTED = 10_000;

  /**
   * What was compared of one kind.
   *
   * @param source live records of the source
   * @param target live records of the target
   * @param equal records that are live and equal on both sides; at levels counts and identity: not
   *     known, 0
   * @param lagged records that differed at first and were equal a moment later: a write was on its
   *     way
   * @param different records that differ, each once, in however many fields; at level counts:
   *     numbers that differ
   */
  public record Counts(long source, long target, long equal, long lagged, long different) {}

  private final Verifier.Level level;
  private final Map<Kind<?>, Counts> kinds;
  private final Map<Difference.Type, Long> types;
  private final List<Difference> differences;
  private final List<StoreInfo.SetAside> skipped;
  private final List<String> notes;
  private final boolean cutShort;

  VerifyReport(
      Verifier.Level level,
      Map<Kind<?>, Counts> kinds,
      Map<Difference.Type, Long> types,
      List<Difference> differences,
      List<StoreInfo.SetAside> skipped,
      List<String> notes,
      boolean cutShort) {
    this.level = requireNonNull(level, "level");
    this.kinds = Collections.unmodifiableMap(new LinkedHashMap<>(kinds));
    Map<Difference.Type, Long> copy = new EnumMap<>(Difference.Type.class);
    copy.putAll(types);
    this.types = Collections.unmodifiableMap(copy);
    this.differences = List.copyOf(differences);
    this.skipped = List.copyOf(skipped);
    this.notes = List.copyOf(notes);
    this.cutShort = cutShort;
  }

  /** Whether the rest of a kind was not compared, behind something that cannot be read. */
  boolean isCutShort() {
    return cutShort;
  }

  /** How closely they were compared. */
  public Verifier.Level level() {
    return level;
  }

  /** What was compared, per kind, in the order of {@link Kind#all()}. */
  public Map<Kind<?>, Counts> kinds() {
    return kinds;
  }

  /** The number of differences of each type that occurred. */
  public Map<Difference.Type, Long> types() {
    return types;
  }

  /** The number of differences. */
  public long total() {
    return types.values().stream().mapToLong(Long::longValue).sum();
  }

  /** The differences by kind and key, the first {@value #MAX_LISTED} of them. */
  public List<Difference> differences() {
    return differences;
  }

  /** What could not be compared because a store could not read it. */
  public List<StoreInfo.SetAside> skipped() {
    return skipped;
  }

  /** What is no difference and yet worth knowing, such as that files are not known. */
  public List<String> notes() {
    return notes;
  }

  /** Whether no difference was found among what was compared. */
  public boolean equal() {
    return total() == 0;
  }

  /** Whether nothing had to be left out. */
  public boolean complete() {
    return skipped.isEmpty();
  }

  /** Writes one line of JSON per difference, one per thing skipped, and one that sums up. */
  public void toJsonLines(Appendable out) throws IOException {
    for (Difference difference : differences) {
      out.append(Canonical.json(json(difference))).append('\n');
    }
    for (StoreInfo.SetAside thing : skipped) {
      Map<String, Value> line = new LinkedHashMap<>();
      line.put("skipped", Value.of(thing.location()));
      line.put("reason", Value.of(thing.reason()));
      out.append(Canonical.json(new Value.Map(line))).append('\n');
    }
    Map<String, Value> perKind = new LinkedHashMap<>();
    kinds.forEach(
        (kind, c) -> {
          Map<String, Value> counts = new LinkedHashMap<>();
          counts.put("source", Value.of(c.source()));
          counts.put("target", Value.of(c.target()));
          counts.put("equal", Value.of(c.equal()));
          counts.put("lagged", Value.of(c.lagged()));
          counts.put("different", Value.of(c.different()));
          perKind.put(kind.name(), new Value.Map(counts));
        });
    Map<String, Value> perType = new LinkedHashMap<>();
    types.forEach((type, number) -> perType.put(type.name(), Value.of(number)));
    Map<String, Value> sum = new LinkedHashMap<>();
    sum.put("level", Value.of(level.name().toLowerCase(Locale.ROOT)));
    sum.put("equal", Value.of(equal()));
    sum.put("complete", Value.of(complete()));
    sum.put("differences", Value.of(total()));
    sum.put("classes", new Value.Map(perType));
    sum.put("notes", Value.Seq.ofTexts(notes));
    sum.put("kinds", new Value.Map(perKind));
    out.append(Canonical.json(new Value.Map(sum))).append('\n');
  }

  private static Value.Map json(Difference difference) {
    Map<String, Value> line = new LinkedHashMap<>();
    line.put("kind", Value.of(difference.kind().name()));
    line.put(
        "key", difference.key() == null ? Value.NULL : Value.Seq.ofTexts(difference.key().parts()));
    line.put("class", Value.of(difference.type().name()));
    line.put("field", Value.of(difference.field()));
    line.put("source", Value.of(difference.source()));
    line.put("target", Value.of(difference.target()));
    return new Value.Map(line);
  }

  /** Writes the same for people: a table of kinds, then what differs and what was skipped. */
  public void toText(Appendable out) throws IOException {
    out.append(
        String.format(
            Locale.ROOT,
            "%-14s %10s %10s %10s %8s %10s%n",
            "kind",
            "source",
            "target",
            "equal",
            "lagged",
            "different"));
    for (Map.Entry<Kind<?>, Counts> entry : kinds.entrySet()) {
      Counts c = entry.getValue();
      out.append(
          String.format(
              Locale.ROOT,
              "%-14s %10d %10d %10s %8d %10d%n",
              entry.getKey(),
              c.source(),
              c.target(),
              level.comparesRecords() ? String.valueOf(c.equal()) : "-",
              c.lagged(),
              c.different()));
    }
    for (Difference difference : differences) {
      out.append(difference.toString()).append('\n');
    }
    if (total() > differences.size()) {
      out.append("and " + (total() - differences.size()) + " more\n");
    }
    for (StoreInfo.SetAside thing : skipped) {
      out.append("not compared: " + thing.location() + ": " + thing.reason()).append('\n');
    }
    for (String note : notes) {
      out.append("note: " + note).append('\n');
    }
    out.append(toString()).append('\n');
  }

  /** One line for people. */
  @Override
  public String toString() {
    return (equal() ? "equal" : total() + " differences " + types)
        + (complete() ? "" : ", " + skipped.size() + " not compared");
  }
}
