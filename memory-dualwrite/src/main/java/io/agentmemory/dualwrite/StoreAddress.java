package io.agentmemory.dualwrite;

import static java.util.Objects.requireNonNull;

import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpenMode;
import io.agentmemory.spi.StoreUrl;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where one of two stores is, as a folder may keep it: without a password.
 *
 * @param url as {@link MemoryStores#open(String)} takes it
 * @param passwordVariable the environment variable that the password of a database is in; null for
 *     what the driver finds by itself, in PGPASSWORD or ~/.pgpass
 */
public record StoreAddress(String url, @Nullable String passwordVariable) {
  private static final String DATABASE = "postgresql";

  /**
   * Checks it, and makes a path absolute.
   *
   * @throws IllegalArgumentException if it is no address, holds a password, or names a variable
   *     where no password is asked for
   */
  public StoreAddress {
    if (hasPassword(requireNonNull(url, "url"))) {
      throw new IllegalArgumentException(
          "a password in an address would be kept in the clear: leave it out, and name the"
              + " environment variable that it is in");
    }
    StoreUrl parsed = StoreUrl.parse(url);
    if (parsed.scheme().equals("dual")) {
      throw new IllegalArgumentException("a dual: store is made of two others that are none");
    }
    if (passwordVariable != null && !passwordVariable.matches("[A-Za-z_][A-Za-z0-9_]*")) {
      throw new IllegalArgumentException("that is no name of an environment variable");
    }
    if (passwordVariable != null && !parsed.scheme().equals(DATABASE)) {
      throw new IllegalArgumentException("a " + parsed.scheme() + ": store takes no password");
    }
    if (parsed.scheme().equals("file")) {
      url = "file:" + absolute(parsed.location()) + query(url);
    }
  }

  /** An address without a variable for a password. */
  public static StoreAddress of(String url) {
    return new StoreAddress(url, null);
  }

  private static String absolute(String path) {
    if (path.isBlank() || path.startsWith("//")) {
      return path; // opening it says what is wrong
    }
    try {
      return Path.of(path).toAbsolutePath().normalize().toString();
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("the path of the file: store is none", e);
    }
  }

  private static String query(String url) {
    int question = url.indexOf('?');
    return question < 0 ? "" : url.substring(question);
  }

  private static boolean hasPassword(String url) {
    int question = url.indexOf('?');
    String path = question < 0 ? url : url.substring(0, question);
    String query = question < 0 ? "" : url.substring(question + 1);
    int authority = path.indexOf("://");
    int at = path.lastIndexOf('@');
    boolean beforeHost =
        authority >= 0 && at > authority && path.substring(authority + 3, at).contains(":");
    return beforeHost || query.matches("(?i)(.*&)?[a-z]*password=.*");
  }

  /**
   * Opens the store.
   *
   * @throws IllegalArgumentException if the variable for its password is not set
   */
  MemoryStore open(OpenMode mode, Map<String, String> environment) {
    if (passwordVariable == null) {
      return MemoryStores.open(url, mode);
    }
    String password = environment.get(passwordVariable);
    if (password == null) {
      throw new IllegalArgumentException(
          "the environment variable " + passwordVariable + ", for a password, is not set");
    }
    return MemoryStores.open(
        url
            + (url.indexOf('?') < 0 ? "?" : "&")
            + "password="
            + URLEncoder.encode(password, StandardCharsets.UTF_8).replace("+", "%20"),
        mode);
  }
}
