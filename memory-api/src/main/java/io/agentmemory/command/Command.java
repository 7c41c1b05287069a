package io.agentmemory.command;

import io.agentmemory.spi.Needs;

/**
 * A write, as a value. Whatever chance or the clock would decide (ids, times) was decided before
 * and stands in it. What it means is a pure function of the command and the records it reads, the
 * same for every store.
 */
public sealed interface Command
    permits StoreMemory,
        UpdateMemory,
        RecallMemory,
        MoveMemory,
        ForgetMemory,
        AddObservation,
        LogCoOccurrences,
        CountCoOccurrences,
        OrderRecords,
        DecayEdges,
        DecayCoOccurrences,
        PromoteMemories,
        CompressMemory,
        ConsolidateMemories,
        LogRetrievals,
        AppendRecord,
        NoteRecalls,
        StartSession,
        SavePending,
        EndSession,
        AgeMemories,
        LogRejections,
        ReplaceRecord,
        AddLesson,
        RecallLessons,
        ContradictLesson,
        SupersedeLesson,
        DefineSpace,
        PutEmbedding,
        PutRecords,
        DeleteRecords {

  /** What it does, in one word, for errors and logs. */
  String verb();

  /** What it does it to, for errors and logs; empty if that is more than one record. */
  String subject();

  /** Adds the records it will read. */
  void needs(Needs needs);
}
