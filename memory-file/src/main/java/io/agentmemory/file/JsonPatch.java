package io.agentmemory.file;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.agentmemory.Value;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Copies a document and changes parts of it on the way. Bytes of what stays the same are copied as
 * they stand, with the blanks around them; what is new is written as the document's first lines
 * look.
 */
final class JsonPatch {
  private static final int FLUSH = 1 << 14;
  private static final int TOKENS_BETWEEN_COPIES = 256;
  private static final byte[] MARK = {(byte) 0xef, (byte) 0xbb, (byte) 0xbf};

  /** What becomes of a value, or, where there was none, how it is written. */
  sealed interface Edit {
    /** It stays. */
    Edit KEEP = new Keep();

    /** It goes. */
    Edit DROP = new Drop();

    /** It goes, unless no record can hold it. */
    Edit DROP_IF_HELD = new DropIfHeld();
  }

  private record Keep() implements Edit {}

  private record Drop() implements Edit {}

  private record DropIfHeld() implements Edit {}

  /** It becomes this value; keeps its bytes if it is this already. */
  record Becomes(Value value) implements Edit {}

  /** It becomes this list of floats; keeps its bytes if it is that already. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Vector(float[] floats) implements Edit {}

  /** It becomes what this makes of it: for changes of its form. */
  record Rewritten(UnaryOperator<Value> change) implements Edit {}

  /** It comes to stand where {@link MapEdit#added} has its name, after this was done to it. */
  record Later(Edit edit) implements Edit {}

  /** Its members change. */
  record Members(MapEdit edit) implements Edit {}

  /** Its items change. */
  record Items(ListEdit edit) implements Edit {}

  /** Its items change, each told by what it is. */
  record Elements(SetEdit edit) implements Edit {}

  /** What becomes of the members of a map. Each is asked about once, in order. */
  interface MapEdit {
    /** What becomes of this member, whose value may be a map. */
    Edit member(String name, boolean isMap);

    /**
     * The members that were not asked about and shall be there, and with any value those that come
     * {@link Later}, in order. Asked for last.
     */
    Map<String, Edit> added();
  }

  /** What becomes of the items of a list. */
  interface ListEdit {
    /** What becomes of the item at this place; {@link Edit#DROP} leaves null if others follow. */
    Edit item(int index);

    /** The items that shall be there from this place on. */
    SortedMap<Integer, Value> added(int from);
  }

  /** What becomes of the items of a list in which places mean nothing. */
  interface SetEdit {
    /**
     * What becomes of this item: {@link Edit#KEEP}, {@link Edit#DROP}, or another value. Each is
     * asked about once, in order.
     *
     * @param item null if no record can hold it
     */
    Edit item(@Nullable Value item);

    /** The items that come after these, in order. Asked for last. */
    List<Value> added();
  }

  private final JsonParser parser;
  private final JsonSource source;
  private final JsonValues values;
  private OutputStream out;
  private final StringBuilder buffer = new StringBuilder();
  private JsonText text;
  private int open; // maps and lists of a value that were entered and not left yet

  private JsonPatch(JsonParser parser, JsonSource source, OutputStream out, JsonText text) {
    this.parser = parser;
    this.source = source;
    this.values = new JsonValues(parser);
    this.out = out;
    this.text = text;
  }

  /**
   * Copies the document whose first token is the current one.
   *
   * @param text how new parts are written if the document is empty and so shows no way
   */
  static void copy(JsonParser parser, JsonSource source, OutputStream out, JsonText text, Edit edit)
      throws IOException {
    if (source.isMarked()) {
      out.write(MARK);
    }
    JsonPatch patch = new JsonPatch(parser, source, out, text);
    patch.value(edit, 0);
    patch.flush();
  }

  /** Writes a new document. */
  static void create(OutputStream out, JsonText text, Edit edit) throws IOException {
    try (JsonParser none = JsonValues.parser(InputStream.nullInputStream())) {
      JsonSource nothing = new JsonSource(InputStream.nullInputStream(), false);
      JsonPatch patch = new JsonPatch(none, nothing, out, text);
      patch.fresh(edit, 1);
      patch.flush();
    }
  }

  // ---- what is there ----

