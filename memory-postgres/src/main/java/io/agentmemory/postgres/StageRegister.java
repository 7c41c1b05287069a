package io.agentmemory.postgres;

import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.postgres.Database.TimeLimits;
import io.agentmemory.spi.EpochGuard.Register;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The register of a move, and the question of a guarded write whether its owner is still the newest
 * one. The write locks the register's row against change until it has ended: so whoever moves the
 * register on waits for it, and finds everything that was written under the epoch before.
 */
final class StageRegister {
  private final Database database;
  private final Tables tables;
  private volatile long guarded;

  StageRegister(Database database, Tables tables) {
    this.database = database;
    this.tables = tables;
  }

  void guard(long epoch) {
    if (epoch < 0) {
      throw new IllegalArgumentException("an epoch is 0 or more, not " + epoch);
    }
    guarded = epoch;
  }

  Optional<Register> read() {
    return database.read(
        new Operation(Writes.STORE, "register", tables.namespace()),
        false,
        connection -> {
          List<Register> found = new ArrayList<>(1);
          Pipeline pipeline = new Pipeline();
          pipeline.query(
              select("epoch, document"),
              row -> found.add(new Register(row.getLong(1), row.getString(2))));
          pipeline.run(connection);
          return found.stream().findFirst();
        });
  }

  boolean advance(long expected, Register next) {
    if (expected < 0 || next.epoch() <= expected) {
      throw new IllegalArgumentException(
          "epoch " + next.epoch() + " does not come after epoch " + expected);
    }
    return database.transact(
        new Operation(Writes.STORE, "advance", tables.namespace()),
        OpId.random(),
        true, // for its patience: a write under way may be a large one
        connection -> advance(expected, next, connection));
  }

  private boolean advance(long expected, Register next, Connection connection) throws SQLException {
    List<Long> changed = new ArrayList<>(1);
    Pipeline pipeline = new Pipeline();
    Writes.set(pipeline, TimeLimits.BULK);
    pipeline.update(expected == 0 ? insert(next) : update(expected, next), changed::add);
    pipeline.run(connection);
    return changed.get(0) == 1;
  }

  private Sql insert(Register first) {
    return Sql.of(
        "INSERT INTO " + table() + " VALUES (?, ?, ?::json) ON CONFLICT DO NOTHING",
        Sql.text(tables.namespace()),
        Sql.number(first.epoch()),
        Sql.text(first.document()));
  }

  private Sql update(long expected, Register next) {
    return Sql.of(
        "UPDATE "
            + table()
            + " SET epoch = ?, document = ?::json WHERE namespace = ? AND epoch = ?",
        Sql.number(next.epoch()),
        Sql.text(next.document()),
        Sql.text(tables.namespace()),
        Sql.number(expected));
  }

  /** Adds the question to what a transaction begins with: behind its settings, before its locks. */
  void check(Operation operation, Pipeline first) {
    long epoch = guarded;
    if (epoch == 0) {
      return;
    }
    first.query(
        Sql.of("SELECT coalesce((").add(select("epoch")).add(" FOR SHARE), 0)"),
        row -> {
          long held = row.getLong(1);
          if (held != epoch) {
            throw StoreUnavailableException.refused(
                operation,
                "the move is at epoch "
                    + held
                    + ", and this owner writes under epoch "
                    + epoch
                    + ": another owner has moved on",
                null);
          }
        });
  }

  /**
   * Adds it to the conditions of a statement that is a transaction of its own. Also false while
   * somebody moves the register on: to wait for the end of that is up to the general way.
   */
  void addUnchanged(Sql conditions) {
    long epoch = guarded;
    if (epoch != 0) {
      conditions
          .add("\nAND EXISTS (")
          .add(select("1"))
          .add(" AND epoch = ? FOR SHARE SKIP LOCKED)", Sql.number(epoch));
    }
  }

  private Sql select(String what) {
    return Sql.of(
        "SELECT " + what + " FROM " + table() + " WHERE namespace = ?",
        Sql.text(tables.namespace()));
  }

  private String table() {
    return tables.schema() + ".stage_register";
  }
}
