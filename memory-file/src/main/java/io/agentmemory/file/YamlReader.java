package io.agentmemory.file;

import io.agentmemory.Memory;
import io.agentmemory.Value;
import io.agentmemory.file.FrontMatter.Member;
import io.agentmemory.internal.Texts;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.error.Mark;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.events.AliasEvent;
import org.yaml.snakeyaml.events.CollectionStartEvent;
import org.yaml.snakeyaml.events.Event;
import org.yaml.snakeyaml.events.NodeEvent;
import org.yaml.snakeyaml.events.ScalarEvent;
import org.yaml.snakeyaml.parser.Parser;
import org.yaml.snakeyaml.parser.ParserImpl;
import org.yaml.snakeyaml.reader.ReaderException;
import org.yaml.snakeyaml.reader.StreamReader;

/**
 * Reads any YAML that the original reads, as it reads it. SnakeYAML makes the events; what they
 * mean is decided here, since no object is ever to be built from a tag and SnakeYAML types scalars
 * differently. Bounded in depth and size, also for what aliases blow up.
 */
final class YamlReader {
  private static final int MAX_CODE_POINTS = 1_000_000;
  private static final int MAX_DEPTH = 256;
  private static final int MAX_ALIASES = 100;
  private static final int MAX_MENDED = 100;

  /** How many nodes and chars there may be once every alias stands for what it names. */
  private static final long MAX_EXPANDED = 2_000_000;

  /** What YAML says before scalars have types: the same node may mean two things in two places. */
  private sealed interface Node {}

  private record Scalar(String text, boolean plain, int line) implements Node {}

  private record Seq(List<Node> items) implements Node {}

  private record Mapping(List<Entry> entries, boolean block, int line) implements Node {}

  /** The place of the key, and where the last mark of the value ends, in code points. */
  private record Entry(Node key, Node value, int start, int end) {}

  private record Anchored(@Nullable Node node, long size, int height) {}

  private final Parser parser;
  private final Map<String, Anchored> anchors = new HashMap<>();
  private int aliases;
  private long size;
  private final List<int[]> quoted = new ArrayList<>(); // where tabs are allowed, in code points
  private int deepest;
  private int leafEnd;

  private YamlReader(Parser parser) {
    this.parser = parser;
  }

  static FrontMatter read(String yaml, boolean layout) throws UnreadableFileException {
    if (yaml.codePointCount(0, yaml.length()) > MAX_CODE_POINTS) {
      throw new UnreadableFileException("has too much front matter", 1);
    }
    String text = yaml;
    for (int mended = 0; ; mended++) {
      try {
        LoaderOptions options = new LoaderOptions();
        options.setCodePointLimit(Integer.MAX_VALUE);
        YamlReader reader = new YamlReader(new ParserImpl(new StreamReader(text), options));
        Node root = reader.document(text);
        reader.refuseTabs(text);
        return reader.frontMatter(root, layout && mended == 0 ? text : null);
      } catch (ReaderException unprintable) {
        throw new UnreadableFileException(
            "has a character in its front matter that YAML does not allow",
            line(text, unprintable.getPosition()));
      } catch (MarkedYAMLException broken) {
        Mark mark = broken.getProblemMark();
        int at = mark == null ? text.length() : offset(text, mark.getIndex());
        if (mended == MAX_MENDED || !isEscapedSlash(text, at)) {
          int line = mark == null ? 0 : mark.getLine() + 1;
          throw new UnreadableFileException(reason(text, at), line);
        }
        text = text.substring(0, at - 1) + "\\x2F" + text.substring(at + 1);
      } catch (YAMLException | IllegalArgumentException | IndexOutOfBoundsException broken) {
        // SnakeYAML lets the latter two out, as of an escape that the end of the text cuts short
        throw new UnreadableFileException("has front matter that is no YAML", 0);
      }
    }
  }

  /**
   * Whether this is what the original takes for a slash in double quotes, and SnakeYAML refuses.
   */
  private static boolean isEscapedSlash(String text, int at) {
    return at > 0 && at < text.length() && text.startsWith("\\/", at - 1);
  }

  private static String reason(String yaml, int at) {
    boolean tab = at < yaml.length() && yaml.charAt(at) == '\t';
    return tab
        ? "has a tab where YAML allows none, in its front matter"
        : "has front matter that is no YAML";
  }

