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
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;

/** The connections of a store that was opened by address: one pool for callers, one for bulk. */
final class Pools implements AutoCloseable {
  private static final int FOREGROUND = 10;
  private static final int BULK = 4;
  private static final int BULK_SOCKET_SECONDS = 120;

  private final HikariDataSource foreground;
  private final HikariDataSource bulk;

  private Pools(HikariDataSource foreground, HikariDataSource bulk) {
    this.foreground = foreground;
    this.bulk = bulk;
  }

  static Pools open(PostgresUrl url) {
    return new Pools(
        new HikariDataSource(config(url, "agent-memory", url.properties(), FOREGROUND)),
        new HikariDataSource(config(url, "agent-memory-bulk", patience(url), BULK)));
  }

  private static Properties patience(PostgresUrl url) {
    Properties properties = new Properties();
    properties.putAll(url.properties());
    if (Integer.parseInt(properties.getProperty("socketTimeout", "0")) != 0) {
      properties.setProperty("socketTimeout", Integer.toString(BULK_SOCKET_SECONDS));
    }
    return properties;
  }

  private static HikariConfig config(
      PostgresUrl url, String name, Properties properties, int size) {
    HikariConfig config = new HikariConfig();
    config.setPoolName(name);
    config.setDataSource(new Connecting(url.jdbcUrl(), properties));
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

    Connecting(String jdbcUrl, Properties properties) {
      this.jdbcUrl = jdbcUrl;
      this.properties = properties;
    }

    @Override
    public Connection getConnection() throws SQLException {
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
