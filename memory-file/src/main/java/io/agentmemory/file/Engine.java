package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CoOccurrence;
import io.agentmemory.CorruptMemoryException;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Leaf;
import io.agentmemory.Limits;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryStoreException;
import io.agentmemory.OpId;
import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import io.agentmemory.Stored;
import io.agentmemory.UncategorizedStoreException;
import io.agentmemory.command.Batch;
import io.agentmemory.command.Command;
import io.agentmemory.command.ForgetMemory;
import io.agentmemory.command.MoveMemory;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.Plan;
import io.agentmemory.command.PutRecords;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.UpdateMemory;
import io.agentmemory.file.Control.FileState;
import io.agentmemory.file.Control.Ref;
import io.agentmemory.file.TreeWriter.UnreadableDocumentException;
import io.agentmemory.internal.FolderLock;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries out the writes of one tree, on one thread of its own, which touches every file: so writes
 * have one order, and no caller's interrupt can close a file under them. Batches that wait together
 * become one line of the log and share its force.
 */
final class Engine {
  private static final Logger LOG = LoggerFactory.getLogger(FileMemoryStore.class);
  private static final AtomicInteger COUNT = new AtomicInteger();
  private static final int MOST_TOGETHER = 64;
  private static final long MOST_LOG = 1 << 20;

  private static final String BEHIND = "the last checkpoint failed: the documents are behind";

  private static final String GONE =
      "files are gone that do not count as deleted: what was in them is served as it was until they"
          + " are back or the store is opened again, see info";

  private static final String SEALED_EDITED =
      "the tree is sealed and was edited by others: that counts once it is unsealed";

  private static final String UNSEEN =
      "the last look for edits of others failed: the next one tries again";

  static final String STORE = "file";

  private final BlockingQueue<Task> tasks = new LinkedBlockingQueue<>();
  private final Thread thread;
  private final Duration quiet;
  private final long between; // two looks for edits of others, in nanoseconds
  private final Limits limits;
  private boolean running = true; // of the thread
  private boolean ended; // guarded by tasks

  // Set by open, on the thread.
  private @Nullable Session session;

  private volatile @Nullable Tree tree;
  private volatile Runnable whenEdited = () -> {};
  private volatile @Nullable String refusal;
  private volatile @Nullable String sealed; // why

  private static final class Task {
    final @Nullable Batch batch;
    final @Nullable Callable<?> work;
    final CompletableFuture<Object> done = new CompletableFuture<>();

    Task(@Nullable Batch batch, @Nullable Callable<?> work) {
      this.batch = batch;
      this.work = work;
    }
  }

  /**
   * A tree that is open for writing, and what writes to it.
   *
   * @param sealed why nothing is to be written, not even what is left to do; null: it is not sealed
   */
  record Session(
      Tree tree,
      StoreLog log,
      TreeWriter writer,
      FolderLock lock,
      Rereading rereading,
      @Nullable String sealed) {
    /** Checks that the tree's name leads to it, not to nothing or to another one. */
    void checkInPlace() throws IOException {
      if (!lock.isInPlace() || !writer.isTheTreeThatWasOpened()) {
        throw new ElsewhereException();
      }
    }
  }

  /** Whatever is to be written, it must not be written here. */
  private static final class ElsewhereException extends IOException {
    private static final long serialVersionUID = 1L;

    ElsewhereException() {
      super("the folder is not the one that was opened");
    }
  }

  /** Reads the tree anew that a session has open. */
  interface Rereading {
    Tree tree() throws IOException;

    TreeWriter writer(Tree tree);
  }

  Engine(Duration quiet, Duration between, Limits limits) {
    this.quiet = quiet;
    this.between = between.toNanos();
    this.limits = limits;
    this.thread = new Thread(this::run, "agent-memory-file-" + COUNT.incrementAndGet());
    thread.setDaemon(true);
    thread.start();
  }

  // ---- from callers' threads; an interrupt makes no difference ----

