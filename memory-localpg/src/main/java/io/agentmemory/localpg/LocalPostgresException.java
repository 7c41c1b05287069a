package io.agentmemory.localpg;

import org.jspecify.annotations.Nullable;

/**
 * No server could be found, started, stopped or asked. The first line of the message says what was
 * tried and what to do; the server's last log lines follow it if there are any.
 */
public final class LocalPostgresException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  LocalPostgresException(String message) {
    super(message);
  }

  LocalPostgresException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
