package io.agentmemory.examples;

import io.agentmemory.Memory;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.NewMemory;
import io.agentmemory.Sessions;
import java.io.PrintStream;

/** What an agent does between waking up and going to sleep. The argument is a store's address. */
public final class OneSession {
  private OneSession() {}

  /** Runs it. */
  public static void main(String[] args) {
    run(args.length == 0 ? "file:./memory" : args[0], System.out);
  }

  static void run(String url, PrintStream out) {
    // tag::session[]
    try (MemoryStore store = MemoryStores.open(url)) {
      store.sessions().start(); // counts what the one before left to be counted
      Memory slow = store.memories().store(NewMemory.of("It is slow on Mondays.").tags("build"));
      Memory cache = store.memories().store(NewMemory.of("The cache expires.").tags("build"));
      store.memories().recall(slow.id()); // noted in the session too
      store.memories().recall(cache.id());
      Memory fix = store.memories().store("Fixed the build on 2026-02-09 with @kaleaon.");
      out.println(fix.causedBy().size() + " causes, " + fix.eventTime().orElse("no day"));

      store.lessons().add("debugging", "Look at what expired before looking at what changed.");
      store.insights().related(slow.id(), 5).forEach(one -> out.println(one.memory().id()));

      Sessions.Ended ended = store.sessions().end("drift"); // one step, on every store
      out.println(ended.observed() + " pairs observed, " + ended.edges().decayed() + " decayed");
    }
    // end::session[]
  }
}
