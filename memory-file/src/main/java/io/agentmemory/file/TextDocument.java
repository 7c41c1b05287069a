package io.agentmemory.file;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.OtherFile;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import io.agentmemory.internal.TreeFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A file that is one record, its text: UTF-8, every character of it, line ends and byte order mark
 * too. It is there exactly while the record is.
 */
final class TextDocument implements Document {
  private final Key key;

  TextDocument(TreeFile file) {
    this.key = new Key(file.key());
  }

  @Override
  public String location() {
    return key.part(0);
  }

  @Override
  public boolean holds(Kind<?> kind, Key key) {
    return kind.equals(Kind.VALUE) && key.equals(this.key);
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
    return changes.getOrDefault(Kind.VALUE, Map.of()).get(key);
  }

  @Override
  public @Nullable String refusal(MemoryRecord record) {
    return record instanceof OtherFile file && file.value() instanceof Value.Text
        ? null
        : "a file of text has no other value";
  }

  @Override
  public void read(
      InputStream in, Consumer<MemoryRecord> records, BiConsumer<String, String> problems)
      throws IOException, UnreadableFileException {
    String text;
    try {
      text =
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(in.readAllBytes())).toString();
    } catch (CharacterCodingException e) {
      throw new UnreadableFileException("is no text in UTF-8", 0);
    }
    if (Texts.unstorable(text) >= 0) {
      throw new UnreadableFileException("has NUL, which no database keeps", 0);
    }
    records.accept(new OtherFile(location(), Value.of(text)));
  }

  @Override
  public void write(
      @Nullable InputStream old,
      OutputStream out,
      Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes)
      throws IOException {
    MemoryRecord record = Optional.ofNullable(change(changes)).flatMap(c -> c).orElse(null);
    if (record == null) {
      if (old != null) {
        old.transferTo(out);
      }
      return;
    }
    if (!(record instanceof OtherFile file && file.value() instanceof Value.Text text)) {
      throw new IllegalArgumentException(location() + " cannot hold it: " + refusal(record));
    }
    out.write(text.value().getBytes(StandardCharsets.UTF_8));
  }
}
