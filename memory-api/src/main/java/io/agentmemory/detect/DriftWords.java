package io.agentmemory.detect;

import io.agentmemory.identity.Topics;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The word lists of the original. Source: entity detection, contact context, platform context,
 * attention filter and vocabulary bridge of driftcornwall/drift-memory.
 */
final class DriftWords {
  private DriftWords() {}

  static Detection detection() {
    return new Detection(
        entities(),
        contacts(),
        platforms(),
        Detection.Evidence.DRIFT,
        Topics.DRIFT,
        salience(),
        new Vocabulary(vocabulary()));
  }

  private static List<String> words(String words) {
    return Arrays.asList(words.split(" "));
  }

  private static List<String> texts(String... texts) {
    return List.of(texts);
  }

  private static Entities entities() {
    Map<String, String> agents = new LinkedHashMap<>();
    for (String names :
        List.of(
            "spindriftmend spindriftmind spin spindrift",
            "kaleaon cosmo amphibian",
            "drift driftcornwall",
            "lex",
            "flycompoundeye buzz",
            "mikaopenclaw mika")) {
      words(names).forEach(name -> agents.put(name, words(names).get(0)));
    }
    return new Entities(
        agents,
        Set.copyOf(
            words(
                "drift-memory amphibian landseek-amphibian moltbook moltx clawtasks gitmolt"
                    + " moltswarm")),
        Set.copyOf(words("collaboration milestone memory-system causal-edges")));
  }

  private static Contacts contacts() {
    Map<String, List<String>> known = new LinkedHashMap<>();
    known.put("spindriftmind", words("spindriftmind spindrift spin"));
    known.put("kaleaon", words("kaleaon"));
    known.put("flycompoundeye", words("flycompoundeye buzz"));
    known.put("mikaopenclaw", words("mikaopenclaw mika"));
    known.put("mogra", words("mogra mogradev mograflower"));
    return new Contacts(
        known,
        Set.copyOf(
            words(
                "driftcornwall drift spindriftmend spindrift tags tag gmail com json yaml file path"
                    + " http https api url get post put delete the and for you type data content"
                    + " status error success")),
        Contacts.SHORTEST);
  }

  private static List<Detection.Platform> platforms() {
    return List.of(
        new Detection.Platform(
            "moltx",
            texts("moltx\\.io"),
            texts(
                "moltx",
                "flywheel",
                "/v1/posts",
                "/v1/feed",
                "x-api-key.*moltx",
                "moltx feed",
                "moltx post",
                "moltx reply",
                "posted on moltx"),
            texts(
                "ketuagent",
                "mikaopenclaw",
                "maxanvil",
                "tinybananaai",
                "agentdelta",
                "archivist",
                "cryke",
                "atlasbot",
                "waterfall",
                "kaicmo",
                "synth watcher",
                "crystal drone",
                "plasma tiger",
                "laminar"),
            texts(
                "flywheel post",
                "\\d+ likes?,\\s*\\d+ repl",
                "posted content\\.\\.\\.",
                "moltx.*engagement"),
            texts()),
        new Detection.Platform(
            "moltbook",
            texts("moltbook\\.com"),
            texts(
                "moltbook profile",
                "moltbook.com/u/",
                "moltbook bio",
                "following on moltbook",
                "moltbook user",
                "moltbook post",
                "moltbook session",
                "moltbook platform"),
            texts(),
            texts("moltbook\\.com/u/\\w+", "on moltbook"),
            texts()),
        new Detection.Platform(
            "github",
            texts("github\\.com", "api\\.github\\.com"),
            texts(
                "git push",
                "git commit",
                "pull request",
                "issue #",
                "repository",
                "branch",
                "merge",
                "github token",
                "github notification",
                "repo invite",
                "stargazer",
                "write access",
                "code review"),
            texts(),
            texts(
                "drift-memory",
                "spindriftmind/\\w+",
                "driftcornwall/\\w+",
                "github\\.com/\\w+/\\w+",
                "issue\\s+#\\d+",
                "pushed?\\s+to\\s+\\w+",
                "commit\\s+[a-f0-9]{7}",
                "\\.py\\b.*\\blines?\\b",
                "git\\s+(push|pull|clone|commit|merge|rebase)"),
            texts("drift-memory", "spindriftmind", "gitmolt")),
        new Detection.Platform(
            "dead-internet",
            texts("mydeadinternet\\.com"),
            texts(
                "dead internet",
                "dead internet collective",
                "territory",
                "the-signal",
                "moot",
                "dream seed",
                "fragment",
                "collective consciousness",
                "gift economy",
                "machine lord",
                "greenhouse",
                "intensity"),
            texts("clara", "kaicmo"),
            texts(
                "dead\\s*internet",
                "territory.*the-signal",
                "moot\\s*#?\\d+",
                "dream\\s+seed",
                "gift\\s+fragment",
                "voted?\\s+(for|against).*moot"),
            texts()),
        new Detection.Platform(
            "lobsterpedia",
            texts("lobsterpedia"),
            texts(
                "lobsterpedia",
                "wiki editing",
                "bot id",
                "lobsterpedia registration",
                "wiki article"),
            texts(),
            texts("lobsterpedia", "wiki.*article"),
            texts()),
        new Detection.Platform(
            "clawtasks",
            texts("clawtasks\\.com"),
            texts(
                "clawtasks",
                "bounty",
                "bounties",
                "proposal",
                "staking",
                "clawtask",
                "bounty board"),
            texts("rose_protocol"),
            texts("clawtasks", "bounty.*\\$\\d+", "proposal.*bounty"),
            texts()),
        new Detection.Platform(
            "nostr",
            texts("njump\\.me", "relay\\.damus"),
            texts("nostr", "npub", "nsec", "relay", "nip-", "nostr attestation", "nostr publish"),
            texts(),
            texts("nostr.*relay", "njump\\.me/note\\w+", "npub\\w{20,}"),
            texts()),
        new Detection.Platform(
            "twitter",
            texts("x\\.com", "twitter\\.com", "api\\.x\\.com"),
            texts(
                "twitter",
                "tweet",
                "tweeted",
                "retweet",
                "x.com",
                "@driftcornwall",
                "@cscdegen",
                "@rockywuest",
                "timeline",
                "mention",
                "twitter bio",
                "twitter thread",
                "oauth",
                "bearer token"),
            texts(),
            texts(
                "twitter\\.com/\\w+",
                "x\\.com/\\w+",
                "tweet\\s+id",
                "posted.*tweet",
                "@\\w+.*thread"),
            texts()));
  }

