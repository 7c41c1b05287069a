package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A value as its author wrote it: what a member of a record holds. Immutable, equal by value.
 *
 * <p>An integer and a float are different values ({@code 1} is not {@code 1.0}), and null, missing
 * and empty are three different things: a missing member is simply not in its {@link Map}. What it
 * holds is no part of {@code toString()}, because memories are private and logs are not.
 */
public sealed interface Value {

  /** The null of YAML and JSON. */
  Value NULL = new Null();

  /** An empty map. */
  Map EMPTY_MAP = new Map(java.util.Map.of());

  /** An empty list. */
  Seq EMPTY_SEQ = new Seq(List.of());

  /** Null as a value. Use {@link Value#NULL}. */
  record Null() implements Value {}

  /** True or false. */
  record Bool(boolean value) implements Value {}

  /** A whole number of 64 bits. */
  record Int(long value) implements Value {}

  /** A finite float. Minus zero becomes zero. */
  record Real(double value) implements Value {
    /**
     * Takes a finite number.
     *
     * @throws IllegalArgumentException if {@code value} is NaN or infinite: see {@link Opaque}
     */
    public Real {
      if (!Double.isFinite(value)) {
        throw new IllegalArgumentException("a float has to be finite");
      }
      value = value == 0 ? 0.0 : value;
    }
  }

  /** Text, verbatim. */
  record Text(String value) implements Value {
    /** Takes any text. */
    public Text {
      requireNonNull(value, "value");
    }

    /** Its length; never the text. */
    @Override
    public String toString() {
      return "Text[" + value.length() + " chars]";
    }
  }

  /** A time that YAML typed as one (written without quotes); holds its source text. */
  record Time(String value) implements Value {
    /** Takes the source text. */
    public Time {
      requireNonNull(value, "value");
    }

    /** Its length; never the text. */
    @Override
    public String toString() {
      return "Time[" + value.length() + " chars]";
    }
  }

  /** A number that neither {@link Int} nor {@link Real} can hold, as its source text. */
  record Opaque(String value) implements Value {
    /** Takes the source text. */
    public Opaque {
      requireNonNull(value, "value");
    }

    /** Its length; never the text. */
    @Override
    public String toString() {
      return "Opaque[" + value.length() + " chars]";
    }
  }

  /** A list; order is kept. */
  record Seq(List<Value> items) implements Value {
    /** Copies {@code items}. */
    public Seq {
      items = List.copyOf(items);
    }

    /** A list of texts. */
    public static Seq ofTexts(Iterable<String> texts) {
      List<Value> items = new ArrayList<>();
      for (String text : texts) {
        items.add(new Text(text));
      }
      return new Seq(items);
    }

    /** Its size; never the items. */
    @Override
    public String toString() {
      return "Seq[" + items.size() + " items]";
    }
  }

  /** A map; the order of its keys is kept but is no part of equality. */
  record Map(java.util.Map<String, Value> entries) implements Value {
    /** Copies {@code entries} in their order. */
    public Map {
      java.util.Map<String, Value> copy = new LinkedHashMap<>(entries);
      copy.forEach(
          (key, value) -> {
            requireNonNull(key, "key");
            requireNonNull(value, "value");
          });
      entries = Collections.unmodifiableMap(copy);
    }

    /** The value under {@code key}, or null if there is none. */
    public @Nullable Value get(String key) {
      return entries.get(key);
    }

    /** Whether {@code key} is present, even with a null value. */
    public boolean has(String key) {
      return entries.containsKey(key);
    }

    /** Whether there are no entries. */
    public boolean isEmpty() {
      return entries.isEmpty();
    }

    /** A copy with {@code key} set: in its old place, or appended. */
    public Map with(String key, Value value) {
      java.util.Map<String, Value> copy = new LinkedHashMap<>(entries);
      copy.put(key, value);
      return new Map(copy);
    }

    /** A copy without {@code key}. */
    public Map without(String key) {
      java.util.Map<String, Value> copy = new LinkedHashMap<>(entries);
      copy.remove(key);
      return new Map(copy);
    }

    /** Its size; never the entries. */
    @Override
    public String toString() {
      return "Map[" + entries.size() + " entries]";
    }
  }

  /** Text as a value. */
  static Value of(String text) {
    return new Text(text);
  }

  /** A whole number as a value. */
  static Value of(long number) {
    return new Int(number);
  }

  /** A float as a value. */
  static Value of(double number) {
    return new Real(number);
  }

  /** True or false as a value. */
  static Value of(boolean truth) {
    return new Bool(truth);
  }

  /** The text of a {@link Text} or {@link Time}, else null. */
  static @Nullable String textOf(@Nullable Value value) {
    if (value instanceof Text text) {
      return text.value();
    }
    return value instanceof Time time ? time.value() : null;
  }

  /** The number of an {@link Int} or {@link Real}, else null. */
  static @Nullable Double numberOf(@Nullable Value value) {
    if (value instanceof Int number) {
      return (double) number.value();
    }
    return value instanceof Real number ? (Double) number.value() : null;
  }

  /** The texts in a {@link Seq}; empty for every other value, items that are no text left out. */
  static List<String> textsOf(@Nullable Value value) {
    if (!(value instanceof Seq seq)) {
      return List.of();
    }
    List<String> texts = new ArrayList<>(seq.items().size());
    for (Value item : seq.items()) {
      String text = textOf(item);
      if (text != null) {
        texts.add(text);
      }
    }
    return List.copyOf(texts);
  }

  /** Whether this is a list of nothing but {@link Text}. */
  default boolean isTexts() {
    return this instanceof Seq seq && seq.items().stream().allMatch(Text.class::isInstance);
  }

  /** A copy in which {@code change} was applied to every text, map keys included. */
  default Value mapTexts(Function<String, String> change) {
    if (this instanceof Text text) {
      return new Text(change.apply(text.value()));
    }
    if (this instanceof Seq seq) {
      return new Seq(seq.items().stream().map(item -> item.mapTexts(change)).toList());
    }
    if (this instanceof Map map) {
      java.util.Map<String, Value> copy = new LinkedHashMap<>();
      map.entries().forEach((key, value) -> copy.put(change.apply(key), value.mapTexts(change)));
      return new Map(copy);
    }
    return this;
  }
}
