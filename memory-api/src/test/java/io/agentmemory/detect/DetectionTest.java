package io.agentmemory.detect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import io.agentmemory.identity.Topics;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DetectionTest {
  private static final LocalDate TODAY = LocalDate.of(2026, 2, 11);

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "seen 9999-99-99, or May 5 | 9999-99-99",
        "May 5, 2024 | 2024-05-05",
        "on sept 5 | ",
        "SEP 5th,2031 | 2031-09-05",
        "the day before yesterday | 2026-02-10",
        "yesterday, 3 days ago | 2026-02-10",
        "3 days ago | 2026-02-08",
        "1 week  ago, today | 2026-02-04",
        "2 months ago | 2025-12-13",
        "last month | 2026-01-12",
        "what this session did | 2026-02-11",
        "99999999999999999999 days ago, today | ",
        "800000 days ago | ",
        "dec 0 | 2026-12-00",
        "nothing | ",
      })
  void givenText_whenAskedForItsDay_thenFirstThatIsSaid(String text, String day) {
    assertThat(Detection.eventTime(text, TODAY)).isEqualTo(Optional.ofNullable(day));
  }

  @Test
  void givenNamesOfEveryKind_whenDetected_thenByKindInOrder() {
    Map<String, List<String>> found =
        Detection.DRIFT.entities(
            "A complex plan by @Zoë_1 and @BUZZ for moltbook #Über", List.of("COSMO", "Gitmolt"));

    assertThat(found)
        .containsExactly(
            entry("agents", List.of("flycompoundeye", "kaleaon", "lex", "zoë_1")),
            entry("projects", List.of("gitmolt", "moltbook")),
            entry("concepts", List.of("über")));
    assertThat(Detection.DRIFT.entities("none", List.of("other"))).isEmpty();
  }

  @Test
  void givenMentions_whenAskedForContacts_thenNoOwnNamesAndNoneThatAreShort() {
    assertThat(Detection.DRIFT.contacts("@Noctua7 @mogradev @drift @gmail.com @ab, mika is here"))
        .containsExactly("mikaopenclaw", "mogra", "noctua7");
  }

  @Test
  void givenManySignsOfAPlatform_whenDetected_thenConfidenceIsOneAtMost() {
    String text = "https://github.com/a/b: git push, git commit, code review, merge, branch";

    assertThat(Detection.DRIFT.platforms(text, List.of("GitHub"), "github"))
        .containsEntry("github", 1.0);
    assertThat(Detection.DRIFT.platforms("a merge", List.of(), null)).isEmpty();
    assertThat(Detection.DRIFT.platforms("a merge", List.of(), "nostr"))
        .containsExactly(entry("nostr", 0.6));
  }

  @Test
  void givenLongTextWithManyWords_whenAskedForSalience_thenTenthsAreAddedUpToOne() {
    assertThat(Detection.DRIFT.salience("error: discovered usdc")).isEqualTo(0.1 + 0.1 + 0.1);
    assertThat(Detection.DRIFT.salience("\uD83D\uDE00".repeat(501))).isEqualTo(0.1);
    assertThat(Detection.DRIFT.salience("x".repeat(1001))).isEqualTo(0.2);
    assertThat(
            Detection.DRIFT.salience(
                "error failed success important critical warning learned insight bounty earned $"))
        .isEqualTo(1);
  }

  @Test
  void givenLearnedTerm_whenBridged_thenPlainWordsFollow() {
    assertThat(Detection.DRIFT.bridge("Two Engrams, preengram"))
        .isEqualTo(
            "Two Engrams, preengram\n\n[vocabulary bridge]\n"
                + "engram: memory trace, stored memory pattern");
    assertThat(Detection.DRIFT.bridge("engrammatic")).isEqualTo("engrammatic");
  }

  @Test
  void givenPlainWords_whenQueryIsBridged_thenTermsFollowAndElseAsContent() {
    assertThat(Detection.DRIFT.bridgeQuery("which Memory Trace is it, engram?"))
        .isEqualTo(
            "which Memory Trace is it, engram?\n\n[vocabulary bridge]\n"
                + "engram: memory trace, stored memory pattern");
    assertThat(Detection.DRIFT.bridgeQuery("hebbian"))
        .isEqualTo(Detection.DRIFT.bridge("hebbian"))
        .isNotEqualTo("hebbian");
    assertThat(Detection.DRIFT.bridgeQuery("memory")).isEqualTo("memory");
  }

  @Test
  void givenOtherWords_whenDetected_thenThoseCount() {
    Detection own =
        Detection.DRIFT
            .withEntities(Map.of("ann", "anna"), List.of("apollo"), List.of("risk"))
            .withContacts(Map.of("anna", List.of("ann")), List.of("me"))
            .withPlatforms(
                List.of(
                    new Detection.Platform(
                        "forum",
                        List.of("forum\\.example"),
                        List.of(),
                        List.of(),
                        List.of(),
                        List.of())))
            .withTopics(new Topics(Map.of("space", List.of("rocket")), 1))
            .withSalientWords(List.of("launch"))
            .withVocabulary(Map.of("engram", "note", "apogee", "far point"));
    String text =
        "Ann on forum.example: the rocket launch to an apogee of apollo, says lex, engram";

    assertThat(own.entities(text, List.of("RISK")))
        .containsExactly(
            entry("agents", List.of("anna")),
            entry("projects", List.of("apollo")),
            entry("concepts", List.of("risk")));
    assertThat(own.contacts(text + " @me")).containsExactly("anna");
    assertThat(own.platforms(text, List.of(), null)).containsExactly(entry("forum", 0.4));
    assertThat(own.topics(text)).containsExactly("space");
    assertThat(own.salience(text)).isEqualTo(0.1);
    assertThat(own.bridge(text)).endsWith("\nengram: note\napogee: far point");
  }

  @Test
  void givenOtherNumbers_whenDetected_thenTheyCount() {
    String text = "a bounty on clawtasks, says @al";
    Detection.Evidence least = new Detection.Evidence(1, 0.25, 0.5, 1, 0, 0.125, 1, 0.625);
    Detection own =
        Detection.DRIFT
            .withEvidence(least)
            .withContacts(Map.of(), List.of(), 2)
            .withSalience(List.of("bounty"), 0.25, List.of(10, 20, 30));

    assertThat(Detection.DRIFT.platforms(text, List.of(), null))
        .containsExactly(entry("clawtasks", 0.5));
    assertThat(own.platforms(text, List.of(), null)).isEmpty();
    assertThat(own.platforms(text, List.of("clawtasks"), null))
        .containsExactly(entry("clawtasks", 0.625));
    assertThat(own.platforms(text, List.of(), "moltx")).containsExactly(entry("moltx", 1.0));
    assertThat(Detection.DRIFT.contacts("@al")).isEmpty();
    assertThat(own.contacts("@al")).containsExactly("al");
    assertThat(own.salience(text)).isEqualTo(1);
    assertThat(own.salience("a bounty or two")).isEqualTo(0.5);
  }
}
