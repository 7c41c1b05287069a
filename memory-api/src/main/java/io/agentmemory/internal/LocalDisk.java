package io.agentmemory.internal;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The disk of this machine. */
public final class LocalDisk implements Disk {
  /** There is one, so that a lock is known by it and a path. */
  public static final LocalDisk INSTANCE = new LocalDisk();

  private static final Set<PosixFilePermission> FILE_MODE =
      PosixFilePermissions.fromString("rw-------");
  private static final Set<PosixFilePermission> FOLDER_MODE =
      PosixFilePermissions.fromString("rwx------");
  private static final boolean WINDOWS =
      System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("windows");
  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

  private LocalDisk() {}

  @Override
  public List<String> list(Path folder) throws IOException {
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> paths = Files.newDirectoryStream(folder)) {
      for (Path path : paths) {
        names.add(path.getFileName().toString());
      }
    } catch (java.nio.file.DirectoryIteratorException e) {
      throw e.getCause();
    } catch (NoSuchFileException | NotDirectoryException none) {
      return List.of();
    }
    return names;
  }

  @Override
  public @Nullable Stat stat(Path path) throws IOException {
    try {
      BasicFileAttributes found =
          Files.readAttributes(path, BasicFileAttributes.class, NOFOLLOW_LINKS);
      Type type =
          found.isRegularFile() ? Type.FILE : found.isDirectory() ? Type.FOLDER : Type.OTHER;
      long modified = found.lastModifiedTime().to(TimeUnit.NANOSECONDS);
      return new Stat(type, found.size(), modified, found.fileKey());
    } catch (NoSuchFileException | NotDirectoryException none) {
      return null;
    } catch (java.nio.file.FileSystemException e) {
      if (Files.notExists(path, NOFOLLOW_LINKS)) {
        return null; // a file stands where a folder of the path should
      }
      throw e;
    }
  }

  @Override
  public Path real(Path path) throws IOException {
    try {
      return path.toRealPath();
    } catch (NoSuchFileException none) {
      return path;
    }
  }

  @Override
  public byte[] read(Path file) throws IOException {
    return Files.readAllBytes(file);
  }

  @Override
  public InputStream open(Path file) throws IOException {
    return Files.newInputStream(file, NOFOLLOW_LINKS);
  }

  @Override
  public Out create(Path file, @Nullable Path like) throws IOException {
    if (!isPosix(file)) {
      return new ChannelOut(FileChannel.open(file, Set.of(CREATE_NEW, WRITE)));
    }
    FileAttribute<?> mode = PosixFilePermissions.asFileAttribute(FILE_MODE);
    FileChannel channel = FileChannel.open(file, Set.of(CREATE_NEW, WRITE), mode);
    try {
      if (like != null) {
        copyModeAndOwner(like, file);
      }
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
    return new ChannelOut(channel);
  }

  private static void copyModeAndOwner(Path from, Path to) throws IOException {
    if (!from.getFileSystem().supportedFileAttributeViews().contains("unix")) {
      Files.setPosixFilePermissions(to, Files.getPosixFilePermissions(from, NOFOLLOW_LINKS));
      return;
    }
    String wanted = "unix:mode,uid,gid";
    Map<String, Object> old;
    try {
      old = Files.readAttributes(from, wanted, NOFOLLOW_LINKS);
    } catch (NoSuchFileException gone) {
      return;
    }
    Map<String, Object> now = Files.readAttributes(to, wanted, NOFOLLOW_LINKS);
    for (String owner : List.of("uid", "gid")) {
      Object value = old.get(owner);
      if (value != null && !value.equals(now.get(owner))) {
        try {
          Files.setAttribute(to, "unix:" + owner, value, NOFOLLOW_LINKS);
        } catch (IOException notOurs) {
          // Only root may give files away; whoever else rewrites a file becomes its owner.
          continue;
        }
      }
    }
    Object mode = old.get("mode");
    if (mode instanceof Integer bits && !bits.equals(now.get("mode"))) {
      Files.setAttribute(to, "unix:mode", bits & 07777, NOFOLLOW_LINKS);
    }
  }

  @Override
  public Out reopen(Path file) throws IOException {
    return new ChannelOut(FileChannel.open(file, WRITE, NOFOLLOW_LINKS));
  }

  @Override
  public Out share(Path file) throws IOException {
    if (Files.isSymbolicLink(file)) {
      throw new IOException("a link stands where a file should");
    }
    return new SharedOut(new RandomAccessFile(file.toFile(), "rw"));
  }

  @Override
  public long usable(Path folder) {
    return folder.toFile().getUsableSpace(); // a file store would read the list of mounts first
  }

  @Override
  public void force(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, WRITE, NOFOLLOW_LINKS)) {
      channel.force(true);
    } catch (java.nio.file.AccessDeniedException readOnly) {
      // the mode of a file that somebody else protected; forcing needs no right to write
      try (FileChannel channel = FileChannel.open(file, READ, NOFOLLOW_LINKS)) {
        channel.force(true);
      }
    }
  }

  @Override
  public void forceFolder(Path folder) throws IOException {
    if (WINDOWS) {
      return; // has no way to do it
    }
    try (FileChannel channel = FileChannel.open(folder, READ)) {
      channel.force(true);
    }
  }

  @Override
  public void move(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
  }

  @Override
  public void link(Path file, Path second) throws IOException {
    try {
      Files.createLink(second, file);
    } catch (UnsupportedOperationException | java.nio.file.FileSystemException noLinks) {
      Files.copy(file, second, StandardCopyOption.COPY_ATTRIBUTES, NOFOLLOW_LINKS);
    }
  }

  @Override
  public void delete(Path path) throws IOException {
    try {
      Files.deleteIfExists(path);
    } catch (DirectoryNotEmptyException kept) {
      return;
    }
  }

  @Override
  public void createFolder(Path folder) throws IOException {
    try {
      if (isPosix(folder)) {
        Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(FOLDER_MODE));
      } else {
        Files.createDirectory(folder);
      }
    } catch (FileAlreadyExistsException there) {
      if (!Files.isDirectory(folder, NOFOLLOW_LINKS)) {
        throw there;
      }
    }
  }

  @Override
  public LockFile openLock(Path file) throws IOException {
    FileChannel channel =
        isPosix(file)
            ? FileChannel.open(
                file,
                Set.of(CREATE, WRITE, NOFOLLOW_LINKS),
                PosixFilePermissions.asFileAttribute(FILE_MODE))
            : FileChannel.open(file, CREATE, WRITE, NOFOLLOW_LINKS);
    Stat opened = stat(file);
    return new ChannelLock(channel, opened == null ? null : opened.id());
  }

  @Override
  public String bootId() {
    try {
      return Files.readString(BOOT_ID, StandardCharsets.US_ASCII).strip();
    } catch (IOException notLinux) {
      return "";
    }
  }

  private static boolean isPosix(Path path) {
    return path.getFileSystem().supportedFileAttributeViews().contains("posix");
  }

  private record ChannelOut(FileChannel channel) implements Out {
    @Override
    public void write(long position, byte[] bytes, int offset, int length) throws IOException {
      ByteBuffer buffer = ByteBuffer.wrap(bytes, offset, length);
      long at = position;
      while (buffer.hasRemaining()) {
        at += channel.write(buffer, at);
      }
    }

    @Override
    public void force() throws IOException {
      channel.force(false); // data, and what it takes to find it again
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  /**
   * Writes past the channel: only a channel is closed when a thread that uses it is interrupted.
   */
  private static final class SharedOut implements Out {
    private final RandomAccessFile file;

    SharedOut(RandomAccessFile file) {
      this.file = file;
    }

    @Override
    public void write(long position, byte[] bytes, int offset, int length) throws IOException {
      synchronized (this) { // the position is the file's
        file.seek(position);
        file.write(bytes, offset, length);
      }
    }

    @Override
    public void force() throws IOException {
      file.getChannel().force(false);
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }

  private static final class ChannelLock implements LockFile {
    private final FileChannel channel;
    private final @Nullable Object id;
    private @Nullable FileLock lock; // kept: the JDK tells who else wants it only while it is

    ChannelLock(FileChannel channel, @Nullable Object id) {
      this.channel = channel;
      this.id = id;
    }

    @Override
    public boolean tryLock() throws IOException {
      if (lock == null) {
        try {
          lock = channel.tryLock();
        } catch (OverlappingFileLockException inThisProcess) {
          return false;
        }
      }
      return lock != null;
    }

    @Override
    public @Nullable Object id() {
      return id;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
