package io.agentmemory.cli;

/** The log of the libraries: silent, since a command says itself what went wrong. */
final class Logging {
  private Logging() {}

  /** Takes effect for loggers made afterwards, so before the first store is opened. */
  static void configure(boolean verbose) {
    String simple = "org.slf4j.simpleLogger.";
    System.setProperty(simple + "defaultLogLevel", verbose ? "info" : "off");
    System.setProperty(simple + "log.io.agentmemory", verbose ? "debug" : "off");
    System.setProperty(simple + "showThreadName", "false");
  }
}
