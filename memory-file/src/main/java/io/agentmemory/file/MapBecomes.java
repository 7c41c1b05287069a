package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Value;
import io.agentmemory.file.JsonPatch.Edit;
import io.agentmemory.file.JsonPatch.MapEdit;
import java.util.LinkedHashMap;
import java.util.Map;

/** Makes a map this one: members that stay the same keep their bytes, in maps inside it too. */
final class MapBecomes implements MapEdit {
  private final Value.Map map;
  private final Map<String, Edit> left = new LinkedHashMap<>();

  MapBecomes(Value.Map map) {
    this.map = map;
    map.entries().forEach((name, value) -> left.put(name, new JsonPatch.Becomes(value)));
  }

  /** Makes what stands there this value. */
  static Edit edit(Value value, boolean isMap) {
    return isMap && value instanceof Value.Map map
        ? new JsonPatch.Members(new MapBecomes(map))
        : new JsonPatch.Becomes(value);
  }

  /** The members of a record whose content is nothing else. */
  static Value.Map members(Value.Map tree) {
    return (Value.Map) requireNonNull(tree.get("members"));
  }

  @Override
  public Edit member(String name, boolean isMap) {
    left.remove(name);
    Value value = map.get(name);
    return value == null ? Edit.DROP : edit(value, isMap);
  }

  @Override
  public Map<String, Edit> added() {
    return left;
  }
}
