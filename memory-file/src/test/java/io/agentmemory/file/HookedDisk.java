package io.agentmemory.file;

import io.agentmemory.internal.Disk;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Another disk, with something that happens before each call of it: a failure, or what another
 * program does at just that moment.
 */
final class HookedDisk implements Disk {
  /** What a call is about to do. */
  enum Call {
    LIST,
    STAT,
    READ,
    CREATE,
    WRITE,
    FORCE,
    FORCE_FOLDER,
    MOVE,
    LINK,
    DELETE,
    CREATE_FOLDER;

    /** Whether a disk that can only be read refuses it. */
    boolean changes() {
      return switch (this) {
        case CREATE, WRITE, MOVE, LINK, DELETE, CREATE_FOLDER -> true;
        case LIST, STAT, READ, FORCE, FORCE_FOLDER -> false;
      };
    }
  }

  /** What happens before a call. */
  interface Hook {
    Hook NONE = (call, path) -> {};

    void before(Call call, Path path) throws IOException;
  }

  private final Disk disk;
  private volatile Hook hook = Hook.NONE;

  HookedDisk(Disk disk) {
    this.disk = disk;
  }

  /** From now on. */
  void hook(Hook next) {
    hook = next;
  }

  @Override
  public List<String> list(Path folder) throws IOException {
    hook.before(Call.LIST, folder);
    return disk.list(folder);
  }

  @Override
  public @Nullable Stat stat(Path path) throws IOException {
    hook.before(Call.STAT, path);
    return disk.stat(path);
  }

  @Override
  public Path real(Path path) throws IOException {
    return disk.real(path);
  }

  @Override
  public byte[] read(Path file) throws IOException {
    hook.before(Call.READ, file);
    return disk.read(file);
  }

  @Override
  public InputStream open(Path file) throws IOException {
    hook.before(Call.READ, file);
    return disk.open(file);
  }

  @Override
  public Out create(Path file, @Nullable Path like) throws IOException {
    hook.before(Call.CREATE, file);
    return new HookedOut(disk.create(file, like), file);
  }

  @Override
  public Out reopen(Path file) throws IOException {
    hook.before(Call.WRITE, file);
    return new HookedOut(disk.reopen(file), file);
  }

  @Override
  public Out share(Path file) throws IOException {
    hook.before(Call.WRITE, file);
    return new HookedOut(disk.share(file), file);
  }

  @Override
  public long usable(Path folder) throws IOException {
    return disk.usable(folder);
  }

  @Override
  public void force(Path file) throws IOException {
    hook.before(Call.FORCE, file);
    disk.force(file);
  }

  @Override
  public void forceFolder(Path folder) throws IOException {
    hook.before(Call.FORCE_FOLDER, folder);
    disk.forceFolder(folder);
  }

  @Override
  public void move(Path from, Path to) throws IOException {
    hook.before(Call.MOVE, to);
    disk.move(from, to);
  }

  @Override
  public void link(Path file, Path second) throws IOException {
    hook.before(Call.LINK, second);
    disk.link(file, second);
  }

  @Override
  public void delete(Path path) throws IOException {
    hook.before(Call.DELETE, path);
    disk.delete(path);
  }

  @Override
  public void createFolder(Path folder) throws IOException {
    hook.before(Call.CREATE_FOLDER, folder);
    disk.createFolder(folder);
  }

  @Override
  public LockFile openLock(Path file) throws IOException {
    return disk.openLock(file);
  }

  @Override
  public String bootId() {
    return disk.bootId();
  }

  private final class HookedOut implements Out {
    private final Out out;
    private final Path file;

    HookedOut(Out out, Path file) {
      this.out = out;
      this.file = file;
    }

    @Override
    public void write(long position, byte[] bytes, int offset, int length) throws IOException {
      hook.before(Call.WRITE, file);
      out.write(position, bytes, offset, length);
    }

    @Override
    public void force() throws IOException {
      hook.before(Call.FORCE, file);
      out.force();
    }

    @Override
    public void close() throws IOException {
      out.close();
    }
  }
}
