package io.agentmemory.detect;

import io.agentmemory.internal.Texts;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Whom a text mentions.
 *
 * @param known every contact with its names in lower case; the first that has a name gets it
 * @param ignored mentions that are none: the agent's own names, and words after an at sign
 * @param shortest a mention of fewer characters is none
 */
record Contacts(Map<String, List<String>> known, Set<String> ignored, int shortest) {
  private static final Pattern MENTION = Pattern.compile("@([a-zA-Z0-9_]+)");

  /** The shortest of Drift's mentions. */
  static final int SHORTEST = 3;

  Contacts {
    Map<String, List<String>> copy = new LinkedHashMap<>();
    known.forEach((contact, names) -> copy.put(contact, List.copyOf(names)));
    known = Collections.unmodifiableMap(copy);
    ignored = Set.copyOf(ignored);
  }

  List<String> of(String text) {
    String lower = Regex.lower(text);
    Set<String> found = new TreeSet<>(Texts::compare);
    Matcher matcher = MENTION.matcher(lower);
    while (matcher.find()) {
      String mention = matcher.group(1);
      if (mention.length() >= shortest && !ignored.contains(mention)) {
        found.add(nameOf(mention));
      }
    }
    known.forEach(
        (contact, names) -> {
          if (names.stream().anyMatch(lower::contains)) {
            found.add(contact);
          }
        });
    return List.copyOf(found);
  }

  private String nameOf(String mention) {
    return known.entrySet().stream()
        .filter(contact -> contact.getValue().contains(mention))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse(mention);
  }
}
