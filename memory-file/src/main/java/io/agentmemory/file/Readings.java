package io.agentmemory.file;

import static java.util.Objects.requireNonNull;

import io.agentmemory.CoOccurrence;
import io.agentmemory.Digest;
import io.agentmemory.Stored;
import io.agentmemory.Tier;
import io.agentmemory.Version;
import io.agentmemory.file.Control.Ref;
import io.agentmemory.internal.Disk;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What stands in a tree's files, in its control data and in its log, before one is held against the
 * other.
 */
final class Readings {
  /** Where a file's bytes come from. */
  enum Origin {
    /** As the last checkpoint saw it, or there is none. */
    SAME,
    /** As a line of the log left it, or about to be. */
    OURS,
    /** Somebody else wrote it. */
    EDITED
  }

  /** A memory's file. */
  static final class Found {
    final String file;
    final Disk.@Nullable Stat stat;
    final String hash;
    @Nullable Row memory; // null: cannot be read
    List<Row> entries = List.of();
    String problem = "";
    Origin origin = Origin.SAME;

    Found(String file, Disk.@Nullable Stat stat, String hash) {
      this.file = file;
      this.stat = stat;
      this.hash = hash;
    }

    String id() {
      return requireNonNull(memory).key.part(0);
    }

    private static List<Row> rows(List<CoOccurrence> counts) {
      List<Row> rows = new ArrayList<>(counts.size());
      for (CoOccurrence count : counts) {
        rows.add(Row.live(count, 1, null, null).placed(rows.size()));
      }
      return rows;
    }

    /** Takes what the bytes hold, or why they cannot be read. */
    void parse(byte[] bytes) {
      try {
        MemoryFile.Parsed parsed =
            MemoryFile.parse(requireNonNull(Layout.tierOf(file)), Layout.nameOf(file), bytes);
        entries = rows(parsed.coOccurrences());
        memory = Row.live(parsed.memory(), 1, null, null);
      } catch (UnreadableFileException e) {
        problem = reason(e);
      }
    }
  }

  /** What the log says of one memory file. */
  static final class Logged {
    /** Of all that it was, before and after each line. */
    final Set<String> hashes = new HashSet<>();

    final List<String> texts = new ArrayList<>();

    /** What it is in the end; null if it went. */
    @Nullable String last;

    long seq;
  }

  Control control = new Control();

  /** Tiers whose folder is one and was read. */
  final Set<Tier> tiers = new HashSet<>();

  /** Whether there are names that this JVM cannot read: what is not found may be one of those. */
  boolean unreadable;

  /** Memory files by path. */
  final Map<String, Found> found = new TreeMap<>();

  /** Documents by path; what they hold is in the index, at revision 1. */
  final Map<String, Disk.Stat> documents = new LinkedHashMap<>();

  /** SHA-256 of the documents that could be read. */
  final Map<String, String> documentHashes = new HashMap<>();

  /** Records that the log changed, in their last state. */
  final Map<Ref, Stored<?>> logged = new LinkedHashMap<>();

  /** Of records in documents, the digests of every state that the log has or found. */
  final Map<Ref, Set<Digest>> loggedDigests = new HashMap<>();

  final Map<String, Logged> loggedFiles = new LinkedHashMap<>();

  /** SHA-256 of documents that a checkpoint of ours was putting in place. */
  final Map<String, Set<String>> loggedDocuments = new HashMap<>();

  /** Whether the machine went down since the log was begun. */
  boolean crashed;

  /** Takes a state of a record that the log has. */
  void logged(Ref ref, @Nullable Version version) {
    if (version != null && version.digest() != null && !Documents.inMemoryFile(ref.kind())) {
      loggedDigests.computeIfAbsent(ref, r -> new HashSet<>()).add(version.digest());
    }
  }

  static String reason(UnreadableFileException e) {
    return e.line() > 0 ? "line " + e.line() + ": " + e.reason() : e.reason();
  }
}
