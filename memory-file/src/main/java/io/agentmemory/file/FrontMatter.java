package io.agentmemory.file;

import io.agentmemory.Memory;
import io.agentmemory.Value;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What stands between the fences of a memory file.
 *
 * @param value nearly always a map; in it {@code co_occurrences}, if it is a map, is empty
 * @param counts the entries of {@code co_occurrences} in their order
 * @param members where each member of the map stands; null if nobody asked, or if the members do
 *     not each have lines of their own
 */
record FrontMatter(Value value, Map<String, Value> counts, @Nullable List<Member> members) {

  /**
   * The lines of one member: from the start of its first line to the end of its last, as places in
   * the YAML text. Comments and blank lines between members belong to none.
   *
   * @param entries the same for the entries of {@code co_occurrences}; null for all else, and if
   *     they do not each have lines of their own
   */
  record Member(String key, int start, int end, @Nullable List<Member> entries) {}

  static final String ID = "id";

  /** Lists of ids and tags: their items are the source text, whatever YAML would make of it. */
  private static final Set<String> TEXT_LISTS =
      Set.of("tags", "links", "caused_by", "leads_to", "consolidated_from");

  private static final Map<String, String> NAMES = new LinkedHashMap<>();

  static {
    List<String> names = new ArrayList<>(TEXT_LISTS);
    names.addAll(
        List.of(
            ID,
            Memory.CO_OCCURRENCES,
            "type",
            "created",
            "event_time",
            "emotional_weight",
            "recall_count",
            "entities",
            "agents",
            "projects",
            "concepts",
            "last_recalled",
            "sessions_since_recall",
            "source",
            "agent",
            "retrieval_outcomes",
            "retrieval_success_rate",
            "topic_context",
            "contact_context",
            "platforms"));
    names.forEach(name -> NAMES.put(name, name));
  }

  /** Whether the items of the list under this member are their source text. */
  static boolean isTextList(String member) {
    return TEXT_LISTS.contains(member);
  }

  /** The one instance of a well-known member's name, so that a million memories share it. */
  static String shared(String name) {
    return NAMES.getOrDefault(name, name);
  }

  /**
   * Reads the YAML between the fences.
   *
   * @param text with line feeds only
   * @param from where the first fence ends
   * @param end where the second one begins
   * @param layout whether to note where the members stand
   */
  static FrontMatter read(String text, int from, int end, boolean layout)
      throws UnreadableFileException {
    FrontMatter plain = BlockYaml.read(text, from, end, layout);
    return plain != null ? plain : YamlReader.read(text.substring(from, end), layout);
  }
}
