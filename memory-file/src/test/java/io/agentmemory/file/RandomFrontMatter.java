package io.agentmemory.file;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Memory;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.file.MemoryFile.Parsed;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Memories that hit every trap a text, a number or a name can be for YAML. Same seed, same memory.
 */
final class RandomFrontMatter {
  private static final List<String> TEXTS =
      List.of(
          "",
          " ",
          "  two  blanks  ",
          "a",
          "plain words",
          "key: value",
          "ends:",
          ":starts",
          "a:b",
          "a #b",
          "a#b",
          "#hash",
          "- dash",
          "-",
          "-x",
          "--",
          "--source",
          "---",
          "----",
          "-----",
          "x---y",
          "...",
          "... ",
          "?",
          "? q",
          "?q",
          ":",
          "~",
          "null",
          "Null",
          "NULL",
          "nUll",
          "y",
          "Y",
          "n",
          "N",
          "yes",
          "No",
          "ON",
          "off",
          "true",
          "False",
          "TRUE",
          "oN",
          "0",
          "-0",
          "00",
          "017",
          "08",
          "09",
          "0x1f",
          "0b11",
          "0o17",
          "1_000",
          "12345678",
          "1e5",
          "1e+5",
          "1.5e5",
          "1.5e+5",
          "123e4567",
          ".5",
          "-.5",
          "+.5",
          "1.",
          "._",
          ".",
          "..",
          ".inf",
          "-.INF",
          ".NaN",
          "+12",
          "12:30",
          "1:2:3",
          "190:20:30",
          "1:30.5",
          "99999999999999999999",
          "2026-02-10",
          "2026-2-1",
          "2026-02-31",
          "2026-02-10T11:52:05Z",
          "2026-02-10 11:52:05.5 +01:00",
          "2026-02-10 11:52",
          "=",
          "<<",
          "!tag",
          "&anchor",
          "*alias",
          "[a]",
          "{a: b}",
          "a, b",
          "]",
          "|",
          ">",
          "%x",
          "@x",
          "`x",
          "'",
          "''",
          "'quoted'",
          "\"",
          "\"q\"",
          "it's",
          "a\\b",
          "\\n",
          "tab\there",
          "line\nbreak",
          "\n",
          "a\n\nb\n",
          " \n ",
          "\r",
          "a\u0085b",
          "\u2028",
          "\ufeffbom",
          "\u00a0",
          "é",
          "e\u0301",
          "İ",
          "漢字",
          "😀",
          "\ue000",
          "\uffff",
          "\u0007",
          "\u001b",
          "\u007f",
          "\u009f",
          "Dr. Who; 50% (ca.)",
          "C:\\x\\y.md",
          "http://x.y/z?a=b#c",
          "q".repeat(90),
          "word ".repeat(30) + "end",
          "k".repeat(300),
          "é".repeat(200));

  private static final List<String> BODIES =
      List.of(
          "",
          "body",
          "two\nlines",
          "ends\n",
          "\n",
          "\n\n",
          "\nstarts",
          "  indented",
          "a\n\n",
          "---",
          "---\nrule\n---\n",
          "text\n---\nmore",
          "\t",
          " ",
          "id: x",
          "é 漢 😀",
          "\ufeffx",
          "\u0085",
          "-",
          "# head\n\n- a\n- b\n");

  private static final List<String> MEMBERS =
      List.of(
          "type",
          "created",
          "event_time",
          "emotional_weight",
          "recall_count",
          "entities",
          "source",
          "platforms",
          "last_recalled",
          "note",
          "zeta",
          "x y",
          "Ünï",
          "2026",
          "yes",
          "a: b",
          "-x",
          "'q'",
          "long " + "k".repeat(130),
          "very long " + "é".repeat(150));

  private static final List<String> TEXT_LISTS =
      List.of("tags", "links", "caused_by", "leads_to", "consolidated_from");

  private final Random random;

  RandomFrontMatter(long seed) {
    this.random = new Random(seed);
  }

  Parsed memory() {
    String id = random.nextBoolean() ? "m" + random.nextInt(1000) : nonEmpty();
    Map<String, Value> members = new LinkedHashMap<>();
    if (random.nextInt(8) > 0) {
      members.put("id", Value.of(id));
    } else {
      id = "stem-" + id.length();
    }
    List<CoOccurrence> counts = new ArrayList<>();
    int size = random.nextInt(8);
    for (int i = 0; i < size; i++) {
      int what = random.nextInt(10);
      if (what == 0) {
        members.put(Memory.CO_OCCURRENCES, random.nextBoolean() ? Value.NULL : Value.EMPTY_SEQ);
        counts.clear();
      } else if (what < 3) {
        members.put(Memory.CO_OCCURRENCES, Value.EMPTY_MAP);
        counts.clear();
        counts.addAll(counts(id));
      } else if (what < 6) {
        members.put(TEXT_LISTS.get(random.nextInt(TEXT_LISTS.size())), texts());
      } else {
        members.put(MEMBERS.get(random.nextInt(MEMBERS.size())), value(0));
      }
    }
    String name = id.startsWith("stem-") ? id + ".md" : "name.md";
    Value frontMatter = new Value.Map(members);
    return new Parsed(
        new Memory(id, Tier.values()[random.nextInt(3)], name, body(), frontMatter), counts);
  }

