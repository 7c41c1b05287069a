package io.agentmemory.detect;

import io.agentmemory.internal.Texts;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Agents, projects and concepts by name, each name in lower case.
 *
 * @param agents every name of an agent, with the one it is known by
 * @param concepts tags that count as concepts
 */
record Entities(Map<String, String> agents, Set<String> projects, Set<String> concepts) {
  private static final Pattern MENTION = Pattern.compile("@(" + Regex.WORD + "+)");
  private static final Pattern HASHTAG = Pattern.compile("#(" + Regex.WORD + "+)");

  Entities {
    agents = Map.copyOf(agents);
    projects = Set.copyOf(projects);
    concepts = Set.copyOf(concepts);
  }

  Map<String, List<String>> of(String content, List<String> tags) {
    String lower = Regex.lower(content);
    Set<String> foundAgents = sorted();
    for (String mention : all(MENTION, content)) {
      foundAgents.add(agents.getOrDefault(mention, mention));
    }
    agents.forEach(
        (name, known) -> {
          if (lower.contains(name)) {
            foundAgents.add(known);
          }
        });
    Set<String> foundProjects = sorted();
    for (String project : projects) {
      if (lower.contains(project)) {
        foundProjects.add(project);
      }
    }
    Set<String> foundConcepts = sorted();
    foundConcepts.addAll(all(HASHTAG, content));
    for (String tag : tags) {
      String name = Regex.lower(tag);
      String known = agents.get(name);
      if (known != null) {
        foundAgents.add(known);
      } else if (projects.contains(name)) {
        foundProjects.add(name);
      } else if (concepts.contains(name)) {
        foundConcepts.add(name);
      }
    }
    Map<String, List<String>> found = new LinkedHashMap<>();
    put(found, "agents", foundAgents);
    put(found, "projects", foundProjects);
    put(found, "concepts", foundConcepts);
    return found;
  }

  private static Set<String> sorted() {
    return new TreeSet<>(Texts::compare);
  }

  private static Set<String> all(Pattern pattern, String content) {
    Set<String> names = new LinkedHashSet<>();
    Matcher matcher = pattern.matcher(content);
    while (matcher.find()) {
      names.add(Regex.lower(matcher.group(1)));
    }
    return names;
  }

  private static void put(Map<String, List<String>> found, String kind, Set<String> names) {
    if (!names.isEmpty()) {
      found.put(kind, List.copyOf(names));
    }
  }
}
