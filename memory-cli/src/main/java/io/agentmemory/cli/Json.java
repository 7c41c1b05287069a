package io.agentmemory.cli;

import io.agentmemory.Memory;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A JSON object in the making. Its text is that of {@link Canonical#json}: one line. */
final class Json {
  private final Map<String, Value> members = new LinkedHashMap<>();

  Json put(String name, Value value) {
    members.put(name, value);
    return this;
  }

  Json put(String name, String text) {
    return put(name, Value.of(text));
  }

  Json put(String name, long number) {
    return put(name, Value.of(number));
  }

  Json put(String name, double number) {
    return put(name, Value.of(number));
  }

  Json put(String name, boolean truth) {
    return put(name, Value.of(truth));
  }

  Json put(String name, Json object) {
    return put(name, object.value());
  }

  Json put(String name, Collection<Json> objects) {
    List<Value> items = objects.stream().<Value>map(Json::value).toList();
    return put(name, new Value.Seq(items));
  }

  Json putTexts(String name, Collection<String> texts) {
    return put(name, Value.Seq.ofTexts(texts));
  }

  /** A memory: id, then what {@link Memory#tree()} has. */
  static Json of(Memory memory) {
    Json json = new Json().put("id", memory.id());
    memory.tree().entries().forEach(json::put);
    return json;
  }

  Value.Map value() {
    return new Value.Map(members);
  }

  @Override
  public String toString() {
    return Canonical.json(value());
  }

  /** An array, one element a line. */
  static void print(Console console, List<Json> elements) {
    if (elements.isEmpty()) {
      console.line("[]");
      return;
    }
    console.line("[");
    for (int i = 0; i < elements.size(); i++) {
      console.line(elements.get(i) + (i + 1 < elements.size() ? "," : ""));
    }
    console.line("]");
  }
}
