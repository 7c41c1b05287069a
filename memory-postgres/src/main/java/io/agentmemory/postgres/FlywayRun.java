package io.agentmemory.postgres;

import java.lang.reflect.Proxy;
import java.util.Map;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.logging.Log;
import org.flywaydb.core.api.logging.LogCreator;
import org.flywaydb.core.api.logging.LogFactory;
import org.slf4j.LoggerFactory;

/**
 * All that knows Flyway: loaded only when there is something to migrate. Uses what has been there
 * in many of its versions, since the application may bring another one.
 */
final class FlywayRun {
  private FlywayRun() {}

  /**
   * Runs the scripts that a schema lacks.
   *
   * @param from the version it is at, also where Flyway itself does not know, as when somebody ran
   *     the scripts by hand
   */
  static void migrate(DataSource source, String schema, String quoted, int from) {
    Flyway flyway =
        Flyway.configure(FlywayRun.class.getClassLoader())
            .dataSource(source)
            .schemas(schema)
            .defaultSchema(schema)
            .table("schema_history")
            .locations("classpath:" + PostgresSchema.SCRIPTS)
            .placeholders(Map.of("schema", quoted))
            .baselineOnMigrate(true)
            .baselineVersion(Integer.toString(from))
            .load();
    // Its output is for people who call it themselves, and has advertisements.
    LogFactory.setLogCreator(new Quiet());
    try {
      flyway.migrate();
    } finally {
      LogFactory.setLogCreator(null); // it finds its own again
    }
  }

  /** Passes everything on at level debug. */
  private static final class Quiet implements LogCreator {
    @Override
    public Log createLogger(Class<?> owner) {
      org.slf4j.Logger logger = LoggerFactory.getLogger(FlywayRun.class);
      return (Log) // a proxy, since the methods of Log differ between versions
          Proxy.newProxyInstance(
              Log.class.getClassLoader(),
              new Class<?>[] {Log.class},
              (proxy, method, arguments) -> {
                if (method.getReturnType() == boolean.class) {
                  return logger.isDebugEnabled();
                }
                if (arguments != null && arguments.length > 0) {
                  logger.debug("Flyway: {}", arguments[0]);
                }
                return null;
              });
    }
  }
}
