package io.agentmemory.dualwrite;

import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Plans and applies repairs of two stores that are used as one, while they are: each record in turn
 * with the writes of it.
 */
final class Repairs {
  private final TwoStores stores;
  private final StageGate gate;
  private final Turns turns;
  private final Debts debts;
  private final Settling settling;
  private final Duration patience;

  Repairs(
      TwoStores stores,
      StageGate gate,
      Turns turns,
      Debts debts,
      Settling settling,
      Duration patience) {
    this.stores = stores;
    this.gate = gate;
    this.turns = turns;
    this.debts = debts;
    this.settling = settling;
    this.patience = patience;
  }

  /**
   * What would give the other store the state of this one. Only reads.
   *
   * @throws StoreUnavailableException if a store gives no answer, or a stage uses one of them only
   */
  RepairPlan plan(Side right) {
    refuseOneStore(gate.stage(), new Operation(DualWriteMemoryStore.STORE, "repairPlan", ""));
    return RepairPlan.of(stores.of(right), stores.of(right.other()));
  }

  /**
   * Applies a plan. What is overwritten is kept as a conflict that the state of {@code right} won.
   * Of what a store is known to lack, only what it refused is for a repair to decide: the rest it
   * gets anyway.
   *
   * @throws StoreUnavailableException as {@link #plan}; apply the plan again
   */
  RepairPlan.Result apply(RepairPlan plan, Side right, boolean deletes) {
    return plan.apply(
        stores.of(right),
        stores.of(right.other()),
        settling.conflicts(),
        right,
        deletes,
        this::inTurn);
  }

  private RepairPlan.Step inTurn(Ref ref, Supplier<RepairPlan.Step> step) {
    Operation operation = new Operation(DualWriteMemoryStore.STORE, "repair", ref.toString());
    StageGate.Pass pass = gate.enter(operation);
    try {
      refuseOneStore(pass.stage(), operation);
      Turns.Turn turn = turns.enter(Names.of(List.of(ref)));
      try {
        turn.await(operation, patience);
        turn.answered(() -> {});
        Debt debt = debts.of(ref).orElse(null);
        if (debt != null && !debt.parked()) {
          return RepairPlan.Step.left("one store lacks a write of it still");
        }
        if (debt != null) {
          settling.endThere(Set.copyOf(debt.ops()), debt.lacking());
        }
        RepairPlan.Step[] done = {RepairPlan.Step.left("a later write of it would not wait")};
        turn.whileHeld(
            () -> {
              done[0] = step.get();
              if (debt != null && done[0].left() == null) { // both are equal now
                debts.payAsTheyWere(List.of(debt));
              }
            });
        return done[0];
      } finally {
        turn.end();
      }
    } finally {
      gate.leave(pass);
    }
  }

  private static void refuseOneStore(Stage stage, Operation operation) {
    if (!stage.writesBoth()) {
      throw StoreUnavailableException.refused(
          operation, "in stage " + stage + " only one of the two stores is written", null);
    }
  }
}
