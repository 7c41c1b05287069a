package io.agentmemory;

import static java.util.Objects.requireNonNull;

import io.agentmemory.identity.Activation;
import io.agentmemory.identity.CognitiveFingerprint;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What to call to mind when a session starts, each memory once.
 *
 * @param activated the most present memories; of those with many ties less is made
 * @param coOccurring what was retrieved with the most present ones
 * @param unfinished active memories that speak of work to do, by file name
 * @param excavated active memories never recalled for a long time, by chance
 * @param domain one memory, by chance, of the field of thought that came up least
 * @param dimensional hubs of the context graph that was asked for
 */
public record Priming(
    List<Candidate> activated,
    List<Candidate> coOccurring,
    List<Candidate> unfinished,
    List<Candidate> excavated,
    List<Candidate> domain,
    List<Candidate> dimensional) {

  /** Copies the lists. */
  public Priming {
    activated = List.copyOf(activated);
    coOccurring = List.copyOf(coOccurring);
    unfinished = List.copyOf(unfinished);
    excavated = List.copyOf(excavated);
    domain = List.copyOf(domain);
    dimensional = List.copyOf(dimensional);
  }

  /** All of them, part by part. */
  public List<Candidate> all() {
    return Stream.of(activated, coOccurring, unfinished, excavated, domain, dimensional)
        .flatMap(List::stream)
        .toList();
  }

  /**
   * A memory to call to mind.
   *
   * @param preview how its body begins; empty if there is no such memory
   * @param why what speaks for it, by the original's names: {@code activation}; {@code
   *     cooccur_count} and {@code linked_to}; {@code match}; {@code sessions_dead}; {@code domain};
   *     {@code dimension} and {@code sub_view}
   */
  public record Candidate(String id, String preview, Value.Map why) {
    /** Its id and why; never the text. */
    @Override
    public String toString() {
      return "Candidate[" + id + ", " + preview.length() + " chars, " + why + "]";
    }
  }

  /**
   * How much to call to mind.
   *
   * @param activated how many activated memories
   * @param lookedAt how many times as many are looked at; at least 1
   * @param perMemory how many co-occurring ones for each memory looked at
   * @param unfinished how many with work to do
   * @param excavated how many long unrecalled ones
   * @param hubs how many of a context graph's hubs
   * @param dimension the graph whose hubs; null for none
   * @param subView the part of the dimension; null for the whole
   * @param previewLength characters of a preview
   * @param activation how present a memory is
   * @param manyTies a memory that counts more others than this is damped
   * @param graceSessions a memory is long unrecalled after more sessions than this
   * @param unfinishedTags a memory with one of these tags has work to do
   * @param unfinishedTexts and so has one with one of these texts in its body
   * @param domains the tags of each field of thought in lower case
   */
  public record Rules(
      int activated,
      int lookedAt,
      int perMemory,
      int unfinished,
      int excavated,
      int hubs,
      @Nullable String dimension,
      @Nullable String subView,
      int previewLength,
      Activation activation,
      int manyTies,
      int graceSessions,
      List<String> unfinishedTags,
      List<String> unfinishedTexts,
      Map<String, List<String>> domains) {
    /** Drift's own, without hubs. */
    public static final Rules DRIFT =
        new Rules(
            5,
            2,
            2,
            3,
            2,
            3,
            null,
            null,
            100,
            Activation.DRIFT,
            5,
            7,
            List.of("pending", "in-progress", "todo", "blocked"),
            List.of("pending", "in-progress", "todo", "will do", "need to", "should", "next:"),
            CognitiveFingerprint.Rules.DRIFT.domains());

    /**
     * Copies what is not immutable.
     *
     * @throws IllegalArgumentException if a number is below 0, or {@code activated} or {@code
     *     lookedAt} not in 1 to 100
     */
    public Rules {
      if (activated < 1 || activated > 100 || lookedAt < 1 || lookedAt > 100) {
        throw new IllegalArgumentException("activated or lookedAt is not in 1 to 100");
      }
      if (Math.min(Math.min(perMemory, unfinished), Math.min(excavated, hubs)) < 0
          || previewLength < 0) {
        throw new IllegalArgumentException("a number of memories or characters is below 0");
      }
      requireNonNull(activation, "activation");
      unfinishedTags = List.copyOf(unfinishedTags);
      unfinishedTexts = List.copyOf(unfinishedTexts);
      domains = Collections.unmodifiableMap(new LinkedHashMap<>(domains));
    }

    /** The same with the hubs of a context graph; of a part of it if {@code subView} is given. */
    public Rules withHubsOf(String dimension, @Nullable String subView) {
      return new Rules(
          activated,
          lookedAt,
          perMemory,
          unfinished,
          excavated,
          hubs,
          requireNonNull(dimension, "dimension"),
          subView,
          previewLength,
          activation,
          manyTies,
          graceSessions,
          unfinishedTags,
          unfinishedTexts,
          domains);
    }
  }
}