  /** Opens the tree; the first thing that is asked of an engine. */
  Tree open(Callable<Session> opening) throws IOException {
    try {
      return (Tree)
          call(
              () -> {
                Session opened = opening.call();
                begin(opened);
                sealed = opened.sealed();
                Tree read = opened.tree();
                if (sealed != null && !read.edited.equals(read.head.edited())) {
                  read.notes.add(SEALED_EDITED);
                }
                opened.writer().isEdited(); // what is wrong already is no news
                look = System.nanoTime() + between;
                return read;
              });
    } catch (CompletionException e) {
      stop();
      if (e.getCause() instanceof IOException failure) {
        throw failure;
      }
      throw e;
    } catch (RuntimeException | Error e) {
      stop();
      throw e;
    }
  }

  /**
   * The checkpoint that an opening makes over a log that was left. On a disk that is full, say, the
   * log stays and the next checkpoint tries again.
   */
  static void recoveryCheckpoint(TreeWriter writer, StoreLog log, Tree tree) throws IOException {
    try {
      writer.checkpoint(log);
    } catch (TreeWriter.UnforcedException e) {
      throw e;
    } catch (IOException e) {
      tree.notes.add(BEHIND);
      LOG.warn("the checkpoint after opening failed and will be tried again: {}", describe(e));
    }
  }

  /** What was last read; another object once edits of others were taken over. */
  Tree tree() {
    return requireNonNull(tree, "tree");
  }

  /** Tells whenever edits of others are taken over, on the thread that writes. */
  void whenEdited(Runnable told) {
    whenEdited = told;
  }

  /** Takes over what others changed, as opening would. */
  void refresh() {
    Operation operation = new Operation(STORE, "refresh", "");
    call(
        () -> {
          checkNotRefusing(operation);
          try {
            refreshNow(0);
          } catch (IOException e) {
            throw StoreUnavailableException.notApplied(
                operation, "the tree could not be read again: " + describe(e), e);
          }
          return "";
        });
  }

  @Nullable String sealed() {
    return sealed;
  }

  /**
   * Makes everything durable and current, and from then on changes no file.
   *
   * @param mark makes the next opening know
   */
  void seal(String why, Callable<?> mark) {
    change(
        "seal",
        () -> {
          checkpointNow();
          session().log().drop();
          mark.call();
          sealed = why;
          return "";
        });
  }

  /** Does what the seal kept from being done, and takes over what others changed meanwhile. */
  void unseal(Callable<?> mark) {
    change(
        "unseal",
        () -> {
          if (sealed != null) {
            session().writer().recover();
            mark.call();
            sealed = null;
            session().tree().notes.remove(SEALED_EDITED);
            lookForEdits();
          }
          return "";
        });
  }

  private void checkNotRefusing(Operation operation) {
    String refused = refusal;
    if (refused != null) {
      throw StoreUnavailableException.notApplied(operation, refused, null);
    }
  }

  private void change(String verb, Callable<?> work) {
    Operation operation = new Operation(STORE, verb, "");
    call(
        () -> {
          checkNotRefusing(operation);
          try {
            return work.call();
          } catch (IOException e) {
            throw StoreUnavailableException.notApplied(
                operation, "the files could not be written: " + describe(e), e);
          }
        });
  }

  /** Takes over what others changed of these records; returns those that were changed. */
  @SuppressWarnings("unchecked") // that is what the task gives
  List<Key> look(Kind<?> kind, List<Key> keys) {
    Operation operation = new Operation(STORE, "look", kind.name());
    return (List<Key>)
        call(
            () -> {
              checkNotRefusing(operation);
              Index before = session().tree().index;
              Map<Key, Long> revisions = new LinkedHashMap<>();
              for (Key key : keys) {
                Row row = before.row(kind, key);
                revisions.put(key, row == null ? 0 : row.revision);
              }
              try {
                takeOver(operation, kind, keys);
              } catch (IOException e) {
                throw StoreUnavailableException.notApplied(
                    operation, "the files could not be read: " + describe(e), e);
              }
              Index after = session().tree().index;
              revisions
                  .entrySet()
                  .removeIf(
                      known -> {
                        Row row = after.row(kind, known.getKey());
                        return row == null || row.revision == known.getValue();
                      });
              return List.copyOf(revisions.keySet());
            });
  }

