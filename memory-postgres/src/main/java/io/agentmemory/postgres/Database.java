package io.agentmemory.postgres;

import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.UncategorizedStoreException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;
import org.jdbi.v3.core.statement.SqlStatements;
import org.jdbi.v3.core.statement.StatementExceptions;
import org.jdbi.v3.core.statement.StatementExceptions.MessageRendering;
import org.jdbi.v3.core.statement.TemplateEngine;
import org.postgresql.PGConnection;
import org.postgresql.core.BaseConnection;
import org.postgresql.core.TransactionState;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Connections, transactions and second tries: every exception that leaves it is one of ours.
 * Thread-safe.
 */
final class Database {
  private static final Logger LOG = LoggerFactory.getLogger(Database.class);
  private static final Duration DEADLINE = Duration.ofSeconds(3);
  private static final int TRIES = 6;

  /** Work on a connection. */
  interface Work<R> {
    R on(Connection connection) throws SQLException;
  }

  /** Work through JDBI. */
  interface HandleWork<R> {
    R on(Handle handle);
  }

  /** What was read is no longer so: the whole operation has to be done again. */
  static final class Stale extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Stale() {
      super("a record changed meanwhile", null, false, false);
    }
  }

  /**
   * Time limits of one transaction.
   *
   * @param lock waiting for one lock, in milliseconds
   * @param statement running one statement, in milliseconds
   * @param idle between two statements, in milliseconds: after a line went dead without a word, the
   *     server would else hold the locks of the transaction for hours
   */
  record TimeLimits(int lock, int statement, int idle) {
    /** For what somebody waits for. */
    static final TimeLimits FOREGROUND = new TimeLimits(1_000, 2_500, 5_000);

    /** For batches of hundreds of records. */
    static final TimeLimits BULK = new TimeLimits(5_000, 60_000, 15_000);
  }

  private final DataSource foreground;
  private final DataSource bulk;
  private final Jdbi foregroundJdbi;
  private final Jdbi bulkJdbi;
  private final Runnable evictAll;

  /** Sessions are mixed by a pooler: what one prepared, another one does not know. */
  private volatile boolean isPooled;

  /**
   * Works over these connections.
   *
   * @param bulk for long work, so that it does not keep others waiting
   * @param evictAll throws away pooled connections after a failover
   */
  Database(DataSource foreground, DataSource bulk, Runnable evictAll) {
    this.foreground = foreground;
    this.bulk = bulk;
    this.evictAll = evictAll;
    this.foregroundJdbi = jdbi(foreground);
    this.bulkJdbi = jdbi(bulk);
  }

  private Jdbi jdbi(DataSource source) {
    Jdbi jdbi = Jdbi.create(() -> open(source));
    // no bound values anywhere
    jdbi.getConfig(StatementExceptions.class).setMessageRendering(MessageRendering.NONE);
    jdbi.getConfig(SqlStatements.class).setJfrParamMaxLength(2); // "…"; less makes Jdbi fail
    // the default one would take <=> for its own
    jdbi.getConfig(SqlStatements.class).setTemplateEngine(TemplateEngine.NOP);
    return jdbi;
  }

  private DataSource source(boolean isBulk) {
    return isBulk ? bulk : foreground;
  }

  /** Reads on a connection, each statement a transaction of its own. */
  <R> R read(Operation operation, boolean isBulk, Work<R> work) {
    for (int tries = 1; ; tries++) {
      try (Connection connection = open(source(isBulk))) {
        return work.on(connection);
      } catch (SQLException failure) {
        if (tries > 1 || !isLostStatement(failure)) {
          throw fail(operation, failure);
        }
      } catch (Table.SqlFailure wrapped) {
        throw fail(operation, wrapped.failure());
      }
    }
  }

  /** Reads through JDBI, each statement a transaction of its own. */
  <R> R query(Operation operation, boolean isBulk, HandleWork<R> work) {
    for (int tries = 1; ; tries++) {
      try (Handle handle = (isBulk ? bulkJdbi : foregroundJdbi).open()) {
        return work.on(handle);
      } catch (JdbiException | Table.SqlFailure wrapped) {
        SQLException failure = SqlErrors.find(wrapped);
        if (failure == null) {
          throw wrapped;
        }
        if (tries > 1 || !isLostStatement(failure)) {
          throw fail(operation, failure);
        }
      }
    }
  }

  /**
   * Runs one statement that is a transaction of its own.
   *
   * @throws SQLException if it did not take effect
   * @throws StoreUnavailableException if nobody knows whether it did
   */
  <R> R autocommit(Operation operation, OpId opId, boolean isBulk, Work<R> work)
      throws SQLException {
    Connection connection;
    try {
      connection = open(source(isBulk));
    } catch (SQLException failure) {
      throw fail(operation, failure);
    }
    try (connection) {
      return work.on(connection);
    } catch (SQLException failure) {
      if (SqlErrors.isConnectionLost(failure)) {
        throw SqlErrors.unknown(operation, opId, failure);
      }
      throw failure;
    }
  }

  /**
   * Runs statements that may take hours, each of them a transaction of its own. What the role or
   * the database says about time limits does not hold for them: that and what else is set for
   * {@code work} belongs to the session.
   *
   * @throws UncategorizedStoreException if a pooler is in between: there the settings and locks of
   *     a session would meet other clients, and stay
   */
  <R> R maintain(Operation operation, Work<R> work) {
    try (Connection connection = open(bulk)) {
      if (isBehindPooler(connection)) {
        throw new UncategorizedStoreException(
            operation,
            "cannot be done through a pooler, which lends its sessions to others too: open the store"
                + " over a direct connection to the server",
            null);
      }
      int patience = connection.getNetworkTimeout();
      connection.setNetworkTimeout(Runnable::run, 0);
      try {
        limits(connection, "SET statement_timeout = 0; SET lock_timeout = 0");
        return work.on(connection);
      } finally {
        if (!connection.isClosed()) {
          try {
            limits(connection, "RESET statement_timeout; RESET lock_timeout");
          } catch (SQLException lost) {
            LOG.debug("the connection is of no use any more: {}", SqlErrors.state(lost));
          }
          connection.setNetworkTimeout(Runnable::run, patience);
        }
      }
    } catch (SQLException failure) {
      throw fail(operation, failure);
    }
  }

  private static void limits(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /**
   * Does work in one transaction and commits it. Starts anew, a few times within three seconds, if
   * somebody else was in the way.
   */
  <R> R transact(Operation operation, OpId opId, boolean isBulk, Work<R> work) {
    long start = System.nanoTime();
    for (int tries = 1; ; tries++) {
      SQLException contention;
      try {
        return once(operation, opId, isBulk, work);
      } catch (Stale stale) {
        contention = new SQLException("records kept changing", "40001");
      } catch (SQLException failure) {
        boolean again = SqlErrors.isContention(failure);
        if (!again && !(isLostStatement(failure) && tries == 1)) {
          throw fail(operation, failure);
        }
        contention = failure;
      }
      boolean late = System.nanoTime() - start > DEADLINE.toNanos();
      if (tries == TRIES || late || Thread.currentThread().isInterrupted()) {
        throw fail(operation, contention);
      }
      LOG.debug("{}: trying again after SQLSTATE {}", operation, SqlErrors.state(contention));
      pause(tries);
    }
  }

  private <R> R once(Operation operation, OpId opId, boolean isBulk, Work<R> work)
      throws SQLException {
    Connection connection = open(source(isBulk));
    boolean committing = false;
    boolean done = false;
    try {
      connection.setAutoCommit(false);
      R result = work.on(connection);
      requireIntact(connection);
      committing = true;
      connection.commit();
      done = true;
      return result;
    } catch (SQLException failure) {
      if (committing && SqlErrors.isConnectionLost(failure)) {
        throw SqlErrors.unknown(operation, opId, failure);
      }
      throw failure;
    } catch (Table.SqlFailure wrapped) {
      throw wrapped.failure();
    } finally {
      giveBack(connection, done);
    }
  }

  // The COMMIT of a failed transaction succeeds and keeps nothing, unless the driver is told to say
  // so; and the driver may be somebody else's.
  private static void requireIntact(Connection connection) throws SQLException {
    if (connection.isWrapperFor(BaseConnection.class)
        && connection.unwrap(BaseConnection.class).getTransactionState()
            == TransactionState.FAILED) {
      throw new SQLException("a statement of the transaction failed", "25P02");
    }
  }

  // After any failure: roll back. A commit of a failed transaction would keep nothing.
  private static void giveBack(Connection connection, boolean committed) {
    try (connection) {
      if (!committed) {
        connection.rollback();
      }
      connection.setAutoCommit(true);
    } catch (SQLException e) {
      LOG.debug("a connection was of no use any more: SQLSTATE {}", SqlErrors.state(e));
    }
  }

  private static void pause(int tries) {
    long most = TimeUnit.MILLISECONDS.toNanos(Math.min(500, 10L << tries));
    LockSupport.parkNanos(ThreadLocalRandom.current().nextLong(most));
  }

  /**
   * Whether a pooler is in between, which may give each transaction another session. It has no
   * process number of a server's to tell, so it tells one that it made up.
   *
   * <p>There a statement prepared under a name may be another client's: one that takes as many
   * parameters would be carried out in its place, and nobody would notice.
   */
  static boolean isBehindPooler(Connection connection) throws SQLException {
    if (!connection.isWrapperFor(PGConnection.class)) {
      return false; // somebody else's driver
    }
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT pg_backend_pid()")) {
      return row.next() && row.getInt(1) != connection.unwrap(PGConnection.class).getBackendPID();
    }
  }

  /** From now on no statement gets a name that outlives it. */
  void prepareNothing() {
    LOG.info("behind a pooler: no statement is prepared");
    isPooled = true;
  }

  /**
   * Whether another try helps, because a prepared statement got lost. Behind a pooler that mixes
   * sessions this would happen again and again: from now on nothing is prepared any more.
   */
  private boolean isLostStatement(SQLException failure) {
    if (!SqlErrors.isLostStatement(failure)) {
      return false;
    }
    if (!isPooled && SqlErrors.isMixedSession(failure)) {
      prepareNothing();
      evictAll.run(); // they know statements by names that mean something else by now
    }
    return true;
  }

  private Connection open(DataSource source) throws SQLException {
    Connection connection = connect(source);
    try {
      if (isPooled && connection.isWrapperFor(PGConnection.class)) {
        connection.unwrap(PGConnection.class).setPrepareThreshold(0);
      }
      if (!connection.getAutoCommit()) { // somebody else's pool may have that as its default
        connection.setAutoCommit(true);
      }
      return connection;
    } catch (SQLException failure) {
      Pools.closeQuietly(connection);
      throw failure;
    }
  }

  /**
   * A connection of anybody's pool.
   *
   * @throws SqlErrors.NoConnection if there is none to be had
   */
  static Connection connect(DataSource source) throws SQLException {
    try {
      return source.getConnection();
    } catch (SQLException failure) {
      throw new SqlErrors.NoConnection(failure);
    }
  }

  private MemoryStoreException fail(Operation operation, SQLException failure) {
    if (SqlErrors.isReadOnlyServer(failure)) {
      LOG.warn("{}: the server is read-only; closing the connections to it", operation);
      evictAll.run();
    }
    return SqlErrors.translate(operation, failure);
  }
}
