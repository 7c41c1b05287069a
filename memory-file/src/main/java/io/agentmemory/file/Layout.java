package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Tier;
import io.agentmemory.VectorSpace;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.Texts;
import io.agentmemory.internal.TreeFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where things lie. A file is named by its path from the memory root with {@code /} between the
 * parts, such as {@code active/x.md}; {@code sensors} may lie beside that root and is named as if
 * it lay inside. Source: the layout of Drift.
 */
final class Layout {
  static final String EDGES = ".edges_v3.json";
  static final String TEXT_VECTORS = "embeddings.json";
  static final String IMAGE_VECTORS = "sensors/data/image_embeddings.json";
  static final String IMAGE_LINKS = "sensors/data/image_memory_links.json";
  static final String SESSION = ".session_state.json";
  static final String CONTROL = ".memory";
  private static final String SENSORS = "sensors/";

  private static final String SPACE = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}";
  private static final Pattern SPACE_FILE = Pattern.compile("embeddings_(" + SPACE + ")\\.json");

  /** The form of the names of our temporary files. */
  private static final Pattern TEMPORARY =
      Pattern.compile(
          "\\..*\\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\.tmp",
          Pattern.DOTALL);

  private final Disk disk;
  private final Path root;
  private final boolean named;

  /**
   * @param root the folder that holds the tiers
   */
  private Layout(Disk disk, Path root, boolean named) {
    this.disk = disk;
    this.root = root;
    this.named = named;
  }

  /**
   * Finds the memory root that a path means: the path itself if it holds a tier's folder or is
   * called {@code memory}, else the folder {@code memory} in it.
   */
  static Layout find(Disk disk, Path path) throws IOException {
    Path given = path.toAbsolutePath().normalize();
    Path absolute = disk.real(given);
    boolean named = isNamed(given) || isNamed(absolute);
    boolean itself = named;
    for (Tier tier : Tier.values()) {
      itself |= isFolder(disk, absolute.resolve(tier.folder()));
    }
    return itself
        ? new Layout(disk, absolute, named)
        : new Layout(disk, absolute.resolve("memory"), true);
  }

  private static boolean isNamed(Path path) {
    Path name = path.getFileName();
    return name != null && name.toString().equals("memory");
  }

  private static boolean isFolder(Disk disk, Path path) throws IOException {
    Disk.Stat stat = disk.stat(path);
    return stat != null && stat.type() == Disk.Type.FOLDER;
  }

  Path root() {
    return root;
  }

  /** Our own folder. */
  Path control() {
    return root.resolve(CONTROL);
  }

  Path control(String name) {
    return control().resolve(name);
  }

  static String memoryFile(Tier tier, String fileName) {
    return tier.folder() + "/" + fileName;
  }

  /** The tier of a memory file's path; null for every other path. */
  static @Nullable Tier tierOf(String file) {
    int slash = file.indexOf('/');
    return slash < 0 || file.indexOf('/', slash + 1) >= 0 || !file.endsWith(".md")
        ? null
        : Tier.ofFolder(file.substring(0, slash)).orElse(null);
  }

  static String nameOf(String file) {
    return file.substring(file.lastIndexOf('/') + 1);
  }

  /** The document of a space's vectors; null if its name cannot be part of a file's. */
  static @Nullable String vectors(String space) {
    if (space.equals(VectorSpace.TEXT)) {
      return TEXT_VECTORS;
    }
    if (space.equals(VectorSpace.IMAGE)) {
      return IMAGE_VECTORS;
    }
    return space.matches(SPACE) ? "embeddings_" + space + ".json" : null;
  }

  /** The space whose vectors a file in the root holds; null if it is no such file. */
  static @Nullable String spaceOf(String name) {
    if (name.equals(TEXT_VECTORS)) {
      return VectorSpace.TEXT;
    }
    Matcher matcher = SPACE_FILE.matcher(name);
    if (!matcher.matches()) {
      return null;
    }
    String space = matcher.group(1);
    return space.equals(VectorSpace.TEXT) || space.equals(VectorSpace.IMAGE) ? null : space;
  }

  static boolean isTemporary(String name) {
    return TEMPORARY.matcher(name).matches();
  }

  /** The file of this name: where it is, or where it goes if it is new. */
  Path resolve(String file) throws IOException {
    if (!file.startsWith(SENSORS)) {
      return root.resolve(file);
    }
    Path parent = root.getParent();
    if (parent == null) {
      return root.resolve(file);
    }
    Path beside = parent.resolve(file);
    Path inside = root.resolve(file);
    if (isSafe(parent, beside) && disk.stat(beside) != null) {
      return beside;
    }
    if (isSafe(root, inside) && disk.stat(inside) != null) {
      return inside;
    }
    if (isFolder(disk, parent.resolve("sensors").resolve("data"))) {
      return beside;
    }
    return !named || isFolder(disk, root.resolve("sensors").resolve("data")) ? inside : beside;
  }

  /** The folder {@code sensors} beside the root; null if there is none to look into. */
  @Nullable Path sensorsBeside() throws IOException {
    Path parent = root.getParent();
    if (parent == null || !isFolder(disk, parent.resolve("sensors"))) {
      return null;
    }
    return parent.resolve("sensors");
  }

  // no folder between may be a link: it could lead anywhere
  private boolean isSafe(Path from, Path file) throws IOException {
    for (Path folder = requireNonNull(file.getParent());
        !folder.equals(from);
        folder = requireNonNull(folder.getParent())) {
      if (!isFolder(disk, folder)) {
        return false;
      }
    }
    return true;
  }

  /** Whether something on the way to a file is there but no folder: a link could lead anywhere. */
  boolean isCutOff(String file) throws IOException {
    Path path = resolve(file);
    Path from = path.startsWith(root) ? root : requireNonNull(root.getParent());
    for (Path folder = requireNonNull(path.getParent());
        !folder.equals(from);
        folder = requireNonNull(folder.getParent())) {
      Disk.Stat stat = disk.stat(folder);
      if (stat != null && stat.type() != Disk.Type.FOLDER) {
        return true;
      }
    }
    return false;
  }

  /** The files below the root, and below {@code sensors} beside it, that may be documents. */
  Set<String> documents() throws IOException {
    Set<String> files = new TreeSet<>(Texts::compare);
    addDocuments(root, "", files);
    Path beside = sensorsBeside();
    if (beside != null) {
      addDocuments(beside, SENSORS, files);
    }
    return files;
  }

  private void addDocuments(Path folder, String prefix, Set<String> files) throws IOException {
    for (String name : disk.list(folder)) {
      if (TreeFile.hasEnding(name)) { // spares a look at every memory
        if (tierOf(prefix + name) == null) {
          files.add(prefix + name);
        }
      } else if (!name.startsWith(".") && isFolder(disk, folder.resolve(name))) {
        addDocuments(folder.resolve(name), prefix + name + "/", files);
      }
    }
  }
}
