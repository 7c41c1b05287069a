package io.agentmemory.file;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Numbers;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads values from JSON's tokens. What no record can hold (half a character, endless nesting) is
 * noted as a problem, and reading goes on behind it.
 */
final class JsonValues {
  private static final int MAX_DEPTH = 256;
  private static final int MAX_NUMBER = 1024;
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(100_000) // deeper than MAX_DEPTH, to be able to skip it
                  .maxNumberLength(16 << 20)
                  .maxStringLength(16 << 20)
                  .maxNameLength(64 << 10)
                  .maxDocumentLength(1L << 30)
                  .build())
          .enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER)
          .disable(StreamReadFeature.AUTO_CLOSE_SOURCE)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.FAIL_ON_SYMBOL_HASH_OVERFLOW)
          .build();

  private final JsonParser parser;

  /** Names and indices down to the value that is read. */
  private final List<Object> path = new ArrayList<>();

  private @Nullable String problem;
  private String problemPlace = "";

  JsonValues(JsonParser parser) {
    this.parser = parser;
  }

  /** A parser of UTF-8 that tells byte offsets. */
  static JsonParser parser(InputStream in) throws IOException {
    return FACTORY.createParser(in);
  }

  /** The first problem since this was last asked; null if there was none. */
  @Nullable String takeProblem() {
    String taken = problem;
    problem = null;
    return taken;
  }

  /** Where under the value that was read the problem was: empty, or {@code /name/3}. */
  String problemPlace() {
    return problemPlace;
  }

  /** Reads the value that begins at the current token, to its last token. */
  Value read() throws IOException {
    switch (parser.currentToken()) {
      case START_OBJECT:
        return isTooDeep() ? Value.NULL : map();
      case START_ARRAY:
        return isTooDeep() ? Value.NULL : seq();
      case VALUE_STRING:
        return Value.of(storable(parser.getText()));
      case VALUE_TRUE:
        return PlainScalars.truth(true);
      case VALUE_FALSE:
        return PlainScalars.truth(false);
      case VALUE_NULL:
        return Value.NULL;
      case VALUE_NUMBER_INT:
      case VALUE_NUMBER_FLOAT:
        return number();
      default:
        throw new IllegalStateException("no value begins here");
    }
  }

  private boolean isTooDeep() throws IOException {
    if (path.size() < MAX_DEPTH) {
      return false;
    }
    note("is nested too deep");
    parser.skipChildren();
    return true;
  }

  private Value map() throws IOException {
    Map<String, Value> entries = new LinkedHashMap<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      path.add(name);
      storable(name);
      parser.nextToken();
      entries.put(name, read()); // of a name that stands twice the last counts
      path.remove(path.size() - 1);
    }
    return entries.isEmpty() ? Value.EMPTY_MAP : new Value.Map(entries);
  }

  private Value seq() throws IOException {
    List<Value> items = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      path.add(items.size());
      items.add(read());
      path.remove(path.size() - 1);
    }
    return items.isEmpty() ? Value.EMPTY_SEQ : new Value.Seq(items);
  }

  /** The text; notes a problem if no record can hold it. */
  String storable(String text) {
    if (Texts.unstorable(text) >= 0) {
      note("has NUL or half a character");
    }
    return text;
  }

  private Value number() throws IOException {
    int length = parser.getTextLength();
    if (length > MAX_NUMBER) {
      note("has a number of " + length + " characters");
      return Value.NULL;
    }
    if (parser.currentToken() == JsonToken.VALUE_NUMBER_INT && length < 18) {
      return PlainScalars.integer(parser.getLongValue());
    }
    String text = parser.getText();
    if (isNoNumber(text)) {
      return new Value.Opaque(text);
    }
    if (!isDigit(text.charAt(text.length() - 1))) {
      note("has a number that neither JSON nor Python knows");
      return Value.NULL;
    }
    return Numbers.json(text, () -> new IllegalStateException("the parser let it pass"));
  }

  /** Whether this is one of Python's words for what is no finite number. */
  static boolean isNoNumber(String text) {
    return text.equals("NaN") || text.equals("Infinity") || text.equals("-Infinity");
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  /**
   * Reads the array that begins at the current token as floats; null, and a problem noted, if it is
   * none of finite numbers.
   */
  float @Nullable [] floats() throws IOException {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      note("is no list of numbers");
      parser.skipChildren();
      return null;
    }
    float[] floats = new float[512];
    int size = 0;
    boolean good = true;
    for (JsonToken token = parser.nextToken();
        token != JsonToken.END_ARRAY;
        token = parser.nextToken()) {
      if (size == floats.length) {
        floats = Arrays.copyOf(floats, size * 2);
      }
      float element = Float.NaN;
      if (token == JsonToken.VALUE_NUMBER_FLOAT || token == JsonToken.VALUE_NUMBER_INT) {
        element = element();
      } else {
        parser.skipChildren();
      }
      if (good && !Float.isFinite(element)) {
        good = false;
        path.add(size);
        note("is no number that 32 bits can hold");
        path.remove(path.size() - 1);
      }
      floats[size++] = element == 0 ? 0f : element;
    }
    return good ? Arrays.copyOf(floats, size) : null;
  }

  private float element() throws IOException {
    char[] chars = parser.getTextCharacters();
    int from = parser.getTextOffset();
    int length = parser.getTextLength();
    return isDigit(chars[from + length - 1]) ? Floats.parse(chars, from, length) : Float.NaN;
  }

  private void note(String reason) {
    if (problem == null) {
      problem = reason;
      StringBuilder place = new StringBuilder();
      path.stream().limit(8).forEach(step -> place.append('/').append(step));
      problemPlace = place.toString();
    }
  }
}
