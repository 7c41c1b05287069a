package io.agentmemory.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.agentmemory.testkit.DriftSamples;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A tree of the original in files and in a database: the commands say the same of both. */
@Tag("postgres")
class SampleInBothTest extends DatabaseTest {
  private DriftSamples sample() throws IOException {
    return DriftSamples.small(folder.resolve("sample"));
  }

  @Test
  void givenDatabase_whenMovedHome_thenNewTreeIsEqual() throws Exception {
    DriftSamples sample = sample();
    String from = "file:" + sample.memory();
    String home = "file:" + folder.resolve("home");
    assertThat(Run.memory("backfill", "--from", from, "--to", db).exit()).isZero();

    Run run = Run.memory("backfill", "--from", db, "--to", home);

    assertThat(run.exit()).as(run.out() + run.err()).isZero();
    assertThat(Run.memory("verify", "--from", db, "--to", home).exit()).isZero();
    assertThat(Run.memory("verify", "--from", from, "--to", home).exit()).isZero();
  }

  @Test
  void givenSampleInBoth_whenIdentityIsAsked_thenSameAndTheFilesStayAsTheyAre() throws Exception {
    Path tree = sample().memory();
    String files = "file:" + tree;
    assertThat(Run.memory("backfill", "--from", files, "--to", db).exit()).isZero();
    List<Path> before = walk(tree);

    Run run = Run.memory("identity", files, "--json");

    assertThat(run.exit()).as(run.err()).isZero();
    assertThat(walk(tree)).as("no file came or went").isEqualTo(before);
    JsonNode json = run.json();
    JsonNode other = Run.memory("identity", db, "--json").json();
    for (String key :
        List.of(
            "agent",
            "taste_hash",
            "fingerprint_hash",
            "drift_score",
            "merkle_root",
            "merkle_leaves",
            "merkle_unknown",
            "hashes_5w",
            "taste_profile",
            "merkle")) {
      assertThat(json.get(key)).as(key).isNotNull().isEqualTo(other.get(key));
    }
    assertThat(json.get("vitals").get("metrics")).isEqualTo(other.get("vitals").get("metrics"));
    assertThat(Run.memory("identity", files).out())
        .contains(json.get("taste_hash").asText())
        .contains(json.get("fingerprint_hash").asText())
        .contains(json.get("merkle_root").asText())
        .contains("the files are as they were attested")
        .contains(json.get("context_graphs").get("who").get("hash").asText());
    assertProofs();
  }

  /** That each proof leads to the root, and that none is made up. */
  private void assertProofs() throws Exception {
    String id = Run.memory("list", db, "--tier", "core", "--limit", "1").out().split("\t")[0];

    Run shown = Run.memory("identity", db, "--proof", id);
    Run both = Run.memory("identity", db, "--proof", id, "--proof", "nobody", "--json");

    assertThat(shown.exit()).as(shown.err()).isZero();
    String hash = "";
    for (String line : shown.out().substring(shown.out().indexOf("proof of " + id)).split("\n")) {
      String[] words = line.strip().split(" +");
      hash =
          switch (words[0]) {
            case "leaf" -> words[1];
            case "left" -> sha256(words[1] + hash);
            case "right" -> sha256(hash + words[1]);
            default -> hash;
          };
    }
    assertThat(shown.out()).contains("merkle root   " + hash);
    assertThat(both.exit()).isEqualTo(1);
    assertThat(both.err()).contains("no proof of nobody: no core or active memory has this id");
    JsonNode inclusion = both.json().get("inclusion");
    assertThat(inclusion).hasSize(1);
    assertThat(inclusion.get(id).get("proof").size()).isEqualTo(8); // 154 files
    assertThat(Run.memory("update", db, id, "--content", "new").exit()).isZero();
    assertThat(Run.memory("identity", db, "--proof", id).err())
        .contains("there is no root while files are unknown");
  }

