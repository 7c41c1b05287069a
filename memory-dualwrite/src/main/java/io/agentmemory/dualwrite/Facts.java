package io.agentmemory.dualwrite;

import io.agentmemory.Value;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What was done for a move and with what result, as far as {@link Gates} go by it. Kept in the
 * folder as JSON; members that are not known here are kept. Immutable.
 */
final class Facts {
  static final Facts NONE = new Facts(new Value.Map(Map.of()));

  private static final String BEGUN = "begun";
  private static final String COPIED = "backfill";
  private static final String SHADOWED = "shadow_reads";
  private static final String DRILL = "drill";
  private static final String AWAY = "target_away";
  private static final String DAMAGED = "journal_damaged";
  private static final String SEALED = "source_sealed";
  private static final String FORCED = "forced";

  private final Value.Map map;

  /**
   * A backfill that came to its end.
   *
   * @param conserved whether every record that was listed is accounted for
   * @param accepted how many set aside somebody has accepted
   */
  record Copied(
      Instant began, Instant ended, boolean conserved, long listed, long setAside, long accepted) {}

  /** A comparison. */
  record Compared(Instant began, Instant ended, long records, long differences, long skipped) {
    /** Whether nothing differs, and nothing was left out but what somebody accepted. */
    boolean isClean(long accepted) {
      return differences == 0 && skipped <= accepted;
    }
  }

  /** Reads compared since {@link Stage#SHADOW} was entered. */
  record Shadowed(Instant since, long reads, long mismatches) {}

  /** A change of stage that was made although something stood against it. */
  record Forced(Instant at, String from, String to, String reason) {}

  private Facts(Value.Map map) {
    this.map = map;
  }

  /** What a file says. */
  static Facts of(Value.Map map) {
    return new Facts(map);
  }

  Value.Map value() {
    return map;
  }

  // ---- what is known ----

  /** When {@link Stage#DUAL_WRITE} was entered: what was copied before does not count. */
  Optional<Instant> begun() {
    return instant(map, BEGUN);
  }

  Optional<Copied> copied() {
    return part(
        COPIED,
        m ->
            new Copied(
                need(m, "began"),
                need(m, "ended"),
                m.get("conserved") instanceof Value.Bool b && b.value(),
                number(m, "listed"),
                number(m, "set_aside"),
                number(m, "accepted")));
  }

  /** The last comparison at a level. */
  Optional<Compared> compared(Verifier.Level level) {
    return compared(name(level));
  }

  /** The last comparison of each store with itself. */
  Optional<Compared> comparedWithItself() {
    return compared("itself");
  }

  private Optional<Compared> compared(String name) {
    return part(
        name,
        m ->
            new Compared(
                need(m, "began"),
                need(m, "ended"),
                number(m, "records"),
                number(m, "differences"),
                number(m, "skipped")));
  }

  Optional<Shadowed> shadowed() {
    return part(
        SHADOWED, m -> new Shadowed(need(m, "since"), number(m, "reads"), number(m, "mismatches")));
  }

  /** When the fallback was last tried out and held. */
  Optional<Instant> drill() {
    return instant(map, DRILL);
  }

  /** When the target was last away. */
  Optional<Instant> away() {
    return instant(map, AWAY);
  }

  /** When damage was found in the journal that was not known before. */
  Optional<Instant> damaged() {
    return part(DAMAGED, m -> need(m, "at"));
  }

  /** When the source was written for the last time. */
  Optional<Instant> sealed() {
    return instant(map, SEALED);
  }

  List<Forced> forced() {
    List<Forced> all = new ArrayList<>();
    if (map.get(FORCED) instanceof Value.Seq seq) {
      for (Value one : seq.items()) {
        if (one instanceof Value.Map m) {
          Instant at = instant(m, "at").orElse(Instant.EPOCH);
          all.add(new Forced(at, text(m, "from"), text(m, "to"), text(m, "reason")));
        }
      }
    }
    return all;
  }

  // ---- what comes to be known ----

  Facts copied(Copied copied) {
    Map<String, Value> m = new LinkedHashMap<>();
    m.put("began", time(copied.began()));
    m.put("ended", time(copied.ended()));
    m.put("conserved", Value.of(copied.conserved()));
    m.put("listed", Value.of(copied.listed()));
    m.put("set_aside", Value.of(copied.setAside()));
    m.put("accepted", Value.of(copied.accepted()));
    return with(COPIED, new Value.Map(m));
  }

  /** Somebody accepts that this many records were set aside. */
  Facts accepted(long setAside) {
    return copied()
        .map(
            c ->
                copied(
                    new Copied(
                        c.began(), c.ended(), c.conserved(), c.listed(), c.setAside(), setAside)))
        .orElse(this);
  }

  Facts compared(Verifier.Level level, Compared compared) {
    return compared(name(level), compared);
  }

