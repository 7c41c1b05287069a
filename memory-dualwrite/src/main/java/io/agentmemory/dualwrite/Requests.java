package io.agentmemory.dualwrite;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Value;
import io.agentmemory.internal.Disk;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What others ask the owner of a folder to do: a file for each request in {@code requests/}, whose
 * name the owner changes when it takes it on, and one with the answer. A request that nobody took
 * on in time is withdrawn.
 */
final class Requests {
  private static final Logger LOG = LoggerFactory.getLogger(DualWriteMemoryStore.class);
  private static final String FOLDER = "requests";
  private static final String ASKED = ".asked.json";
  private static final String TAKEN = ".taken.json";
  private static final String ANSWER = ".answer.json";
  private static final Duration POLL = Duration.ofMillis(50);

  private final Disk disk;
  private final Path folder;
  private final Clock clock;

  Requests(Disk disk, Path dualFolder, Clock clock) {
    this.disk = disk;
    this.folder = dualFolder.resolve(FOLDER);
    this.clock = clock;
  }

  // ---- who asks ----

  /**
   * Asks, and waits for the answer.
   *
   * @param owner names the owner, should it not answer
   * @throws StoreUnavailableException if there is none in time; says whether the request was taken
   *     on
   */
  Value.Map ask(Value.Map request, Duration atMost, Supplier<String> owner) {
    String id = UUID.randomUUID().toString();
    Path asked = folder.resolve(id + ASKED);
    Path answer = folder.resolve(id + ANSWER);
    Operation operation = new Operation(DualWriteMemoryStore.STORE, verb(request), "");
    try {
      Files.makeFolder(disk, folder);
      Map<String, Value> map = new LinkedHashMap<>(request.entries());
      map.put("until", Value.of(clock.instant().plus(atMost).toString()));
      Files.replace(disk, asked, Canonical.json(new Value.Map(map)));
      long until = System.nanoTime() + atMost.toNanos();
      while (disk.stat(answer) == null && System.nanoTime() < until) {
        LockSupport.parkNanos(POLL.toNanos());
      }
      if (disk.stat(answer) != null) {
        Value.Map found = parse(answer);
        disk.delete(answer);
        return found;
      }
      if (isWithdrawn(asked, id)) {
        throw StoreUnavailableException.notApplied(
            operation,
            owner.get() + " has the folder and has not taken the request on in " + text(atMost),
            null);
      }
    } catch (IOException | IllegalArgumentException | ClassCastException e) {
      throw StoreUnavailableException.notApplied(
          operation, "the request could not be handed over: " + e.getClass().getSimpleName(), e);
    }
    throw StoreUnavailableException.unknown(
        operation,
        io.agentmemory.OpId.copy(),
        owner.get() + " has taken the request on but not answered in " + text(atMost),
        null);
  }

  private static String text(Duration time) {
    return time.toMillis() + " ms";
  }

  private boolean isWithdrawn(Path asked, String id) throws IOException {
    Path withdrawn = folder.resolve("." + id + ".withdrawn");
    try {
      disk.move(asked, withdrawn);
    } catch (IOException taken) {
      return false;
    }
    disk.delete(withdrawn);
    return true;
  }

  // ---- who is asked ----

  /** Answers every request that waits. What goes wrong with one is its answer. */
  void answerAll(Function<Value.Map, Value.Map> handler) {
    answerAll(handler, (request, answering) -> answering.run());
  }

  /**
   * As {@link #answerAll(Function)}.
   *
   * @param runner runs what answers a request, now or on another thread
   */
  void answerAll(Function<Value.Map, Value.Map> handler, BiConsumer<Value.Map, Runnable> runner) {
    try {
      for (String name : disk.list(folder).stream().sorted().toList()) {
        if (name.endsWith(ASKED) && !name.startsWith(".")) {
          answer(name.substring(0, name.length() - ASKED.length()), handler, runner);
        }
      }
    } catch (IOException e) {
      LOG.debug("requests cannot be read: {}", e.getClass().getSimpleName());
    }
  }

  private void answer(
      String id, Function<Value.Map, Value.Map> handler, BiConsumer<Value.Map, Runnable> runner)
      throws IOException {
    Path taken = folder.resolve(id + TAKEN);
    try {
      disk.move(folder.resolve(id + ASKED), taken);
    } catch (IOException withdrawn) {
      return;
    }
    Value.Map request;
    try {
      request = parse(taken);
      Instant until = Facts.instant(request, "until").orElse(Instant.MIN);
      if (until.isBefore(clock.instant())) {
        disk.delete(taken); // nobody waits for it any more
        return;
      }
    } catch (RuntimeException noRequest) {
      disk.delete(taken);
      return;
    }
    runner.accept(request, () -> answer(id, handler.apply(request), taken));
  }

  private void answer(String id, Value.Map answer, Path taken) {
    try {
      Files.replace(disk, folder.resolve(id + ANSWER), Canonical.json(answer));
      disk.delete(taken);
    } catch (IOException e) {
      LOG.debug("a request cannot be answered: {}", e.getClass().getSimpleName());
    }
  }

  /** What is left of others that nobody waits for any more. */
  void sweep() {
    try {
      for (String name : disk.list(folder)) {
        if (name.endsWith(TAKEN) || name.endsWith(ANSWER)) {
          disk.delete(folder.resolve(name));
        }
      }
    } catch (IOException e) {
      LOG.debug("requests cannot be removed: {}", e.getClass().getSimpleName());
    }
  }

  private Value.Map parse(Path file) throws IOException {
    return (Value.Map) Canonical.parse(new String(disk.read(file), UTF_8));
  }

  static String verb(Value.Map request) {
    String verb = Value.textOf(request.get("verb"));
    return verb == null ? "" : verb;
  }

  static List<String> texts(Value.Map map, String name) {
    Value value = map.get(name);
    return value == null ? List.of() : Value.textsOf(value);
  }
}
