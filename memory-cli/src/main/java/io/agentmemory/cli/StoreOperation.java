package io.agentmemory.cli;

import static java.util.Objects.requireNonNull;

import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.OpenMode;
import io.agentmemory.dualwrite.StageFolder;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What the commands have in common. */
abstract class StoreOperation implements Callable<Integer> {
  @Spec private CommandSpec spec;

  final Console console() {
    return ((Cli) spec.root().userObject()).console();
  }

  /** The exit code of an error that has none of its own. */
  int exitCodeOfErrors() {
    return ExitCode.NO;
  }

  /** The error of arguments that make no sense. */
  final ParameterException wrong(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  /** Opens a store for reading: nothing in it changes. */
  final MemoryStore read(String url) {
    return open(url, OpenMode.READ);
  }

  /** Opens a store for reading and writing; makes it if there is none. */
  final MemoryStore write(String url) {
    return open(url, OpenMode.READ_WRITE);
  }

  final MemoryStore open(String url, OpenMode mode) {
    refusePassword(url);
    return MemoryStores.open(url, mode);
  }

  /** Refuses an address with a password in it, before anybody can repeat it. */
  final void refusePassword(String url) {
    if (hasPassword(url)) {
      throw wrong(
          "a password in an address can be seen by everybody on this machine: leave it out, and"
              + " set PGPASSWORD or write it to ~/.pgpass");
    }
  }

  /**
   * The folder of two stores, where a command takes either that or two addresses.
   *
   * @return null if there are two addresses
   */
  final @Nullable StageFolder either(
      @Nullable String both, @Nullable String from, @Nullable String to) {
    if (both == null ? from == null || to == null : from != null || to != null) {
      throw wrong("give --from and --to, or dual:FOLDER");
    }
    if (to != null) {
      refusePassword(to); // before the source is opened, which may take a while
      return null;
    }
    return StageFolder.at(requireNonNull(both));
  }

  static boolean hasPassword(String url) {
    int question = url.indexOf('?');
    String path = question < 0 ? url : url.substring(0, question);
    String query = question < 0 ? "" : url.substring(question + 1);
    int authority = path.indexOf("://");
    int at = path.lastIndexOf('@');
    boolean beforeHost =
        authority >= 0 && at > authority && path.substring(authority + 3, at).contains(":");
    return beforeHost || query.matches("(?i)(.*&)?[a-z]*password=.*");
  }
}
