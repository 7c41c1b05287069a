package io.agentmemory.postgres;

import io.agentmemory.spi.StoreUrl;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGProperty;

/**
 * A store's address taken apart: {@code
 * postgresql://[user@]host[:port]/database[?namespace=&schema=&..]}; the other parameters are
 * pgjdbc's. Never printed: it may hold a password.
 *
 * @param jdbcUrl without user and password
 * @param properties of the driver
 */
record PostgresUrl(String jdbcUrl, Properties properties, String namespace, String schema) {
  static final String DEFAULT_NAMESPACE = "default";
  static final String DEFAULT_SCHEMA = "agent_memory";

  private static final String FORM =
      "a PostgreSQL store is written as postgresql://[user@]host[:port]/database";

  /** What they are without being said; reliability comes before speed of connecting. */
  private static final Map<String, String> DEFAULTS =
      Map.of(
          "connectTimeout", "2",
          "sslResponseTimeout", "2000", // the first answer of all; in milliseconds
          "socketTimeout", "5",
          "tcpKeepAlive", "true",
          "ApplicationName", "agent-memory");

  /** What would break a promise: the server quotes values in details. */
  private static final Set<String> FIXED = Set.of("logServerErrorDetail");

  /**
   * Takes an address apart.
   *
   * @param environment for PGUSER and PGPASSWORD
   * @throws IllegalArgumentException if it is not of that form; never quotes what may be a password
   */
  static PostgresUrl parse(StoreUrl url, Map<String, String> environment) {
    String location = url.location();
    if (!location.startsWith("//")) {
      throw new IllegalArgumentException(FORM);
    }
    int slash = location.indexOf('/', 2);
    String database = slash < 0 ? "" : decode(location.substring(slash + 1));
    String authority = slash < 0 ? location.substring(2) : location.substring(2, slash);
    if (database.isEmpty() || database.indexOf('/') >= 0) {
      throw new IllegalArgumentException(FORM + ": the database is missing");
    }
    int at = authority.lastIndexOf('@');
    String hosts = authority.substring(at + 1);
    String login = at < 0 ? "" : authority.substring(0, at);
    if (login.indexOf(':') >= 0) {
      throw new IllegalArgumentException(
          "leave the password out of the address: it comes from PGPASSWORD or from ~/.pgpass");
    }
    Properties properties = new Properties();
    DEFAULTS.forEach(properties::setProperty);
    url.parameters().forEach((name, value) -> addParameter(properties, name, value));
    FIXED.forEach(name -> properties.setProperty(name, "false"));
    String user = login.isEmpty() ? environment.get("PGUSER") : decode(login);
    setUnlessThere(properties, "user", user == null ? System.getProperty("user.name") : user);
    setUnlessThere(properties, "password", environment.get("PGPASSWORD"));
    return new PostgresUrl(
        "jdbc:postgresql://"
            + (hosts.isEmpty() ? "localhost" : hosts)
            + "/"
            + URLEncoder.encode(database, StandardCharsets.UTF_8).replace("+", "%20"),
        properties,
        namespace(url.parameter("namespace").orElse(DEFAULT_NAMESPACE)),
        schema(url.parameter("schema").orElse(DEFAULT_SCHEMA)));
  }

  private static void addParameter(Properties properties, String name, String value) {
    if (name.equals("namespace") || name.equals("schema")) {
      return;
    }
    if (PGProperty.forName(name) == null) {
      throw new IllegalArgumentException(
          "neither this library nor the PostgreSQL driver knows a parameter " + name);
    }
    if (FIXED.contains(name)) {
      throw new IllegalArgumentException(name + " cannot be set: memories are private");
    }
    properties.setProperty(name, value);
  }

  private static void setUnlessThere(Properties properties, String name, @Nullable String value) {
    if (value != null && properties.getProperty(name) == null) {
      properties.setProperty(name, value);
    }
  }

  private static String decode(String text) {
    try {
      return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException broken) {
      throw new IllegalArgumentException(FORM + ": a broken %-escape", broken);
    }
  }

  /** Checks the name of a namespace. */
  static String namespace(String namespace) {
    int bytes = namespace.getBytes(StandardCharsets.UTF_8).length;
    if (namespace.isBlank()
        || bytes > 128
        || io.agentmemory.internal.Texts.unstorable(namespace) >= 0) {
      throw new IllegalArgumentException("a namespace has 1 to 128 bytes and no NUL");
    }
    return namespace;
  }

  /** Checks the name of a schema, which has to be one that needs no quotes. */
  static String schema(String schema) {
    if (!schema.matches("[a-z_][a-z0-9_]{0,62}") || schema.startsWith("pg_")) {
      throw new IllegalArgumentException(
          "a schema's name has lower-case letters, digits and _ only, at most 63, and begins with"
              + " none of a digit and pg_");
    }
    return schema;
  }

  /** Without anything that could be a secret. */
  @Override
  public String toString() {
    return jdbcUrl;
  }
}
