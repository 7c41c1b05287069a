package io.agentmemory.dualwrite;

import io.agentmemory.MemoryStore;
import io.agentmemory.Operation;
import io.agentmemory.spi.Seal;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Goes from one stage to the next while no write is let in: the store that will lead gets what it
 * lacks, the folder takes note of the stage, and the source is sealed where the move ends.
 */
final class StageChange implements StageMoves.Change {
  private final TwoStores stores;
  private final StageGate gate;
  private final Debts debts;
  private final Settling settling;
  private final Writes writes;
  private final Events events;
  private final OpLog log;
  private final @Nullable DualFolder folder;
  private final Runnable beforeMove;

  /**
   * @param beforeMove writes down what was only counted so far
   */
  StageChange(
      TwoStores stores,
      StageGate gate,
      Debts debts,
      Settling settling,
      Writes writes,
      Events events,
      OpLog log,
      @Nullable DualFolder folder,
      Runnable beforeMove) {
    this.stores = stores;
    this.gate = gate;
    this.debts = debts;
    this.settling = settling;
    this.writes = writes;
    this.events = events;
    this.log = log;
    this.folder = folder;
    this.beforeMove = beforeMove;
  }

  @Override
  public List<Lagging> to(Stage next, StageMoves.How how, UnaryOperator<Facts> facts) {
    List<Lagging> undrained = new ArrayList<>();
    Stage before = gate.change(next, now -> undrained.addAll(makeReady(now, next, how, facts)));
    events.stageChanged(before, next);
    return undrained;
  }

  private List<Lagging> makeReady(
      Stage now, Stage next, StageMoves.How how, UnaryOperator<Facts> facts) {
    List<Lagging> undrained = List.of();
    boolean takesOver = now.targetIsAuthority() && !next.targetIsAuthority();
    boolean leaves = !next.writesBoth() && log.isKept() && next.targetIsAuthority();
    if (takesOver && how == StageMoves.How.WITHOUT_TARGET) {
      undrained = settling.takeOver();
    } else if (now.targetIsAuthority() != next.targetIsAuthority() || leaves) {
      undrained =
          writes.catchUpAlone(
              new Operation(DualWriteMemoryStore.STORE, "changeStage", next.name()),
              takesOver && how == StageMoves.How.FORCED);
    }
    if (folder != null) {
      beforeMove.run();
      if (next == Stage.COMPLETE) {
        complete(folder, now, facts);
      } else {
        folder.move(now, next, how != StageMoves.How.ORDERLY, stores.target(), facts);
        if (now == Stage.COMPLETE) {
          unsealSource();
        }
      }
    }
    settling.sourceLeads(!next.targetIsAuthority());
    if (!next.writesBoth()) {
      debts.forgive();
      settling.forget().forEach(log::done);
    }
    return undrained;
  }

  /**
   * What the source holds now is what other programs find in it, and nobody is to write there by
   * mistake any more.
   */
  private void complete(DualFolder owned, Stage now, UnaryOperator<Facts> facts) {
    MemoryStore source = stores.source();
    source.checkpoint();
    source.as(Seal.class).ifPresent(seal -> seal.seal(why(owned)));
    boolean moved = false;
    try {
      owned.move(now, Stage.COMPLETE, false, stores.target(), facts);
      moved = true;
    } finally {
      if (!moved) {
        unsealSource();
      }
    }
  }

  private static String why(DualFolder owned) {
    return "the move of folder " + owned.register().id() + " is COMPLETE";
  }

  /** Where the process ended between the seal and the last stage, or went back from that. */
  void unsealSource() {
    DualFolder owned = folder;
    if (owned != null) {
      stores
          .source()
          .as(Seal.class)
          .filter(seal -> seal.sealed().filter(why(owned)::equals).isPresent())
          .ifPresent(Seal::unseal);
    }
  }
}