  private void takeOver(Operation operation, Kind<?> kind, List<Key> keys) throws IOException {
    if (sealed != null) {
      return;
    }
    TreeWriter writer = session().writer();
    if (Documents.inMemoryFile(kind)) {
      Draft nothing = new Draft(session().tree().index);
      for (Key key : keys) {
        try {
          writer.importEdit(operation, key.part(0), nothing);
        } catch (CorruptMemoryException | MemoryConflictException unreadable) {
          LOG.debug("the file of a memory cannot be taken over: {}", unreadable.getMessage());
        }
      }
      return;
    }
    Set<String> documents = new LinkedHashSet<>();
    for (Key key : keys) {
      String document = Documents.of(kind, key);
      if (document != null && documents.add(document) && writer.isEdited(document)) {
        refreshNow(0);
        return;
      }
    }
  }

  Outcome execute(Batch batch) {
    refuseWrites(batch);
    return (Outcome) await(submit(new Task(batch, null)));
  }

  /**
   * What each operation did that was applied. What was handed in before this call has been decided
   * by then, and nothing comes in late.
   */
  @SuppressWarnings("unchecked") // that is what the task gives
  Map<OpId, Outcome> conclude(List<OpId> opIds) {
    Operation operation = new Operation(STORE, "conclude", "");
    return (Map<OpId, Outcome>)
        call(
            () -> {
              checkNotRefusing(operation);
              Draft draft = new Draft(session().tree().index);
              Map<OpId, Outcome> found = new HashMap<>();
              for (OpId opId : opIds) {
                Outcome outcome = repeated(opId, draft);
                if (outcome != null) {
                  found.put(opId, outcome);
                }
              }
              return found;
            });
  }

  /** Carries out each as a batch that finds nothing to do, many of them with one force. */
  Map<OpId, Outcome> markApplied(List<OpId> opIds) {
    Map<OpId, CompletableFuture<Object>> running = new LinkedHashMap<>();
    for (OpId opId : opIds) {
      Batch nothing = new Batch(opId, List.of(new PutRecords(List.of())));
      refuseWrites(nothing);
      running.put(opId, submit(new Task(nothing, null)));
    }
    Map<OpId, Outcome> applied = new HashMap<>();
    running.forEach(
        (opId, done) -> {
          Outcome outcome = (Outcome) await(done);
          applied.put(opId, new Outcome(opId, outcome.changes(), List.of(), true));
        });
    return applied;
  }

  void checkpoint() {
    Operation operation = new Operation(STORE, "checkpoint", "");
    String refused = refusal;
    if (refused != null) {
      throw StoreUnavailableException.notApplied(operation, refused, null);
    }
    call(
        () -> {
          try {
            checkpointNow();
          } catch (IOException e) {
            throw StoreUnavailableException.notApplied(
                operation, "the checkpoint failed: " + describe(e) + "; the log has everything", e);
          }
          return "";
        });
  }

  /** The leaves of these memories, between two writes. */
  @SuppressWarnings("unchecked") // that is what the task gives
  List<Leaf> leaves(List<Key> memories) throws IOException {
    try {
      return (List<Leaf>)
          call(
              () -> {
                Session open = session();
                return open.writer().leaves().of(memories);
              });
    } catch (CompletionException e) {
      if (e.getCause() instanceof IOException failure) {
        throw failure;
      }
      throw e;
    }
  }

  /** Writes what is left to write and ends the thread. */
  void close() {
    try {
      call(this::shut);
    } finally {
      stop();
    }
  }

  private void stop() {
    synchronized (tasks) {
      ended = true; // whoever comes later is refused, so nobody waits for a thread that is gone
      tasks.add(
          new Task(
              null,
              () -> {
                running = false;
                return "";
              }));
    }
  }

  private Object call(Callable<?> work) {
    return await(submit(new Task(null, work)));
  }

  private CompletableFuture<Object> submit(Task task) {
    StackRoom.ensure();
    synchronized (tasks) {
      if (ended) {
        throw new UncategorizedStoreException(
            new Operation(STORE, "submit", ""), "the store is closed", null);
      }
      tasks.add(task);
    }
    return task.done;
  }

  private static Object await(CompletableFuture<Object> done) {
    try {
      return done.join(); // goes on waiting when interrupted, and keeps the interrupt
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      if (e.getCause() instanceof Error failure) {
        throw failure;
      }
      throw e;
    }
  }

