package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.MemoryStore;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.spi.ForwardingMemoryStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * A store that goes on while it is away: the primary leads, the fallback follows, and stands in for
 * it whenever it gives no answer. What happens meanwhile the primary gets when it is back, each
 * operation once. For an application that is past a move and wants its files to be there when the
 * database is not.
 *
 * <p>An empty fallback is filled from the primary after opening; until {@link
 * DualWriteStatus#isSettled()} it lacks what is not copied yet. One process uses the folder at a
 * time; it says so if another one has it. Thread-safe.
 */
public final class FallbackMemoryStore extends ForwardingMemoryStore {
  private final DualWriteMemoryStore both;

  private FallbackMemoryStore(DualWriteMemoryStore both) {
    super(both);
    this.both = both;
  }

  /**
   * A store over two others.
   *
   * @param folder for the journal of what one of them lacks; made if need be
   */
  public static Builder builder(MemoryStore primary, MemoryStore fallback, Path folder) {
    return new Builder(primary, fallback, folder);
  }

  /** Says how a store falls back on another. */
  public static final class Builder {
    private final DualWriteMemoryStore.Builder both;

    private Builder(MemoryStore primary, MemoryStore fallback, Path folder) {
      both = DualWriteMemoryStore.builder(fallback, primary).stage(Stage.RAMP_DOWN).folder(folder);
    }

    DualWriteMemoryStore.Builder both() {
      return both;
    }

    /** Who hears of fallbacks, conflicts and failures. Default: nobody; they are counted. */
    public Builder listener(DualWriteListener listener) {
      both.listener(requireNonNull(listener, "listener"));
      return this;
    }

    /** How long a write waits for the primary before the fallback stands in. Default 3 s. */
    public Builder deadline(Duration deadline) {
      both.deadline(deadline);
      return this;
    }

    /**
     * How many bytes the journal may take, beyond which writes are refused, as {@link
     * DualWriteMemoryStore.Builder#journalCap}. Default 1 GiB, from 64 MiB to 64 GiB.
     *
     * @throws IllegalArgumentException if not in that range
     */
    public Builder journalCap(long bytes) {
      both.journalCap(bytes);
      return this;
    }

    /**
     * Takes the primary over where it belongs to another folder, which is lost: as {@link
     * DualWriteMemoryStore.Builder#takeOver}.
     */
    public Builder takeOver() {
      both.takeOver();
      return this;
    }

    /** Closing this store closes the two others. Default: it leaves them open. */
    public Builder closesStores() {
      both.closesStores();
      return this;
    }

    /**
     * The store.
     *
     * @throws StoreUnavailableException if the folder is another process's, or the primary another
     *     folder's, or the folder's disk fails
     * @throws IllegalArgumentException if the folder is that of a move in another stage
     */
    public FallbackMemoryStore build() {
      return new FallbackMemoryStore(both.whileOpening(Builder::check).build());
    }

    private static void check(Stage stage) {
      if (stage != Stage.RAMP_DOWN) {
        throw new IllegalArgumentException(
            "the folder is that of a move in stage " + stage + ": open it as dual:FOLDER");
      }
    }
  }

  DualWriteMemoryStore both() {
    return both;
  }

  /** How things are; the primary is called target there, the fallback source. */
  public DualWriteStatus status() {
    return both.status();
  }

  /** Records that were written in both stores apart from each other. */
  public List<Conflict> conflicts() {
    return both.conflicts();
  }

  /** Decides a conflict, as {@link DualWriteMemoryStore#resolve(String, Resolution)}. */
  public void resolve(String conflictId, Resolution resolution) {
    both.resolve(conflictId, resolution);
  }

  /** Gives each store what it lacks, as {@link DualWriteMemoryStore#replay}. */
  public int replay(Duration atMost) {
    return both.replay(atMost);
  }

  /** Goes through an outage while there is none, as {@link DualWriteMemoryStore#drill}. */
  public void drill(Duration atMost) {
    both.drill(atMost);
  }
}
