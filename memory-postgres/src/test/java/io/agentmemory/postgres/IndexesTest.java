package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.Memory;
import io.agentmemory.MemoryHead;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryQuery.Any;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.PutRecords;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Which indexes the server uses, as it tells itself, on a table of some thousand memories. */
@Tag("postgres")
class IndexesTest {
  private static final int MEMORIES = 4000;

  private static TestDatabase database;
  private static PostgresMemoryStore store;

  @BeforeAll
  static void fill() throws SQLException {
    database = TestDatabase.create("indexes");
    store = database.open();
    List<PutRecords.Put> puts = new ArrayList<>();
    for (int i = 0; i < MEMORIES; i++) {
      puts.add(new PutRecords.Put(memory(i, "t" + i % 500, "agent" + i % 400), 1));
      if (puts.size() == 500) {
        store.execute(new PutRecords(puts));
        puts.clear();
      }
    }
    database.sql("ANALYZE agent_memory.memories");
  }

  private static Memory memory(int number, String tag, String agent) {
    String id = "m" + number;
    String day = LocalDate.EPOCH.plusDays(number % 1000).toString();
    Value.Map entities = Value.EMPTY_MAP.with("agents", Value.Seq.ofTexts(List.of(agent)));
    return new Memory(
        id,
        Tier.ACTIVE,
        id + ".md",
        "Body of " + id,
        new Value.Map(
            Map.of(
                "created",
                Value.of(day + "T11:52:05+00:00"),
                "event_time",
                Value.of(day),
                "tags",
                Value.Seq.ofTexts(List.of(tag, "all")),
                "entities",
                entities)));
  }

  @AfterAll
  static void drop() {
    store.close();
    database.close();
  }

  @Test
  void givenAnyTagEntityOrId_whenAsked_thenEachByItsIndex() throws SQLException {
    Any any =
        Any.NONE.id(List.of("m1", "m3999")).tag(List.of("T7", "t8")).entity("agents", "Agent5");
    MemoryQuery query = MemoryQuery.all().any(any).order(MemoryQuery.Order.HEAVIEST);

    assertThat(store.find(query)).hasSize(2 + 8 + 8 + 10);
    assertThat(plan(query))
        .contains("memories_pkey", "memories_tags", "memories_entities")
        .doesNotContain("Seq Scan");
    try (Stream<MemoryHead> heads = store.heads(query)) {
      assertThat(heads).hasSize(2 + 8 + 8 + 10);
    }
  }

  @Test
  void givenEntity_whenAsked_thenByItsIndexAlone() throws SQLException {
    MemoryQuery query = MemoryQuery.all().any(Any.NONE.entity("agents", "agent399"));

    assertThat(store.count(query)).isEqualTo(10);
    assertThat(plan(query)).contains("memories_entities").doesNotContain("Seq Scan");
  }

  @ParameterizedTest
  @EnumSource(
      value = MemoryQuery.Order.class,
      names = {"CREATED_DAY", "EVENT_DAY"})
  void givenOrderByDay_whenAFewAreAsked_thenTheyComeFromItsIndex(MemoryQuery.Order order)
      throws SQLException {
    MemoryQuery query = MemoryQuery.all().order(order).page(10, 0);

    assertThat(store.find(query)).extracting(Memory::id).contains("m999", "m1999", "m2999");
    assertThat(plan(query))
        .contains("memories_" + order.name().toLowerCase(Locale.ROOT))
        .doesNotContain("Seq Scan");
  }

  /** What the server says of the statement that {@code find} sends. */
  private static String plan(MemoryQuery query) throws SQLException {
    Sql sql = store.queries().finding(query);
    StringBuilder plan = new StringBuilder();
    try (Connection connection = database.connect();
        Statement setting = connection.createStatement()) {
      setting.execute("SET statement_timeout = '20s'");
      try (var statement = connection.prepareStatement("EXPLAIN " + sql.text())) {
        sql.bind(statement, 1);
        try (ResultSet rows = statement.executeQuery()) {
          while (rows.next()) {
            plan.append(rows.getString(1)).append('\n');
          }
        }
      }
    }
    return plan.toString();
  }
}
