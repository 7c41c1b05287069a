package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Embedding;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.spi.Needs;

/** Puts a vector into a space that was defined, in place of the one that was there. */
public record PutEmbedding(Embedding embedding) implements Command {

  /** Checks that nothing is missing. */
  public PutEmbedding {
    requireNonNull(embedding, "embedding");
  }

  @Override
  public String verb() {
    return "putEmbedding";
  }

  @Override
  public String subject() {
    return embedding.key().toString();
  }

  @Override
  public void needs(Needs needs) {
    needs
        .record(Kind.EMBEDDING, embedding.key())
        .record(Kind.VECTOR_SPACE, Key.of(embedding.space()));
    String composed = Ids.composed(embedding.target());
    if (!composed.equals(embedding.target())) {
      needs
          .record(Kind.MEMORY, Key.of(embedding.target()))
          .record(Kind.EMBEDDING, Key.of(embedding.space(), composed));
    }
  }
}