  private static String sha256(String text) throws Exception {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @Test
  void givenMemoryChangedInDatabase_whenIdentitiesAreVerified_thenNamesWhatDiffersOrIsUnknown()
      throws Exception {
    String files = "file:" + sample().memory();
    assertThat(Run.memory("backfill", "--from", files, "--to", db).exit()).isZero();
    String[] verify = {"verify", "--from", files, "--to", db, "--level", "identity"};
    Run equal = Run.memory(verify);
    assertThat(equal.exit()).as(equal.out() + equal.err()).isZero();
    assertThat(equal.out()).contains("equal: identity of").doesNotContain("note:");

    String id = Run.memory("list", files, "--limit", "1").out().split("\t")[0];
    assertThat(Run.memory("update", db, id, "--content", "secret words").exit()).isZero();
    Run noted = Run.memory(verify);
    assertThat(noted.out()).contains("note: 1 of 154 leaves of the merkle tree are not known");
    assertThat(Run.memory("identity", db).out()).contains("1 of 154 files are not known");
    assertThat(Run.memory("identity", db, "--json").json().get("merkle_root").isNull()).isTrue();

    assertThat(Run.memory("forget", db, id).exit()).isZero();
    Run different = Run.memory(verify);

    assertThat(different.exit()).isEqualTo(1);
    assertThat(different.out())
        .contains("IDENTITY memory vitals.memory_total: 160, 159")
        .doesNotContain("secret words");
  }

  @Test
  void givenDryRun_whenTargetIsNotThere_thenCountsAndMakesNothing() throws Exception {
    String from = "file:" + sample().memory();
    Path home = folder.resolve("home");

    for (String to : List.of(db, "file:" + home)) {
      Run run = Run.memory("backfill", "--from", from, "--to", to, "--dry-run", "--json");

      assertThat(run.exit()).as(run.out() + run.err()).isZero();
      assertThat(run.json().get("inserted")).isEqualTo(run.json().get("listed"));
    }

    assertThat(home).doesNotExist();
    assertThat(Run.memory("info", db).exit()).as("no schema was made").isEqualTo(1);
  }

  @Test
  void givenSampleInBoth_whenAsked_thenSameAnswers() throws Exception {
    String files = "file:" + sample().memory();
    assertThat(Run.memory("backfill", "--from", files, "--to", db).exit()).isZero();
    String id = Run.memory("list", files, "--limit", "1").out().split("\t")[0];
    List<List<String>> questions =
        List.of(
            List.of("list", "--limit", "1000", "--json"),
            List.of("list", "--order", "heaviest"),
            List.of("list", "--tier", "core", "--count"),
            List.of("search", "--text", "memory", "-k", "50"),
            List.of("search", "--tag", "social", "--json"),
            List.of("get", id, "--json"));

    for (List<String> question : questions) {
      Run a = Run.memory(with(question, files));
      Run b = Run.memory(with(question, db));

      assertThat(a.exit()).as(question + a.err()).isZero();
      assertThat(b.out()).as("%s", question).isEqualTo(a.out()).isNotBlank();
    }
    JsonNode fromFiles = Run.memory("info", files, "--json").json();
    JsonNode fromDatabase = Run.memory("info", db, "--json").json();
    assertThat(fromDatabase.get("kinds")).isEqualTo(fromFiles.get("kinds"));
    assertThat(fromFiles.get("kinds").get("memory").asLong()).isEqualTo(160);
    assertThat(fromFiles.get("kinds").get("edge").asLong()).isEqualTo(931);
    assertThat(fromFiles.get("kinds").get("observation").asLong()).isEqualTo(4577);
    assertThat(fromFiles.get("files").findValuesAsText("use")).containsOnly("records");
    assertThat(fromFiles.get("set_aside")).isEmpty();
  }

  private static List<Path> walk(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.sorted().toList();
    }
  }

  private String[] with(List<String> question, String store) {
    List<String> args = new ArrayList<>(question);
    args.add(1, store);
    return args.toArray(String[]::new);
  }
}
