package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/**
 * A sort of record, typed by the class that holds it. Whatever works on records (backfill, verify,
 * export, a store's log) works on all kinds through this.
 */
public final class Kind<T extends MemoryRecord> {

  /** What the agent remembers. Key: id. */
  public static final Kind<Memory> MEMORY = new Kind<>("memory", 1, Memory.class, Memory::of);

  /** A named set of vectors from one model. Key: name. */
  public static final Kind<VectorSpace> VECTOR_SPACE =
      new Kind<>("vector_space", 1, VectorSpace.class, VectorSpace::of);

  /**
   * How often one memory was retrieved together with another, as the first one's file counts it.
   * Key: from, to. Lives only while its {@code from} memory does.
   */
  public static final Kind<CoOccurrence> CO_OCCURRENCE =
      new Kind<>("co_occurrence", 2, CoOccurrence.class, CoOccurrence::of);

  /** A weighted pair of memories. Key: the pair as written, {@code a|b}. */
  public static final Kind<Edge> EDGE = new Kind<>("edge", 1, Edge.class, Edge::of);

  /** One reason for an edge. Key: pair, ordinal. Lives only while its edge does. */
  public static final Kind<Observation> OBSERVATION =
      new Kind<>("observation", 2, Observation.class, Observation::of);

  /** A vector of one space. Key: space, target. Needs its space. */
  public static final Kind<Embedding> EMBEDDING =
      new Kind<>("embedding", 2, Embedding.class, Embedding::of);

  /** The memories an image belongs to. Key: the image's file name. */
  public static final Kind<ImageLink> IMAGE_LINK =
      new Kind<>("image_link", 1, ImageLink.class, ImageLink::of);

  /** The session that is going on. Key: {@link Session#KEY}. */
  public static final Kind<Session> SESSION = new Kind<>("session", 1, Session.class, Session::of);

  /** A recall in that session. Key: source, memory id. Lives only while the session does. */
  public static final Kind<SessionRecall> SESSION_RECALL =
      new Kind<>("session_recall", 2, SessionRecall.class, SessionRecall::of);

  /** Something the agent turned down. Key: its place in the log. */
  public static final Kind<Rejection> REJECTION =
      new Kind<>("rejection", 1, Rejection.class, Rejection::of);

  /** Something the agent learned. Key: its place in the list. */
  public static final Kind<Lesson> LESSON = new Kind<>("lesson", 1, Lesson.class, Lesson::of);

  /** The edges along one dimension. Key: the name of its file, without the ending. */
  public static final Kind<ContextGraph> CONTEXT_GRAPH =
      new Kind<>("context_graph", 1, ContextGraph.class, ContextGraph::of);

  /** Any other file of records or notes, kept whole. Key: its path from the memory root. */
  public static final Kind<OtherFile> VALUE =
      new Kind<>("value", 1, OtherFile.class, OtherFile::of);

  /** What is to be counted at the next start. Key: {@link PendingCoOccurrence#KEY}. */
  public static final Kind<PendingCoOccurrence> PENDING_CO_OCCURRENCE =
      new Kind<>("pending_co_occurrence", 1, PendingCoOccurrence.class, PendingCoOccurrence::of);

  /** What the fingerprint was. Key: its place in the history. */
  public static final Kind<Fingerprint> FINGERPRINT =
      new Kind<>("fingerprint", 1, Fingerprint.class, Fingerprint::of);

  /** What was measured. Key: its place in the history. */
  public static final Kind<Vitals> VITALS = new Kind<>("vitals", 1, Vitals.class, Vitals::of);

  /** What decay did. Key: its place in the history. */
  public static final Kind<DecayRun> DECAY_RUN =
      new Kind<>("decay_run", 1, DecayRun.class, DecayRun::of);

  /** What somebody attested to. Key: type, and its place in the history or {@code latest}. */
  public static final Kind<Attestation> ATTESTATION =
      new Kind<>("attestation", 2, Attestation.class, Attestation::of);

  private static final List<Kind<?>> ALL =
      List.of(
          MEMORY,
          VECTOR_SPACE,
          CO_OCCURRENCE,
          EDGE,
          OBSERVATION,
          EMBEDDING,
          IMAGE_LINK,
          SESSION,
          SESSION_RECALL,
          REJECTION,
          LESSON,
          CONTEXT_GRAPH,
          VALUE,
          PENDING_CO_OCCURRENCE,
          FINGERPRINT,
          VITALS,
          DECAY_RUN,
          ATTESTATION);

  private final String name;
  private final int keyParts;
  private final Class<T> type;
  private final BiFunction<Key, Value.Map, T> reader;

  private Kind(String name, int keyParts, Class<T> type, BiFunction<Key, Value.Map, T> reader) {
    this.name = name;
    this.keyParts = keyParts;
    this.type = type;
    this.reader = reader;
  }

  /** Every kind, in an order in which no record comes before one it needs. */
  public static List<Kind<?>> all() {
    return ALL;
  }

  /** The kind called {@code name}. */
  public static Optional<Kind<?>> named(String name) {
    for (Kind<?> kind : ALL) {
      if (kind.name.equals(name)) {
        return Optional.of(kind);
      }
    }
    return Optional.empty();
  }

  /** Its name, as reports and the command line spell it: lower case with underscores. */
  public String name() {
    return name;
  }

  /** The number of parts its keys have. */
  public int keyParts() {
    return keyParts;
  }

  /** The class of its records. */
  public Class<T> type() {
    return type;
  }

  /**
   * The record of this key and content: the way back from {@link MemoryRecord#tree()}.
   *
   * @throws IllegalArgumentException if they do not form a record of this kind
   */
  public T record(Key key, Value.Map content) {
    if (requireNonNull(key, "key").parts().size() != keyParts) {
      throw new IllegalArgumentException("a key of kind " + name + " has " + keyParts + " parts");
    }
    return reader.apply(key, content);
  }

  @Override
  public String toString() {
    return name;
  }
}
