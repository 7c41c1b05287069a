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
 * @param files every file of the tree and what it is, by path; empty for a store without files
 * @param health how it is
 */
public record StoreInfo(
    String type,
    String namespace,
    String version,
    Map<Kind<?>, Long> kinds,
    Map<Kind<?>, Long> tombstones,
    List<SetAside> setAside,
    List<File> files,
    Health health) {

  /** Copies the collections. */
  public StoreInfo {
    kinds = Collections.unmodifiableMap(new LinkedHashMap<>(kinds));
    tombstones = Collections.unmodifiableMap(new LinkedHashMap<>(tombstones));
    setAside = List.copyOf(setAside);
    files = List.copyOf(files);
  }

  /** What a file of the tree is to the store. */
  public enum Use {
    /** It holds records. */
    RECORDS,
    /** The store made it from the others, and can do so again. */
    DERIVED,
    /** The store leaves it alone, and so does a move: it holds no memory, or cannot be read. */
    SET_ASIDE
  }

  /**
   * A file of the tree.
   *
   * @param path from the memory root, {@code /} between the parts; a folder that is of one use as a
   *     whole ends in {@code /}
   * @param detail of {@link Use#RECORDS} the kind that the file is kept in or is mostly about; else
   *     why it is of that use
   */
  public record File(String path, Use use, String detail) {}

  /**
   * Something that could not be read, left as it is.
   *
   * @param location path, with line or entry where known
   * @param reason why; never content
   */
  public record SetAside(String location, String reason) {}
}
