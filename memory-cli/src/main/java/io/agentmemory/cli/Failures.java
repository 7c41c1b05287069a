package io.agentmemory.cli;

import io.agentmemory.MemoryStoreException;
import io.agentmemory.StoreUnavailableException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.sql.SQLException;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** One clear line for each error; never the text of a memory, never a password. */
final class Failures {
  private Failures() {}

  /** Says what was wrong with the arguments, without repeating values: one may be a memory. */
  static int usage(Console console, ParameterException failure, String[] args) {
    CommandLine command = failure.getCommandLine();
    int commands = command.getSubcommands().isEmpty() ? 0 : 1; // a misspelt one, perhaps
    for (CommandLine above = command.getParent(); above != null; above = above.getParent()) {
      commands++;
    }
    say(console, withoutValues(message(failure), args, commands));
    boolean root = command.getParent() == null;
    String help = root ? "memory --help" : command.getCommandSpec().qualifiedName() + " --help";
    console.err().println("try '" + help + "'");
    return ExitCode.INCOMPLETE;
  }

  /** Arguments came in as something else than was typed: better not done than done with that. */
  static int unreadable(Console console) {
    say(
        console,
        "an argument has characters that the encoding of this locale does not know: set"
            + " LC_ALL=C.UTF-8, or give the text by --content-file");
    return ExitCode.INCOMPLETE;
  }

  // picocli puts the argument it stumbled over in quotes: whole, or what stands behind its "=".
  private static String withoutValues(String message, String[] args, int commands) {
    for (int i = 0; i < args.length; i++) {
      String arg = args[i];
      boolean option = arg.startsWith("-");
      int equals = option ? arg.indexOf('=') : -1;
      if (equals > 0) {
        message = message.replace("'" + arg + "'", "'" + arg.substring(0, equals) + "'");
        message = message.replace("'" + arg.substring(equals + 1) + "'", "'...'");
      } else if (!option && i >= commands) {
        message = message.replace("'" + arg + "'", "'...'");
      }
    }
    return message;
  }

  /** Says what went wrong, and returns the exit code for it. */
  static int report(Console console, Exception failure, CommandLine command) {
    Object user = command.getCommand();
    int otherwise =
        user instanceof StoreOperation operation ? operation.exitCodeOfErrors() : ExitCode.NO;
    say(console, line(failure) + hint(failure));
    if (verbose(command)) {
      PrintWriter err = console.err();
      failure.printStackTrace(err);
    }
    if (failure instanceof StoreUnavailableException) {
      return ExitCode.UNAVAILABLE;
    }
    return isOurs(failure) ? ExitCode.INCOMPLETE : otherwise;
  }

  /** Whether it is about an argument, and its message therefore one that we wrote. */
  private static boolean isOurs(Exception failure) {
    return failure.getClass().equals(IllegalArgumentException.class)
        || failure instanceof InvalidPathException;
  }

  private static boolean verbose(CommandLine command) {
    CommandLine root = command;
    while (root.getParent() != null) {
      root = root.getParent();
    }
    Object cli = root.getCommand();
    return cli instanceof Cli top && top.verbose();
  }

  private static void say(Console console, String message) {
    console.out().flush();
    console.err().println("memory: " + Cells.oneLine(message));
  }

  private static String line(Exception failure) {
    if (failure instanceof MemoryStoreException || isOurs(failure)) {
      return message(failure);
    }
    if (failure instanceof UncheckedIOException io && io.getCause() != null) {
      return file(io.getCause());
    }
    if (failure instanceof IOException io) {
      return file(io);
    }
    // Some other library's, or our own defect: its message may hold anything.
    return "unexpected " + failure.getClass().getSimpleName() + "; --verbose shows where";
  }

  private static String message(Exception failure) {
    String message = failure.getMessage();
    return message == null ? failure.getClass().getSimpleName() : message;
  }

  /** What an operator can make of a database's error. Source: PostgreSQL 15, appendix A. */
  private static String hint(Throwable failure) {
    String state = null;
    for (Throwable cause = failure; cause != null && state == null; cause = cause.getCause()) {
      state = cause instanceof SQLException sql ? sql.getSQLState() : null;
    }
    return state == null
        ? ""
        : switch (state) {
          case "08001", "08004", "08006" -> " (no database answers at that address)";
          case "28P01" -> " (the password is wrong or missing: see PGPASSWORD and ~/.pgpass)";
          case "28000" -> " (the database does not let that user in)";
          case "3D000" -> " (there is no database of that name)";
          case "42501" -> " (the user has no right to do that)";
          case "53300" -> " (the database has no connection left)";
          case "57P03" -> " (the database is starting or stopping)";
          default -> "";
        };
  }

  /** A file's name and what is the matter with it. */
  private static String file(IOException failure) {
    if (failure instanceof CharacterCodingException) {
      return "the text is not UTF-8";
    }
    if (!(failure instanceof FileSystemException file)) {
      return message(failure);
    }
    String reason =
        failure instanceof NoSuchFileException
            ? "no such file or folder"
            : failure instanceof AccessDeniedException
                ? "permission denied"
                : failure instanceof FileAlreadyExistsException
                    ? "is already there"
                    : file.getReason() == null
                        ? failure.getClass().getSimpleName()
                        : file.getReason().toLowerCase(Locale.ROOT);
    return file.getFile() + ": " + reason;
  }
}
