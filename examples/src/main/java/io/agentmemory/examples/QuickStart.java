package io.agentmemory.examples;

import io.agentmemory.Memory;
import io.agentmemory.MemoryQuery;
import io.agentmemory.MemoryStore;
import io.agentmemory.MemoryStores;
import io.agentmemory.NewMemory;
import io.agentmemory.SimilarQuery;
import java.io.PrintStream;

/** Stores, recalls and finds. The argument is a store's address; without one, a folder here. */
public final class QuickStart {
  private QuickStart() {}

  /** Runs it. */
  public static void main(String[] args) {
    run(args.length == 0 ? "file:./memory" : args[0], System.out);
  }

  static void run(String url, PrintStream out) {
    // tag::quickstart[]
    try (MemoryStore store = MemoryStores.open(url)) { // such as "file:./memory"
      NewMemory idea = NewMemory.of("Lex likes short answers.").tags("people", "style");
      Memory note = store.memories().store(idea);
      store.memories().recall(note.id()); // counts, and it weighs more from now on

      MemoryQuery query = MemoryQuery.all().tag("style").text("answers");
      store.memories().find(query).forEach(memory -> out.println(memory.content()));

      store.embeddings().define("text", "my-model", 3);
      store.embeddings().put("text", note.id(), new float[] {0.1f, 0.7f, 0.2f});
      SimilarQuery like = SimilarQuery.nearest("text", new float[] {0.2f, 0.6f, 0.2f}).limit(5);
      store.embeddings().search(like).forEach(hit -> out.println(hit.target()));
    }
    // end::quickstart[]
  }
}
