package io.agentmemory.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.agentmemory.CoOccurrence;
import io.agentmemory.InvalidMemoryException;
import io.agentmemory.Key;
import io.agentmemory.Kind;
import io.agentmemory.MemoryConflictException;
import io.agentmemory.MemoryStore;
import io.agentmemory.OtherFile;
import io.agentmemory.PendingCoOccurrence;
import io.agentmemory.Session;
import io.agentmemory.SessionRecall;
import io.agentmemory.Sessions;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Value;
import io.agentmemory.command.AgeMemories;
import io.agentmemory.command.EndSession;
import io.agentmemory.command.NoteRecalls;
import io.agentmemory.command.Outcome;
import io.agentmemory.command.RecallMemory;
import io.agentmemory.command.SavePending;
import io.agentmemory.command.SessionRule;
import io.agentmemory.command.StartSession;
import io.agentmemory.command.StoreMemory;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What the commands do that keep the session. */
abstract class SessionContract extends ListsContract {
  private static final String LATER = "2026-02-10T15:52:05.123456+00:00"; // 4 hours

  private static RecallMemory recall(String id, String at, String source) {
    return new RecallMemory(id, at, source, SessionRule.DRIFT);
  }

  private static NoteRecalls note(String at, String... ids) {
    return new NoteRecalls(List.of(ids), "manual", at, SessionRule.DRIFT);
  }

  private Session session() {
    return live(Kind.SESSION, "current");
  }

  private boolean isThere(Kind<?> kind, Key key) {
    return store.read(kind, key).filter(stored -> !stored.isTombstone()).isPresent();
  }

  private static PendingCoOccurrence pending(Value.Map... sessions) {
    return new PendingCoOccurrence(
        sessions.length == 1
            ? sessions[0]
            : members("sessions", new Value.Seq(List.<Value>of(sessions))));
  }

  private static Sessions sessions(MemoryStore store, String at) {
    Clock clock = Clock.fixed(Instant.parse(at.replace("+00:00", "Z")), ZoneOffset.UTC);
    return store.sessions().with(clock, new Random(1));
  }

  @Nested
  class Recalling {
    @Test
    void givenMemories_whenRecalled_thenMemoryAndSessionSaySo() {
      run(StoreMemory.of("a", AT, "a"), StoreMemory.of("b", AT, "b"));

      Outcome first = run(recall("a", AT, "manual"));
      run(recall("b", LATER, "odd"));

      assertThat(first.changes()).hasSize(3);
      assertThat(memory("b").recallCount()).isEqualTo(1);
      assertThat(session().members())
          .isEqualTo(
              members(
                  "started",
                  AT,
                  "retrieved",
                  List.of("a", "b"),
                  "recalls_by_source",
                  members("manual", List.of()),
                  "last_updated",
                  LATER));
      assertThat(isThere(Kind.SESSION_RECALL, Key.of("manual", "a"))).isTrue();
      assertThat(isThere(Kind.SESSION_RECALL, Key.of("odd", "b"))).isFalse();
    }

    @Test
    void givenNoSuchMemory_whenRecalled_thenNothingChangesAndWhenNotedItStandsInTheSession() {
      assertThat(run(recall("gone", AT, "manual")).changes()).isEmpty();

      run(note(AT, "gone", "e\u0301", "gone"));

      assertThat(session().retrieved()).containsExactly("gone", "\u00e9");
      refused(InvalidMemoryException.class, note(AT, "\u0007"));
    }

    @Test
    void givenSessionThatIsOver_whenRecalled_thenANewOneBegins() {
      run(StoreMemory.of("a", AT, "a"));
      long revision = 1;
      for (String started :
          List.of("2026-02-10T11:52:05.123455Z", "2026-02-10T14:00:00", "2026-02-10", "soon")) {
        Value.Map old = members("started", started, "retrieved", List.of("x"));
        run(put(new Session(old), revision), put(new SessionRecall("manual", "x"), revision));

        run(recall("a", LATER, "start_priming"));

        assertThat(session().retrieved()).as(started).containsExactly("a");
        assertThat(session().started()).as(started).contains(LATER);
        assertThat(isThere(Kind.SESSION_RECALL, Key.of("manual", "x"))).as(started).isFalse();
        revision = stored(Kind.SESSION, "current").revision() + 1;
      }
    }