  // ---- on the thread ----

  private void run() {
    while (running) {
      List<Task> batches = new ArrayList<>();
      try {
        Session open = session;
        boolean idle = open == null || refusal != null;
        long left = idle ? Long.MAX_VALUE : look - System.nanoTime();
        if (left <= 0) {
          lookForEdits();
          continue;
        }
        boolean clean = idle || sealed != null || !requireNonNull(open).tree().isDirty();
        long calm = since + quiet.toNanos() - System.nanoTime();
        if (!clean && calm <= 0) {
          tryCheckpoint();
          since = System.nanoTime();
          continue;
        }
        long wait = clean ? left : Math.min(left, calm);
        Task next = idle ? tasks.take() : tasks.poll(wait, TimeUnit.NANOSECONDS);
        if (next == null) {
          continue;
        }
        while (next != null && next.batch != null) {
          batches.add(next);
          Task following = tasks.peek();
          boolean goOn =
              batches.size() < MOST_TOGETHER && following != null && following.batch != null;
          next = goOn ? tasks.poll() : null;
        }
        if (!batches.isEmpty()) {
          commit(batches);
        } else if (next != null) {
          perform(next);
        }
        since = System.nanoTime();
      } catch (InterruptedException ignored) {
        continue; // nobody is meant to interrupt this thread
      } catch (Throwable defect) {
        failAll(batches, defect);
      }
    }
  }

  private static void perform(Task task) {
    try {
      task.done.complete(requireNonNull(task.work).call());
    } catch (Throwable e) {
      task.done.completeExceptionally(e);
    }
  }

  private void failAll(List<Task> batches, Throwable defect) {
    LOG.error("the file store failed and takes no more writes until it is opened again", defect);
    refusal = "an earlier write failed halfway; open the store again";
    for (Task task : batches) {
      Batch batch = requireNonNull(task.batch);
      task.done.completeExceptionally(
          StoreUnavailableException.unknown(
              operation(batch), batch.opId(), "the write failed halfway", defect));
    }
  }

  private static Operation operation(Batch batch) {
    return new Operation(STORE, batch.verb(), batch.subject());
  }

  private void refuseWrites(Batch batch) {
    String refused = refusal;
    if (refused != null) {
      throw StoreUnavailableException.notApplied(operation(batch), refused, null);
    }
    String why = sealed;
    if (why != null) {
      throw new UncategorizedStoreException(
          operation(batch),
          "the folder is sealed for reading only: "
              + why
              + "; to write to it again, unseal it, or remove "
              + Layout.CONTROL
              + "/"
              + FileMemoryStore.SEALED
              + " while nobody has it open",
          null);
    }
  }

  static String describe(IOException e) {
    if (e instanceof ElsewhereException || e instanceof UnreadableDocumentException) {
      return requireNonNull(e.getMessage());
    }
    Throwable cause = e.getCause();
    Throwable told = cause == null || cause instanceof IOException ? e : cause;
    return told.getClass().getSimpleName();
  }

  private Session session() {
    return requireNonNull(session, "session");
  }

  // ---- a write ----

  private void commit(List<Task> batches) {
    Session open = session();
    Tree tree = open.tree();
    Draft draft = new Draft(tree.index);
    Map<Task, Outcome> planned = new LinkedHashMap<>();
    for (Task task : batches) {
      Batch batch = requireNonNull(task.batch);
      try {
        refuseWrites(batch);
        planned.put(task, plan(batch, draft));
      } catch (MemoryStoreException | IllegalArgumentException | NullPointerException refused) {
        task.done.completeExceptionally(refused);
      } catch (IOException e) {
        task.done.completeExceptionally(
            StoreUnavailableException.notApplied(
                operation(batch), "a file could not be read: " + describe(e), e));
      } catch (StackOverflowError | OutOfMemoryError tooMuch) {
        task.done.completeExceptionally(tooMuch);
      }
    }
    if (!draft.ops().isEmpty()) { // one that changed nothing must not change something later
      if (!force(open, draft, planned.keySet())) {
        return;
      }
      publish(tree, draft);
      open.writer().put(draft.files(), draft.moves());
    }
    for (Lines.Op op : draft.ops()) {
      List<Control.Touched> touched = touched(op);
      tree.ops.applied(op.id(), touched);
      tree.newOps.put(op.id(), touched);
    }
    planned.forEach((task, outcome) -> task.done.complete(outcome));
    checkpointIfLarge(open);
  }

