package io.agentmemory;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a store holds, for those who run it.
 *
 * @param type the kind of store, such as {@code file}
 * @param namespace whose memory it is
 * @param version of the layout or schema
 * @param kinds live records per kind, in the order of {@link Kind#all()}
 * @param tombstones deleted records per kind that are still known as such
 * @param setAside what the store could not read and left alone
 * @param notCovered files that belong to no kind yet, by path
 * @param health how it is
 */
public record StoreInfo(
    String type,
    String namespace,
    String version,
    Map<Kind<?>, Long> kinds,
    Map<Kind<?>, Long> tombstones,
    List<SetAside> setAside,
    List<String> notCovered,
    Health health) {

  /** Copies the collections. */
  public StoreInfo {
    kinds = Collections.unmodifiableMap(new LinkedHashMap<>(kinds));
    tombstones = Collections.unmodifiableMap(new LinkedHashMap<>(tombstones));
    setAside = List.copyOf(setAside);
    notCovered = List.copyOf(notCovered);
  }

  /**
   * Something that could not be read, left as it is.
   *
   * @param location path, with line or entry where known
   * @param reason why; never content
   */
  public record SetAside(String location, String reason) {}
}