  Facts comparedWithItself(Compared compared) {
    return compared("itself", compared);
  }

  private Facts compared(String name, Compared compared) {
    Map<String, Value> m = new LinkedHashMap<>();
    m.put("began", time(compared.began()));
    m.put("ended", time(compared.ended()));
    m.put("records", Value.of(compared.records()));
    m.put("differences", Value.of(compared.differences()));
    m.put("skipped", Value.of(compared.skipped()));
    return with(name, new Value.Map(m));
  }

  Facts shadowed(Shadowed shadowed) {
    Map<String, Value> m = new LinkedHashMap<>();
    m.put("since", time(shadowed.since()));
    m.put("reads", Value.of(shadowed.reads()));
    m.put("mismatches", Value.of(shadowed.mismatches()));
    return with(SHADOWED, new Value.Map(m));
  }

  Facts drilled(Instant at) {
    return with(DRILL, time(at));
  }

  Facts away(Instant at) {
    return with(AWAY, time(at));
  }

  /** Damage that was known before is not found anew each time a journal is opened. */
  Facts damaged(Instant at, List<String> what) {
    Value.Seq found = Value.Seq.ofTexts(what);
    boolean known = part(DAMAGED, m -> m.get("what")).filter(found::equals).isPresent();
    return known ? this : with(DAMAGED, new Value.Map(Map.of("at", time(at), "what", found)));
  }

  /**
   * A stage begins. What was found out under an earlier one that it does away with is forgotten.
   */
  Facts entered(Stage from, Stage to, Instant at) {
    Facts next = this;
    if (from == Stage.OFF || from == Stage.COMPLETE) {
      next =
          next.without(
              COPIED, name(Verifier.Level.DIGESTS), name(Verifier.Level.FIELDS), DRILL, SEALED);
    }
    if (from == Stage.OFF) {
      next = next.with(BEGUN, time(at));
    }
    if (to == Stage.SHADOW) {
      next = next.shadowed(new Shadowed(at, 0, 0));
    }
    return to == Stage.COMPLETE ? next.with(SEALED, time(at)) : next;
  }

  Facts forced(Forced forced) {
    Map<String, Value> m = new LinkedHashMap<>();
    m.put("at", time(forced.at()));
    m.put("from", Value.of(forced.from()));
    m.put("to", Value.of(forced.to()));
    m.put("reason", Value.of(forced.reason()));
    List<Value> all = new ArrayList<>();
    if (map.get(FORCED) instanceof Value.Seq seq) {
      all.addAll(seq.items());
    }
    all.add(new Value.Map(m));
    return with(FORCED, new Value.Seq(all));
  }

  /** These, and in their place those others where they say something. */
  Facts with(Facts others) {
    Map<String, Value> members = new LinkedHashMap<>(map.entries());
    others.map.entries().forEach(members::put);
    return new Facts(new Value.Map(members));
  }

  private Facts with(String name, Value value) {
    Map<String, Value> members = new LinkedHashMap<>(map.entries());
    members.put(name, value);
    return new Facts(new Value.Map(members));
  }

  private Facts without(String... names) {
    Map<String, Value> members = new LinkedHashMap<>(map.entries());
    for (String name : names) {
      members.remove(name);
    }
    return new Facts(new Value.Map(members));
  }

  // ---- as JSON ----

  private static String name(Verifier.Level level) {
    return switch (level) {
      case COUNTS -> "counts";
      case DIGESTS -> "digests";
      case FIELDS -> "fields";
      case IDENTITY -> "identity";
    };
  }

  /** A part; one that somebody made unreadable is not known. */
  private <T> Optional<T> part(String name, Function<Value.Map, @Nullable T> reading) {
    try {
      return map.get(name) instanceof Value.Map part
          ? Optional.ofNullable(reading.apply(part))
          : Optional.empty();
    } catch (NoSuchElementException unreadable) {
      return Optional.empty();
    }
  }

  private static Value time(Instant at) {
    return Value.of(at.truncatedTo(ChronoUnit.MILLIS).toString());
  }

  static Optional<Instant> instant(Value.Map map, String name) {
    try {
      return Optional.ofNullable(Value.textOf(map.get(name))).map(Instant::parse);
    } catch (DateTimeParseException unreadable) {
      return Optional.empty();
    }
  }

  private static Instant need(Value.Map map, String name) {
    return instant(map, name).orElseThrow();
  }

  static long number(Value.Map map, String name) {
    return map.get(name) instanceof Value.Int number ? number.value() : 0;
  }

  private static String text(Value.Map map, String name) {
    return Optional.ofNullable(Value.textOf(map.get(name))).orElse("");
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Facts facts && facts.map.equals(map);
  }

  @Override
  public int hashCode() {
    return map.hashCode();
  }

  @Override
  public String toString() {
    return io.agentmemory.spi.Canonical.json(map);
  }
}
