package io.agentmemory.dualwrite;

import io.agentmemory.Operation;
import io.agentmemory.StoreUnavailableException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Lets writes that touch the same records go one after the other, in the order in which they came,
 * and others side by side. A turn lasts from before the authority is asked until the secondary has
 * followed, which is after the caller was answered: so both stores see the same order per record.
 *
 * <p>Cannot deadlock: a turn waits only for turns that came before it.
 */
final class Turns {
  private static final int STAMPS = 1024;

  /** A turn that is overtaken may be in the middle of something that takes this long. */
  private static final long LEAST_HOLD_MILLIS = 1000;

  private final Map<String, Line> lines = new HashMap<>();

  /** Those that were answered, which the secondary has yet to follow. */
  private final Set<Turn> followed = new HashSet<>();

  private long answers; // guarded by this

  /** How many writes began to have a name for their own, by {@link #stamp} of the name. */
  private final long[] stamps = new long[STAMPS];

  /** Who is at one name. */
  private static final class Line {
    @Nullable Turn owner;
    final Set<Turn> sharing = new LinkedHashSet<>();
  }

  /** One write's turn. */
  final class Turn {
    private final Names names;
    private final CompletableFuture<Void> answered = new CompletableFuture<>();
    private final CompletableFuture<Void> over = new CompletableFuture<>();
    private volatile List<Turn> before;
    private long number; // in the order of answers; guarded by Turns.this
    private volatile @Nullable Runnable whenOvertaken;
    private final ReentrantLock holding = new ReentrantLock();
    private volatile boolean ended; // changed while holding

    private Turn(Names names, List<Turn> before) {
      this.names = names;
      this.before = before;
    }

    Names names() {
      return names;
    }

    /**
     * Waits until every earlier turn at these records is over. The authority is waited for however
     * long it takes; a secondary only for {@code patience}, then its turn is ended for it.
     *
     * @throws StoreUnavailableException if the thread is interrupted
     */
    void await(Operation operation, Duration patience) {
      try {
        for (Turn earlier : before) {
          earlier.answered.get();
        }
        long deadline = System.nanoTime() + patience.toNanos();
        for (Turn earlier : before) {
          try {
            earlier.over.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
          } catch (TimeoutException tooSlow) {
            earlier.overtake(operation, Math.max(patience.toMillis(), LEAST_HOLD_MILLIS));
          }
        }
        before = List.of(); // or every turn would keep all that ever came before it
      } catch (ExecutionException never) {
        throw new IllegalStateException(never);
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        throw StoreUnavailableException.notApplied(operation, "interrupted", interrupt);
      }
    }

    /**
     * The authority has answered.
     *
     * @param whenOvertaken run at most once, if a later turn does not wait for the secondary
     */
    void answered(Runnable whenOvertaken) {
      this.whenOvertaken = whenOvertaken;
      synchronized (Turns.this) {
        number = ++answers;
        followed.add(this);
      }
      answered.complete(null);
      if (isOver()) {
        forget(this);
      }
    }

    private void overtake(Operation operation, long millis) throws InterruptedException {
      if (!holding.tryLock(millis, TimeUnit.MILLISECONDS)) {
        throw StoreUnavailableException.notApplied(
            operation, "a store that is just being brought up to date does not answer", null);
      }
      boolean first;
      try {
        first = leave();
      } finally {
        holding.unlock();
      }
      if (first) {
        try {
          Runnable run = whenOvertaken;
          if (run != null) {
            run.run();
          }
        } finally {
          over.complete(null);
        }
      }
    }

    /**
     * Ends the turn; one that did not wait for its time ends once those before it have.
     *
     * @return false if a later turn had ended it already
     */
    boolean end() {
      if (before.isEmpty()) {
        return endNow();
      }
      CompletableFuture<Void> all =
          CompletableFuture.allOf(
              before.stream().map(earlier -> earlier.over).toArray(CompletableFuture<?>[]::new));
      CompletableFuture<Boolean> unused = all.thenApply(nothing -> endNow());
      return true;
    }

    private boolean endNow() {
      boolean first = leave();
      if (first) {
        answered.complete(null);
        over.complete(null);
      }
      return first;
    }

    private boolean leave() {
      holding.lock();
      try {
        boolean first = !ended;
        ended = true;
        if (first) {
          remove(this);
        }
        return first;
      } finally {
        holding.unlock();
      }
    }

    /** Whether it has ended. */
    boolean isOver() {
      return ended;
    }

