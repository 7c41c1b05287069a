package io.agentmemory.file;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Memory;
import io.agentmemory.Value;
import io.agentmemory.file.FrontMatter.Member;
import io.agentmemory.file.MemoryFile.Parsed;
import io.agentmemory.file.MemoryFile.Source;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes the new text of a memory file out of its old one. What it makes is then read and compared
 * with what is wanted, so for an odd file (anchors, merges, members that share a line) it may fail.
 */
final class Patch {
  private static final String FENCE = MemoryFile.FENCE;

  private final Source old;
  private final Parsed wanted;
  private final Map<String, CoOccurrence> counts = new LinkedHashMap<>();
  private final int[] rawPlaces;
  private final StringBuilder out = new StringBuilder();

  Patch(Source old, Parsed wanted) {
    this.old = old;
    this.wanted = wanted;
    this.rawPlaces = rawPlaces(old);
    wanted.coOccurrences().forEach(count -> counts.put(count.to(), count));
  }

  /** The text of a file that owes nothing to an older one. */
  static String fresh(Parsed wanted, String lineEnd) {
    Memory memory = wanted.memory();
    Value frontMatter = memory.frontMatter();
    if (frontMatter == null) {
      return memory.content().replace("\n", lineEnd);
    }
    return freshFrontMatter(frontMatter, wanted, lineEnd) + freshBody(memory, lineEnd);
  }

  private static String freshFrontMatter(Value frontMatter, Parsed wanted, String lineEnd) {
    String yaml = YamlWriter.frontMatter(frontMatter, wanted.coOccurrences());
    return (FENCE + "\n" + yaml + FENCE).replace("\n", lineEnd);
  }

  private static String freshBody(Memory memory, String lineEnd) {
    String content = memory.content();
    return ("\n\n" + content + (content.endsWith("\n") ? "\n" : "")).replace("\n", lineEnd);
  }

  /**
   * The new text.
   *
   * @param byMember whether to keep the lines of members that stay; if not, the front matter is
   *     written anew if it differs at all
   */
  String apply(boolean byMember) {
    Memory memory = wanted.memory();
    FrontMatter before = old.frontMatter();
    Value after = memory.frontMatter();
    boolean sameContent = memory.content().equals(old.content());
    if (before == null || after == null) {
      boolean same = before == null && after == null && sameContent;
      return same ? old.raw() : fresh(wanted, old.lineEnd());
    }
    int rawFence = old.raw().indexOf(FENCE, FENCE.length());
    boolean keepsBody = sameContent;
    if (before.value().equals(after) && sameCounts(before)) {
      out.append(old.raw(), 0, rawFence).append(FENCE);
    } else if (byMember && before.members() != null && after instanceof Value.Map map) {
      out.append(FENCE);
      members(before, before.members(), map);
      out.append(FENCE);
    } else {
      out.append(freshFrontMatter(after, wanted, old.lineEnd()));
      keepsBody &= old.isFenceAlone();
    }
    if (keepsBody) {
      out.append(old.raw(), rawFence + FENCE.length(), old.raw().length());
    } else {
      out.append(freshBody(memory, old.lineEnd()));
    }
    return out.toString();
  }

  private boolean sameCounts(FrontMatter before) {
    return before.counts().size() == counts.size()
        && isInOrder(before)
        && before.counts().entrySet().stream()
            .allMatch(
                entry -> {
                  CoOccurrence count = counts.get(entry.getKey());
                  return count != null && count.count().equals(entry.getValue());
                });
  }

  /** Whether the counts that stay are listed in the order they are wanted in, before new ones. */
  private boolean isInOrder(FrontMatter before) {
    List<String> order = new ArrayList<>(before.counts().keySet());
    order.retainAll(counts.keySet());
    return order.equals(List.copyOf(counts.keySet()).subList(0, order.size()));
  }

  // ---- lines; places are those of the YAML between the fences ----

  private void members(FrontMatter before, List<Member> lines, Value.Map after) {
    Value.Map was = (Value.Map) before.value();
    Map<String, Member> last = last(lines);
    int at = 0;
    for (Member member : lines) {
      String key = member.key();
      keep(at, member.start());
      at = member.end();
      Value value = after.get(key);
      if (value == null) {
        continue;
      }
      boolean isCounts = key.equals(Memory.CO_OCCURRENCES);
      boolean same = value.equals(was.get(key)) && (!isCounts || sameCounts(before));
      if (same || !member.equals(last.get(key))) {
        keep(member.start(), member.end());
      } else if (isCounts
          && member.entries() != null
          && value instanceof Value.Map
          && !counts.isEmpty()
          && isInOrder(before)) {
        counts(before, member, member.entries());
      } else {
        add(YamlWriter.lines(key, value, wanted.coOccurrences()));
      }
    }
    keep(at, yamlEnd());
    after
        .entries()
        .forEach(
            (key, value) -> {
              if (!last.containsKey(key) && !value.equals(was.get(key))) {
                add(YamlWriter.lines(key, value, wanted.coOccurrences()));
              }
            });
  }

  /** The lines of {@code co_occurrences}, of which only the entries that differ change. */
  private void counts(FrontMatter before, Member member, List<Member> lines) {
    Map<String, Member> last = last(lines);
    int first = lines.get(0).start();
    int indent = 0;
    while (old.text().charAt(FENCE.length() + first + indent) == ' ') {
      indent++;
    }
    int at = member.start();
    for (Member line : lines) {
      keep(at, line.start());
      at = line.end();
      CoOccurrence count = counts.get(line.key());
      if (count == null) {
        continue;
      }
      if (count.count().equals(before.counts().get(line.key()))
          || !line.equals(last.get(line.key()))) {
        keep(line.start(), line.end());
      } else {
        add(YamlWriter.count(count, indent));
      }
    }
    keep(at, member.end());
    for (CoOccurrence count : counts.values()) {
      if (!last.containsKey(count.to())) {
        add(YamlWriter.count(count, indent));
      }
    }
  }

  /** The member that counts, of each key: the last one. */
  private static Map<String, Member> last(List<Member> members) {
    Map<String, Member> last = new HashMap<>();
    members.forEach(member -> last.put(member.key(), member));
    return last;
  }

  private void add(String lines) {
    out.append(lines.replace("\n", old.lineEnd()));
  }

  private int yamlEnd() {
    return old.fence() - FENCE.length();
  }

  /** Appends old lines as they stand. */
  private void keep(int from, int end) {
    out.append(old.raw(), rawPlaces[from], rawPlaces[end]);
  }

  /** Where each place of the YAML is in the raw text, in which a line end may be two chars. */
  private static int[] rawPlaces(Source old) {
    if (old.fence() < 0) {
      return new int[0];
    }
    int[] places = new int[old.fence() - FENCE.length() + 1];
    int raw = FENCE.length();
    for (int i = 0; i < places.length; i++) {
      places[i] = raw;
      raw += old.raw().startsWith("\r\n", raw) ? 2 : 1;
    }
    return places;
  }
}
