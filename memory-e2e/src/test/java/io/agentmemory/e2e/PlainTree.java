package io.agentmemory.e2e;

import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;
import org.yaml.snakeyaml.representer.Representer;
import org.yaml.snakeyaml.resolver.Resolver;

/**
 * What a memory tree means, read by SnakeYAML and Jackson and by nothing of ours: so that a mistake
 * in our own readers, which would be made on both sides of every other comparison, shows here.
 *
 * <p>Covers every file of the tree, and of {@code sensors} beside it, but those of our own folder.
 * Key order, quoting, folding and spelling of equal numbers are no part of the meaning, nor is the
 * order of a session's ids, which came from sets; names and folders of files are, and the orders in
 * which a memory lists what it counts and a tree its edges.
 */
final class PlainTree {
  /** Members whose scalars are taken as they are written, whatever type YAML would give them. */
  private static final Set<String> SOURCE_TEXT =
      Set.of("id", "tags", "links", "caused_by", "leads_to", "consolidated_from");

  private static final Set<String> OF_SETS =
      Set.of(".session_state.json", ".pending_cooccurrence.json");

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final Map<String, Object> contents = new TreeMap<>();
  private final Set<String> unordered;

  PlainTree(Path memory) throws IOException {
    this(memory, Set.of());
  }

  /** Takes the lists under these names, which came from a set, in any order. */
  PlainTree(Path memory, Set<String> unordered) throws IOException {
    this.unordered = unordered;
    add(memory, "");
    Path sensors = memory.resolveSibling("sensors");
    if (Files.isDirectory(sensors)) {
      add(sensors, "sensors/");
    }
  }

  private void add(Path root, String prefix) throws IOException {
    List<Path> files;
    try (Stream<Path> walk = Files.walk(root)) {
      files = walk.filter(Files::isRegularFile).toList();
    }
    for (Path file : files) {
      String name = prefix + root.relativize(file);
      if (!name.startsWith(".memory/")) {
        contents.put(name, content(name, file));
      }
    }
  }

  private Object content(String name, Path file) throws IOException {
    if (name.endsWith(".json")) {
      Object content = json(name, JSON.readTree(Files.readAllBytes(file)));
      if (name.equals(".edges_v3.json") && content instanceof Map<?, ?> edges) {
        return Map.of("edges", edges, "order of edges", edges.keySet().toString());
      }
      return OF_SETS.contains(name) ? sorted(content) : content;
    }
    String text = Files.readString(file);
    return name.matches("(core|active|archive)/[^/]+\\.md") ? memory(text) : text;
  }

  private static Object sorted(Object value) {
    if (value instanceof Map<?, ?> map) {
      Map<Object, Object> entries = new LinkedHashMap<>();
      map.forEach((key, entry) -> entries.put(key, sorted(entry)));
      return entries;
    }
    return value instanceof List<?> list
        ? list.stream().map(PlainTree::sorted).map(Object::toString).sorted().toList()
        : value;
  }

  /** Where two trees differ, as paths. */
  List<String> differences(PlainTree other) {
    List<String> differences = new ArrayList<>();
    compare("", contents, other.contents, differences);
    return differences;
  }

  private static void compare(
      String path, @Nullable Object a, @Nullable Object b, List<String> differences) {
    if (a instanceof Map<?, ?> x && b instanceof Map<?, ?> y) {
      Set<String> keys = new TreeSet<>();
      x.keySet().forEach(key -> keys.add((String) key));
      y.keySet().forEach(key -> keys.add((String) key));
      for (String key : keys) {
        compare(path + "/" + key, x.get(key), y.get(key), differences);
      }
    } else if (!Objects.equals(a, b)) {
      differences.add(path + ": " + shown(a) + " and " + shown(b));
    }
  }

  private static String shown(@Nullable Object value) {
    String text = String.valueOf(value);
    return text.length() <= 80 ? text : text.substring(0, 80) + "...";
  }

  // ---- memory files ----

