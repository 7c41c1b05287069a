package io.agentmemory.dualwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.MemoryStore;
import io.agentmemory.testkit.InMemoryMemoryStore;
import io.agentmemory.testkit.MemoryStoreContract;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;

/** Two stores in any stage are one store; and in the stages that write both, both are equal. */
class DualWriteContractTest {
  abstract static class InStage extends MemoryStoreContract {
    private final Stage stage;
    private final List<DualWriteMemoryStore> opened = new ArrayList<>();
    private final List<MemoryStore> sources = new ArrayList<>();
    private final List<MemoryStore> targets = new ArrayList<>();

    InStage(Stage stage) {
      this.stage = stage;
    }

    @Override
    protected MemoryStore openStore(String purpose) {
      MemoryStore source = new InMemoryMemoryStore("test");
      MemoryStore target = new InMemoryMemoryStore("test");
      DualWriteMemoryStore store =
          DualWriteMemoryStore.builder(source, target).stage(stage).shadowRate(1).build();
      sources.add(source);
      targets.add(target);
      opened.add(store);
      return store;
    }

    @AfterEach
    void compareStores() {
      for (int i = 0; i < opened.size(); i++) {
        assertThat(opened.get(i).drain(Duration.ofSeconds(10))).isTrue();
        DualWriteStats stats = opened.get(i).stats();
        assertThat(opened.get(i).lagging()).isEmpty();
        assertThat(stats.mismatched()).as("mismatched").isZero();
        assertThat(stats.secondaryFailures()).as("failures").isZero();
        assertThat(stats.shadowMismatched()).as("shadow mismatched").isZero();
        if (stage.writesBoth()) {
          assertThat(Trees.dump(targets.get(i))).isEqualTo(Trees.dump(sources.get(i)));
        } else {
          MemoryStore unused = stage == Stage.OFF ? targets.get(i) : sources.get(i);
          assertThat(Trees.dump(unused)).isEmpty();
        }
      }
    }
  }

  @Nested
  class Off extends InStage {
    Off() {
      super(Stage.OFF);
    }
  }

  @Nested
  class DualWrite extends InStage {
    DualWrite() {
      super(Stage.DUAL_WRITE);
    }
  }

  @Nested
  class Shadow extends InStage {
    Shadow() {
      super(Stage.SHADOW);
    }
  }

  @Nested
  class Live extends InStage {
    Live() {
      super(Stage.LIVE);
    }
  }

  @Nested
  class RampDown extends InStage {
    RampDown() {
      super(Stage.RAMP_DOWN);
    }
  }

  @Nested
  class Complete extends InStage {
    Complete() {
      super(Stage.COMPLETE);
    }
  }
}
