package io.agentmemory.dualwrite;

import io.agentmemory.Value;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What stands against a change of stage. Goes by nothing but what it is given. */
final class Gates {

  /**
   * How much is enough.
   *
   * @param shadowReads compared reads that open the way to {@link Stage#LIVE}
   * @param shadowTime or this long with at least one
   * @param comparedBeforeLive how old a comparison of every field may be there
   * @param comparedAfter how old it may be for the stages after it
   * @param targetThere how long the target has to have been there without a break
   */
  record Settings(
      long shadowReads,
      Duration shadowTime,
      Duration comparedBeforeLive,
      Duration comparedAfter,
      Duration targetThere) {
    static final Settings DEFAULT =
        new Settings(
            10_000,
            Duration.ofHours(24),
            Duration.ofHours(1),
            Duration.ofHours(24),
            Duration.ofHours(1));

    private static final String READS = "shadow_reads";
    private static final String TIME = "shadow_seconds";
    private static final String BEFORE_LIVE = "compared_before_live_seconds";
    private static final String AFTER = "compared_after_seconds";
    private static final String THERE = "target_there_seconds";

    /**
     * What the defaults become with these values.
     *
     * @throws IllegalArgumentException if there is no such setting, or it is below 0
     */
    static Settings of(Map<String, Long> values) {
      Map<String, Long> all = DEFAULT.values();
      values.forEach(
          (name, value) -> {
            if (!all.containsKey(name)) {
              throw new IllegalArgumentException(
                  "there is no threshold " + name + ", but " + String.join(", ", all.keySet()));
            }
            if (value < 0) {
              throw new IllegalArgumentException("the threshold " + name + " is below 0");
            }
            all.put(name, value);
          });
      return new Settings(
          all.getOrDefault(READS, 0L),
          seconds(all, TIME),
          seconds(all, BEFORE_LIVE),
          seconds(all, AFTER),
          seconds(all, THERE));
    }

    private static Duration seconds(Map<String, Long> all, String name) {
      return Duration.ofSeconds(all.getOrDefault(name, 0L));
    }

    private Map<String, Long> values() {
      Map<String, Long> all = new LinkedHashMap<>();
      all.put(READS, shadowReads);
      all.put(TIME, shadowTime.toSeconds());
      all.put(BEFORE_LIVE, comparedBeforeLive.toSeconds());
      all.put(AFTER, comparedAfter.toSeconds());
      all.put(THERE, targetThere.toSeconds());
      return all;
    }

    static Settings of(Value.Map map) {
      Map<String, Long> values = new LinkedHashMap<>();
      DEFAULT
          .values()
          .forEach(
              (name, value) -> {
                if (map.get(name) instanceof Value.Int number) {
                  values.put(name, number.value());
                }
              });
      return of(values);
    }

    Value.Map value() {
      Map<String, Value> map = new LinkedHashMap<>();
      values().forEach((name, value) -> map.put(name, Value.of(value)));
      return new Value.Map(map);
    }
  }

  /**
   * How the two stores are just now.
   *
   * @param source what the source lacks
   * @param target what the target lacks
   * @param doubts operations of which nobody knows whether the target has them
   * @param conflicts states set aside that nobody decided about
   * @param targetThere whether the target answers
   * @param takenOver why the target is another folder's by now; null if it is not
   * @param resync why the stores have to be compared as a whole; null if they need not be
   */
  record Live(
      Pending source,
      Pending target,
      long doubts,
      long conflicts,
      boolean targetThere,
      @Nullable String takenOver,
      @Nullable String resync) {}

  private Gates() {}

  /** The stage that comes next; empty if there is none. */
  static Optional<Stage> next(Stage stage) {
    return stage == Stage.COMPLETE
        ? Optional.empty()
        : Optional.of(Stage.values()[stage.ordinal() + 1]);
  }

  /** The stage that came before; empty if there is no way back. */
  static Optional<Stage> previous(Stage stage) {
    return stage == Stage.OFF || stage == Stage.COMPLETE
        ? Optional.empty()
        : Optional.of(Stage.values()[stage.ordinal() - 1]);
  }

  /** Everything that stands against the next stage. */
  static List<String> promotion(
      Stage stage, Facts facts, Live live, Settings settings, Instant now) {
    List<String> reasons = new ArrayList<>();
    if (!live.targetThere()) {
      reasons.add("the target gives no answer");
    }
    if (live.takenOver() != null) {
      reasons.add("the target takes no writes from here: " + live.takenOver());
    }
    switch (stage) {
      case OFF -> {}
      case DUAL_WRITE -> {
        beforeAll(facts, live, reasons);
        copied(facts, reasons);
      }
      case SHADOW -> {
        beforeAll(facts, live, reasons);
        fields(facts, settings.comparedBeforeLive(), now, reasons);
        shadowed(facts, settings, now, reasons);
        itself(facts, reasons);
        pending(live, reasons);
        if (live.conflicts() > 0) {
          reasons.add(number(live.conflicts(), "conflict is", "conflicts are") + " not resolved");
        }
        away(facts, settings, now, reasons);
        if (facts.drill().isEmpty()) {
          reasons.add("no fallback drill has passed since DUAL_WRITE began");
        }
      }
      case LIVE, RAMP_DOWN -> {
        beforeAll(facts, live, reasons);
        fields(facts, settings.comparedAfter(), now, reasons);
        pending(live, reasons);
      }
      case COMPLETE -> reasons.add("COMPLETE is the last stage");
    }
    return reasons;
  }

