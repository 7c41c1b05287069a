package io.agentmemory.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.agentmemory.testkit.DriftSamples;
import io.agentmemory.testkit.TestPostgres;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line as a process, over real files and a real database. */
@Tag("postgres")
class CommandLineTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;
  private TestPostgres.Database database;
  private String db = "";
  private final Map<String, String> environment = new TreeMap<>();

  /** What a process wrote, and how it ended. */
  private record Run(int exit, String out, String err) {
    JsonNode json() throws IOException {
      return JSON.readTree(out);
    }
  }

  @BeforeEach
  void freshDatabase() {
    database = TestPostgres.database("cli");
    // The command line refuses a password in an address.
    db = database.url().replaceFirst("password=[^&]*&?", "").replaceFirst("[?&]$", "");
    environment.put("PGPASSWORD", database.password());
  }

  @AfterEach
  void dropDatabase() {
    database.close();
  }

  private Run memory(String... args) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp"));
    command.add(System.getProperty("java.class.path"));
    command.add("io.agentmemory.cli.Main");
    command.addAll(List.of(args));
    File out = folder.resolve("out").toFile();
    File err = folder.resolve("err").toFile();
    ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(out).redirectError(err);
    builder.environment().putAll(environment);
    Process process = builder.start();
    process.getOutputStream().close();
    if (!process.waitFor(2, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("still running: " + List.of(args));
    }
    return new Run(
        process.exitValue(),
        Files.readString(out.toPath(), StandardCharsets.UTF_8),
        Files.readString(err.toPath(), StandardCharsets.UTF_8));
  }

  /** The small one, unless {@code -Dcommandline.sample=thousand}: MoveTest moves both. */
  private DriftSamples sample() throws IOException {
    return "thousand".equals(System.getProperty("commandline.sample"))
        ? DriftSamples.thousand(folder.resolve("sample"))
        : DriftSamples.small(folder.resolve("sample"));
  }

  /** Every path below, with the hash of what is in the file and when it was changed. */
  private static Map<String, String> state(Path tree) throws Exception {
    Map<String, String> state = new TreeMap<>();
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(tree)) {
      paths = walk.toList();
    }
    for (Path path : paths) {
      String hash = "folder";
      if (Files.isRegularFile(path)) {
        byte[] sha = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(path));
        hash = HexFormat.of().formatHex(sha);
      }
      state.put(tree.relativize(path).toString(), hash + " " + Files.getLastModifiedTime(path));
    }
    return state;
  }

  private void sql(String statement) throws SQLException {
    try (Connection connection = database.connect();
        Statement changing = connection.createStatement()) {
      assertThat(changing.executeUpdate(statement)).as("rows changed").isEqualTo(1);
    }
  }

  private static void edit(Path file, String from, String to) throws IOException {
    String text = Files.readString(file);
    assertThat(text).contains(from);
    Files.writeString(file, text.replaceFirst(java.util.regex.Pattern.quote(from), to));
  }

  @Test
  void givenTreeOfTheOriginal_whenMovedTwice_thenEqualAndSourceUntouched() throws Exception {
    DriftSamples sample = sample();
    String from = "file:" + sample.memory();
    Map<String, String> before = state(sample.tree());

    Run first = memory("backfill", "--from", from, "--to", db, "--json");
    Run equal = memory("verify", "--from", from, "--to", db, "--level", "fields");

    assertThat(first.exit()).as(first.out() + first.err()).isZero();
    assertThat(first.json().get("conserved").asBoolean()).isTrue();
    assertThat(first.json().get("inserted").asLong()).isGreaterThan(8000);
    assertThat(first.json().get("inserted")).isEqualTo(first.json().get("listed"));
    assertThat(equal.exit()).as(equal.out() + equal.err()).isZero();
    assertThat(equal.err()).isEmpty();

    JsonNode second = memory("backfill", "--from", from, "--to", db, "--json").json();
    Run again = memory("verify", "--from", from, "--to", db, "--level", "fields");

    assertThat(second.get("unchanged")).isEqualTo(second.get("listed"));
    assertThat(again.exit()).as(again.out() + again.err()).isZero();
    assertThat(state(sample.tree())).isEqualTo(before);
  }

  @Test
  void givenOneValueChangedByHandOnEitherSide_whenVerified_thenExactlyThatIsNamed()
      throws Exception {
    DriftSamples sample = sample();
    String from = "file:" + sample.memory();
    assertThat(memory("backfill", "--from", from, "--to", db).exit()).isZero();
    String id = memory("list", db, "--limit", "1").out().split("\t")[0];

    sql("UPDATE agent_memory.memories SET content = content || '!' WHERE id = '" + id + "'");
    assertOneDifference(from, "FIELD memory " + id + " content: ");
    sql("UPDATE agent_memory.memories SET content = left(content, -1) WHERE id = '" + id + "'");

    Path file;
    try (Stream<Path> active = Files.list(sample.memory().resolve("active"))) {
      file = active.filter(path -> path.toString().endsWith(id + ".md")).findFirst().orElseThrow();
    }
    String text = Files.readString(file);
    edit(file, "emotional_weight: ", "emotional_weight: 1");
    assertOneDifference(from, "FIELD memory " + id + " emotional_weight: ");
    Files.writeString(file, text);

    Path edges = sample.memory().resolve(".edges_v3.json");
    edit(edges, "\"belief\": ", "\"belief\": 1");
    assertOneDifference(from, "FIELD edge ");
  }

  private void assertOneDifference(String from, String begins) throws Exception {
    Run run = memory("verify", "--from", from, "--to", db, "--level", "fields");

    assertThat(run.exit()).as(run.out() + run.err()).isEqualTo(1);
    assertThat(run.out().lines().filter(line -> line.matches("[A-Z_]{5,} .*")))
        .as(run.out())
        .singleElement()
        .asString()
        .startsWith(begins);
    assertThat(run.out()).contains("1 difference: every field of");
  }

  @Test
  void givenMemory_whenStored_thenItsIdAloneIsPrintedAndItIsThere() throws Exception {
    Run stored = memory("store", db, "--content", "das ist schön 漢字", "--tag", "one");
    Run got = memory("get", db, stored.out().strip(), "--json");

    assertThat(stored.exit()).as(stored.err()).isZero();
    assertThat(stored.out()).matches("[a-z0-9]{8}\\R");
    assertThat(got.json().get("content").asText()).isEqualTo("das ist schön 漢字");
    assertThat(memory("get", db, "nobody").exit()).isEqualTo(1);
  }
}
