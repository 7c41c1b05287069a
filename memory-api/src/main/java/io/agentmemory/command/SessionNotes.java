package io.agentmemory.command;

import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.Memory;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.Operation;
import io.agentmemory.PendingCoOccurrence;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.Value;
import io.agentmemory.internal.Texts;
import io.agentmemory.spi.Needs;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What the commands mean that keep the session. */
final class SessionNotes {
  private final Plan plan;
  private final Rules rules;
  private final Operation operation;

  SessionNotes(Plan plan, Rules rules, Operation operation) {
    this.plan = plan;
    this.rules = rules;
    this.operation = operation;
  }

  /** Adds what is needed to note these in the session. */
  static void need(Needs needs, List<String> ids, String source, SessionRule rule) {
    needs.record(Kind.SESSION, Session.KEY);
    if (rule.sources().contains(source)) {
      for (String id : ids) {
        Ids.forms(id).forEach(form -> needs.record(Kind.SESSION_RECALL, Key.of(source, form)));
      }
    }
  }

  /** The session, unless there is none or it is over, and then it goes. */
  private Optional<Session> goingOn(String at, SessionRule rule) {
    Optional<Session> session = plan.live(Kind.SESSION, Session.KEY);
    Instant now = Texts.instant(at);
    if (session.isPresent() && rule.isOver(session.get(), now == null ? Instant.EPOCH : now)) {
      plan.endSession();
      return Optional.empty();
    }
    return session;
  }

  // ---- recalls ----

  void note(NoteRecalls c) {
    List<String> ids = c.ids().stream().map(this::id).toList();
    note(ids, c.source(), c.at(), c.rule());
  }

  /** Notes memories by their ids. */
  void note(List<String> ids, String source, String at, SessionRule rule) {
    Value.Map members =
        goingOn(at, rule)
            .map(Session::members)
            .orElse(
                Value.EMPTY_MAP
                    .with("started", Value.of(at))
                    .with("retrieved", Value.EMPTY_SEQ)
                    .with(Session.RECALLS, Value.EMPTY_MAP));
    members = members.with("retrieved", united(members.get("retrieved"), ids));
    boolean listed = false;
    if (rule.sources().contains(source)) {
      Value there = members.get(Session.RECALLS);
      Value sources = isNothing(there) ? Value.EMPTY_MAP : there;
      if (sources instanceof Value.Map map) {
        Value list = map.get(source);
        listed = isNothing(list) || list instanceof Value.Seq;
        members = members.with(Session.RECALLS, listed ? map.with(source, Value.EMPTY_SEQ) : map);
      }
    }
    put(new Session(members.with("last_updated", Value.of(at))));
    if (listed) {
      for (String id : ids) {
        SessionRecall recall = new SessionRecall(source, id);
        rules.state(operation, recall);
        plan.put(recall);
      }
    }
  }

  private void put(Session session) {
    rules.state(operation, session);
    plan.put(session);
  }

  private static boolean isNothing(@Nullable Value value) {
    return value == null || value.equals(Value.NULL);
  }

  /** A list with these in it too; what is no list is not ours to repair. */
  private static Value united(@Nullable Value there, List<String> ids) {
    if (there != null && !isNothing(there) && !(there instanceof Value.Seq)) {
      return there;
    }
    Set<Value> all = new LinkedHashSet<>();
    if (there instanceof Value.Seq seq) {
      all.addAll(seq.items());
    }
    ids.forEach(id -> all.add(Value.of(id)));
    return new Value.Seq(List.copyOf(all));
  }

  private String id(String meant) {
    return plan.find(meant).map(Memory::id).orElseGet(() -> rules.newId(operation, "id", meant));
  }

  // ---- start and end ----

  void start(StartSession c) {
    PendingCoOccurrence pending =
        plan.live(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY).orElse(null);
    List<List<String>> there =
        pending == null
            ? List.of()
            : pending.sessions().stream()
                .map(session -> Value.textsOf(session.get("retrieved")))
                .toList();
    if (!there.equals(c.pending())) {
      throw new MemoryConflictException(
          operation,
          "what is pending is not what it was",
          0,
          plan.revision(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY));
    }
    for (List<String> retrieved : there) {
      new Pairs(plan, rules, operation).count(possible(retrieved));
    }
    plan.delete(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY);
    goingOn(c.at(), c.rule());
  }

  /** Those that are ids; what stands in a file may be anything, and must not be in the way. */
  private List<String> possible(List<String> ids) {
    Set<String> possible = new LinkedHashSet<>();
    for (String id : ids) {
      try {
        possible.add(id(id));
      } catch (InvalidMemoryException none) {
        continue;
      }
    }
    return List.copyOf(possible);
  }

  void save(SavePending c) {
    Session session = goingOn(c.at(), c.rule()).orElse(null);
    if (session == null || session.retrieved().isEmpty()) {
      return;
    }
    Value.Map ended =
        Value.EMPTY_MAP
            .with("retrieved", Value.Seq.ofTexts(session.retrieved()))
            .with("session_id", Value.of(c.at()))
            .with("agent", Value.of(c.agent()))
            .with("saved_at", Value.of(c.at()));
    PendingCoOccurrence pending =
        plan.live(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY)
            .map(there -> both(there, ended))
            .orElse(new PendingCoOccurrence(ended));
    rules.state(operation, pending);
    plan.put(pending);
    plan.endSession();
  }

  /** In the form for several, with what it held before in front. */
  private static PendingCoOccurrence both(PendingCoOccurrence there, Value.Map ended) {
    Value.Map members = there.members();
    List<Value> sessions = new ArrayList<>();
    if (members.get("sessions") instanceof Value.Seq seq) {
      sessions.addAll(seq.items());
    } else {
      sessions.addAll(there.sessions());
      members = Value.EMPTY_MAP;
    }
    sessions.add(ended);
    return new PendingCoOccurrence(members.with("sessions", new Value.Seq(sessions)));
  }

  void end(EndSession c) {
    boolean isLive = plan.live(Kind.SESSION, Session.KEY).isPresent();
    long revision = isLive ? plan.revision(Kind.SESSION, Session.KEY) : 0;
    if (revision != c.expectedRevision()) {
      throw new MemoryConflictException(
          operation,
          "expected the session at revision " + c.expectedRevision() + ", it is at " + revision,
          c.expectedRevision(),
          revision);
    }
    plan.endSession();
    plan.delete(Kind.VALUE, EndSession.PLATFORMS);
  }
}