  private static Salience salience() {
    return new Salience(
        words(
            "error failed success important critical warning learned discovered realized insight"
                + " bounty earned $ usdc eth wallet stake collaboration mentioned replied followed"
                + " drift spindrift lex agent"),
        Salience.EACH,
        Salience.LENGTHS);
  }

  private static Map<String, String> vocabulary() {
    Map<String, String> terms = new LinkedHashMap<>();
    for (String line :
        """
        reconsolidation: memory update, recall modification, memory rewrite
        synaptic plasticity: connection strength change, edge weight update
        long-term potentiation: memory strengthening, repeated recall reinforcement
        hebbian: use-it-or-lose-it, co-activation strengthening
        engram: memory trace, stored memory pattern
        consolidation: memory stabilization, short-term to long-term transfer
        scale-free network: power-law graph, hub-dominated topology
        preferential attachment: hub dominance, rich-get-richer, co-occurrence growth
        degree distribution: edge count pattern, connection frequency
        small-world: short path lengths, clustered connections
        betweenness centrality: bridge node importance, routing hub
        clustering coefficient: local density, neighborhood connectivity
        modularity: community structure, domain separation
        autopoiesis: self-organization, self-maintaining system, autonomous identity
        emergence: bottom-up pattern, complex behavior from simple rules
        dissipative structure: order from energy flow, maintained pattern
        attractor: stable state, convergence point, equilibrium
        phase transition: sudden behavior change, threshold crossing
        bifurcation: branching point, decision fork, path split
        predictive processing: expectation-driven cognition, anticipatory system
        enactivism: cognition through action, knowing by doing
        integrated information: consciousness measure, unified experience
        free energy principle: surprise minimization, prediction error reduction
        markov blanket: system boundary, agent identity boundary
        semiosis: sign interpretation, meaning-making process
        qualia: subjective experience, felt quality of processing
        phenomenology: first-person experience, what-it-is-like
        theory of mind: modeling other agents, predicting behavior
        metacognition: thinking about thinking, self-monitoring
        eigenvalue: principal component, dominant mode, stable pattern
        topology: shape of connections, structural form
        isomorphism: structural equivalence, same shape different labels
        category theory: abstract pattern mapping, universal structure
        functor: structure-preserving mapping, pattern translation
        homomorphism: partial structure preservation, approximate mapping
        evolutionary epistemology: knowledge through selection, trial-and-error learning
        fitness landscape: optimization surface, performance terrain
        niche construction: environment shaping, self-built context
        epigenetics: expression without code change, context-dependent behavior
        second-order cybernetics: observer-included system, self-referential control
        feedback loop: circular causation, reinforcement cycle
        homeostasis: balance maintenance, stability seeking
        requisite variety: matching complexity, sufficient response range
        """
            .lines()
            .toList()) {
      int colon = line.indexOf(": ");
      terms.put(line.substring(0, colon), line.substring(colon + 2));
    }
    return terms;
  }
}
