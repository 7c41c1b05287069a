package io.agentmemory.cli;

/** The program behind <code>bin/memory</code>. */
public final class Main {
  private Main() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    System.exit(Cli.run(Console.ofProcess(), args));
  }
}
