package io.agentmemory;

import java.util.Locale;
import java.util.Optional;

/**
 * Where a memory stands: the folder it lies in. Lists that tie on everything else go in this order.
 */
public enum Tier {
  /** What the agent always keeps. */
  CORE,
  /** What the agent works with. A new memory starts here. */
  ACTIVE,
  /** What is kept but no longer worked with. */
  ARCHIVE;

  private final String folder = name().toLowerCase(Locale.ROOT);

  /** The folder's name, which is also how a database column and a command line spell this tier. */
  public String folder() {
    return folder;
  }

  /** The tier that {@code folder} names, or empty for any other text. */
  public static Optional<Tier> ofFolder(String folder) {
    for (Tier tier : values()) {
      if (tier.folder.equals(folder)) {
        return Optional.of(tier);
      }
    }
    return Optional.empty();
  }
}