    /** Does something before anybody can end the turn; false, and not done, if it has ended. */
    boolean whileHeld(Runnable action) {
      holding.lock();
      try {
        if (!ended) {
          action.run();
        }
        return !ended;
      } finally {
        holding.unlock();
      }
    }

    /** Waits until the turn is over, no longer than this; an interrupt ends the wait. */
    void awaitEnd(Duration atMost) {
      try {
        over.get(atMost.toNanos(), TimeUnit.NANOSECONDS);
      } catch (TimeoutException later) {
        // it goes on without us
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
      } catch (ExecutionException never) {
        throw new IllegalStateException(never);
      }
    }
  }

  /** Lines up. */
  synchronized Turn enter(Names names) {
    Set<Turn> before = new LinkedHashSet<>();
    Turn turn = new Turn(names, List.of());
    for (String name : names.own()) {
      stamps[stamp(name)]++;
      Line line = lines.computeIfAbsent(name, n -> new Line());
      before.addAll(line.sharing);
      if (line.owner != null) {
        before.add(line.owner);
      }
      line.sharing.clear();
      line.owner = turn;
    }
    for (String name : names.shared()) {
      Line line = lines.computeIfAbsent(name, n -> new Line());
      if (line.owner != null && line.owner != turn) {
        before.add(line.owner);
      }
      line.sharing.add(turn);
    }
    turn.before = new ArrayList<>(before);
    return turn;
  }

  /**
   * Waits until the secondary has followed every write of these names that was answered, or given
   * up on it.
   *
   * @param names null for all
   * @return false if that took too long
   */
  boolean awaitFollowers(@Nullable Set<String> names, Duration atMost) {
    List<Turn> answered = new ArrayList<>();
    synchronized (this) {
      for (Turn turn : followed) {
        if (names == null
            || turn.names.own().contains(Names.EVERYTHING)
            || turn.names.own().stream().anyMatch(names::contains)) {
          answered.add(turn);
        }
      }
    }
    long deadline = System.nanoTime() + atMost.toNanos();
    for (Turn turn : answered) {
      turn.awaitEnd(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
    }
    return answered.stream().allMatch(Turn::isOver);
  }

  /**
   * Waits until the secondary has followed every write that was answered before this one, or given
   * up on it, whatever it was about.
   */
  void awaitEarlier(Turn turn, Duration atMost) {
    List<Turn> earlier = new ArrayList<>();
    synchronized (this) {
      for (Turn one : followed) {
        if (one.number < turn.number) {
          earlier.add(one);
        }
      }
    }
    long deadline = System.nanoTime() + atMost.toNanos();
    earlier.forEach(
        one -> one.awaitEnd(Duration.ofNanos(Math.max(0, deadline - System.nanoTime()))));
  }

  private synchronized void forget(Turn turn) {
    followed.remove(turn);
  }

  private synchronized void remove(Turn turn) {
    followed.remove(turn);
    for (Set<String> names : List.of(turn.names.own(), turn.names.shared())) {
      for (String name : names) {
        Line line = lines.get(name);
        if (line != null) {
          line.sharing.remove(turn);
          if (line.owner == turn) {
            line.owner = null;
          }
          if (line.owner == null && line.sharing.isEmpty()) {
            lines.remove(name);
          }
        }
      }
    }
  }

  private static int stamp(String name) {
    return Math.floorMod(name.hashCode(), STAMPS);
  }

  private synchronized long stampOf(String name) {
    return stamps[stamp(name)];
  }

  /** What was being written at a moment. */
  synchronized Moment moment() {
    Set<String> busy = new HashSet<>();
    lines.forEach(
        (name, line) -> {
          if (line.owner != null) {
            busy.add(name);
          }
        });
    return new Moment(stamps.clone(), busy);
  }

  /** A moment to ask later what was written since. */
  final class Moment {
    private final long[] then;
    private final Set<String> busy;

    private Moment(long[] then, Set<String> busy) {
      this.then = then;
      this.busy = busy;
    }

    /** Whether nothing of these names was being written at that moment, or began to be since. */
    boolean quietSince(Set<String> names) {
      if (busy.contains(Names.EVERYTHING)
          || stampOf(Names.EVERYTHING) != then[stamp(Names.EVERYTHING)]) {
        return false;
      }
      for (String name : names) {
        if (busy.contains(name) || stampOf(name) != then[stamp(name)]) {
          return false;
        }
      }
      return true;
    }

    /** Whether nothing at all was being written at that moment, or began to be since. */
    boolean quietSince() {
      synchronized (Turns.this) {
        return busy.isEmpty() && Arrays.equals(stamps, then);
      }
    }
  }
}
