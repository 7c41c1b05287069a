package io.agentmemory.file;

import com.fasterxml.jackson.core.JsonToken;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OtherFile;
import io.agentmemory.Value;
import io.agentmemory.file.JsonPatch.Edit;
import io.agentmemory.file.JsonPatch.ListEdit;
import io.agentmemory.file.JsonPatch.MapEdit;
import io.agentmemory.internal.TreeFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A list of records, at the top of its file or under a member of the map there. A file that should
 * have the member may be a bare list too, as the original's readers allow. An item's place in the
 * list is its key: one that goes leaves null in its place if others follow.
 */
final class ListDocument extends AbstractDocument {
  private final TreeFile file;

  ListDocument(TreeFile file) {
    super(file.path(), JsonText.of(file.path()));
    this.file = file;
  }

  @Override
  public boolean holds(Kind<?> kind, Key key) {
    return file.equals(TreeFile.of(kind, key));
  }

  @Override
  @Nullable String refusesRoot(JsonToken root) {
    if (root == JsonToken.START_ARRAY
        || (file.member() != null && root == JsonToken.START_OBJECT)) {
      return null;
    }
    return file.member() == null ? "is no JSON list" : "is no JSON object or list";
  }

  // ---- reading ----

  @Override
  void read(Reading reading) throws IOException, UnreadableFileException {
    if (reading.isList()) {
      items(reading, new TreeMap<>()).forEach((index, item) -> record(reading, index, item));
      return;
    }
    Map<String, Value> beside = new LinkedHashMap<>();
    SortedMap<Integer, Value.Map> items = new TreeMap<>();
    boolean[] broken = {false};
    reading.members(
        name -> {
          if (name.equals(file.member())) {
            items.clear();
            list(reading, name, items);
          } else {
            reading.values.storable(name);
            beside.put(name, reading.values.read());
            broken[0] |= reading.hasProblem(name);
          }
        });
    if (!broken[0] && !beside.isEmpty()) {
      reading.record(new OtherFile(file.path(), new Value.Map(beside)));
    }
    items.forEach((index, item) -> record(reading, index, item));
  }

  private void list(Reading reading, String name, SortedMap<Integer, Value.Map> items)
      throws IOException, UnreadableFileException {
    if (reading.isList()) {
      items(reading, items);
    } else if (reading.parser.currentToken() != JsonToken.VALUE_NULL) {
      throw reading.unreadable("has no list under " + name);
    }
  }

  private SortedMap<Integer, Value.Map> items(Reading reading, SortedMap<Integer, Value.Map> items)
      throws IOException {
    for (int i = 0; reading.parser.nextToken() != JsonToken.END_ARRAY; i++) {
      String place = (file.member() == null ? "" : file.member() + "/") + i;
      Value item = reading.values.read();
      if (reading.hasProblem(place)) {
        continue;
      }
      if (item instanceof Value.Map map) {
        items.put(i, map);
      } else if (!item.equals(Value.NULL)) { // null: one that was taken away
        reading.problem(place, "is no map");
      }
    }
    return items;
  }

  private void record(Reading reading, int index, Value.Map item) {
    reading.record(file.kind().record(file.item(index), new Value.Map(Map.of("members", item))));
  }

  // ---- writing ----

  @Override
  Edit edit(Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes, @Nullable JsonToken root) {
    SortedMap<Integer, Optional<Value.Map>> items = new TreeMap<>();
    changes
        .getOrDefault(file.kind(), Map.of())
        .forEach(
            (key, record) -> {
              if (holds(file.kind(), key)) {
                items.put(
                    Integer.parseInt(key.part(file.key().size())),
                    record.map(there -> MapBecomes.members(there.tree())));
              }
            });
    ItemsEdit list = new ItemsEdit(items);
    String member = file.member();
    if (member == null) {
      return new JsonPatch.Items(list);
    }
    Optional<MemoryRecord> beside =
        changes.getOrDefault(Kind.VALUE, Map.of()).get(Key.of(file.path()));
    Optional<Value.Map> map =
        beside == null ? null : beside.map(there -> (Value.Map) ((OtherFile) there).value());
    if (root != JsonToken.START_ARRAY) {
      return new JsonPatch.Members(new BesideEdit(member, map, list));
    }
    if (map == null || map.isEmpty()) {
      return new JsonPatch.Items(list);
    }
    return new JsonPatch.Rewritten(was -> map.get().with(member, list.apply(was)));
  }

  /** What stands beside the list. */
  private static final class BesideEdit implements MapEdit {
    private final String member;
    private final @Nullable Optional<Value.Map> becomes;
    private final ItemsEdit list;
    private final Map<String, Edit> left = new LinkedHashMap<>();

    /**
     * @param becomes null if it stays
     */
    BesideEdit(String member, @Nullable Optional<Value.Map> becomes, ItemsEdit list) {
      this.member = member;
      this.becomes = becomes;
      this.list = list;
      Value.Map all = becomes == null ? Value.EMPTY_MAP : becomes.orElse(Value.EMPTY_MAP);
      all.entries().forEach((name, value) -> left.put(name, new JsonPatch.Becomes(value)));
      left.put(member, new JsonPatch.Items(list)); // last, as the original has it
    }

    @Override
    public Edit member(String name, boolean isMap) {
      left.remove(name);
      if (name.equals(member)) {
        return new JsonPatch.Items(list);
      }
      if (becomes == null) {
        return Edit.KEEP;
      }
      Value value = becomes.map(map -> map.get(name)).orElse(null);
      return value == null ? Edit.DROP : MapBecomes.edit(value, isMap);
    }

    @Override
    public Map<String, Edit> added() {
      return left;
    }
  }

  private record ItemsEdit(SortedMap<Integer, Optional<Value.Map>> items) implements ListEdit {
    @Override
    public Edit item(int index) {
      Optional<Value.Map> item = items.get(index);
      if (item == null) {
        return Edit.KEEP;
      }
      return item.<Edit>map(map -> new JsonPatch.Members(new MapBecomes(map))).orElse(Edit.DROP);
    }

    @Override
    public SortedMap<Integer, Value> added(int from) {
      SortedMap<Integer, Value> added = new TreeMap<>();
      items.tailMap(from).forEach((i, item) -> item.ifPresent(there -> added.put(i, there)));
      return added;
    }

    /** A list with the changes made. */
    Value apply(Value was) {
      List<Value> all = new ArrayList<>(was instanceof Value.Seq seq ? seq.items() : List.of());
      items.forEach(
          (index, item) -> {
            while (all.size() <= index) {
              all.add(Value.NULL);
            }
            all.set(index, item.isPresent() ? item.get() : Value.NULL);
          });
      while (!all.isEmpty() && all.get(all.size() - 1).equals(Value.NULL)) {
        all.remove(all.size() - 1);
      }
      return new Value.Seq(all);
    }
  }
}