  /** Makes the draft's line durable. From here on, and not before, it has happened. */
  private boolean force(Session open, Draft draft, Set<Task> tasks) {
    Tree tree = open.tree();
    List<Lines.FileChange> files = new ArrayList<>();
    draft
        .files()
        .forEach(
            (file, bytes) -> {
              FileState old = tree.files.get(file);
              String text = bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
              files.add(new Lines.FileChange(file, old == null ? null : old.hash(), text));
            });
    long seq = tree.seq + 1;
    try {
      if (!open.log().hasSegment()) {
        open.checkInPlace();
      }
      open.log().append(seq, new Lines.Group(seq, draft.ops(), files));
    } catch (IOException e) {
      LOG.warn("a write failed and changed nothing: {}", describe(e));
      for (Task task : tasks) {
        task.done.completeExceptionally(
            StoreUnavailableException.notApplied(
                operation(requireNonNull(task.batch)),
                "the log could not be written: " + describe(e),
                e));
      }
      return false;
    }
    try {
      open.log().force();
    } catch (IOException e) {
      refuse("the log could not be forced: " + describe(e));
      for (Task task : tasks) {
        Batch batch = requireNonNull(task.batch);
        task.done.completeExceptionally(
            StoreUnavailableException.unknown(
                operation(batch), batch.opId(), "the log could not be forced", e));
      }
      return false;
    }
    tree.seq = seq;
    return true;
  }

  /** No more writes: forcing again could report success for what is lost. */
  private void refuse(String reason) {
    refusal = reason + "; the store only reads until it is opened again";
    session().tree().notes.add(reason + ": the store only reads until it is opened again");
    LOG.error("{}; the store only reads until it is opened again", reason);
  }

  private static void publish(Tree tree, Draft draft) {
    draft
        .rows()
        .forEach(
            (ref, row) -> {
              Row before = tree.index.row(ref.kind(), ref.key());
              tree.ops.renamed(before == null ? null : before.lastOp, row.lastOp);
              tree.changed(ref);
              tree.ghosts.remove(ref);
              if (ref.kind().equals(Kind.MEMORY)) {
                String id = ref.key().part(0);
                tree.replaced.remove(id); // so that it is the newest
                if (before != null && before.isLive() && row.isLive()) {
                  tree.replaced.put(id, before);
                }
              }
            });
    tree.index.put(draft.rows().values());
  }

  private static List<Control.Touched> touched(Lines.Op op) {
    return op.changes().stream()
        .map(
            change ->
                new Control.Touched(
                    new Ref(change.after().kind(), change.after().key()), change.before()))
        .toList();
  }

  /** What a batch does; on success the draft has it. */
  private Outcome plan(Batch batch, Draft draft) throws IOException {
    Outcome repeated = repeated(batch.opId(), draft);
    if (repeated != null) {
      return repeated;
    }
    Operation operation = operation(batch);
    Draft mine = new Draft(draft);
    for (Map.Entry<Kind<?>, Set<Key>> needed : batch.needs().keys().entrySet()) {
      if (Documents.inMemoryFile(needed.getKey())) {
        for (Key key : needed.getValue()) {
          session().writer().importEdit(operation, key.part(0), draft);
        }
      }
    }
    if (batch.needs().whole().stream().anyMatch(Documents::inMemoryFile)) {
      for (Stored<Memory> memory : draft.all(Kind.MEMORY)) {
        session().writer().importEdit(operation, memory.key().part(0), draft);
      }
    }
    for (Command command : batch.commands()) {
      refuseBroken(operation, command);
    }
    Outcome planned = raised(batch, Plan.of(STORE, batch, mine, limits));
    Outcome outcome = planned.placedFrom(session().tree().newPlaces(planned.newPlaces()));
    Set<String> memories = new LinkedHashSet<>();
    for (Outcome.Change change : outcome.changes()) {
      Stored<?> after = change.after();
      check(operation, after);
      mine.put(after);
      if (Documents.inMemoryFile(after.kind())) {
        memories.add(after.key().part(0));
      }
    }
    files(operation, memories, draft, mine);
    mine.add(new Lines.Op(batch.opId(), planned.changes()));
    mine.merge();
    return outcome;
  }