    @Test
    void givenOddSession_whenRecalled_thenWhatIsNoListStays() {
      run(StoreMemory.of("a", AT, "a"));
      Value.Map odd = members("started", AT, "retrieved", "odd", "recalls_by_source", "odd");
      run(put(new Session(odd)));

      run(recall("a", AT, "manual"));

      assertThat(session().members()).isEqualTo(odd.with("last_updated", Value.of(AT)));
      assertThat(memory("a").recallCount()).isEqualTo(1);
    }
  }

  @Nested
  class StartAndEnd {
    @Test
    void givenPendingInEitherForm_whenStarted_thenItIsCountedAndGone() {
      run(StoreMemory.of("a", AT, "a"), StoreMemory.of("b", AT, "b"));
      Value.Map one = members("retrieved", List.of("a", "b", "a", ""));
      run(put(pending(one)));
      refused(MemoryConflictException.class, new StartSession(List.of(), AT, SessionRule.DRIFT));
      List<String> retrieved = List.of("a", "b", "a", "");
      run(new StartSession(List.of(retrieved), AT, SessionRule.DRIFT));
      run(put(pending(one, members("retrieved", List.of("a", "gone"))), 3));

      run(new StartSession(List.of(retrieved, List.of("a", "gone")), AT, SessionRule.DRIFT));

      assertThat(live(Kind.CO_OCCURRENCE, "a", "b").count()).isEqualTo(Value.of(2L));
      assertThat(live(Kind.CO_OCCURRENCE, "b", "a").count()).isEqualTo(Value.of(2L));
      assertThat(live(Kind.CO_OCCURRENCE, "a", "gone").count()).isEqualTo(Value.of(1L));
      assertThat(isThere(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY)).isFalse();
      assertThat(store.info().kinds()).containsEntry(Kind.EDGE, 0L);
    }

    @Test
    void givenSession_whenStarted_thenItGoesOnUntilItIsOver() {
      run(note(AT, "a"));

      assertThat(run(new StartSession(List.of(), LATER, SessionRule.DRIFT)).changes()).isEmpty();
      run(new StartSession(List.of(), "2026-02-10T15:52:06Z", SessionRule.DRIFT));

      assertThat(stored(Kind.SESSION, "current").isTombstone()).isTrue();
      assertThat(isThere(Kind.SESSION_RECALL, Key.of("manual", "a"))).isFalse();
    }

    @Test
    void givenSession_whenLeftPending_thenItStandsBesideWhatWasPending() {
      run(new SavePending("agent", AT, SessionRule.DRIFT));
      assertThat(isThere(Kind.PENDING_CO_OCCURRENCE, PendingCoOccurrence.KEY)).isFalse();
      Value.Map ended =
          members(
              "retrieved", List.of("a"), "session_id", LATER, "agent", "agent", "saved_at", LATER);

      run(note(AT, "a"));
      run(new SavePending("agent", LATER, SessionRule.DRIFT));

      assertThat(live(Kind.PENDING_CO_OCCURRENCE, "current").members()).isEqualTo(ended);
      assertThat(stored(Kind.SESSION, "current").isTombstone()).isTrue();

      run(note(LATER, "b"));
      run(new SavePending("agent", LATER, SessionRule.DRIFT));

      assertThat(live(Kind.PENDING_CO_OCCURRENCE, "current").sessions())
          .containsExactly(ended, ended.with("retrieved", value(List.of("b"))));
    }

    @Test
    void givenRecallMeanwhile_whenEnded_thenRefusedUntilTheRevisionIsRight() {
      run(put(new OtherFile(".session_platforms.json", members("platforms", List.of("moltx")))));
      run(note(AT, "a"));
      run(note(AT, "b"));

      MemoryConflictException moved = refused(MemoryConflictException.class, new EndSession(1));
      refused(MemoryConflictException.class, new EndSession(0));
      run(new EndSession(moved.actualRevision()));

      assertThat(stored(Kind.SESSION, "current").isTombstone()).isTrue();
      assertThat(isThere(Kind.VALUE, Key.of(".session_platforms.json"))).isFalse();
      run(new EndSession(0));
      refused(MemoryConflictException.class, new EndSession(3));
    }

