package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonToken;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OtherFile;
import io.agentmemory.Value;
import io.agentmemory.file.JsonPatch.Edit;
import io.agentmemory.internal.TreeFile;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A file that is one record. It is there exactly while the record is. */
final class WholeDocument extends AbstractDocument {
  private final TreeFile file;
  private final Key key;

  WholeDocument(TreeFile file) {
    super(file.path(), JsonText.of(file.path()));
    this.file = file;
    this.key = new Key(file.key());
  }

  @Override
  public boolean holds(Kind<?> kind, Key key) {
    return kind.equals(file.kind()) && key.equals(this.key);
  }

  @Override
  public boolean isRecord() {
    return true;
  }

  @Override
  public boolean goes(Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes) {
    Optional<MemoryRecord> change = change(changes);
    return change != null && change.isEmpty();
  }

  private @Nullable Optional<MemoryRecord> change(
      Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes) {
    return changes.getOrDefault(file.kind(), Map.of()).get(key);
  }

  private boolean isAnyValue() {
    return file.kind().equals(Kind.VALUE);
  }

  @Override
  @Nullable String refusesRoot(JsonToken root) {
    return isAnyValue() || root == JsonToken.START_OBJECT ? null : "is no JSON object";
  }

  @Override
  void read(Reading reading) throws IOException, UnreadableFileException {
    Value value = reading.values.read();
    String problem = reading.values.takeProblem();
    if (problem != null) {
      throw reading.unreadable(problem + ", at " + reading.values.problemPlace());
    }
    reading.record(
        file.kind().record(key, new Value.Map(Map.of(isAnyValue() ? "value" : "members", value))));
  }

  @Override
  Edit edit(Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes, @Nullable JsonToken root) {
    Optional<MemoryRecord> change = change(changes);
    if (change == null) {
      return Edit.KEEP;
    }
    MemoryRecord record = requireNonNull(change.orElse(null), "a file that goes is not written");
    Value value = record instanceof OtherFile any ? any.value() : MapBecomes.members(record.tree());
    return MapBecomes.edit(value, root == JsonToken.START_OBJECT || root == null);
  }
}