  private @Nullable Outcome repeated(OpId opId, Draft draft) {
    List<Control.Touched> touched = session().tree().ops.touched(opId);
    if (touched == null) {
      Lines.Op op = draft.op(opId);
      if (op == null) {
        return null;
      }
      touched = touched(op);
    }
    List<Outcome.Change> changes = new ArrayList<>();
    for (Control.Touched change : touched) {
      Ref ref = change.ref();
      draft
          .get(ref.kind(), ref.key())
          .ifPresent(now -> changes.add(new Outcome.Change(change.before(), now)));
    }
    return new Outcome(opId, changes, List.of(), true);
  }

  /** A record that was somewhere before it vanished goes on from the revision it had. */
  private Outcome raised(Batch batch, Outcome outcome) {
    Map<Ref, Long> ghosts = session().tree().ghosts;
    if (ghosts.isEmpty() || batch.commands().stream().anyMatch(PutRecords.class::isInstance)) {
      return outcome;
    }
    List<Outcome.Change> changes = new ArrayList<>();
    for (Outcome.Change change : outcome.changes()) {
      Stored<?> after = change.after();
      Long ghost = ghosts.get(new Ref(after.kind(), after.key()));
      changes.add(
          ghost == null || change.before() != null || ghost < after.revision()
              ? change
              : new Outcome.Change(null, at(after, ghost + 1)));
    }
    return new Outcome(outcome.opId(), changes, outcome.skipped(), outcome.repeated());
  }

  private static Stored<?> at(Stored<?> state, long revision) {
    return state.isTombstone()
        ? Stored.tombstone(state.kind(), state.key(), revision, state.lastOp())
        : Stored.live(
                requireNonNull(state.value()),
                revision,
                requireNonNull(state.version().digest()),
                state.lastOp())
            .at(state.place());
  }

  private void refuseBroken(Operation operation, Command command) {
    String id =
        command instanceof UpdateMemory c
            ? c.id()
            : command instanceof RecallMemory c
                ? c.id()
                : command instanceof MoveMemory c
                    ? c.id()
                    : command instanceof ForgetMemory c ? c.id() : null;
    if (id != null) {
      refuseBroken(operation, id);
    }
  }

  private void refuseBroken(Operation operation, String id) {
    Tree.Broken broken = session().tree().broken.get(id);
    if (broken != null) {
      throw new CorruptMemoryException(operation, broken.location(), broken.reason(), null);
    }
  }

  /** Refuses what the tree has no place for. */
  private void check(Operation operation, Stored<?> after) throws IOException {
    Tree tree = session().tree();
    if (Documents.inMemoryFile(after.kind())) {
      String id = after.key().part(0);
      refuseBroken(operation, id);
      String files = tree.duplicates.get(id);
      if (files != null) {
        throw new MemoryConflictException(
            operation,
            "several files have the id " + id + " (" + files + "): leave one, then open again",
            0,
            after.revision());
      }
      return;
    }
    String file = Documents.of(after.kind(), after.key());
    if (file == null) {
      throw new InvalidMemoryException(
          operation, "space", "has a name that no file of vectors can have");
    }
    String reason = tree.brokenDocuments.get(file);
    if (reason != null) {
      throw new CorruptMemoryException(operation, file, reason, null);
    }
    String refusal = after.value() == null ? null : Documents.format(file).refusal(after.value());
    if (refusal != null) {
      throw new InvalidMemoryException(operation, after.kind() + ":" + after.key(), refusal);
    }
    if (Documents.whole(file) != null && session().writer().isCutOff(file)) {
      throw new InvalidMemoryException(
          operation, after.kind() + ":" + after.key(), "lies behind something that is no folder");
    }
  }

