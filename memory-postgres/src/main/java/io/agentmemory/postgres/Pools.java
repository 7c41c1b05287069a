package io.agentmemory.postgres;

import static java.util.Objects.requireNonNull;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.SQLExceptionOverride;
import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.slf4j.LoggerFactory;

/** The connections of a store that was opened by address: one pool for callers, one for bulk. */
final class Pools implements AutoCloseable {
  private static final org.slf4j.Logger LOG = LoggerFactory.getLogger(Pools.class);
  private static final int FOREGROUND = 10;
  private static final int BULK = 4;
  private static final int BULK_SOCKET_SECONDS = 120;

  private final HikariDataSource foreground;
  private final HikariDataSource bulk;

  private Pools(HikariDataSource foreground, HikariDataSource bulk) {
    this.foreground = foreground;
    this.bulk = bulk;
  }

  /**
   * Opens them.
   *
   * @param first a connection that is there already, which the foreground takes over
   */
  static Pools open(PostgresUrl url, Connection first) {
    Connecting connecting = new Connecting(url.jdbcUrl(), url.properties());
    connecting.spare.set(first);
    HikariConfig config = config("agent-memory", connecting, FOREGROUND);
    // Takes the one that is there at once. A thread of the pool would do so too, and then rest for
    // 30 ms, which a close has to wait for.
    config.setMinimumIdle(1);
    config.setInitializationFailTimeout(0);
    HikariDataSource foreground = new HikariDataSource(config);
    foreground.setMinimumIdle(0);
    DataSource patient = new Connecting(url.jdbcUrl(), patience(url));
    return new Pools(foreground, new HikariDataSource(config("agent-memory-bulk", patient, BULK)));
  }

  /** Closes a connection that is of no use any more, if there is one. */
  static void closeQuietly(@Nullable Connection connection) {
    if (connection != null) {
      try {
        connection.close();
      } catch (SQLException e) {
        LOG.debug("a connection did not close: SQLSTATE {}", SqlErrors.state(e));
      }
    }
  }

  private static Properties patience(PostgresUrl url) {
    Properties properties = new Properties();
    properties.putAll(url.properties());
    if (Integer.parseInt(properties.getProperty("socketTimeout", "0")) != 0) {
      properties.setProperty("socketTimeout", Integer.toString(BULK_SOCKET_SECONDS));
    }
    return properties;
  }

  private static HikariConfig config(String name, DataSource connections, int size) {
    HikariConfig config = new HikariConfig();
    config.setPoolName(name);
    config.setDataSource(connections);
    config.setMaximumPoolSize(size);
    config.setMinimumIdle(0);
    config.setInitializationFailTimeout(-1); // whoever asks first is told
    config.setConnectionTimeout(Duration.ofSeconds(1).toMillis());
    config.setValidationTimeout(Duration.ofMillis(800).toMillis());
    config.setMaxLifetime(Duration.ofMinutes(10).toMillis());
    config.setIdleTimeout(Duration.ofMinutes(5).toMillis());
    config.setKeepaliveTime(Duration.ofMinutes(1).toMillis());
    config.setExceptionOverride(new Evict());
    return config;
  }

  /** A connection on which one of these happened is of no use any more. */
  private static final class Evict implements SQLExceptionOverride {
    @java.lang.Override
    public Override adjudicate(SQLException failure) {
      return SqlErrors.isReadOnlyServer(failure) || SqlErrors.isConnectionLost(failure)
          ? Override.MUST_EVICT
          : Override.CONTINUE_EVICT;
    }
  }

  DataSource foreground() {
    return foreground;
  }

  DataSource bulk() {
    return bulk;
  }

  /** Closes every connection once it is idle: after a failover they lead to the wrong server. */
  void evictAll() {
    foreground.getHikariPoolMXBean().softEvictConnections();
    bulk.getHikariPoolMXBean().softEvictConnections();
  }

  @Override
  public void close() {
    foreground.close();
    bulk.close();
  }

  /** New connections, not pooled. */
  static DataSource unpooled(PostgresUrl url) {
    return new Connecting(url.jdbcUrl(), url.properties());
  }

  /** New connections, not pooled, on which a statement may take its time. */
  static DataSource patient(PostgresUrl url) {
    return new Connecting(url.jdbcUrl(), patience(url));
  }

  /** Makes connections by the driver itself: what DriverManager finds depends on class loaders. */
  private static final class Connecting implements DataSource {
    private final Driver driver = new Driver();
    private final String jdbcUrl;
    private final Properties properties;

    /** Given to whoever asks first. */
    private final AtomicReference<@Nullable Connection> spare = new AtomicReference<>();

    Connecting(String jdbcUrl, Properties properties) {
      this.jdbcUrl = jdbcUrl;
      this.properties = properties;
    }

    @Override
    public Connection getConnection() throws SQLException {
      Connection first = spare.getAndSet(null);
      if (first != null) {
        return first;
      }
      return requireNonNull(driver.connect(jdbcUrl, properties), "not an address of PostgreSQL");
    }

    @Override
    public Connection getConnection(String user, String password) throws SQLException {
      throw new SQLFeatureNotSupportedException("the address says who connects");
    }

    @Override
    public @Nullable PrintWriter getLogWriter() {
      return null;
    }

    @Override
    public void setLogWriter(@Nullable PrintWriter out) {}

    @Override
    public void setLoginTimeout(int seconds) {} // the address says: connectTimeout

    /** How long a closing pool waits for a connection that is just being made, in seconds. */
    @Override
    public int getLoginTimeout() {
      return 1;
    }

    @Override
    public Logger getParentLogger() throws SQLFeatureNotSupportedException {
      throw new SQLFeatureNotSupportedException();
    }

    @Override
    public <T> T unwrap(Class<T> type) throws SQLException {
      throw new SQLException("wraps nothing");
    }

    @Override
    public boolean isWrapperFor(Class<?> type) {
      return false;
    }
  }
}
