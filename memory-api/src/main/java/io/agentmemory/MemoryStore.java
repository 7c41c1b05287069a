package io.agentmemory;

import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.Outcome;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One agent's long-term memory. Three doors: {@link #execute} for every write, {@link #read} and
 * {@link #scan} for every record, queries for the rest; {@link #memories()}, {@link #embeddings()}
 * and {@link #graph()} stand in front of them and speak of memories. Thread-safe.
 *
 * <p>Every method may throw {@link StoreUnavailableException} if the store gives no answer, and
 * {@link CorruptMemoryException} if what it reads does not parse.
 */
public interface MemoryStore extends AutoCloseable {

  /** Whose memory this is: one agent, one project. */
  String namespace();

  /** How large what a command brings may be; {@link Limits#DEFAULT} unless it was opened so. */
  default Limits limits() {
    return Limits.DEFAULT;
  }

  /**
   * Carries out the commands together or not at all; durable on return. Carrying out a batch a
   * second time under the same id changes nothing.
   *
   * @throws InvalidMemoryException if a value is too large or of a form this store cannot hold
   * @throws MemoryConflictException if an id is taken, a record is missing, or its revision moved
   * @throws StoreUnavailableException if there is no answer; the batch may have been applied
   * @throws UncategorizedStoreException if the store was opened for reading only
   */
  Outcome execute(Batch batch);

  /** Carries out one command, as {@link #execute(Batch)}. */
  default Outcome execute(Command command) {
    return execute(Batch.of(command));
  }

  /**
   * Ends all doubt about operations whose answers got lost: when this returns, each of them has
   * been applied, or it has not been, and a call that is still on its way will have no effect,
   * however late it comes in.
   *
   * @return of each that was applied what {@link #execute} says if it is repeated
   * @throws StoreUnavailableException if the doubt remains
   */
  Map<OpId, Outcome> conclude(Collection<OpId> operations);

  /** Ends the doubt about one operation, as {@link #conclude(Collection)}; empty if not applied. */
  default Optional<Outcome> conclude(OpId operation) {
    return Optional.ofNullable(conclude(List.of(operation)).get(operation));
  }

  /**
   * Takes operations for applied which another store carried out, and of which this one got, or
   * gets, what they did as states: asked for here, each is repeated and does nothing. One that was
   * given up counts as applied from here on. Waits for a call that is still on its way.
   *
   * @return of each what {@link #execute} says if it is repeated
   * @throws StoreUnavailableException if it is not known whether they are; safe to ask again
   */
  Map<OpId, Outcome> markApplied(Collection<OpId> operations);

  /** The record of this key, or its tombstone; empty if there never was one. */
  <T extends MemoryRecord> Optional<Stored<T>> read(Kind<T> kind, Key key);

  /**
   * The records of these keys, or their tombstones, in the order of the keys; those that never were
   * are left out.
   */
  <T extends MemoryRecord> List<Stored<T>> readAll(Kind<T> kind, List<Key> keys);

  /**
   * The live records and tombstones of a kind in the order of their keys, read as the stream is
   * consumed: each record in a state it had at some time since the call. Close the stream.
   */
  <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind, ScanRange range);

  /** All of a kind, as {@link #scan(Kind, ScanRange)}. */
  default <T extends MemoryRecord> Stream<Stored<T>> scan(Kind<T> kind) {
    return scan(kind, ScanRange.ALL);
  }

  /**
   * The versions of a kind in the order of their keys, tombstones included, with the digest that
   * the store keeps: cheaper than {@link #scan}, and blind to what somebody changed behind the
   * store's back. Close the stream.
   */
  <T extends MemoryRecord> Stream<KeyVersion> versions(Kind<T> kind, ScanRange range);

  /** The memories a query asks for, in its order. */
  List<Memory> find(MemoryQuery query);

  /** How many memories meet a query's conditions, whatever its page. */
  long count(MemoryQuery query);

  /**
   * The memories that meet a query's conditions, without their bodies and in the order of their
   * ids, whatever the query's own order and page; read as the stream is consumed, each in a state
   * it had at some time since the call. No body leaves the store for it. Close the stream.
   */
  Stream<MemoryHead> heads(MemoryQuery query);

  /**
   * The vectors nearest to a given one, most similar first; ties by target. Exact, unless the query
   * lets an index answer. Vectors of another length than the query's are not compared.
   *
   * @throws InvalidMemoryException if the space is not defined, or has vectors of another length
   */
  List<SimilarQuery.Hit> search(SimilarQuery query);

  /**
   * What is known of the files of the core and active memories, one leaf for each memory, by id.
   * Each is of a state that the memory had at some time since the call. A store of files reads all
   * these files; another one tells what {@link #reportLeaves} has told it, and of a memory that was
   * written since, that its file is unknown. Close the stream.
   */
  Stream<Leaf> leaves();

  /**
   * Takes note of what the files of memories are. A leaf whose state is not the one the memory has
   * here, or that is unknown, is left out. A store of files, which sees for itself, does nothing.
   *
   * @throws UncategorizedStoreException if the store was opened for reading only
   */
  void reportLeaves(List<Leaf> leaves);

  /** How the store is. Never throws for a store that is down. */
  Health health();

  /** What the store holds. May take as long as counting everything does. */
  StoreInfo info();

  /**
   * Brings whatever other programs read up to date. A store whose commands do that anyway does
   * nothing.
   */
  default void checkpoint() {}

  /**
   * This store by another of its faces, or that of the store it stands in front of, such as {@link
   * io.agentmemory.spi.EpochGuard}; empty if it has none of that type. What is changed there holds
   * for this store.
   */
  default <T> Optional<T> as(Class<T> door) {
    return door.isInstance(this) ? Optional.of(door.cast(this)) : Optional.empty();
  }

  /** Memories, by the verbs an agent uses. */
  default Memories memories() {
    return new Memories(this);
  }

  /** Vectors, by the verbs an agent uses. */
  default Embeddings embeddings() {
    return new Embeddings(this);
  }

  /** What ties memories together, by the verbs an agent uses. */
  default Graph graph() {
    return new Graph(this);
  }

  /** Who the agent is, computed and attested. */
  default Identity identity() {
    return new Identity(this);
  }

  /** The session that is going on, by the verbs an agent uses. */
  default Sessions sessions() {
    return new Sessions(this);
  }

  /** What the agent turned down, by the verbs an agent uses. */
  default Rejections rejections() {
    return new Rejections(this);
  }

  /** What the memories tell when they are looked at together. */
  default Insights insights() {
    return new Insights(this);
  }

  /** What the agent learned, by the verbs an agent uses. */
  default Lessons lessons() {
    return new Lessons(this);
  }

  /** What was noted of the memory over time, by the verbs an agent uses. */
  default Histories histories() {
    return new Histories(this);
  }

  /** Releases what the store opened. A second call does nothing. */
  @Override
  void close();
}