  /** Works out the files of memories that change. */
  private void files(Operation operation, Set<String> ids, Draft before, Draft mine)
      throws IOException {
    Map<String, byte @Nullable []> old = new HashMap<>();
    for (String id :
        ids) { // first what goes, so that another memory of this batch can take its name
      Memory was = before.get(Kind.MEMORY, Key.of(id)).flatMap(Stored::live).orElse(null);
      if (was != null) {
        String file = Layout.memoryFile(was.tier(), was.fileName());
        refuseFolder(operation, file);
        old.put(id, session().writer().bytes(file, before));
        Memory now = mine.get(Kind.MEMORY, Key.of(id)).flatMap(Stored::live).orElse(null);
        String next = now == null ? null : Layout.memoryFile(now.tier(), now.fileName());
        if (!file.equals(next)) {
          mine.putFile(file, null, null);
        }
        if (next != null && !file.equals(next)) {
          mine.moved(next, file);
        }
      }
    }
    for (String id : ids) {
      Memory now = mine.get(Kind.MEMORY, Key.of(id)).flatMap(Stored::live).orElse(null);
      if (now == null) {
        continue;
      }
      String file = Layout.memoryFile(now.tier(), now.fileName());
      refuseFolder(operation, file);
      claim(operation, id, file, mine);
      List<CoOccurrence> entries =
          mine.ownedBy(Kind.CO_OCCURRENCE, id).stream()
              .sorted(Stored.BY_PLACE)
              .map(entry -> requireNonNull(entry.value()))
              .toList();
      try {
        mine.putFile(file, MemoryFile.render(now, entries, old.get(id)), id);
      } catch (IllegalArgumentException impossible) {
        throw new InvalidMemoryException(
            operation,
            "front_matter",
            "of memory " + id + " is none that a file can hold",
            impossible);
      }
    }
  }

  /** Refuses a write to a tier whose folder is none, or is gone with what was in it. */
  private void refuseFolder(Operation operation, String file) throws IOException {
    String problem = session().writer().folderProblem(file);
    if (problem != null) {
      session().checkInPlace(); // else it is not the folder that is wrong
      String folder = file.substring(0, file.indexOf('/'));
      throw new CorruptMemoryException(operation, folder, problem, null);
    }
  }

  private void claim(Operation operation, String id, String file, Draft mine) throws IOException {
    String owner = mine.idIn(file);
    if (id.equals(owner)) {
      return;
    }
    boolean free = owner == null;
    if (free && !mine.knows(file)) {
      free = !session().tree().unread.contains(file) && !session().writer().isThere(file);
    }
    if (!free) {
      throw new MemoryConflictException(
          operation,
          "the file name of memory "
              + id
              + " is taken by "
              + (owner == null ? "a file that is no memory of this store" : "memory " + owner),
          0,
          0);
    }
  }

  // ---- what others do ----

  private static final int LOOKS = 3;
  private static final long AGAIN = TimeUnit.MILLISECONDS.toNanos(170);

  private long since; // when somebody last asked for something; System.nanoTime
  private long look; // when to look for edits of others; System.nanoTime
  private int looks; // of the same edit, which may be half done

  private void begin(Session opened) {
    session = opened;
    tree = opened.tree();
    opened.tree().whenEdited(() -> whenEdited.run());
  }

  private void lookForEdits() {
    look = System.nanoTime() + between;
    try {
      boolean edited = reading(session().writer()::isEdited);
      if (edited && sealed != null) {
        session().tree().notes.add(SEALED_EDITED);
      } else if (edited) {
        refreshNow(LOOKS);
      }
      session().tree().notes.remove(UNSEEN);
    } catch (IOException e) {
      look = System.nanoTime() + between;
      if (session().tree().notes.add(UNSEEN)) {
        LOG.warn("edits of others could not be looked for and will be: {}", describe(e));
      }
    }
  }

  /** Does what only reads: if that fails in whatever way, the store is what it was. */
  private static <T> T reading(Callable<T> look) throws IOException {
    try {
      return look.call();
    } catch (IOException e) {
      throw e;
    } catch (Exception | StackOverflowError | OutOfMemoryError e) {
      throw new IOException("reading failed", e);
    }
  }

