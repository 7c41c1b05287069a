package io.agentmemory.command;

import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.NewRejection;
import io.agentmemory.internal.TreeFile;
import io.agentmemory.spi.Needs;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Adds rejections to the log, all with the same time, and notes beside them how many there are now.
 * Refused as a whole if one is of a category that cannot be logged.
 *
 * @param rejections in their order; at least one
 * @param agent whose log it is; null to leave what stands there
 * @param at when, as text
 */
public record LogRejections(List<NewRejection> rejections, @Nullable String agent, String at)
    implements Command {

  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if it is empty, or {@code at} is no time
   */
  public LogRejections {
    rejections = List.copyOf(rejections);
    if (rejections.isEmpty()) {
      throw new IllegalArgumentException("there is no rejection to log");
    }
    Ids.requireTime(at);
  }

  @Override
  public String verb() {
    return "reject";
  }

  @Override
  public String subject() {
    return "";
  }

  @Override
  public void needs(Needs needs) {
    need(needs, rejections.size());
  }

  /** Adds the log, and this many places after its end. */
  static void need(Needs needs, int places) {
    TreeFile log = Lists.of(Kind.REJECTION);
    needs.endOf(log.kind(), log.key(), places).record(Kind.VALUE, Key.of(log.path()));
  }
}