  private Object memory(String text) {
    String lines = text.replace("\r\n", "\n").replace('\r', '\n');
    Map<String, Object> memory = new LinkedHashMap<>();
    String[] parts = lines.startsWith("---") ? lines.split("---", 3) : new String[] {lines};
    if (parts.length < 3) {
      memory.put("body", lines);
    } else {
      Node node = yaml().compose(new StringReader(parts[1]));
      memory.put("metadata", node == null ? "null" : meaning(node, false, true));
      memory.put("body", parts[2].strip());
    }
    return memory;
  }

  private static Yaml yaml() {
    LoaderOptions options = new LoaderOptions();
    return new Yaml(
        new SafeConstructor(options),
        new Representer(new DumperOptions()),
        new DumperOptions(),
        options,
        new OriginalFloats());
  }

  /** SnakeYAML takes 123e4567 for a number; the original's library wants a point in one. */
  private static final class OriginalFloats extends Resolver {
    private static final Pattern FLOAT =
        Pattern.compile(
            "[-+]?[0-9][0-9_]*\\.[0-9_]*(?:[eE][-+][0-9]+)?"
                + "|[-+]?\\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
                + "|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\\.[0-9_]*"
                + "|[-+]?\\.(?:inf|Inf|INF)|\\.(?:nan|NaN|NAN)");

    @Override
    protected void addImplicitResolvers() {
      addImplicitResolver(Tag.BOOL, BOOL, "yYnNtTfFoO");
      addImplicitResolver(Tag.INT, INT, "-+0123456789");
      addImplicitResolver(Tag.FLOAT, FLOAT, "-+0123456789.");
      addImplicitResolver(Tag.MERGE, MERGE, "<");
      addImplicitResolver(Tag.NULL, NULL, "~nN\0");
      addImplicitResolver(Tag.NULL, EMPTY, null);
      addImplicitResolver(Tag.TIMESTAMP, TIMESTAMP, "0123456789");
    }
  }

  /** What the original's library makes of a plain scalar. */
  static Object typed(String scalar) {
    return yaml().load(scalar);
  }

  /** A node as maps, lists and texts that are equal where the nodes mean the same. */
  private Object meaning(Node node, boolean sourceText, boolean top) {
    if (node instanceof MappingNode map) {
      Map<String, Object> entries = new LinkedHashMap<>();
      for (NodeTuple entry : map.getValue()) {
        String key = ((ScalarNode) entry.getKeyNode()).getValue();
        entries.put(
            key,
            inOrder(key, meaning(entry.getValueNode(), top && SOURCE_TEXT.contains(key), false)));
        if (top && key.equals("co_occurrences") && entries.get(key) instanceof Map<?, ?> counts) {
          entries.put("order of " + key, counts.keySet().toString());
        }
      }
      return entries;
    }
    if (node instanceof SequenceNode list) {
      return list.getValue().stream().map(item -> meaning(item, sourceText, false)).toList();
    }
    ScalarNode scalar = (ScalarNode) node;
    Tag tag = scalar.getTag();
    if (sourceText || tag.equals(Tag.STR) || tag.equals(Tag.TIMESTAMP)) {
      return (sourceText ? Tag.STR : tag) + " " + scalar.getValue();
    }
    Object value = new Yaml(new SafeConstructor(new LoaderOptions())).load(scalar.getValue());
    return tag + " " + value;
  }

  private Object inOrder(String key, Object value) {
    return unordered.contains(key) && value instanceof List<?> list
        ? list.stream().map(Object::toString).sorted().toList()
        : value;
  }

  // ---- documents ----

  private Object json(String path, JsonNode node) {
    if (node.isObject()) {
      Map<String, Object> entries = new LinkedHashMap<>();
      node.properties()
          .forEach(
              entry ->
                  entries.put(entry.getKey(), json(path + "/" + entry.getKey(), entry.getValue())));
      return entries;
    }
    if (node.isArray()) {
      boolean vector = path.endsWith("/embedding");
      List<Object> items = new ArrayList<>();
      node.forEach(item -> items.add(vector ? (Object) (float) item.asDouble() : json(path, item)));
      return inOrder(path.substring(path.lastIndexOf('/') + 1), items);
    }
    return node.getNodeType() + " " + (node.isNumber() ? node.numberType() : "") + node.asText();
  }
}
