package io.agentmemory.file;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryRecord;
import io.agentmemory.file.JsonPatch.Edit;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What all documents of JSON have in common: one value, read and copied as a stream. */
abstract class AbstractDocument implements Document {
  private final String location;
  private final JsonText text;

  /**
   * A document.
   *
   * @param text how the original writes it
   */
  AbstractDocument(String location, JsonText text) {
    this.location = location;
    this.text = text;
  }

  @Override
  public final String location() {
    return location;
  }

  /** Reads the records; the current token is the document's first. */
  abstract void read(Reading reading) throws IOException, UnreadableFileException;

  /**
   * How the changes are made.
   *
   * @param root what the document begins with; null for a new one
   */
  abstract Edit edit(
      Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes, @Nullable JsonToken root);

  /** Why a document that begins so is none of these; null if it may be one. */
  @Nullable String refusesRoot(JsonToken root) {
    return root == JsonToken.START_OBJECT ? null : "is no JSON object";
  }

  @Override
  public @Nullable String refusal(MemoryRecord record) {
    return JsonText.canSpell(record.tree())
        ? null
        : "JSON has no times, and no numbers but its own";
  }

  @Override
  public final void read(
      InputStream in, Consumer<MemoryRecord> records, BiConsumer<String, String> problems)
      throws IOException, UnreadableFileException {
    parse(
        new JsonSource(in, false),
        parser -> read(new Reading(location, parser, records, problems)));
  }

  /**
   * The same.
   *
   * @param last what comes last wherever it stands
   */
  Edit edit(
      Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes,
      Set<Key> last,
      @Nullable JsonToken root) {
    return edit(changes, root);
  }

  @Override
  public final void write(
      @Nullable InputStream old,
      OutputStream out,
      Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes)
      throws IOException, UnreadableFileException {
    write(old, out, changes, Set.of());
  }

  @Override
  public final void write(
      @Nullable InputStream old,
      OutputStream out,
      Map<Kind<?>, Map<Key, Optional<MemoryRecord>>> changes,
      Set<Key> last)
      throws IOException, UnreadableFileException {
    for (Map<Key, Optional<MemoryRecord>> ofKind : changes.values()) {
      for (Optional<MemoryRecord> record : ofKind.values()) {
        String refusal = record.map(this::refusal).orElse(null);
        if (refusal != null) {
          throw new IllegalArgumentException(location + " cannot hold it: " + refusal);
        }
      }
    }
    if (old == null) {
      JsonPatch.create(out, text, edit(changes, last, null));
      return;
    }
    JsonSource source = new JsonSource(old, true);
    parse(
        source,
        parser ->
            JsonPatch.copy(parser, source, out, text, edit(changes, last, parser.currentToken())));
    source.copyAll(out);
  }

  private interface Work {
    void on(JsonParser parser) throws IOException, UnreadableFileException;
  }

  /** Does something with the document, whose first token is the current one. */
  private void parse(JsonSource source, Work work) throws IOException, UnreadableFileException {
    try (JsonParser parser = JsonValues.parser(source)) {
      JsonToken first = parser.nextToken();
      if (first == null) {
        throw new UnreadableFileException("is empty", 0);
      }
      String refusal = refusesRoot(first);
      if (refusal != null) {
        throw new UnreadableFileException(refusal, line(parser.currentLocation()));
      }
      work.on(parser);
      if (parser.nextToken() != null) {
        throw new UnreadableFileException(
            "has something after its end", line(parser.currentLocation()));
      }
    } catch (JsonSource.MalformedException malformed) {
      throw new UnreadableFileException(String.valueOf(malformed.getMessage()), 0);
    } catch (JsonEOFException cut) {
      throw new UnreadableFileException("ends too early", line(cut.getLocation()));
    } catch (StreamConstraintsException limit) {
      throw new UnreadableFileException(
          "has a name or value beyond every limit", line(limit.getLocation()));
    } catch (JsonProcessingException broken) {
      throw new UnreadableFileException("is no JSON", line(broken.getLocation()));
    }
  }

  private static int line(@Nullable JsonLocation location) {
    return location == null ? 0 : Math.max(0, location.getLineNr());
  }

  /** One reading of a document. */
  static final class Reading {
    private final String location;
    private final BiConsumer<String, String> problems;
    private final Consumer<MemoryRecord> records;
    private final Set<String> keys = new HashSet<>();
    final JsonParser parser;
    final JsonValues values;

    Reading(
        String location,
        JsonParser parser,
        Consumer<MemoryRecord> records,
        BiConsumer<String, String> problems) {
      this.location = location;
      this.parser = parser;
      this.values = new JsonValues(parser);
      this.records = records;
      this.problems = problems;
    }

    interface Member {
      void read(String name) throws IOException, UnreadableFileException;
    }

    /** Reads each member of the map that begins at the current token. */
    void members(Member member) throws IOException, UnreadableFileException {
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        member.read(name);
      }
    }

    /**
     * Reads each entry of the map that holds the records, under this name; null means none.
     *
     * @throws UnreadableFileException if it is no map: then nothing can be written there either
     */
    void entries(String name, Member entry) throws IOException, UnreadableFileException {
      if (isMap()) {
        members(entry);
      } else if (parser.currentToken() != JsonToken.VALUE_NULL) {
        throw unreadable("has no map under " + name);
      }
    }

    /** That the document cannot be read, here. */
    UnreadableFileException unreadable(String reason) {
      return new UnreadableFileException(reason, line(parser.currentTokenLocation()));
    }

    boolean isMap() {
      return parser.currentToken() == JsonToken.START_OBJECT;
    }

    boolean isList() {
      return parser.currentToken() == JsonToken.START_ARRAY;
    }

    void skip() throws IOException {
      parser.skipChildren();
    }

    /** Whether records can have this key; if it stood here before, says so. */
    boolean isKey(String key) {
      values.storable(key);
      if (hasProblem("")) {
        return false;
      }
      if (!keys.add(key)) {
        problem(key, "stands twice, of which the last one counts");
      }
      return true;
    }

    /** Whether something that was read since this was last asked had a problem; reports it. */
    boolean hasProblem(String place) {
      String reason = values.takeProblem();
      if (reason != null) {
        problem(place + values.problemPlace(), reason);
      }
      return reason != null;
    }

    void problem(String place, String reason) {
      problems.accept(location + "#" + place, reason);
    }

    void record(MemoryRecord record) {
      records.accept(record);
    }
  }
}
