package io.agentmemory.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

class SqlErrorsTest {
  private static final Operation OPERATION = new Operation("postgres", "store", "m-1f");
  private static final String SECRET = "what the agent remembers";

  /** What the driver makes of an error that the server reports. */
  private static PSQLException fromServer(String state, String message) {
    return new PSQLException(
        new ServerErrorMessage("SERROR\0VERROR\0C" + state + "\0M" + message + "\0D" + message),
        true);
  }

  private static String everything(Throwable thrown) {
    StringWriter text = new StringWriter();
    thrown.printStackTrace(new PrintWriter(text, true));
    return text.toString();
  }

  @Test
  void givenEachState_whenTranslated_thenTheKindIsTheOneOfTheTable() {
    Map<Class<? extends MemoryStoreException>, List<String>> table =
        Map.of(
            StoreUnavailableException.class,
            List.of(
                "08001", "08003", "08006", "08P01", "57P01", "57P02", "57P03", "57P05", "57014",
                "25P03", "53300", "53100", "53200", "58030", "25006", "40001", "40P01", "55P03",
                "28P01", "28000", "3D000", "XX001", "XX002"),
            InvalidMemoryException.class,
            List.of("22001", "22021", "22P02", "23502", "23514", "23505", "54000", "54001"),
            UncategorizedStoreException.class,
            List.of("42P01", "42703", "42501", "25P02", "21000", "0A000", "XX000", "26000"));

    table.forEach(
        (kind, states) ->
            states.forEach(
                state ->
                    assertThat(SqlErrors.translate(OPERATION, fromServer(state, "said")))
                        .as(state)
                        .isInstanceOf(kind)
                        .hasMessageContaining("postgres.store(m-1f)")
                        .hasMessageContaining(state)));
  }

  @Test
  void givenUnavailable_whenTranslated_thenNothingWasApplied() {
    MemoryStoreException thrown = SqlErrors.translate(OPERATION, fromServer("08006", "gone"));

    assertThat(((StoreUnavailableException) thrown).mayHaveApplied()).isEmpty();
  }

  @Test
  void givenOthersInTheWayForTooLong_whenTranslated_thenARefusalOfAStoreThatIsThere() {
    for (String state : List.of("40001", "40P01", "55P03")) {
      assertThat(SqlErrors.translate(OPERATION, fromServer(state, "busy")))
          .asInstanceOf(type(StoreUnavailableException.class))
          .as(state)
          .matches(StoreUnavailableException::isRefusal);
    }
    for (String state : List.of("08001", "08006", "57014", "57P01", "57P03", "53300", "25006")) {
      assertThat(SqlErrors.translate(OPERATION, fromServer(state, "gone")))
          .asInstanceOf(type(StoreUnavailableException.class))
          .as(state)
          .matches(away -> !away.isRefusal());
    }
  }

  @Test
  void givenBreakDuringCommit_whenTranslated_thenTheOperationIsNamedToRepeatIt() {
    OpId opId = OpId.random();

    MemoryStoreException thrown =
        SqlErrors.unknown(OPERATION, opId, new SQLException("gone", "08006"));

    assertThat(((StoreUnavailableException) thrown).mayHaveApplied()).contains(opId);
  }

  @Test
  void givenServerThatQuotesValues_whenTranslated_thenTheyAreNowhere() {
    for (String state : List.of("22P02", "22021", "23514", "23505", "54000", "42703", "XX000")) {
      MemoryStoreException thrown = SqlErrors.translate(OPERATION, fromServer(state, SECRET));

      assertThat(everything(thrown)).as(state).doesNotContain(SECRET).contains(state);
    }
  }

  @Test
  void givenPoolWithoutConnections_whenTranslated_thenUnavailable() {
    SQLException failure = new SQLTransientConnectionException("pool - not available");

    assertThat(SqlErrors.state(failure)).isEqualTo("08001");
    assertThat(SqlErrors.translate(OPERATION, failure))
        .isInstanceOf(StoreUnavailableException.class)
        .hasMessageContaining("nothing was changed");
  }

  @Test
  void givenNoStateAtAll_whenTranslated_thenUncategorized() {
    assertThat(SqlErrors.translate(OPERATION, new SQLException("?")))
        .isInstanceOf(UncategorizedStoreException.class)
        .hasMessageContaining("XX000");
  }

  @Test
  void givenFailures_whenSorted_thenOnlyContentionAndLostStatementsAreTriedAgain() {
    assertThat(List.of("40001", "40P01", "55P03"))
        .allMatch(state -> SqlErrors.isContention(fromServer(state, "busy")));
    assertThat(List.of("57014", "08006", "23505"))
        .noneMatch(state -> SqlErrors.isContention(fromServer(state, "no")));
    assertThat(SqlErrors.isLostStatement(fromServer("26000", "S_1"))).isTrue();
    assertThat(SqlErrors.isLostStatement(fromServer("0A000", "cached plan must not change")))
        .isTrue();
    assertThat(SqlErrors.isLostStatement(fromServer("0A000", "not supported"))).isFalse();
  }
}