  /**
   * Reads the tree anew, after a checkpoint, so that all that differs is of others. Where a
   * document that is to be written cannot be read, its files and its log are read as an opening
   * would: what we have for that document is kept among the conflicts, and the others are written.
   *
   * @param most how often to come back to an edit that looks half done
   */
  private void refreshNow(int most) throws IOException {
    if (sealed != null) {
      return;
    }
    Session old = session();
    old.checkInPlace();
    boolean written = true;
    try {
      checkpointNow();
    } catch (UnreadableDocumentException broken) {
      written = false;
    }
    Session next = reading(() -> reread(old));
    Tree fresh = next.tree();
    if (looks < most && hasLost(old.tree(), fresh)) {
      looks++;
      look = System.nanoTime() + AGAIN;
      return;
    }
    looks = 0;
    next.writer().takeReplaced(old.tree());
    if (fresh.notes.contains(GONE) && !old.tree().notes.contains(GONE)) {
      LOG.warn(GONE);
    }
    begin(next);
    if (!fresh.edited.equals(old.tree().edited)) {
      LOG.info("what others changed was read again");
      whenEdited.run(); // before a checkpoint counts it as known
    }
    next.writer().recover();
    if (!written) {
      tryCheckpoint();
    }
    reading(next.writer()::isEdited); // what cannot be read is no news
  }

  /** The tree as it is now. What was known of files that are gone goes on being served. */
  private static Session reread(Session old) throws IOException {
    Tree fresh = old.rereading().tree();
    if (!fresh.head.equals(old.tree().head)) {
      throw new ElsewhereException(); // by now
    }
    if (fresh.seq < old.tree().seq) {
      throw new IOException("the log could not be read to its end");
    }
    fresh.keepRising(old.tree());
    fresh.notes.addAll(old.tree().notes);
    fresh.notes.removeAll(Set.of(GONE, UNSEEN));
    if (fresh.keepServing(old.tree())) {
      fresh.notes.add(GONE);
    }
    TreeWriter writer = old.rereading().writer(fresh);
    writer.take(old.writer());
    return new Session(fresh, old.log(), writer, old.lock(), old.rereading(), null);
  }

  /** Whether something is gone or cannot be read any more: its writer may not be done with it. */
  private static boolean hasLost(Tree old, Tree fresh) {
    return !old.unread.containsAll(fresh.unread)
        || !old.brokenDocuments.keySet().containsAll(fresh.brokenDocuments.keySet())
        || !fresh.files.keySet().containsAll(old.files.keySet());
  }

  // ---- checkpoints ----

  private long nextCheckpoint = MOST_LOG;

  private void checkpointIfLarge(Session open) {
    long most = Math.max(nextCheckpoint, open.writer().changedDocumentBytes() / 4);
    if (open.log().size() > most && refusal == null) {
      tryCheckpoint();
    }
  }

  private void tryCheckpoint() {
    try {
      checkpointNow();
    } catch (IOException e) {
      LOG.warn("a checkpoint failed and will be tried again: {}", describe(e));
    }
  }

  private void checkpointNow() throws IOException {
    if (sealed != null) {
      return; // all that there is to write came after the seal
    }
    Session open = session();
    try {
      if (open.writer().hasToCheckpoint()) {
        open.checkInPlace();
        open.writer().checkpoint(open.log());
      }
      nextCheckpoint = MOST_LOG;
      open.tree().notes.remove(BEHIND);
    } catch (TreeWriter.UnforcedException e) {
      refuse(e.getMessage() + " could not be forced");
      throw e;
    } catch (IOException e) {
      if (e instanceof UnreadableDocumentException) {
        look = System.nanoTime(); // which tells the documents apart that can be read
      }
      nextCheckpoint = Math.max(nextCheckpoint, open.log().size()) * 2;
      open.tree().notes.add(BEHIND);
      throw e;
    }
  }

  private Object shut() throws IOException {
    Session open = session;
    if (open == null) {
      return "";
    }
    try (FolderLock lock = open.lock();
        StoreLog log = open.log()) {
      if (refusal == null && sealed == null) {
        tryCheckpoint();
        if (!open.tree().isDirty()) {
          log.drop();
        }
      }
      requireNonNull(lock);
    } catch (IOException e) {
      LOG.warn("closing left something behind that the next opening removes: {}", describe(e));
    } finally {
      session = null;
      refusal = "the store is closed";
    }
    return "";
  }
}
