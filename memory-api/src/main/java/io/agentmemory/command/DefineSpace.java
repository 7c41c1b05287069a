package io.agentmemory.command;

import static java.util.Objects.requireNonNull;

import io.agentmemory.Kind;
import io.agentmemory.VectorSpace;
import io.agentmemory.spi.Needs;

/**
 * Defines a space of vectors. Doing it again with the same model and dimensions changes nothing;
 * with others it is refused.
 */
public record DefineSpace(VectorSpace space) implements Command {

  /** Checks that nothing is missing. */
  public DefineSpace {
    requireNonNull(space, "space");
  }

  @Override
  public String verb() {
    return "defineSpace";
  }

  @Override
  public String subject() {
    return space.name();
  }

  @Override
  public void needs(Needs needs) {
    needs.record(Kind.VECTOR_SPACE, space.key());
  }
}
