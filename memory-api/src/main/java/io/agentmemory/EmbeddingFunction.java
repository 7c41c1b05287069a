package io.agentmemory;

/**
 * Turns texts into vectors: an application's own model, or a service it calls. Never called while a
 * store holds a lock or a transaction.
 */
public interface EmbeddingFunction {
  /**
   * The vector of a text.
   *
   * @param text at most {@link #maxCharacters()} characters
   * @return {@link #dimensions()} floats, each finite
   * @throws RuntimeException if there is none, for whatever reason
   */
  float[] embed(String text);

  /** The name of the model, which the space it fills is kept under. */
  String model();

  /** Floats per vector, 1 to 8192. */
  int dimensions();

  /**
   * How many characters (code points) of a text it takes; a longer one is cut. Default: 4,000, as
   * for the original's local model.
   */
  default int maxCharacters() {
    return 4000;
  }
}
