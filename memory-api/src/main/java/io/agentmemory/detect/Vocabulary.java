package io.agentmemory.detect;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Learned terms and the plain words for them, so that a vector stands for both. */
final class Vocabulary {
  private final Map<String, String> terms;
  private final Map<String, Pattern> patterns = new LinkedHashMap<>();
  private final Map<String, List<Pattern>> synonyms = new LinkedHashMap<>();

  Vocabulary(Map<String, String> terms) {
    this.terms = Collections.unmodifiableMap(new LinkedHashMap<>(terms));
    this.terms.forEach(
        (term, plain) -> {
          patterns.put(term, Regex.phrase(term));
          synonyms.put(
              term,
              Arrays.stream(plain.split(","))
                  .map(String::strip)
                  .filter(words -> !words.isEmpty())
                  .map(Regex::phrase)
                  .toList());
        });
  }

  /** The same with more terms; one that is there already gets the new words in its old place. */
  Vocabulary with(Map<String, String> more) {
    Map<String, String> all = new LinkedHashMap<>(terms);
    all.putAll(more);
    return new Vocabulary(all);
  }

  String bridge(String text) {
    return bridge(text, term -> has(patterns.get(term), text));
  }

  String bridgeQuery(String query) {
    String bridged =
        bridge(
            query,
            term -> synonyms.getOrDefault(term, List.of()).stream().anyMatch(p -> has(p, query)));
    return bridged.equals(query) ? bridge(query) : bridged;
  }

  private static boolean has(@Nullable Pattern pattern, String text) {
    return pattern != null && pattern.matcher(text).find();
  }

  private String bridge(String text, Predicate<String> which) {
    String lines =
        terms.entrySet().stream()
            .filter(term -> which.test(term.getKey()))
            .map(term -> "\n" + term.getKey() + ": " + term.getValue())
            .collect(Collectors.joining());
    return lines.isEmpty() ? text : text + "\n\n[vocabulary bridge]" + lines;
  }
}