  /** Copies the map that begins at the current token and whose members are so deep. */
  private void map(MapEdit edit, int depth) throws IOException {
    copyTo(end());
    String firstGap = null;
    boolean any = false;
    Map<String, byte[]> later = new HashMap<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String gap = source.take(start());
      String name = parser.currentName();
      parser.nextToken();
      if (firstGap == null) {
        firstGap = gap;
        if (depth == 1) {
          String head = source.peek(start());
          text = text.like(gap, head.substring(head.lastIndexOf('"') + 1));
        }
      }
      Edit what = edit.member(name, parser.currentToken() == JsonToken.START_OBJECT);
      if (what.equals(Edit.DROP) || (what.equals(Edit.DROP_IF_HELD) && isHeld())) {
        skipValue();
      } else if (what instanceof Later moved) {
        later.put(name, aside(moved.edit(), depth));
      } else {
        put(any ? gap : firstGap);
        any = true;
        value(what, depth);
      }
    }
    String lastGap = source.take(start());
    for (Map.Entry<String, Edit> added : edit.added().entrySet()) {
      put(any ? text.between(depth) : firstGap == null ? text.open(depth) : firstGap);
      any = true;
      byte[] there = later.get(added.getKey());
      if (there != null) {
        flush();
        out.write(there);
      } else {
        text.name(added.getKey(), buffer);
        fresh(added.getValue(), depth + 1);
      }
    }
    close(any, firstGap != null, lastGap, depth);
  }

  /** Copies the list that begins at the current token and whose items are so deep. */
  private void list(ListEdit edit, int depth) throws IOException {
    copyTo(end());
    String firstGap = null;
    int placed = 0;
    int index = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      String gap = source.take(start());
      if (firstGap == null) {
        firstGap = gap;
        if (depth == 1) {
          text = text.like(gap, ": ");
        }
      }
      Edit what = edit.item(index);
      if (what.equals(Edit.DROP)) {
        skipValue();
      } else {
        placed = holes(placed, index, firstGap, depth);
        put(placed == 0 ? firstGap : gap);
        placed++;
        value(what, depth);
      }
      index++;
    }
    String lastGap = source.take(start());
    String first = firstGap == null ? text.open(depth) : firstGap;
    for (Map.Entry<Integer, Value> added : edit.added(index).entrySet()) {
      placed = holes(placed, added.getKey(), first, depth);
      put(placed == 0 ? first : text.between(depth));
      placed++;
      text.value(added.getValue(), depth + 1, buffer);
    }
    close(placed > 0, firstGap != null, lastGap, depth);
  }

  /** Copies the list that begins at the current token and whose items are so deep. */
  private void set(SetEdit edit, int depth) throws IOException {
    copyTo(end());
    String firstGap = null;
    boolean any = false;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      String gap = source.take(start());
      firstGap = firstGap == null ? gap : firstGap;
      long start = start();
      Value was = values.read();
      boolean held = values.takeProblem() == null;
      Edit what = edit.item(held ? was : null);
      if (what.equals(Edit.DROP)) {
        source.skipTo(end());
      } else {
        put(any ? gap : firstGap);
        any = true;
        boolean same = !(what instanceof Becomes to) || (held && was.equals(to.value()));
        replace(same, start, what, depth);
      }
    }
    String lastGap = source.take(start());
    for (Value added : edit.added()) {
      put(any ? text.between(depth) : firstGap == null ? text.open(depth) : firstGap);
      any = true;
      text.value(added, depth + 1, buffer);
    }
    close(any, firstGap != null, lastGap, depth);
  }

  /** What becomes of the value at the current token, with its name, instead of writing it. */
  private byte[] aside(Edit what, int depth) throws IOException {
    flush();
    OutputStream before = out;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    out = bytes;
    value(what, depth);
    flush();
    out = before;
    return bytes.toByteArray();
  }

  private int holes(int placed, int until, String first, int depth) throws IOException {
    for (int i = placed; i < until; i++) {
      put(i == 0 ? first : text.between(depth));
      buffer.append("null");
    }
    return Math.max(placed, until);
  }

  private void close(boolean any, boolean hadAny, String lastGap, int depth) throws IOException {
    if (any == hadAny) {
      put(lastGap);
    } else if (any) {
      put(text.open(depth - 1));
    }
    copyTo(end());
  }

  /** Copies or changes the value at the current token, which is that deep, with its name. */
  private void value(Edit what, int depth) throws IOException {
    JsonToken token = parser.currentToken();
    long start = start();
    if (what instanceof Members members && token == JsonToken.START_OBJECT) {
      map(members.edit(), depth + 1);
    } else if (what instanceof Items items && token == JsonToken.START_ARRAY) {
      list(items.edit(), depth + 1);
    } else if (what instanceof Elements elements && token == JsonToken.START_ARRAY) {
      set(elements.edit(), depth + 1);
    } else if (what instanceof Becomes becomes) {
      Value was = values.read();
      boolean same = values.takeProblem() == null && was.equals(becomes.value());
      replace(same, start, what, depth);
    } else if (what instanceof Rewritten rewritten) {
      Value was = values.read();
      values.takeProblem(); // what no record can hold is kept with the old file
      replace(false, start, new Becomes(rewritten.change().apply(was)), depth);
    } else if (what instanceof Vector vector) {
      float[] was = values.floats();
      boolean same = values.takeProblem() == null && Arrays.equals(was, vector.floats());
      replace(same, start, what, depth);
    } else if (what instanceof Members || what instanceof Items || what instanceof Elements) {
      parser.skipChildren();
      replace(false, start, what, depth);
    } else {
      copyValue();
    }
  }

  private void replace(boolean same, long start, Edit what, int depth) throws IOException {
    long end = end();
    if (same) {
      copyTo(end);
    } else {
      copyTo(start);
      source.skipTo(end);
      fresh(what, depth + 1);
    }
  }

  private boolean isHeld() throws IOException {
    values.read();
    return values.takeProblem() == null;
  }

  /** Copies the value at the current token; after {@link #isHeld} the current token is its last. */
  private void copyValue() throws IOException {
    for (int tokens = 1; goesOn(); tokens++) {
      if (tokens % TOKENS_BETWEEN_COPIES == 0) {
        copyTo(start());
      }
    }
    copyTo(end());
  }

  private void skipValue() throws IOException {
    for (int tokens = 1; goesOn(); tokens++) {
      if (tokens % TOKENS_BETWEEN_COPIES == 0) {
        source.skipTo(start());
      }
    }
    source.skipTo(end());
  }

  /** Steps to the next token of a value; false if the current one is its last. */
  private boolean goesOn() throws IOException {
    JsonToken token = parser.currentToken();
    if (token.isStructStart()) {
      open++;
    } else if (token.isStructEnd() && open > 0) {
      open--;
    }
    if (open == 0) {
      return false;
    }
    parser.nextToken();
    return true;
  }

  /** Where the current token begins. */
  private long start() {
    return parser.currentTokenLocation().getByteOffset();
  }

  /** Where the current token ends. */
  private long end() throws IOException {
    parser.finishToken();
    return parser.currentLocation().getByteOffset();
  }

  // ---- what is new ----

  /** Writes a value whose own entries, if any, are so deep. */
  private void fresh(Edit what, int depth) throws IOException {
    if (what instanceof Becomes becomes) {
      text.value(becomes.value(), depth, buffer);
    } else if (what instanceof Vector vector) {
      text.floats(vector.floats(), depth, buffer);
    } else if (what instanceof Members members) {
      buffer.append('{');
      boolean any = false;
      for (Map.Entry<String, Edit> added : members.edit().added().entrySet()) {
        put(any ? text.between(depth) : text.open(depth));
        any = true;
        text.name(added.getKey(), buffer);
        fresh(added.getValue(), depth + 1);
      }
      buffer.append(any ? text.open(depth - 1) : "").append('}');
    } else if (what instanceof Items items) {
      buffer.append('[');
      int placed = 0;
      for (Map.Entry<Integer, Value> added : items.edit().added(0).entrySet()) {
        placed = holes(placed, added.getKey(), text.open(depth), depth);
        put(placed == 0 ? text.open(depth) : text.between(depth));
        placed++;
        text.value(added.getValue(), depth + 1, buffer);
      }
      buffer.append(placed > 0 ? text.open(depth - 1) : "").append(']');
    } else if (what instanceof Elements elements) {
      text.value(new Value.Seq(elements.edit().added()), depth, buffer);
    } else {
      throw new IllegalStateException("nothing is there to keep or drop");
    }
  }

  private void put(String characters) throws IOException {
    buffer.append(characters);
    if (buffer.length() > FLUSH) {
      flush();
    }
  }

  private void flush() throws IOException {
    out.write(buffer.toString().getBytes(UTF_8)); // never ends within a character
    buffer.setLength(0);
  }

  private void copyTo(long offset) throws IOException {
    flush();
    source.copyTo(offset, out);
  }
}