  private static int line(String yaml, int codePoints) {
    int end = offset(yaml, codePoints);
    return 1 + (int) yaml.substring(0, end).chars().filter(c -> c == '\n').count();
  }

  private static int offset(String yaml, int codePoints) {
    int all = yaml.codePointCount(0, yaml.length());
    return yaml.offsetByCodePoints(0, Math.min(codePoints, all));
  }

  // ---- events to nodes ----

  private Node document(String yaml) throws UnreadableFileException {
    parser.getEvent(); // the stream's start
    if (parser.checkEvent(Event.ID.StreamEnd)) {
      if (yaml.startsWith("%") || yaml.contains("\n%")) {
        throw new UnreadableFileException("has nothing but a directive as front matter", 0);
      }
      return new Scalar("", true, 1);
    }
    parser.getEvent(); // the document's start
    Node root = node(0);
    Event documentEnd = parser.getEvent();
    if (!parser.checkEvent(Event.ID.StreamEnd)) {
      throw broken("has front matter of more than one document", documentEnd);
    }
    return root;
  }

  private Node node(int depth) throws UnreadableFileException {
    Event event = parser.getEvent();
    if (event instanceof AliasEvent alias) {
      return resolve(alias, depth);
    }
    reach(depth, event);
    NodeEvent start = (NodeEvent) event;
    String anchor = start.getAnchor();
    if (anchor != null) {
      begin(anchor, event);
    }
    long sizeBefore = size;
    int deepestBefore = deepest;
    deepest = depth;
    grow(1, event);
    Node node;
    if (event instanceof ScalarEvent scalar) {
      node = scalar(scalar);
    } else {
      CollectionStartEvent collection = (CollectionStartEvent) event;
      refuseTag(collection.getTag(), event);
      node = event.is(Event.ID.SequenceStart) ? seq(depth) : map(depth, collection);
      Event endEvent = parser.getEvent();
      if (collection.isFlow()) {
        leafEnd = endEvent.getEndMark().getIndex();
      }
    }
    if (anchor != null) {
      anchors.put(anchor, new Anchored(node, size - sizeBefore, deepest - depth));
    }
    deepest = Math.max(deepest, deepestBefore);
    return node;
  }

  private void begin(String anchor, Event event) throws UnreadableFileException {
    if (!anchor
        .chars()
        .allMatch(c -> c < 0x80 && (Character.isLetterOrDigit(c) || c == '-' || c == '_'))) {
      throw broken("has an odd name of an anchor in its front matter", event);
    }
    if (anchors.putIfAbsent(anchor, new Anchored(null, 0, 0)) != null) {
      throw broken("has an anchor twice in its front matter", event);
    }
  }

  private Scalar scalar(ScalarEvent event) throws UnreadableFileException {
    refuseTag(event.getTag(), event);
    grow(event.getValue().length(), event);
    leafEnd = event.getEndMark().getIndex();
    boolean plain = event.isPlain();
    if (!plain) {
      quoted.add(new int[] {event.getStartMark().getIndex(), leafEnd});
    }
    if (event.isDQuoted() && Texts.unstorable(event.getValue()) >= 0) {
      throw broken("has NUL or half a character in its front matter", event);
    }
    return new Scalar(event.getValue(), plain, line(event));
  }

  private Seq seq(int depth) throws UnreadableFileException {
    List<Node> items = new ArrayList<>();
    while (!parser.checkEvent(Event.ID.SequenceEnd)) {
      items.add(node(depth + 1));
    }
    return new Seq(items);
  }

  private Mapping map(int depth, CollectionStartEvent event) throws UnreadableFileException {
    List<Entry> entries = new ArrayList<>();
    while (!parser.checkEvent(Event.ID.MappingEnd)) {
      int start = parser.peekEvent().getStartMark().getIndex();
      Node key = node(depth + 1);
      entries.add(new Entry(key, node(depth + 1), start, leafEnd));
    }
    return new Mapping(entries, !event.isFlow(), line(event));
  }

  private Node resolve(AliasEvent alias, int depth) throws UnreadableFileException {
    leafEnd = alias.getEndMark().getIndex();
    if (++aliases > MAX_ALIASES) {
      throw broken("has more than " + MAX_ALIASES + " aliases in its front matter", alias);
    }
    Anchored anchored = anchors.get(alias.getAnchor());
    if (anchored == null) {
      throw broken("has an alias without its anchor in its front matter", alias);
    }
    if (anchored.node() == null) {
      throw broken("has an alias inside of what it stands for", alias);
    }
    grow(anchored.size(), alias);
    reach(depth + anchored.height(), alias);
    return anchored.node();
  }

