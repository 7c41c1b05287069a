package io.agentmemory.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.Stored;
import io.agentmemory.command.StoreMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process on the real disk whose system calls fail or kill it. strace counts the calls of each
 * thread apart, and one thread of the store makes all of its own, so that those of the JVM do not
 * count. {@code -Dstrace.all=true} strikes at every call there is.
 */
@Timeout(900)
final class SystemCallTest {
  private static final boolean ALL = Boolean.getBoolean("strace.all");
  private static final int MOST = 60;

  @TempDir Path folder;

  @BeforeAll
  static void needStrace() throws Exception {
    boolean there;
    try {
      // Where a container forbids tracing, the program is there and of no use.
      there =
          new ProcessBuilder("strace", "-o", "/dev/null", "true")
                  .redirectErrorStream(true)
                  .start()
                  .waitFor()
              == 0;
    } catch (IOException none) {
      there = false;
    }
    if (!there) {
      System.out.println("SKIPPED: faults of system calls (T01, T15 to T18): no usable strace");
    }
    assumeTrue(there, "no usable strace here");
  }

  @Test
  @DisplayName("T01, T02, T03: SIGKILL at a rename of the real disk")
  void givenAProcessKilledAtARename_whenOpenedAgain_thenItIsAsWasTold() throws Exception {
    sweep("rename,renameat,renameat2:signal=SIGKILL:when=%d", 2, 5, 8);
  }

  @Test
  @DisplayName("T17, T18: EIO at an fsync or fdatasync of the real disk")
  void givenAForceThatFails_whenOpenedAgain_thenItIsAsWasTold() throws Exception {
    sweep("fdatasync:error=EIO:when=%d", 4);
    sweep("fsync:error=EIO:when=%d", 6);
  }

  @Test
  @DisplayName("T15: ENOSPC from a write of the real disk on")
  void givenADiskThatGetsFull_whenOpenedAgain_thenItIsAsWasTold() throws Exception {
    sweep("pwrite64:error=ENOSPC:when=%d+", 7);
  }

  private void sweep(String fault, int... some) throws Exception {
    if (!ALL) {
      for (int n : some) {
        String injected = String.format(fault, n);
        assertThat(run(injected)).as("%s struck", injected).isTrue();
      }
      return;
    }
    int n = 1;
    while (n < MOST && run(String.format(fault, n))) {
      n++;
    }
    assertThat(n).as("calls that %s struck", fault).isBetween(4, MOST - 1);
  }

  /** Runs the child and checks what it left; says whether the fault struck. */
  private boolean run(String injected) throws Exception {
    Path tree = Files.createTempDirectory(folder, "tree").resolve("memory");
    Map<String, Character> told = new LinkedHashMap<>();
    boolean ended = false;
    try (ChildStore child = ChildStore.traced(tree, injected)) {
      for (String line = child.line(); line != null; line = child.line()) {
        if (line.equals("end")) {
          ended = true;
        } else {
          told.put(line.substring(1), line.charAt(0));
        }
      }
    }
    boolean checkpointFailed = told.getOrDefault("checkpoint", '+') == '-';
    boolean struck = !ended || checkpointFailed || told.containsValue('?');
    struck |= told.containsKey("open") || told.values().stream().anyMatch(c -> c == '-');
    check(tree, told, injected);
    return struck;
  }

  private static void check(Path tree, Map<String, Character> told, String note)
      throws IOException {
    try (FileMemoryStore store = FileMemoryStore.builder(tree).build()) {
      for (int i = 0; i < ChildStore.SCRIPT; i++) {
        String id = "s" + i;
        Optional<Stored<Memory>> memory = store.read(Kind.MEMORY, Key.of(id));
        boolean there = memory.isPresent() && !memory.get().isTombstone();
        boolean vector =
            store
                .read(Kind.EMBEDDING, Key.of("text", id))
                .filter(v -> !v.isTombstone())
                .isPresent();
        assertThat(vector).as("%s is whole after %s: %s", id, note, told).isEqualTo(there);
        char what = told.getOrDefault(id, '-');
        char forgotten = i == 0 ? told.getOrDefault("forget", '-') : '-';
        if (what == '-' || forgotten == '+') {
          assertThat(there).as("%s after %s: %s", id, note, told).isFalse();
        } else if (what == '+' && forgotten == '-') {
          assertThat(there).as("%s after %s: %s", id, note, told).isTrue();
        }
      }
      assertThat(store.info().setAside()).as("%s: %s", note, told).isEmpty();
      store.execute(
          StoreMemory.of("after", "2026-02-10T11:52:05.123456+00:00", "the tree is of use"));
    }
    try (Stream<Path> files = Files.walk(tree)) {
      assertThat(files.map(f -> f.getFileName().toString()).filter(Layout::isTemporary))
          .as("temporary files after %s", note)
          .isEmpty();
    }
  }
}
