package io.agentmemory.postgres;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Connections over which an answer can get lost: the call takes effect, then the line is cut. What
 * a driver says then is SQLSTATE 08006.
 */
final class Faults {
  private static final String LINE_CUT = "08006";

  private final DataSource source;
  private volatile String lost = "";
  private volatile @Nullable String state = LINE_CUT;

  Faults(DataSource source) {
    this.source = source;
  }

  /** From now on the answer to this method of a connection or statement gets lost; "" for none. */
  void lose(String method) {
    lose(method, LINE_CUT);
  }

  /** As before; said by this SQLSTATE, null for none. */
  void lose(String method, @Nullable String state) {
    this.state = state;
    lost = method;
  }

  DataSource dataSource() {
    return wrap(DataSource.class, source);
  }

  private <T> T wrap(Class<T> type, T target) {
    return type.cast(
        Proxy.newProxyInstance(
            Faults.class.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> {
              Object result;
              try {
                result = method.invoke(target, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
              if (method.getName().equals(lost)) {
                throw new SQLException("the line is cut", state);
              }
              if (result instanceof Connection connection) {
                return method.getName().equals("unwrap")
                    ? connection
                    : wrap(Connection.class, connection);
              }
              return result instanceof PreparedStatement statement
                  ? wrap(PreparedStatement.class, statement)
                  : result;
            }));
  }
}