  private void reach(int depth, Event event) throws UnreadableFileException {
    deepest = Math.max(deepest, depth);
    if (depth > MAX_DEPTH) {
      throw broken("has front matter nested too deep", event);
    }
  }

  private void grow(long by, Event event) throws UnreadableFileException {
    size += by;
    if (size > MAX_EXPANDED) {
      throw broken("has too much front matter", event);
    }
  }

  private static void refuseTag(@Nullable String tag, Event event) throws UnreadableFileException {
    if (tag != null) {
      throw broken("has a tag in its front matter", event);
    }
  }

  /**
   * Refuses tabs outside of quotes, blocks and comments: SnakeYAML takes them, the original fails.
   */
  private void refuseTabs(String yaml) throws UnreadableFileException {
    if (yaml.indexOf('\t') < 0) {
      return;
    }
    quoted.add(new int[] {yaml.codePointCount(0, yaml.length()), 0});
    int from = 0;
    for (int[] span : quoted) {
      int end = offset(yaml, span[0]);
      boolean comment = false;
      for (int i = from; i < end; i++) {
        char c = yaml.charAt(i);
        boolean apart = i == 0 || yaml.charAt(i - 1) == ' ' || yaml.charAt(i - 1) == '\n';
        comment = c != '\n' && (comment || (c == '#' && apart));
        if (c == '\t' && !comment) {
          int codePoints = yaml.codePointCount(0, i);
          throw new UnreadableFileException(reason(yaml, i), line(yaml, codePoints));
        }
      }
      from = offset(yaml, span[1]);
    }
  }

  private static int line(Event event) {
    return event.getStartMark().getLine() + 1;
  }

  private static UnreadableFileException broken(String reason, Event event) {
    return new UnreadableFileException(reason, line(event));
  }

  // ---- nodes to values ----

  /** Values of nodes that were made already: what aliases share is shared here too. */
  private final Map<Node, Value> made = new IdentityHashMap<>();

  private FrontMatter frontMatter(Node root, @Nullable String yaml) throws UnreadableFileException {
    if (!(root instanceof Mapping map)) {
      return new FrontMatter(value(root), Map.of(), null);
    }
    Map<String, Value> values = new LinkedHashMap<>();
    Map<String, Value> counts = Map.of();
    for (Map.Entry<String, Node> entry : members(map).entrySet()) {
      String key = FrontMatter.shared(entry.getKey());
      Node node = entry.getValue();
      Value value;
      if (key.equals(Memory.CO_OCCURRENCES) && node instanceof Mapping entries) {
        counts = values(entries);
        value = Value.EMPTY_MAP;
      } else if (key.equals(FrontMatter.ID) && node instanceof Scalar id) {
        value = id.plain() && PlainScalars.isNull(id.text()) ? Value.NULL : source(id);
      } else if (FrontMatter.isTextList(key) && node instanceof Seq list) {
        List<Value> items = new ArrayList<>();
        for (Node item : list.items()) {
          items.add(item instanceof Scalar scalar ? source(scalar) : value(item));
        }
        value = new Value.Seq(items);
      } else {
        value = value(node);
      }
      values.put(key, value);
    }
    List<Member> layout = yaml == null ? null : layout(map, yaml);
    return new FrontMatter(new Value.Map(values), counts, layout);
  }

  private Value value(Node node) throws UnreadableFileException {
    if (node instanceof Scalar scalar) {
      checkAllowed(scalar);
      return scalar.plain() ? PlainScalars.resolve(scalar.text()) : Value.of(scalar.text());
    }
    Value value = made.get(node);
    if (value == null) {
      value = node instanceof Seq seq ? seq(seq) : map((Mapping) node);
      made.put(node, value);
    }
    return value;
  }

  private Value seq(Seq seq) throws UnreadableFileException {
    List<Value> items = new ArrayList<>(seq.items().size());
    for (Node item : seq.items()) {
      items.add(value(item));
    }
    return items.isEmpty() ? Value.EMPTY_SEQ : new Value.Seq(items);
  }

  private Value map(Mapping map) throws UnreadableFileException {
    Map<String, Value> values = values(map);
    return values.isEmpty() ? Value.EMPTY_MAP : new Value.Map(values);
  }

