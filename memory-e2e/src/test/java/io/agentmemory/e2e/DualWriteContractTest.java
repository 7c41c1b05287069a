package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.agentmemory.MemoryStore;
import io.agentmemory.dualwrite.DualWriteMemoryStore;
import io.agentmemory.dualwrite.DualWriteStats;
import io.agentmemory.dualwrite.Stage;
import io.agentmemory.internal.testkit.ContractSample;
import io.agentmemory.postgres.PostgresMemoryStore;
import io.agentmemory.testkit.MemoryStoreContract;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files and PostgreSQL at once are one store, in every stage.
 *
 * <p>DUAL_WRITE writes as SHADOW does, and RAMP_DOWN as LIVE: what they lack is reading the other
 * store as well. So these two run a {@link Sample}, unless {@code -Dcontract=all} says otherwise.
 * Over two stores in memory the module of the dual write runs every stage whole.
 */
@Tag("postgres")
class DualWriteContractTest {
  private static final String ALONE =
      "one store works alone: that is its own contract, and that of this stage over other stores";

  private static Stores stores;
  private static HikariDataSource pool;

  @BeforeAll
  static void create() {
    stores = new Stores("dual write");
    stores.postgres("migrates").close();
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(stores.jdbcUrl());
    config.setMaximumPoolSize(20);
    pool = new HikariDataSource(config); // one for all tests: opening one takes longer than a test
  }

  @AfterAll
  static void drop() {
    pool.close();
    stores.close();
  }

  /** Lets only the parts of the contract run in which the order of writes shows. */
  static final class Sample extends ContractSample {
    Sample() {
      super("AnyCommands", "Concurrency", "Batches");
    }
  }

  abstract static class InStage extends MemoryStoreContract {
    private record Both(MemoryStore file, MemoryStore postgres, Path folder) {}

    private final Stage stage;
    private final Map<MemoryStore, Both> opened = new HashMap<>();
    @TempDir Path folder;

    InStage(Stage stage) {
      this.stage = stage;
    }

    @Override
    protected MemoryStore openStore(String purpose) {
      String namespace = Stores.namespace();
      return open(namespace, folder.resolve(namespace));
    }

    private MemoryStore open(String namespace, Path tree) {
      MemoryStore file = Stores.file(tree, namespace);
      MemoryStore postgres =
          PostgresMemoryStore.builder(pool).namespace(namespace).checkOnly().open();
      MemoryStore store =
          DualWriteMemoryStore.builder(file, postgres)
              .stage(stage)
              .shadowRate(1)
              .closesStores()
              .build();
      opened.put(store, new Both(file, postgres, tree));
      return store;
    }

    @Override
    protected Optional<MemoryStore> reopen(MemoryStore store) {
      if (stage != Stage.SHADOW && stage != Stage.LIVE) {
        return Optional.empty(); // the backends' own contracts reopen; once per authority is enough
      }
      check(store);
      Both both = opened.get(store);
      assertThat(both).isNotNull();
      String namespace = store.namespace();
      store.close();
      return Optional.of(open(namespace, both.folder()));
    }

    @AfterEach
    void checkAll() {
      opened.keySet().forEach(this::check);
    }

    private void check(MemoryStore store) {
      DualWriteMemoryStore dual = (DualWriteMemoryStore) store;
      Both both = opened.get(store);
      assertThat(both).isNotNull();
      assertThat(dual.drain(Duration.ofSeconds(20))).isTrue();
      DualWriteStats stats = dual.stats();
      assertThat(dual.lagging()).isEmpty();
      assertThat(stats.mismatched()).as("mismatched").isZero();
      assertThat(stats.secondaryFailures()).as("failures").isZero();
      assertThat(stats.shadowMismatched()).as("shadow mismatched").isZero();
    }
  }

  @Nested
  @EnabledIfSystemProperty(named = "contract", matches = "all", disabledReason = ALONE)
  class Off extends InStage {
    Off() {
      super(Stage.OFF);
    }
  }

  @Nested
  @ExtendWith(Sample.class)
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
  @ExtendWith(Sample.class)
  class RampDown extends InStage {
    RampDown() {
      super(Stage.RAMP_DOWN);
    }
  }

  @Nested
  @EnabledIfSystemProperty(named = "contract", matches = "all", disabledReason = ALONE)
  class Complete extends InStage {
    Complete() {
      super(Stage.COMPLETE);
    }
  }
}
