package io.agentmemory.dualwrite;

import io.agentmemory.MemoryRecord;
import io.agentmemory.Value;
import io.agentmemory.spi.Canonical;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds the fields in which two records differ.
 *
 * <p>A path names members with dots and items of lists with brackets: {@code entities.agents[0]}. A
 * name that is no plain word stands in quotes. Members of a front matter, or of another kind's
 * members, stand without a prefix, unless they share their name with a part of the record.
 */
final class Fields {
  private static final Set<String> PREFIXES = Set.of("front_matter", "members");

  private final boolean includeValues;
  private final List<Found> found = new ArrayList<>();

  /** One field and what stands there on both sides. */
  record Found(String path, String source, String target) {}

  private Fields(boolean includeValues) {
    this.includeValues = includeValues;
  }

  /** The fields that differ; none if the records are equal. */
  static List<Found> of(MemoryRecord source, MemoryRecord target, boolean includeValues) {
    Fields fields = new Fields(includeValues);
    Value.Map a = source.tree();
    Value.Map b = target.tree();
    for (String name : names(a, b)) {
      Value x = a.get(name);
      Value y = b.get(name);
      if (PREFIXES.contains(name) && x instanceof Value.Map inner && y instanceof Value.Map other) {
        for (String member : names(inner, other)) {
          boolean clash = a.has(member) || b.has(member);
          String path = clash ? name + "." + plain(member) : plain(member);
          fields.compare(path, inner.get(member), other.get(member));
        }
      } else {
        fields.compare(plain(name), x, y);
      }
    }
    return fields.found;
  }

  private static Set<String> names(Value.Map a, Value.Map b) {
    Set<String> names = new LinkedHashSet<>(a.entries().keySet());
    names.addAll(b.entries().keySet());
    return names;
  }

  private void compare(String path, @Nullable Value a, @Nullable Value b) {
    if (a != null && a.equals(b)) {
      return;
    }
    if (a instanceof Value.Map x && b instanceof Value.Map y) {
      for (String name : names(x, y)) {
        compare(path + "." + plain(name), x.get(name), y.get(name));
      }
      return;
    }
    if (a instanceof Value.Seq x && b instanceof Value.Seq y) {
      int only = onlyDifferentItem(x.items(), y.items());
      if (only >= 0) {
        compare(path + "[" + only + "]", x.items().get(only), y.items().get(only));
        return;
      }
    }
    found.add(new Found(path, show(a), show(b)));
  }

  /** Its index, or -1 if not exactly one item differs: then the list as a whole does. */
  private static int onlyDifferentItem(List<Value> a, List<Value> b) {
    int only = -1;
    if (a.size() == b.size()) {
      for (int i = 0; i < a.size(); i++) {
        if (!a.get(i).equals(b.get(i))) {
          if (only >= 0) {
            return -1;
          }
          only = i;
        }
      }
    }
    return only;
  }

  private static String plain(String name) {
    boolean word =
        !name.isEmpty()
            && name.codePoints()
                .allMatch(c -> c == '_' || c == '-' || Character.isLetterOrDigit(c));
    return word ? name : Canonical.canonical(Value.of(name));
  }

  private String show(@Nullable Value value) {
    if (value == null) {
      return "absent";
    }
    String text = Canonical.canonical(value);
    return includeValues ? text : text.length() + " chars #" + hash(text);
  }

  private static String hash(String text) {
    try {
      byte[] sha =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return Canonical.hex(sha).substring(0, 8);
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }
}
