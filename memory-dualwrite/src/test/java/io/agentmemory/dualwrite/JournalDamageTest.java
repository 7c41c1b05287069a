package io.agentmemory.dualwrite;

import static io.agentmemory.dualwrite.Journals.FOLDER;
import static io.agentmemory.dualwrite.Journals.began;
import static io.agentmemory.dualwrite.Journals.change;
import static io.agentmemory.dualwrite.Journals.op;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.OpId;
import io.agentmemory.dualwrite.Journal.Change;
import io.agentmemory.dualwrite.Journal.Ending;
import io.agentmemory.dualwrite.Journal.Found;
import io.agentmemory.dualwrite.Journal.Open;
import io.agentmemory.dualwrite.JournalLines.Header;
import io.agentmemory.internal.Frames;
import io.agentmemory.internal.testkit.MemoryDisk;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Journals that do not end, are not whole, or are not ours: T08, T09, T12. */
final class JournalDamageTest {
  private static final JournalLimits LIMITS = new JournalLimits(1 << 20, 0, 16_000, 1 << 20);

  private MemoryDisk left;
  private String segment;
  private byte[] bytes;
  private List<Frames.Frame> lines;

  /** What a killed process left: five operations, each with its outcome. */
  @BeforeEach
  void leaveAJournal() throws IOException {
    MemoryDisk disk = Journals.disk();
    Journal journal = Journals.open(disk, LIMITS);
    journal.settled();
    for (int i = 0; i < 5; i++) {
      journal.began(began(i, Side.TARGET), false);
      journal.changed(op(i), Side.SOURCE, List.of(tricky(i)), true);
    }
    journal.awaitIdle();
    left = disk.afterKill();
    journal.close();
    Map<String, byte[]> segments = segments(left);
    assertThat(segments).hasSize(1);
    segment = segments.keySet().iterator().next();
    bytes = requireNonNull(segments.get(segment));
    lines = Frames.scan(bytes, bytes.length).frames();
    assertThat(lines).hasSize(13); // header, oldest, settled, and ten
  }

  /** A text in it looks like a line. */
  private static Change tricky(int number) {
    io.agentmemory.OtherFile file =
        new io.agentmemory.OtherFile(
            "notes" + number + ".md",
            new io.agentmemory.Value.Text("AM1 00000000 00000000 \nAM1 0000"));
    return change(op(number), file, 1);
  }

  private static Map<String, byte[]> segments(MemoryDisk disk) {
    Map<String, byte[]> found = new TreeMap<>();
    disk.files()
        .forEach(
            (name, content) -> {
              if (name.endsWith(".jnl") && !name.contains("quarantine")) {
                found.put(name, content);
              }
            });
    return found;
  }

  private static List<String> kept(MemoryDisk disk) {
    return disk.files().keySet().stream().filter(name -> name.contains("/quarantine/")).toList();
  }

  private MemoryDisk with(byte[] changed) throws IOException {
    MemoryDisk disk = left.afterKill();
    disk.outside(segment, changed);
    return disk;
  }

  private static Found found(MemoryDisk disk) {
    try (Journal journal = Journals.open(disk, LIMITS)) {
      return journal.found();
    }
  }

  private static List<OpId> ops(Found found) {
    return found.open().stream().map(Open::opId).toList();
  }

  @Test
  @DisplayName("T08: journal torn at every byte")
  void givenATornTailAtAnyByte_whenOpened_thenItIsCutAndAllBeforeItIsThere() throws IOException {
    for (int end = lines.get(9).from(); end < lines.get(12).to() - 1; end++) {
      for (boolean zeros : new boolean[] {true, false}) {
        byte[] torn = Arrays.copyOf(Arrays.copyOf(bytes, end), zeros ? bytes.length : end);
        MemoryDisk disk = with(torn);
        String note = "cut at byte " + end;
        Found found = found(disk);
        assertThat(found.damage()).as(note).isEmpty();
        assertThat(found.ending()).as(note).isEqualTo(Ending.KILLED);
        int whole = 0;
        for (Frames.Frame line : lines) {
          whole += line.to() - (zeros ? 1 : 0) <= end ? 1 : 0; // any byte will do for a line feed
        }
        int began = (whole - 3 + 1) / 2;
        assertThat(found.open()).as(note).hasSize(began);
        for (int i = 0; i < began; i++) {
          Open open = found.open().get(i);
          assertThat(open.opId()).as(note).isEqualTo(op(i));
          boolean known = 2 * i + 2 <= whole - 3;
          assertThat(open.outcomeKnown()).as(note).isEqualTo(known);
          assertThat(open.changes()).as(note).isEqualTo(known ? List.of(tricky(i)) : List.of());
        }
        boolean atEdge =
            end == lines.get(whole - 1).to() || (zeros && end == lines.get(whole - 1).to() - 1);
        assertThat(kept(disk)).as("kept aside, " + note).hasSize(atEdge ? 0 : 1);
      }
    }
  }

