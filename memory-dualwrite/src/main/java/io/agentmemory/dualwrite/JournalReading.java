package io.agentmemory.dualwrite;

import io.agentmemory.OpId;
import io.agentmemory.dualwrite.Journal.Ending;
import io.agentmemory.dualwrite.JournalLines.BeganLine;
import io.agentmemory.dualwrite.JournalLines.ChangedLine;
import io.agentmemory.dualwrite.JournalLines.DoneLine;
import io.agentmemory.dualwrite.JournalLines.FollowsLine;
import io.agentmemory.dualwrite.JournalLines.Header;
import io.agentmemory.dualwrite.JournalLines.Line;
import io.agentmemory.dualwrite.JournalLines.Mark;
import io.agentmemory.dualwrite.JournalLines.NewerFormatException;
import io.agentmemory.dualwrite.JournalLines.OldestLine;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.Frames;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What an earlier owner left in the folder of the journal. Changes nothing but the quarantine. */
final class JournalReading {
  static final String QUARANTINE = "quarantine";

  /** A segment's file as it was read. */
  private record File(
      Path path,
      long number,
      @Nullable Header header,
      List<Line> lines,
      boolean damaged,
      long size) {}

  private final Disk disk;
  private final Path folder;
  private final UUID folderId;
  private final Set<String> damage = new LinkedHashSet<>();

  /** By operation, oldest first. */
  final Map<OpId, JournalOp> ops = new LinkedHashMap<>();

  /** Segments that still count, oldest first. */
  final List<JournalSegment> segments = new ArrayList<>();

  /** Segments that a later one has taken the place of. */
  final List<JournalSegment> obsolete = new ArrayList<>();

  final List<Path> temporaries = new ArrayList<>();
  long oldest = 1;
  long nextSegment = 1;
  long nextOp = 1;
  Ending ending = Ending.NEW;

  /** How many parts are kept aside. */
  int quarantined;

  private JournalReading(Disk disk, Path folder, UUID folderId) {
    this.disk = disk;
    this.folder = folder;
    this.folderId = folderId;
  }

  static JournalReading of(Disk disk, Path folder, UUID folderId) throws IOException {
    JournalReading reading = new JournalReading(disk, folder, folderId);
    reading.read();
    return reading;
  }

  List<String> damage() {
    return List.copyOf(damage);
  }

  private void read() throws IOException {
    List<String> names = new ArrayList<>(disk.list(folder));
    names.sort(null);
    List<File> files = new ArrayList<>();
    for (String name : names) {
      if (JournalSegment.isTemporary(name)) {
        temporaries.add(folder.resolve(name));
      } else if (JournalSegment.isName(name)) {
        File file = read(name);
        if (file != null) {
          files.add(file);
        }
      }
    }
    for (File file : files) {
      Header header = file.header();
      oldest = Math.max(oldest, header == null ? 1 : header.oldest());
      for (Line line : file.lines()) {
        if (line instanceof OldestLine later) {
          oldest = Math.max(oldest, later.number());
        }
      }
    }
    take(files, Set.copyOf(names));
    quarantined = disk.list(folder.resolve(QUARANTINE)).size();
  }

  private void take(List<File> files, Set<String> names) {
    File last = null;
    for (File file : files) {
      nextSegment = file.number() + 1;
      JournalSegment segment =
          JournalSegment.found(
              file.path(), file.number(), file.damaged(), file.size(), file.lines().size());
      if (file.number() < oldest) {
        obsolete.add(segment);
        continue;
      }
      checkNoneIsMissing(last == null ? oldest : last.number() + 1, file.number(), names);
      take(file, last);
      segments.add(segment);
      last = file;
    }
    if (last != null) {
      takeEnding(files, last);
    } else if (!files.isEmpty() || !damage.isEmpty()) {
      ending = Ending.POWER; // nobody knows
    }
  }

  private void checkNoneIsMissing(long from, long to, Set<String> names) {
    long missing = 0;
    for (long number = from; number < to && missing < 100; number++) {
      missing += names.contains(JournalSegment.name(number)) ? 0 : 1;
    }
    if (missing > 0) {
      damage.add(
          "missing: "
              + missing
              + (missing == 1 ? " segment" : " segments or more")
              + " before "
              + JournalSegment.name(to));
    }
  }