  private Map<String, Value> values(Mapping map) throws UnreadableFileException {
    Map<String, Value> values = new LinkedHashMap<>();
    for (Map.Entry<String, Node> entry : members(map).entrySet()) {
      values.put(entry.getKey(), value(entry.getValue()));
    }
    return values;
  }

  private static Value source(Scalar scalar) throws UnreadableFileException {
    checkAllowed(scalar);
    return Value.of(scalar.text());
  }

  private static void checkAllowed(Scalar scalar) throws UnreadableFileException {
    if (scalar.plain() && PlainScalars.isForbidden(scalar.text())) {
      throw new UnreadableFileException(
          "has a bare = or << as a value in its front matter", scalar.line());
    }
  }

  /** The entries by key; of a key that stands twice the last one, in the first one's place. */
  private Map<String, Node> members(Mapping map) throws UnreadableFileException {
    Map<String, Node> members = new LinkedHashMap<>();
    for (Entry entry : map.entries()) {
      if (isMerge(entry.key())) {
        merge(entry.value(), map.line(), members);
      }
    }
    for (Entry entry : map.entries()) {
      if (!isMerge(entry.key())) {
        if (!(entry.key() instanceof Scalar key)) {
          throw new UnreadableFileException(
              "has a key in its front matter that is no scalar", map.line());
        }
        Node before = members.put(key.text(), entry.value());
        if (before != null) {
          value(before); // of no account, but the original fails if it makes no sense
        }
      }
    }
    return members;
  }

  private static boolean isMerge(Node key) {
    return key instanceof Scalar scalar && scalar.plain() && scalar.text().equals("<<");
  }

  /** Puts what {@code <<} names before the map's own entries; of several maps the first wins. */
  private void merge(Node from, int line, Map<String, Node> into) throws UnreadableFileException {
    if (from instanceof Mapping map) {
      into.putAll(members(map));
    } else if (from instanceof Seq seq) {
      for (int i = seq.items().size() - 1; i >= 0; i--) {
        if (!(seq.items().get(i) instanceof Mapping map)) {
          throw new UnreadableFileException("merges what is no map in its front matter", line);
        }
        into.putAll(members(map));
      }
    } else {
      throw new UnreadableFileException("merges what is no map in its front matter", line);
    }
  }

  // ---- lines ----

  /** The lines of each member; null unless each begins a line at the left edge. */
  private static @Nullable List<Member> layout(Mapping map, String yaml) {
    int firstEnd = yaml.indexOf('\n');
    if (firstEnd < 0 || !yaml.endsWith("\n")) {
      return null;
    }
    List<Member> members = lines(map, yaml, 0);
    return members == null || members.isEmpty() || members.get(0).start() <= firstEnd
        ? null
        : members;
  }

  /** The lines of each entry of a map in block style whose keys stand in this column. */
  private static @Nullable List<Member> lines(Mapping map, String yaml, int column) {
    if (!map.block()) {
      return null;
    }
    List<Member> members = new ArrayList<>();
    int taken = 0;
    for (Entry entry : map.entries()) {
      int key = yaml.offsetByCodePoints(0, entry.start());
      int start = key - column;
      int last = Math.max(yaml.offsetByCodePoints(0, entry.end()) - 1, key);
      int end = yaml.indexOf('\n', last) + 1;
      boolean alone =
          start >= taken
              && end > 0
              && (start == 0 || yaml.charAt(start - 1) == '\n')
              && yaml.substring(start, key).isBlank()
              && entry.key() instanceof Scalar;
      if (!alone) {
        return null;
      }
      String name = ((Scalar) entry.key()).text();
      boolean counts =
          column == 0
              && name.equals(Memory.CO_OCCURRENCES)
              && entry.value() instanceof Mapping inner
              && !inner.entries().isEmpty();
      members.add(new Member(name, start, end, counts ? inner(entry, yaml, key) : null));
      taken = end;
    }
    return members;
  }

  private static @Nullable List<Member> inner(Entry entry, String yaml, int key) {
    Mapping map = (Mapping) entry.value();
    int first = yaml.offsetByCodePoints(0, map.entries().get(0).start());
    int column = first - (yaml.lastIndexOf('\n', first) + 1);
    return first > key && column > 0 ? lines(map, yaml, column) : null;
  }
}