  @Test
  @DisplayName("T09: bit flipped at every byte of one line of the journal")
  void givenAnyByteOfALineChanged_whenOpened_thenItIsReportedAndLaterLinesCount()
      throws IOException {
    for (int line : new int[] {0, 1, 5, 6}) {
      Frames.Frame damaged = lines.get(line);
      for (int at = damaged.from(); at < damaged.to() - 1; at++) {
        byte[] changed = bytes.clone();
        changed[at] ^= 0x15;
        MemoryDisk disk = with(changed);
        String note = "line " + line + ", byte " + at;
        Found found = found(disk);
        assertThat(ops(found)).as(note).containsExactly(op(0), op(1), op(2), op(3), op(4));
        for (int i = 0; i < 5; i++) {
          Open open = found.open().get(i);
          boolean lost = line == 6 && i == 1;
          assertThat(open.changes()).as(note).isEqualTo(lost ? List.of() : List.of(tricky(i)));
        }
        assertThat(found.damage()).as(note).isNotEmpty();
        assertThat(found.damage())
            .as(note)
            .allMatch(text -> text.startsWith("0000") && !text.contains("notes"));
        assertThat(kept(disk)).as(note).hasSize(1);
        byte[] aside = requireNonNull(disk.files().get(kept(disk).get(0)));
        assertThat(aside).as(note).isEqualTo(changed);
        assertThat(found(disk).damage()).as("until it is settled, " + note).isNotEmpty();
      }
    }
  }

  @Test
  void givenAStretchOfZerosInTheMiddle_whenOpened_thenTheNextLineCounts() throws IOException {
    byte[] changed = bytes.clone();
    Arrays.fill(changed, lines.get(5).from(), lines.get(6).to(), (byte) 0);

    Found found = found(with(changed));

    assertThat(ops(found)).containsExactly(op(0), op(2), op(3), op(4));
    assertThat(found.open().get(1).outcomeKnown()).isTrue();
    assertThat(found.open().get(1).refs()).as("what its first line says").hasSize(1);
    assertThat(found.open().get(1).refs().get(0)).isEqualTo(Journals.ref(2));
    assertThat(found.damage()).hasSize(1);
  }

