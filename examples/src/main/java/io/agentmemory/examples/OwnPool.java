package io.agentmemory.examples;

import io.agentmemory.MemoryStore;
import io.agentmemory.postgres.PostgresMemoryStore;
import java.io.PrintStream;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;

/** PostgreSQL over a pool that the application has already. The argument is a JDBC URL. */
public final class OwnPool {
  private OwnPool() {}

  /** Runs it. */
  public static void main(String[] args) {
    PGSimpleDataSource dataSource = new PGSimpleDataSource();
    dataSource.setUrl(args[0]);
    run(dataSource, System.out);
  }

  static void run(DataSource pool, PrintStream out) {
    // tag::datasource[]
    try (MemoryStore store = PostgresMemoryStore.builder(pool).namespace("drift").open()) {
      out.println(store.memories().store("The pool stays open.").id());
    }
    // end::datasource[]
  }
}
