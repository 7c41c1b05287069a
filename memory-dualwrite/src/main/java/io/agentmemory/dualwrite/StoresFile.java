package io.agentmemory.dualwrite;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Value;
import io.agentmemory.internal.Disk;
import io.agentmemory.spi.Canonical;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Which two stores a folder is about: its file {@code stores.json}.
 *
 * @param shadowRate the part of the reads that is compared, 0 to 1
 * @param journalCap how many bytes the journal may take
 */
record StoresFile(StoreAddress source, StoreAddress target, double shadowRate, long journalCap) {
  static final String FILE = "stores.json";

  /** The part of the reads that is compared where the file does not say. */
  static final double SHADOW_RATE = 0.01;

  StoresFile {
    if (!(shadowRate >= 0 && shadowRate <= 1)) {
      throw new IllegalArgumentException("the shadow rate " + shadowRate + " is not in 0 to 1");
    }
    JournalLimits.DEFAULT.withCap(journalCap);
  }

  StoresFile(StoreAddress source, StoreAddress target) {
    this(source, target, SHADOW_RATE, JournalLimits.DEFAULT.cap());
  }

  static boolean isIn(Disk disk, Path folder) throws IOException {
    return disk.stat(folder.resolve(FILE)) != null;
  }

  /**
   * Reads it.
   *
   * @throws StoreUnavailableException if it is not there, or cannot be read
   */
  static StoresFile read(Disk disk, Path folder) {
    Operation operation =
        new Operation(DualWriteMemoryStore.STORE, "open", folder.resolve(FILE).toString());
    try {
      if (!isIn(disk, folder)) {
        throw StoreUnavailableException.notApplied(
            operation, "there is no such file: 'memory stage init' makes a folder", null);
      }
      Value.Map map =
          (Value.Map) Canonical.parse(new String(disk.read(folder.resolve(FILE)), UTF_8));
      return new StoresFile(
          address(map, "source"),
          address(map, "target"),
          rate(map.get("shadow_rate")),
          cap(map.get("journal_cap")));
    } catch (IOException | IllegalArgumentException | ClassCastException damaged) {
      throw StoreUnavailableException.notApplied(
          operation, "it cannot be read: " + damaged.getClass().getSimpleName(), damaged);
    }
  }

  private static double rate(@Nullable Value value) {
    if (value == null) {
      return SHADOW_RATE;
    }
    if (value instanceof Value.Int number) {
      return number.value();
    }
    return ((Value.Real) value).value();
  }

  private static long cap(@Nullable Value value) {
    return value == null ? JournalLimits.DEFAULT.cap() : ((Value.Int) value).value();
  }

  private static StoreAddress address(Value.Map map, String side) {
    if (map.get(side) instanceof Value.Map address) {
      String url = Optional.ofNullable(Value.textOf(address.get("url"))).orElse("");
      return new StoreAddress(url, Value.textOf(address.get("password_env")));
    }
    throw new IllegalArgumentException(side);
  }

  /** Writes it, durably. Nobody but the owner may read it. */
  void write(Disk disk, Path folder) throws IOException {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("source", value(source));
    map.put("target", value(target));
    map.put("shadow_rate", Value.of(shadowRate));
    map.put("journal_cap", Value.of(journalCap));
    Files.replace(disk, folder.resolve(FILE), Canonical.json(new Value.Map(map)));
  }

  private static Value value(StoreAddress address) {
    Map<String, Value> map = new LinkedHashMap<>();
    map.put("url", Value.of(address.url()));
    if (address.passwordVariable() != null) {
      map.put("password_env", Value.of(address.passwordVariable()));
    }
    return new Value.Map(map);
  }
}
