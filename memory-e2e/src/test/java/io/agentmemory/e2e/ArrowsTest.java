package io.agentmemory.e2e;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Who may know whom, and what is public. */
class ArrowsTest {
  private static final String[] API = {
    "io.agentmemory",
    "io.agentmemory.command",
    "io.agentmemory.detect",
    "io.agentmemory.identity",
    "io.agentmemory.spi",
    "io.agentmemory.internal"
  };

  /** All that is published; tests, benchmarks and examples are not. */
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("io.agentmemory");

  @Nested
  class Arrows {
    @Test
    void givenApi_whenItsImportsAreRead_thenItKnowsTheJdkAlone() {
      classes()
          .that()
          .resideInAnyPackage(API)
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(with(API, "java..", "org.jspecify.."))
          .check(CLASSES);
    }

    @Test
    void givenApi_whenItsImportsAreRead_thenItKnowsNoDatabase() {
      noClasses()
          .that()
          .resideInAnyPackage(API)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("java.sql..", "javax..")
          .check(CLASSES);
    }

    @Test
    void givenLocalPostgres_whenItsImportsAreRead_thenItKnowsTheJdkAlone() {
      classes()
          .that()
          .resideInAPackage("io.agentmemory.localpg..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage("io.agentmemory.localpg..", "java..", "org.jspecify..")
          .check(CLASSES);
    }

    @Test
    void givenBackends_whenTheirImportsAreRead_thenTheyKnowTheApiAndNoSibling() {
      for (String module : List.of("file", "postgres", "dualwrite")) {
        classes()
            .that()
            .resideInAPackage("io.agentmemory." + module + "..")
            .should()
            .onlyDependOnClassesThat(
                JavaClass.Predicates.resideInAnyPackage(
                        with(API, "io.agentmemory." + module + ".."))
                    .or(JavaClass.Predicates.resideOutsideOfPackage("io.agentmemory..")))
            .allowEmptyShould(true)
            .check(CLASSES);
      }
    }

    @Test
    void givenDualWrite_whenItsImportsAreRead_thenItKnowsNoBackendAndNoFormat() {
      noClasses()
          .that()
          .resideInAPackage("io.agentmemory.dualwrite..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "java.sql..",
              "javax.sql..",
              "org.jdbi..",
              "org.postgresql..",
              "org.yaml..",
              "com.fasterxml..")
          .allowEmptyShould(true)
          .check(CLASSES);
    }

    @Test
    void givenFiles_whenTheirImportsAreRead_thenTheyKnowNoDatabase() {
      noClasses()
          .that()
          .resideInAPackage("io.agentmemory.file..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("java.sql..", "javax.sql..", "org.jdbi..", "org.postgresql..")
          .allowEmptyShould(true)
          .check(CLASSES);
    }

    @Test
    void givenMicrometer_whenImportsAreRead_thenOneClassKnowsIt() {
      noClasses()
          .that()
          .doNotHaveFullyQualifiedName("io.agentmemory.dualwrite.DualWriteMetrics")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.micrometer..")
          .check(CLASSES);
    }

    @Test
    void givenModules_whenTheirImportsAreRead_thenThereIsNoCircle() {
      slices()
          .matching("io.agentmemory.(file|postgres|dualwrite|testkit|localpg|cli)..")
          .should()
          .beFreeOfCycles()
          .check(CLASSES);
    }

    @Test
    void givenPublicSignatures_whenRead_thenInternalTypesAreNotInThem() {
      classes()
          .that()
          .resideInAPackage("io.agentmemory..")
          .and()
          .resideOutsideOfPackage("io.agentmemory.internal..")
          .and(DescribedPredicate.describe("can be seen", ArrowsTest::isPublic))
          .should(showNoInternalTypes())
          .check(CLASSES);
    }

    private static ArchCondition<JavaClass> showNoInternalTypes() {
      return new ArchCondition<>("show no internal types") {
        @Override
        public void check(JavaClass type, ConditionEvents events) {
          type.getMembers().stream()
              .filter(Arrows::isVisible)
              .filter(
                  member -> member.getAllInvolvedRawTypes().stream().anyMatch(Arrows::isInternal))
              .forEach(
                  member ->
                      events.add(SimpleConditionEvent.violated(type, member.getDescription())));
        }
      };
    }

    private static boolean isVisible(JavaMember member) {
      return member.getModifiers().contains(JavaModifier.PUBLIC)
          || member.getModifiers().contains(JavaModifier.PROTECTED);
    }

    private static boolean isInternal(JavaClass type) {
      return type.getPackageName().startsWith("io.agentmemory.internal");
    }

    private static String[] with(String[] some, String... more) {
      return Stream.concat(List.of(some).stream(), List.of(more).stream()).toArray(String[]::new);
    }
  }

  @Nested
  class PublicTypes {
    /** Public for technical reasons only: no API. */
    private static final Set<String> NO_API =
        Set.of("io.agentmemory.internal", "io.agentmemory.internal.testkit", "io.agentmemory.cli");

    /** A new public type is a decision: it stands in {@code public-types.txt}. */
    @Test
    void givenPublishedPackages_whenTheirPublicTypesAreListed_thenTheListIsTheKnownOne()
        throws IOException {
      Set<String> all =
          CLASSES.stream()
              .filter(type -> !NO_API.contains(type.getPackageName()))
              .filter(ArrowsTest::isPublic)
              .map(JavaClass::getName)
              .collect(Collectors.toCollection(TreeSet::new));
      Path actual = Path.of("target", "public-types.txt");
      Files.write(actual, all);

      assertThat(all)
          .as(
              "public types; if each new one is meant, copy memory-e2e/%s over"
                  + " memory-e2e/src/test/resources/public-types.txt",
              actual)
          .containsExactlyInAnyOrderElementsOf(known());
    }

    private static Set<String> known() throws IOException {
      try (InputStream in = ArrowsTest.class.getResourceAsStream("/public-types.txt")) {
        assertThat(in).as("public-types.txt").isNotNull();
        return new String(in.readAllBytes(), StandardCharsets.UTF_8)
            .lines()
            .collect(Collectors.toCollection(TreeSet::new));
      }
    }
  }

  private static boolean isPublic(JavaClass type) {
    return type.getModifiers().contains(JavaModifier.PUBLIC)
        && !type.getName().endsWith("package-info")
        && type.getEnclosingClass().map(ArrowsTest::isPublic).orElse(true);
  }
}