  /** Everything that stands against the way back. */
  static List<String> rollback(Stage stage, Live live) {
    List<String> reasons = new ArrayList<>();
    if (stage == Stage.OFF) {
      reasons.add("OFF is the first stage");
    } else if (stage == Stage.COMPLETE) {
      reasons.add("there is no way back from COMPLETE: the source has not been written since");
    } else if (!live.targetThere()) {
      reasons.add("the target gives no answer");
    }
    return reasons;
  }

  private static void beforeAll(Facts facts, Live live, List<String> reasons) {
    if (live.resync() != null) {
      reasons.add("the stores have to be compared as a whole: " + live.resync());
    }
    facts
        .damaged()
        .filter(at -> !isCleanSince(facts, Verifier.Level.FIELDS, at))
        .ifPresent(
            at ->
                reasons.add(
                    "the journal was found damaged at "
                        + at
                        + ", and no comparison of every"
                        + " field was clean since"));
  }

  private static long accepted(Facts facts) {
    return facts.copied().map(Facts.Copied::accepted).orElse(0L);
  }

  private static boolean isCleanSince(Facts facts, Verifier.Level level, Instant since) {
    return facts
        .compared(level)
        .filter(c -> c.isClean(accepted(facts)) && !c.began().isBefore(since))
        .isPresent();
  }

  private static void copied(Facts facts, List<String> reasons) {
    Instant begun = facts.begun().orElse(Instant.MIN);
    Facts.Copied copied = facts.copied().filter(c -> !c.began().isBefore(begun)).orElse(null);
    if (copied == null) {
      reasons.add("no backfill came to its end since DUAL_WRITE began");
      return;
    }
    if (!copied.conserved()) {
      reasons.add("the backfill did not account for every record it listed");
    }
    if (copied.setAside() > copied.accepted()) {
      reasons.add(
          "the backfill set "
              + copied.setAside()
              + " aside, "
              + copied.accepted()
              + " are accepted");
    }
    if (!isCleanSince(facts, Verifier.Level.DIGESTS, copied.ended())
        && !isCleanSince(facts, Verifier.Level.FIELDS, copied.ended())) {
      reasons.add(
          "no comparison of all digests was clean since the backfill"
              + latest(facts, Verifier.Level.DIGESTS));
    }
  }

  private static String latest(Facts facts, Verifier.Level level) {
    return facts
        .compared(level)
        .filter(c -> !c.isClean(accepted(facts)))
        .map(
            c ->
                "; the last one found "
                    + number(c.differences(), "difference", "differences")
                    + (c.skipped() == 0 ? "" : " and left " + c.skipped() + " out"))
        .orElse("");
  }

  private static void fields(Facts facts, Duration within, Instant now, List<String> reasons) {
    if (!isCleanSince(facts, Verifier.Level.FIELDS, now.minus(within))) {
      reasons.add(
          "no comparison of every field was clean within "
              + text(within)
              + latest(facts, Verifier.Level.FIELDS));
    }
  }

  private static void shadowed(Facts facts, Settings settings, Instant now, List<String> reasons) {
    Facts.Shadowed shadowed = facts.shadowed().orElse(new Facts.Shadowed(now, 0, 0));
    boolean longEnough =
        shadowed.reads() > 0 && !shadowed.since().plus(settings.shadowTime()).isAfter(now);
    if (shadowed.reads() < settings.shadowReads() && !longEnough) {
      reasons.add(
          number(shadowed.reads(), "read was", "reads were")
              + " compared since "
              + shadowed.since().truncatedTo(ChronoUnit.SECONDS)
              + ": neither "
              + settings.shadowReads()
              + " nor some for "
              + text(settings.shadowTime()));
    }
    if (shadowed.mismatches() > 0) {
      reasons.add(
          number(shadowed.mismatches(), "compared read", "compared reads") + " had two results");
    }
  }

  private static void itself(Facts facts, List<String> reasons) {
    Instant begun = facts.begun().orElse(Instant.MIN);
    Facts.Compared itself = facts.comparedWithItself().orElse(null);
    if (itself == null || itself.began().isBefore(begun)) {
      reasons.add("no store was compared with itself since DUAL_WRITE began");
    } else if (itself.differences() > 0) {
      reasons.add(
          "a store compared with itself had "
              + number(itself.differences(), "difference", "differences"));
    }
  }

  private static void pending(Live live, List<String> reasons) {
    pending("source", live.source(), reasons);
    pending("target", live.target(), reasons);
    if (live.doubts() > 0) {
      reasons.add("of " + number(live.doubts(), "operation", "operations") + " the end is unknown");
    }
  }

  private static void pending(String store, Pending pending, List<String> reasons) {
    if (pending.records() > pending.parked()) {
      long waiting = pending.records() - pending.parked();
      reasons.add("the " + store + " lacks " + number(waiting, "record", "records"));
    }
    if (pending.parked() > 0) {
      reasons.add("the " + store + " refuses " + number(pending.parked(), "record", "records"));
    }
  }

  private static void away(Facts facts, Settings settings, Instant now, List<String> reasons) {
    facts
        .away()
        .filter(at -> at.plus(settings.targetThere()).isAfter(now))
        .ifPresent(
            at ->
                reasons.add(
                    "the target was away at "
                        + at.truncatedTo(ChronoUnit.SECONDS)
                        + ", not "
                        + text(settings.targetThere())
                        + " ago"));
  }

  private static String number(long number, String one, String many) {
    return number + " " + (number == 1 ? one : many);
  }

  private static String text(Duration duration) {
    long seconds = duration.toSeconds();
    return seconds % 3600 == 0 && seconds > 0 ? seconds / 3600 + " h" : seconds + " s";
  }
}