  @Test
  void givenAnOutcomeOfWhichAnyLinesAreLost_whenOpened_thenItIsNotTakenForWhole()
      throws IOException {
    JournalLimits narrow = new JournalLimits(1 << 20, 0, 16_000, 1000);
    MemoryDisk disk = Journals.disk();
    Journal journal = Journals.open(disk, narrow);
    journal.settled();
    List<Change> changes = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      changes.add(change(op(1), Journals.embedding(i, 1), 1));
    }
    journal.began(began(1, Side.TARGET), false);
    journal.changed(op(1), Side.SOURCE, changes, true);
    MemoryDisk whole = disk.afterKill();
    journal.close();
    byte[] content = requireNonNull(whole.files().get(segment));
    List<Frames.Frame> frames = Frames.scan(content, content.length).frames();
    int parts = frames.size() - 4; // after header, oldest, settled and the beginning
    assertThat(parts).isGreaterThan(2);
    for (int lost = 0; lost < 1 << (parts + 1); lost++) {
      byte[] holed = content.clone();
      for (int i = 0; i <= parts; i++) {
        if ((lost >> i & 1) == 1) {
          Arrays.fill(holed, frames.get(3 + i).from(), frames.get(3 + i).to(), (byte) 0);
        }
      }
      MemoryDisk damaged = whole.afterKill();
      damaged.outside(segment, holed);
      String note = "lost lines " + Integer.toBinaryString(lost);
      List<Open> open = found(damaged).open();
      if (lost >> 1 == 0) {
        assertThat(open.get(0).changes()).as(note).isEqualTo(changes);
      } else if (lost == (1 << (parts + 1)) - 1) {
        assertThat(open).as(note).isEmpty();
      } else {
        assertThat(open.get(0).outcomeKnown()).as(note).isFalse();
        assertThat(open.get(0).changes()).as(note).isEmpty();
        assertThat(open.get(0).lacking()).as(note).isEqualTo(Side.SOURCE);
        assertThat(open.get(0).refs()).as(note).isNotEmpty();
      }
    }
  }

  @Test
  @DisplayName("T12: segment of a newer version, of a foreign store, and others that are not ours")
  void givenASegmentThatIsNotOurs_whenOpened_thenItIsRefusedByNameKeptAndTheRestCounts()
      throws IOException {
    Map<String, byte[]> refused = new TreeMap<>();
    refused.put("empty", new byte[0]);
    refused.put("no whole line", new byte[3000]);
    refused.put("no whole line ", "what is that?".getBytes(UTF_8));
    refused.put("a newer version", Frames.line("{\"journal\":2,\"unheard\":[]}"));
    refused.put("another folder", withHeader(header -> header(new UUID(1, 2), header.number())));
    for (Map.Entry<String, byte[]> entry : refused.entrySet()) {
      for (long number : new long[] {0, 2, 3, Long.MAX_VALUE}) {
        MemoryDisk disk = left.afterKill();
        String name = FOLDER.resolve(JournalSegment.name(number)).toString();
        disk.outside(name, entry.getValue());
        for (int i = 0; i < 2; i++) {
          String note = entry.getKey() + " " + number;
          try (Journal journal = Journals.open(disk, LIMITS)) {
            assertThat(ops(journal.found()))
                .as(note)
                .containsExactly(op(0), op(1), op(2), op(3), op(4));
            assertThat(journal.found().damage()).as(note).hasSize(1);
            assertThat(journal.found().damage().get(0))
                .as(note)
                .contains(JournalSegment.name(number), entry.getKey().strip());
            journal.began(began(99, Side.SOURCE), true);
            journal.done(op(99));
            journal.trim();
            journal.settled();
          }
          assertThat(disk.files().get(name)).as(note).isEqualTo(entry.getValue());
        }
      }
    }
  }

  private byte[] withHeader(UnaryOperator<Header> change) {
    Header old;
    try {
      old = (Header) JournalLines.read(lines.get(0).text());
    } catch (JournalLines.NewerFormatException e) {
      throw new AssertionError(e);
    }
    byte[] header = JournalLines.header(change.apply(old));
    byte[] rest = Arrays.copyOfRange(bytes, lines.get(0).to(), bytes.length);
    byte[] all = Arrays.copyOf(header, header.length + rest.length);
    System.arraycopy(rest, 0, all, header.length, rest.length);
    return all;
  }

  private static Header header(UUID folder, long number) {
    return new Header(folder, "boot-0", number, 1, 1, Ending.CLEAN, List.of());
  }

  @Test
  void givenTheOnlySegmentIsRefused_whenOpened_thenNothingIsTakenForGranted() throws IOException {
    Found found = found(with(new byte[0]));

    assertThat(found.open()).isEmpty();
    assertThat(found.damage()).hasSize(1);
    assertThat(found.ending()).isEqualTo(Ending.POWER);
  }

  @Test
  @DisplayName("T12: segment missing, of 0 bytes, short")
  void givenAMissingOrShortSegment_whenOpened_thenItIsReportedAndTheRestCounts()
      throws IOException {
    MemoryDisk disk = Journals.disk();
    Journal journal = Journals.open(disk, Journals.SMALL);
    journal.settled();
    for (int i = 0; i < 60; i++) {
      journal.began(began(i, Side.TARGET), false);
      journal.changed(op(i), Side.SOURCE, List.of(change(i, 1)), false);
      journal.awaitIdle();
    }
    MemoryDisk whole = disk.afterKill();
    journal.close();
    List<String> names = new ArrayList<>(segments(whole).keySet());
    assertThat(names).hasSizeGreaterThan(4);
    assertThat(found(whole.afterKill()).damage()).isEmpty();
    for (String name : names.subList(0, names.size() - 1)) {
      MemoryDisk without = whole.afterKill();
      without.delete(java.nio.file.Path.of(name));
      Found found = found(without);
      assertThat(found.damage()).as(name).hasSize(1);
      assertThat(found.damage().get(0)).as(name).contains("missing: 1 segment before");
      assertThat(found.open().size()).as(name).isBetween(20, 59);

      MemoryDisk cut = whole.afterKill();
      byte[] content = requireNonNull(cut.files().get(name));
      List<Frames.Frame> frames = Frames.scan(content, content.length).frames();
      cut.outside(name, Arrays.copyOf(content, frames.get(frames.size() - 1).from()));
      assertThat(found(cut).damage()).as(name).anyMatch(text -> text.contains("at its end"));
    }
    MemoryDisk newer = whole.afterKill();
    newer.delete(java.nio.file.Path.of(names.get(names.size() - 1)));
    assertThat(found(newer).open()).as("what the last one held").hasSizeLessThan(60);
  }

  @Test
  void givenALineThatSaysWhatWeDoNotKnow_whenOpened_thenItIsDamage() throws IOException {
    byte[] more = Frames.line("{\"mark\":\"UNHEARD\"}");
    byte[] changed = Arrays.copyOf(bytes, lines.get(12).to() + more.length);
    System.arraycopy(more, 0, changed, lines.get(12).to(), more.length);

    Found found = found(with(changed));

    assertThat(found.damage()).hasSize(1);
    assertThat(ops(found)).hasSize(5);
  }
}
