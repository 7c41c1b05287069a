package io.agentmemory.spi;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A store's address: {@code scheme:location?name=value&name=value}.
 *
 * @param scheme in lower case
 * @param location what stands between the scheme and the question mark, verbatim
 * @param parameters decoded, in their order
 */
public record StoreUrl(String scheme, String location, Map<String, String> parameters) {

  /** Copies the parameters. */
  public StoreUrl {
    parameters = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
  }

  /**
   * Takes an address apart.
   *
   * @throws IllegalArgumentException if it has no scheme, or a parameter without value
   */
  public static StoreUrl parse(String url) {
    int colon = url.indexOf(':');
    if (colon < 1 || !url.substring(0, colon).matches("[A-Za-z][A-Za-z0-9+.-]*")) {
      throw new IllegalArgumentException(
          "a store is written as scheme:location, such as file:./memory or"
              + " postgresql://localhost/agents");
    }
    String rest = url.substring(colon + 1);
    int question = rest.indexOf('?');
    Map<String, String> parameters = new LinkedHashMap<>();
    if (question >= 0) {
      for (String pair : rest.substring(question + 1).split("&")) {
        int equals = pair.indexOf('=');
        if (equals < 1) {
          throw new IllegalArgumentException("a parameter of a store's address is name=value");
        }
        parameters.put(decode(pair.substring(0, equals)), decode(pair.substring(equals + 1)));
      }
      rest = rest.substring(0, question);
    }
    return new StoreUrl(
        url.substring(0, colon).toLowerCase(java.util.Locale.ROOT), rest, parameters);
  }

  private static String decode(String text) {
    try {
      return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException broken) { // whose message may hold a piece of a password
      throw new IllegalArgumentException("a parameter of a store's address has a broken % escape");
    }
  }

  /**
   * Scheme and names of parameters; never their values nor the location, which may hold secrets.
   */
  @Override
  public String toString() {
    return "StoreUrl[" + scheme + ", " + parameters.keySet() + "]";
  }

  /** The value of a parameter. */
  public Optional<String> parameter(String name) {
    return Optional.ofNullable(parameters.get(name));
  }
}
