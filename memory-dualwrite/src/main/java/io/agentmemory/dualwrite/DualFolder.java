package io.agentmemory.dualwrite;

import io.agentmemory.MemoryStore;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.command.Outcome;
import io.agentmemory.internal.Disk;
import io.agentmemory.internal.FolderLock;
import io.agentmemory.spi.EditedOutside;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What two stores that are used as one keep beside them: the journal, the stage, and states that
 * were set aside. One process owns it.
 */
final class DualFolder implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DualWriteMemoryStore.class);
  private static final Duration LOCK_WAIT = Duration.ofSeconds(5);

  private final FolderLock lock;
  private final Journal journal;
  private final StageRegister register;
  private final Conflicts conflicts;

  private static final String EDITED = "another program changed the source";

  private final ComparedMark compared; // guarded by this
  private volatile Supplier<String> lastEdit = () -> "";

  private DualFolder(
      ComparedMark compared,
      FolderLock lock,
      Journal journal,
      StageRegister register,
      Conflicts conflicts) {
    this.compared = compared;
    this.lock = lock;
    this.journal = journal;
    this.register = register;
    this.conflicts = conflicts;
  }

  /**
   * Opens it, or makes a new one.
   *
   * @param first the stage of a new one
   * @param limits of the journal
   * @param takesOver whether a target that belongs to another folder is taken over
   * @throws StoreUnavailableException if another store has it, if its disk fails, or if the target
   *     belongs to another folder by now
   */
  static DualFolder open(
      Disk disk,
      Path folder,
      Stage first,
      JournalLimits limits,
      boolean takesOver,
      MemoryStore target) {
    Operation operation = new Operation(DualWriteMemoryStore.STORE, "open", folder.toString());
    try {
      Files.makeFolder(disk, folder);
      FolderLock lock =
          FolderLock.take(
              disk, folder, operation, LOCK_WAIT, Clock.systemUTC(), ProcessHandle.current().pid());
      try {
        makeDurable(disk, folder);
        StageRegister register = StageRegister.open(disk, folder, first);
        if (takesOver) {
          register.takeOver();
        }
        guardIfThere(register, target);
        Conflicts conflicts = Conflicts.open(disk, folder.resolve("conflicts"), Clock.systemUTC());
        ComparedMark compared = new ComparedMark(disk, folder);
        Journal journal =
            Journal.open(disk, folder.resolve("journal"), limits, register.id(), operation);
        return new DualFolder(compared, lock, journal, register, conflicts);
      } catch (IOException | RuntimeException e) {
        try {
          lock.close();
        } catch (IOException second) {
          e.addSuppressed(second);
        }
        throw e;
      }
    } catch (IOException e) {
      throw StoreUnavailableException.notApplied(
          operation, "the folder could not be opened: " + e.getClass().getSimpleName(), e);
    }
  }

  /**
   * Whoever was killed may have made these folders and names, and forced none of them: what comes
   * into them now is to be found after a power cut.
   */
  private static void makeDurable(Disk disk, Path folder) throws IOException {
    Path above = folder.toAbsolutePath().getParent();
    if (above != null) {
      disk.forceFolder(above);
    }
    disk.forceFolder(folder);
    for (String name : List.of("journal", "conflicts")) {
      if (disk.stat(folder.resolve(name)) != null) {
        disk.forceFolder(folder.resolve(name));
      }
    }
  }

  private static void guardIfThere(StageRegister register, MemoryStore target) {
    if (register.state().stage() == Stage.OFF) {
      return; // nothing is written to it; the first change of stage asks it
    }
    try {
      register.guard(target);
    } catch (StoreUnavailableException away) {
      if (away.isRefusal()) {
        throw away;
      }
      LOG.info("the target gives no answer; it is asked again");
    }
  }

  Stage stage() {
    return register.state().stage();
  }

  OpLog log() {
    return OpLog.in(journal);
  }

  Journal journal() {
    return journal;
  }

  Conflicts conflicts() {
    return conflicts;
  }

  StageRegister register() {
    return register;
  }

  /** Makes the target ours, as soon as we write to it: whoever only looks at it takes nothing. */
  void guard(MemoryStore target) {
    if (stage() != Stage.OFF) {
      register.guard(target);
    }
  }

  /**
   * Moves to another stage, durably.
   *
   * @param forced whether the first stage takes over a target that belongs to another folder
   * @param facts what is taken note of with it
   */
  void move(Stage now, Stage next, boolean forced, MemoryStore target, UnaryOperator<Facts> facts) {
    if (forced && now == Stage.OFF) {
      register.takeOver();
    }
    Instant at = Clock.systemUTC().instant();
    register.move(next, target, known -> facts.apply(known).entered(now, next, at));
  }

  /**
   * Looks at what the journal says is not done: of each operation either the store that led it says
   * what it did, or it did not occur, or the target has to be asked once it is there.
   *
   * @param toCompare called whenever the stores have to be compared
   */
  void recover(
      Settling settling, Debts debts, TwoStores stores, Events events, Runnable toCompare) {
    Journal.Found found = journal.found();
    found.damage().forEach(events::journalDamaged);
    for (Journal.Open open : found.open()) {
      recover(open, settling, debts, stores);
    }
    Optional<EditedOutside> files = stores.source().as(EditedOutside.class);
    lastEdit = () -> files.map(EditedOutside::lastEdit).orElse("");
    events.whenResyncNeeded =
        () -> {
          unsettled();
          toCompare.run();
        };
    // First this, so that no edit is between what the mark tells and what is told.
    files.ifPresent(source -> source.onEdit(() -> events.noteResyncNeeded(EDITED)));
    String comparedAt = comparedAt();
    boolean edited = comparedAt != null && !lastEdit.get().equals(comparedAt);
    boolean isWhole =
        comparedAt != null
            && !edited
            && found.damage().isEmpty()
            && (found.ending() == Journal.Ending.CLEAN || found.ending() == Journal.Ending.KILLED);
    if (isWhole || !stage().writesBoth()) {
      settled(events);
    } else if (edited) {
      events.resyncNeeded(EDITED);
    } else if (found.ending() == Journal.Ending.NEW) {
      events.resyncNeeded("the journal is new");
    } else {
      events.resyncNeeded("the journal may lack what was not forced");
    }
    journal.listen(
        new Journal.Listener() {
          @Override
          public void filling(int percent) {
            events.journalFilling(percent);
          }

          @Override
          public void poisoned() {
            events.journalPoisoned();
          }

          @Override
          public void broken(String reason) {
            events.resyncNeeded("the journal cannot be written any more: " + reason);
          }
        });
  }

  private void recover(Journal.Open open, Settling settling, Debts debts, TwoStores stores) {
    OpId op = open.opId();
    if (open.outcomeKnown() && open.lacking() == Side.SOURCE && !stage().targetIsAuthority()) {
      journal.done(op); // the source leads, so it has got that: only the line about it is lost
      return;
    }
    boolean targetTried = open.leaders().contains(Side.TARGET);
    if (targetTried && !(open.outcomeKnown() && open.lacking() == Side.SOURCE)) {
      settling.doubt(op);
    }
    List<Journal.Change> changes = open.changes();
    Side lacking = open.lacking();
    if (!open.outcomeKnown()) {
      Optional<Outcome> bySource =
          open.leaders().contains(Side.SOURCE) ? stores.source().conclude(op) : Optional.empty();
      if (bySource.isEmpty()) {
        if (!targetTried) {
          journal.done(op); // it did not occur
        }
        return;
      }
      changes = Settling.changes(bySource.get(), false);
      lacking = Side.TARGET;
    }
    if (changes.isEmpty()) {
      if (lacking == Side.SOURCE) {
        settling.missedBySource(op);
      } else {
        settling.missedByTarget(op);
      }
      return;
    }
    boolean guarded = lacking == Side.TARGET && stage().targetIsAuthority();
    boolean editable = lacking == Side.SOURCE; // while nobody had it open
    debts.add(op, changes, lacking, guarded || editable, "it was found in the journal");
  }

  /**
   * The last edit by others of which the target has all, another than the last if it lacks one;
   * null if it may lack anything.
   */
  private synchronized @Nullable String comparedAt() {
    return compared.isThere() ? compared.edit() : null;
  }

  /** The journal does not know all that one store lacks: whoever opens it next has to compare. */
  private synchronized void unsettled() {
    try {
      compared.remove();
    } catch (IOException e) {
      LOG.warn("that the stores have to be compared could not be noted: {}", e.getClass());
    }
  }

  /**
   * The journal need not be looked at again: what it says is known, or found by comparing; unless
   * it became necessary again meanwhile.
   */
  synchronized void settled(Events events) {
    if (events.resync.get() != null) {
      return;
    }
    journal.settled();
    try {
      compared.put(lastEdit.get());
    } catch (IOException e) {
      LOG.debug("that the stores were compared could not be noted");
    }
  }

  /** A journal that ends well is believed: not where a mark may be found that was taken away. */
  private void end() {
    boolean unsure;
    synchronized (this) {
      unsure = compared.isUnsure();
      if (unsure) {
        unsettled();
      }
    }
    if (unsure) {
      journal.leave();
    } else {
      journal.close();
    }
  }

  @Override
  public void close() {
    try {
      end();
    } finally {
      try {
        lock.close();
      } catch (IOException e) {
        LOG.warn("the folder's lock was not given back: {}", e.getClass().getSimpleName());
      }
    }
  }
}
