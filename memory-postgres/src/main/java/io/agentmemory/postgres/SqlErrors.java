package io.agentmemory.postgres;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * Sorts what the database says into our kinds of error. No bound value gets into a message or a
 * cause: memories are private, and the server quotes values in its own messages.
 *
 * <p>Source: PostgreSQL 15 manual, appendix A.
 */
final class SqlErrors {
  /** No connection: the pool had none in time, or has none at all. */
  private static final String NO_CONNECTION = "08001";

  private SqlErrors() {}

  /** No connection was to be had, whatever is said about the reason. */
  static final class NoConnection extends SQLException {
    private static final long serialVersionUID = 1L;

    NoConnection(SQLException failure) {
      super(failure.getMessage(), failure.getSQLState(), failure);
    }
  }

  /** The SQLSTATE; 08001 for a pool that has no connection to give, XX000 where there is none. */
  static String state(SQLException failure) {
    for (Throwable at = failure; at != null; at = at.getCause()) {
      if (at instanceof SQLException sql && sql.getSQLState() != null) {
        return sql.getSQLState();
      }
    }
    return failure instanceof SQLTransientConnectionException || failure instanceof NoConnection
        ? NO_CONNECTION
        : "XX000";
  }

  /** The failure of the database behind another exception; null if it is none's. */
  static @Nullable SQLException find(Throwable failure) {
    for (Throwable at = failure; at != null; at = at.getCause()) {
      if (at instanceof SQLException sql) {
        return sql;
      }
    }
    return null;
  }

  /** Somebody else was in the way: the same again may well succeed. */
  static boolean isContention(SQLException failure) {
    String state = state(failure);
    return state.equals("40001") || state.equals("40P01") || state.equals("55P03");
  }

  /** A prepared statement got lost, as happens behind a pooler: a new connection helps. */
  static boolean isLostStatement(SQLException failure) {
    String state = state(failure);
    return isMixedSession(failure)
        || (state.equals("0A000") && String.valueOf(failure.getMessage()).contains("cached plan"));
  }

  /** The session does not know a statement that we prepared, or knows another one by its name. */
  static boolean isMixedSession(SQLException failure) {
    String state = state(failure);
    return state.equals("26000") || state.equals("42P05");
  }

  /** After this, whether a commit that was under way took effect is not known. */
  static boolean isConnectionLost(SQLException failure) {
    String state = state(failure);
    return state.startsWith("08") || state.equals("57P01") || state.equals("57P02");
  }

  /** The whole pool is of no use: the server became a standby. */
  static boolean isReadOnlyServer(SQLException failure) {
    return state(failure).equals("25006");
  }

  /** It took longer than allowed, and was ended. */
  static boolean isTooSlow(SQLException failure) {
    return state(failure).equals("57014");
  }

  static boolean isDuplicate(SQLException failure) {
    return state(failure).equals("23505");
  }

  /** Whether it is about two rows that one constraint of ours keeps apart. */
  static boolean isDuplicate(SQLException failure, String constraint) {
    for (Throwable at = failure; at != null; at = at.getCause()) {
      if (at instanceof PSQLException driver) {
        ServerErrorMessage message = driver.getServerErrorMessage();
        return message != null && isDuplicate(driver) && constraint.equals(message.getConstraint());
      }
    }
    return false;
  }

  /** The error to throw for a failure that left nothing behind. */
  static MemoryStoreException translate(Operation operation, SQLException failure) {
    String state = state(failure);
    String reason = "SQLSTATE " + state + where(failure);
    if (failure instanceof NoConnection) {
      return StoreUnavailableException.notApplied(
          operation, reason + connectHint(state), failure.getCause());
    }
    switch (state.substring(0, 2)) {
      case "08":
      case "28":
      case "3D":
      case "53":
      case "58":
        return StoreUnavailableException.notApplied(operation, reason, failure);
      case "57":
        String late = isTooSlow(failure) ? reason + ": it took longer than allowed" : reason;
        return StoreUnavailableException.notApplied(operation, late, failure);
      case "40":
        return StoreUnavailableException.refused(
            operation, reason + ": others kept changing the same records", silenced(failure));
      case "22":
      case "23":
        return new InvalidMemoryException(
            operation, "value", "was refused: " + reason, silenced(failure));
      case "54":
        return new InvalidMemoryException(
            operation, "value", "is too large: " + reason, silenced(failure));
      default:
        break;
    }
    if (isReadOnlyServer(failure)) {
      return StoreUnavailableException.notApplied(
          operation, reason + ": the server is read-only", silenced(failure));
    }
    if (state.equals("25P03")) {
      return StoreUnavailableException.notApplied(
          operation, reason + ": the server waited too long for the next statement", failure);
    }
    if (state.equals("55P03")) {
      return StoreUnavailableException.refused(
          operation, reason + ": a lock was not to be had in time", silenced(failure));
    }
    if (state.equals("XX001") || state.equals("XX002")) {
      return StoreUnavailableException.notApplied(
          operation, reason + ": the database is damaged", silenced(failure));
    }
    return new UncategorizedStoreException(operation, reason + hint(state), silenced(failure));
  }

  /** The error to throw when the connection broke while {@code opId} was being committed. */
  static MemoryStoreException unknown(Operation operation, OpId opId, SQLException failure) {
    return StoreUnavailableException.unknown(
        operation, opId, "SQLSTATE " + state(failure) + " during commit", failure);
  }

  private static String connectHint(String state) {
    return switch (state) {
      case "22023" ->
          ": the server refuses a setting of the connection; where it does not know the time zone of"
              + " this JVM, -Duser.timezone=UTC helps";
      case "42501" -> ": the database user has no right to connect";
      default -> "";
    };
  }

  private static String hint(String state) {
    return switch (state) {
      case "42P01", "42703", "3F000" -> ": the schema is not the one this library made";
      case "42501" -> ": the database user has no right to that";
      case "26000", "42P05" -> ": behind a pooler, add prepareThreshold=0 to the address";
      default -> "";
    };
  }

  /** The names in our own schema that the server gives; values it never gives here. */
  private static String where(SQLException failure) {
    if (failure instanceof PSQLException driver) {
      ServerErrorMessage message = driver.getServerErrorMessage();
      if (message != null && message.getConstraint() != null) {
        return " (" + message.getConstraint() + ")";
      }
      if (message != null && message.getTable() != null) {
        return " (" + message.getTable() + ")";
      }
    }
    return "";
  }

  /** The same failure without its message, which may quote what was bound. */
  private static SQLException silenced(SQLException failure) {
    SQLException copy = new SQLException("SQLSTATE " + state(failure), state(failure));
    copy.setStackTrace(failure.getStackTrace());
    return copy;
  }
}