  private void take(File file, @Nullable File previous) {
    Header header = file.header();
    if (header != null) {
      nextOp = Math.max(nextOp, header.nextOp());
    }
    for (Line line : file.lines()) {
      if (line instanceof BeganLine began) {
        nextOp = Math.max(nextOp, began.number() + 1);
        ops.computeIfAbsent(began.began().opId(), id -> new JournalOp(id, began.number()))
            .began(began.began(), began.leaders());
      } else if (line instanceof ChangedLine changed) {
        nextOp = Math.max(nextOp, changed.number() + 1);
        ops.computeIfAbsent(changed.opId(), id -> new JournalOp(id, changed.number()))
            .changed(changed);
      } else if (line instanceof DoneLine done) {
        ops.remove(done.opId());
      } else if (line instanceof FollowsLine follows
          && previous != null
          && previous.number() == file.number() - 1
          && previous.lines().size() < follows.lines()) {
        damage.add(previous.path().getFileName() + ": lines are missing at its end");
      }
    }
  }

  private void takeEnding(List<File> files, File last) {
    Ending unsettled = Ending.CLEAN;
    Set<String> earlier = new LinkedHashSet<>();
    Header header = null;
    for (File file : files) {
      if (file.number() < oldest) {
        continue;
      }
      header = file.header() == null ? header : file.header();
      for (Line line : file.lines()) {
        if (line instanceof Header head) {
          unsettled = unsettled.or(head.ending());
          earlier.addAll(head.damage());
        } else if (line == Mark.SETTLED) {
          unsettled = Ending.CLEAN;
          earlier.clear();
        }
      }
    }
    damage.addAll(earlier);
    String boot = disk.bootId();
    Ending now;
    if (!last.lines().isEmpty()
        && last.lines().get(last.lines().size() - 1) == Mark.CLOSED
        && !last.damaged()) {
      now = Ending.CLEAN;
    } else if (header != null && !boot.isEmpty() && boot.equals(header.boot())) {
      now = Ending.KILLED;
    } else {
      now = Ending.POWER;
    }
    ending = now.or(unsettled);
  }

  /** A segment; null if it is refused, which stands in the damage. */
  private @Nullable File read(String name) throws IOException {
    Path path = folder.resolve(name);
    byte[] bytes;
    try {
      bytes = disk.read(path);
    } catch (NoSuchFileException gone) {
      return null;
    }
    if (bytes.length == 0) {
      damage.add(name + ": empty; it is kept and not read");
      return null;
    }
    Frames.Scan scan = Frames.scan(bytes, bytes.length);
    List<Line> lines = new ArrayList<>();
    boolean damaged = false;
    for (Frames.Frame frame : scan.frames()) {
      try {
        lines.add(JournalLines.read(frame.text()));
      } catch (NewerFormatException newer) {
        damage.add(name + ": a newer version wrote it; it is kept and not read");
        return null;
      } catch (IllegalArgumentException unreadable) {
        damage.add(name + ": no line that we know at byte " + frame.from());
        damaged = true;
      }
    }
    if (lines.isEmpty()) {
      damage.add(name + ": no whole line in it; it is kept and not read");
      return null;
    }
    Header header = lines.get(0) instanceof Header first ? first : null;
    if (header != null && !header.folder().equals(folderId)) {
      damage.add(name + ": the journal of another folder; it is kept and not read");
      return null;
    }
    if (header == null && !damaged && scan.gaps().isEmpty()) {
      damage.add(name + ": its beginning is missing");
      damaged = true;
    }
    long size = 0;
    for (Frames.Frame frame : scan.frames()) {
      size = frame.to();
    }
    for (Frames.Gap gap : scan.gaps()) {
      if (gap.followed()) {
        damage.add(name + ": no whole line from byte " + gap.from() + " to " + gap.to());
        damaged = true;
      } else {
        keepTornTail(name, bytes, gap);
      }
    }
    return new File(path, Long.parseLong(name, 0, 16, 16), header, lines, damaged, size);
  }

  private void keepTornTail(String name, byte[] bytes, Frames.Gap gap) throws IOException {
    Path quarantine = quarantine(disk, folder);
    Path kept = quarantine.resolve(name + ".torn-" + gap.from());
    disk.delete(kept); // of an opening that did not get far
    byte[] tail = Arrays.copyOfRange(bytes, gap.from(), gap.to());
    try (Disk.Out out = disk.create(kept, null)) {
      out.write(0, tail, 0, tail.length);
      out.force();
    }
    disk.forceFolder(quarantine);
  }

  /** The folder for what is kept aside, made if need be. */
  static Path quarantine(Disk disk, Path folder) throws IOException {
    Path quarantine = folder.resolve(QUARANTINE);
    if (disk.stat(quarantine) == null) {
      disk.createFolder(quarantine);
      disk.forceFolder(folder);
    }
    return quarantine;
  }
}
