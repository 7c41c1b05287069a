package io.agentmemory.identity;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which topics a text is about, by the words in it.
 *
 * @param words the words of each topic in lower case; a topic's place decides where it stands in an
 *     answer
 * @param least how many words of a topic a text has to have, one counted as often as it occurs
 */
public record Topics(Map<String, List<String>> words, int least) {
  /** Drift's own. */
  public static final Topics DRIFT = new Topics(driftWords(), 2);

  /** Copies the map in its order. */
  public Topics {
    words = Collections.unmodifiableMap(new LinkedHashMap<>(words));
  }

  /**
   * The topics of {@code text}. Case does not matter; a word counts where it is no part of a longer
   * one.
   *
   * <p>Source: Drift's topic context.
   */
  public List<String> of(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    List<String> topics = new ArrayList<>();
    words.forEach(
        (topic, its) -> {
          int found = 0;
          for (String word : its) {
            if (!lower.contains(word)) {
              continue; // most: the search for a whole word takes many times as long
            }
            Matcher matcher =
                Pattern.compile(
                        "\\b" + Pattern.quote(word) + "\\b", Pattern.UNICODE_CHARACTER_CLASS)
                    .matcher(lower);
            while (matcher.find()) {
              found++;
            }
          }
          if (found >= least) {
            topics.add(topic);
          }
        });
    return topics;
  }

  private static Map<String, List<String>> driftWords() {
    Map<String, List<String>> words = new LinkedHashMap<>();
    words.put(
        "vcv-rack",
        split(
            "vcv rack module dsp audio plugin voltage gravitas nexus cursus portus oscillator filter"
                + " cv gate trigger waveform synthesis eurorack panel inkscape svg lexington"));
    words.put(
        "trading",
        split(
            "trading market candle candlestick binance price chart fibonacci retracement websocket"
                + " ohlc volume indicator rsi macd bollinger support resistance crypto bitcoin"
                + " ethereum usdt position order"));
    words.put(
        "memory-systems",
        split(
            "memory co-occurrence cognitive fingerprint decay edge recall semantic embedding"
                + " retrieval priming episodic consolidation salience provenance merkle attestation"
                + " bi-temporal heat promotion"));
    words.put(
        "agent-economy",
        split(
            "moltx moltbook clawtasks bounty wallet usdc earned stake proposal marketplace"
                + " lobsterpedia dead-internet faction karma feed post"));
    words.put(
        "agent-identity",
        split(
            "identity dossier attestation proof nostr npub sovereignty autonomy self-sustaining"
                + " consciousness emergence continuity fingerprint rejection taste"));
    words.put(
        "collaboration",
        split(
            "spindrift kaleaon flycompoundeye buzz mika collaboration experiment interop tri-agent"
                + " swarm contributor partner"));
    words.put(
        "development",
        split(
            "github commit push pull merge branch repo code function class bug fix refactor test api"
                + " endpoint request response json python"));
    return words;
  }

  private static List<String> split(String words) {
    return Arrays.asList(words.split(" "));
  }
}
