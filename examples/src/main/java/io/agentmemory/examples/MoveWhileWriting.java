package io.agentmemory.examples;

import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpId;
import io.agentmemory.dualwrite.Backfill;
import io.agentmemory.dualwrite.BackfillReport;
import io.agentmemory.dualwrite.Difference;
import io.agentmemory.dualwrite.DualWriteListener;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.Stage;
import io.agentmemory.dualwrite.Verifier;
import io.agentmemory.dualwrite.VerifyReport;
import java.io.PrintStream;

/** Moves a memory from one store to another while it is used. The arguments are the addresses. */
public final class MoveWhileWriting {
  private MoveWhileWriting() {}

  /** Runs it. */
  public static void main(String[] args) {
    if (args.length != 2) {
      throw new IllegalArgumentException("expected two addresses: from and to");
    }
    run(args[0], args[1], System.out);
  }

  static void run(String from, String to, PrintStream out) {
    DualWriteListener alarm =
        new DualWriteListener() {
          @Override
          public void onMismatch(OpId operation, Difference difference) {
            out.println(difference);
          }
        };
    // tag::dualwrite[]
    MemoryStore files = MemoryStores.open(from);
    MemoryStore database = MemoryStores.open(to);
    try (DualWriteMemoryStore store =
        DualWriteMemoryStore.builder(files, database)
            .stage(Stage.DUAL_WRITE) // the files lead, the database follows
            .listener(alarm) // hears of every difference
            .closesStores()
            .build()) {
      store.memories().store("The agent goes on as before."); // now in both

      BackfillReport copy = Backfill.builder(files, database).run();
      VerifyReport proof = Verifier.builder(files, database).run();
      out.println(copy + "; " + proof);
      if (copy.state() == BackfillReport.State.COMPLETE && proof.equal() && proof.complete()) {
        store.changeStage(Stage.SHADOW); // a sample of the reads runs on both, and is compared
        store.changeStage(Stage.LIVE); // the database leads and answers, the files follow
      }
      out.println(store.stats());
    }
    // end::dualwrite[]
  }
}