  /** The same memory with one thing changed; says which member, or "" for the body. */
  String change(Parsed parsed, List<Parsed> changed) {
    Memory memory = parsed.memory();
    List<CoOccurrence> counts = new ArrayList<>(parsed.coOccurrences());
    Value.Map members = memory.members();
    List<String> names = new ArrayList<>(members.entries().keySet());
    names.remove("id");
    int what = random.nextInt(5);
    String name = names.isEmpty() ? "" : names.get(random.nextInt(names.size()));
    if (what == 0 || name.isEmpty()) {
      changed.add(new Parsed(memory.withContent(memory.content() + "x"), counts));
      return "";
    }
    if (name.equals(Memory.CO_OCCURRENCES) && members.get(name) instanceof Value.Map) {
      if (counts.isEmpty() || random.nextInt(3) == 0) {
        counts.add(new CoOccurrence(memory.id(), "new-" + random.nextInt(), Value.of(0.1)));
      } else if (random.nextBoolean()) {
        counts.remove(random.nextInt(counts.size()));
      } else {
        int at = random.nextInt(counts.size());
        counts.set(at, new CoOccurrence(memory.id(), counts.get(at).to(), Value.of(4711L)));
      }
    } else if (what == 1) {
      members = members.without(name);
      if (name.equals(Memory.CO_OCCURRENCES)) {
        counts.clear();
      }
    } else if (what == 2) {
      members = members.with("added", value(0));
      name = "added";
    } else if (TEXT_LISTS.contains(name)) {
      members = members.with(name, Value.Seq.ofTexts(List.of("changed", text())));
    } else {
      members = members.with(name, Value.of("changed to " + text()));
    }
    changed.add(new Parsed(memory.withMembers(members), counts));
    return name;
  }

  private List<CoOccurrence> counts(String id) {
    Map<String, CoOccurrence> counts = new LinkedHashMap<>();
    int size = random.nextInt(5);
    for (int i = 0; i < size; i++) {
      String to = random.nextBoolean() ? "id" + random.nextInt(100) : text();
      counts.put(to, new CoOccurrence(id, to, random.nextInt(9) == 0 ? value(1) : number()));
    }
    return List.copyOf(counts.values());
  }

  private Value.Seq texts() {
    List<String> texts = new ArrayList<>();
    int size = random.nextInt(4);
    for (int i = 0; i < size; i++) {
      texts.add(text());
    }
    return Value.Seq.ofTexts(texts);
  }

  Value value(int depth) {
    switch (random.nextInt(depth > 4 ? 7 : 10)) {
      case 0:
        return Value.NULL;
      case 1:
        return Value.of(random.nextBoolean());
      case 2:
      case 3:
        return number();
      case 4:
        return new Value.Time(
            random.nextBoolean() ? "2026-02-31" : "2026-02-10 11:52:05.123456+00:00");
      case 5:
      case 6:
        return Value.of(text());
      case 7:
        return texts();
      case 8:
        List<Value> items = new ArrayList<>();
        for (int i = random.nextInt(4); i > 0; i--) {
          items.add(value(depth + 1));
        }
        return new Value.Seq(items);
      default:
        Map<String, Value> entries = new LinkedHashMap<>();
        for (int i = random.nextInt(4); i > 0; i--) {
          entries.put(text(), value(depth + 1));
        }
        return new Value.Map(entries);
    }
  }

  private Value number() {
    switch (random.nextInt(6)) {
      case 0:
        return Value.of(random.nextLong());
      case 1:
        return Value.of((long) random.nextInt(20));
      case 2:
        return Value.of((double) random.nextInt(20));
      case 3:
        return Value.of(random.nextDouble());
      case 4:
        double any = Double.longBitsToDouble(random.nextLong());
        return Double.isFinite(any) ? Value.of(any) : new Value.Opaque("-.inf");
      default:
        return random.nextBoolean() ? Value.of(1e-5) : new Value.Opaque("99999999999999999999");
    }
  }

  private String body() {
    return BODIES.get(random.nextInt(BODIES.size()));
  }

  private String nonEmpty() {
    String text = text();
    return text.isBlank() ? "x" : text;
  }

  /** A value that JSON has too. */
  Value json() {
    Value value = value(1);
    while (!JsonText.canSpell(value)) {
      value = value(1);
    }
    return value;
  }

  String text() {
    String text = TEXTS.get(random.nextInt(TEXTS.size()));
    return random.nextInt(5) == 0 ? text + TEXTS.get(random.nextInt(TEXTS.size())) : text;
  }
}
