package io.agentmemory.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedWriter;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** One command that was run: its exit code, and what it wrote where. */
record Run(int exit, String out, String err) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Runs a command whose output goes to no terminal. */
  static Run memory(String... args) {
    return on(Console.Screen.NONE, "", args);
  }

  static Run on(Console.Screen screen, String in, String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    InputStream stdin = new ByteArrayInputStream(in.getBytes(StandardCharsets.UTF_8));
    // Buffered as those of a process: what is not flushed nobody sees.
    PrintWriter bufferedOut = new PrintWriter(new BufferedWriter(out));
    PrintWriter bufferedErr = new PrintWriter(new BufferedWriter(err));
    Console console = new Console(stdin, bufferedOut, bufferedErr, screen, Map.of());
    int exit = Cli.run(console, args);
    return new Run(exit, out.toString(), err.toString());
  }

  /** What it wrote to standard output, read by a library that knows nothing of ours. */
  JsonNode json() {
    try {
      return JSON.readTree(out);
    } catch (JsonProcessingException e) {
      throw new AssertionError("no JSON: " + out, e);
    }
  }
}