    @Test
    void givenSession_whenEnded_thenAllOfItHappensAndTheAnswerSaysWhat() {
      leaveReference();
      store.execute(
          put(
              record("a", "recall_count", 10, "tags", List.of("api")),
              record("b", "topic_context", List.of("trading"))));
      store.execute(
          put(
              new io.agentmemory.Edge("c|d", members("belief", 0.5)),
              new io.agentmemory.Edge("e|f", members("belief", 0.1))));
      Sessions sessions = sessions(store, LATER);
      sessions.register(List.of("a", "gone", "b"));

      Sessions.Ended ended = sessions.end("agent");

      assertThat(ended.retrieved()).isEqualTo(3);
      assertThat(ended.counted()).isEqualTo(2);
      assertThat(ended.observed()).isEqualTo(3);
      assertThat(ended.activity()).contains("technical");
      assertThat(ended.retrievals()).isEqualTo(new io.agentmemory.Memories.Retrievals(1, 0, 1));
      assertThat(ended.edges()).isEqualTo(new io.agentmemory.Graph.Decayed(1, 1));
      assertThat(ended.promoted()).containsExactly(memory("a"));
      assertThat(memory("a").tier()).isEqualTo(Tier.CORE);
      assertThat(live(Kind.EDGE, "b|gone").members().get("activity_context"))
          .isEqualTo(members("technical", 1));
      assertThat(live(Kind.CO_OCCURRENCE, "a", "gone"))
          .isEqualTo(new CoOccurrence("a", "gone", Value.of(1L)));
      assertThat(sessions.current()).isEmpty();
      assertThat(sessions.recalls()).isEmpty();
      assertThat(sessions.end("agent").retrieved()).isZero();
    }

    @Test
    void givenMemories_whenASessionGoesBy_thenTheActiveOnesAgeAndThoseThatFadeAreNamed() {
      leaveReference();
      store.execute(
          put(
              record("a", "sessions_since_recall", 6),
              record("b", "sessions_since_recall", 13, "tags", List.of("imported:x")),
              record("c", "sessions_since_recall", 20, "emotional_weight", 0.6),
              record("d", "sessions_since_recall", "odd"),
              record("e").withTier(Tier.CORE)));
      store.execute(put(record("f", "sessions_since_recall", 0.5)));

      Sessions.Maintained maintained = store.sessions().maintain();

      assertThat(maintained).isEqualTo(new Sessions.Maintained(4, List.of("a"), List.of("b")));
      assertThat(memory("a").members().get("sessions_since_recall")).isEqualTo(Value.of(7L));
      assertThat(memory("f").members().get("sessions_since_recall")).isEqualTo(Value.of(1.5));
      assertThat(revision("e")).isEqualTo(1);
      assertThat(store.execute(new AgeMemories()).changes()).hasSize(4);
    }

    @Test
    void givenSession_whenAsked_thenTheAnswersAreOfTheOneThatGoesOn() {
      leaveReference();
      Sessions sessions = sessions(store, AT);
      store.execute(StoreMemory.of("a", AT, "a"));
      store.execute(recall("a", AT, "start_priming"));
      sessions.register(List.of("b"), "prompt_priming");

      assertThat(sessions.start().flatMap(Session::started)).contains(AT);
      assertThat(sessions.retrieved()).containsExactly("a", "b");
      assertThat(sessions.recalls())
          .isEqualTo(Map.of("start_priming", List.of("a"), "prompt_priming", List.of("b")));
      assertThat(sessions(store, "2026-02-10T15:52:06+00:00").retrieved()).isEmpty();
      assertThat(sessions.savePending("agent")).isEqualTo(2);
      assertThat(sessions.savePending("agent")).isZero();
      assertThat(sessions.start()).isEmpty();
      assertThat(store.read(Kind.CO_OCCURRENCE, Key.of("a", "b")).flatMap(Stored::live))
          .isPresent();
    }
  }
}
