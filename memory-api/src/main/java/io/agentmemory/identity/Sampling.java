package io.agentmemory.identity;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;

/**
 * Draws without replacement as the original does. Source: {@code random.Random(seed).sample} of
 * Python 3, which stands on the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998).
 */
public final class Sampling {
  private Sampling() {}

  /** A generator that draws what Python draws of the same seed: for answers that repeat. */
  public static RandomGenerator seeded(int seed) {
    return new MersenneTwister(seed);
  }

  /**
   * {@code count} of {@code items}, in the order drawn.
   *
   * @throws IllegalArgumentException if there are not so many
   */
  public static <T> List<T> sample(List<T> items, int count, RandomGenerator random) {
    int n = items.size();
    if (count < 0 || count > n) {
      throw new IllegalArgumentException("cannot draw " + count + " of " + n);
    }
    List<T> drawn = new ArrayList<>(count);
    if (n <= poolLimit(count)) {
      List<T> pool = new ArrayList<>(items);
      for (int i = 0; i < count; i++) {
        int at = random.nextInt(n - i);
        drawn.add(pool.get(at));
        pool.set(at, pool.get(n - i - 1));
      }
    } else {
      Set<Integer> taken = new HashSet<>();
      while (drawn.size() < count) {
        int at = random.nextInt(n);
        if (taken.add(at)) {
          drawn.add(items.get(at));
        }
      }
    }
    return drawn;
  }

  /** Up to this size a copy of the list costs less than remembering what was drawn. */
  private static long poolLimit(int count) {
    long limit = 21;
    if (count > 5) {
      long power = 1;
      while (power < count * 3L) {
        power *= 4;
      }
      limit += power;
    }
    return limit;
  }

  private static final class MersenneTwister implements RandomGenerator {
    private static final int N = 624;
    private static final int M = 397;

    private final int[] state = new int[N];
    private int next = N;

    MersenneTwister(int seed) {
      state[0] = 19_650_218;
      for (int i = 1; i < N; i++) {
        state[i] = 1_812_433_253 * (state[i - 1] ^ (state[i - 1] >>> 30)) + i;
      }
      int i = 1;
      for (int k = 0; k < N; k++) {
        state[i] = (state[i] ^ (state[i - 1] ^ (state[i - 1] >>> 30)) * 1_664_525) + seed;
        i = next(i);
      }
      for (int k = 0; k < N - 1; k++) {
        state[i] = (state[i] ^ (state[i - 1] ^ (state[i - 1] >>> 30)) * 1_566_083_941) - i;
        i = next(i);
      }
      state[0] = 0x80000000;
    }

    private int next(int i) {
      if (i + 1 < N) {
        return i + 1;
      }
      state[0] = state[N - 1];
      return 1;
    }

    @Override
    public int nextInt(int bound) {
      if (bound <= 0) {
        throw new IllegalArgumentException("bound is not above 0");
      }
      int bits = 32 - Integer.numberOfLeadingZeros(bound);
      int drawn = word() >>> (32 - bits);
      while (drawn >= bound) {
        drawn = word() >>> (32 - bits);
      }
      return drawn;
    }

    @Override
    public int nextInt() {
      return word();
    }

    @Override
    public long nextLong() {
      long low = word() & 0xffffffffL;
      return (long) word() << 32 | low;
    }

    private int word() {
      if (next == N) {
        for (int i = 0; i < N; i++) {
          int y = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7fffffff);
          state[i] = state[(i + M) % N] ^ (y >>> 1) ^ ((y & 1) == 0 ? 0 : 0x9908b0df);
        }
        next = 0;
      }
      int y = state[next++];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      return y ^ (y >>> 18);
    }
  }
}
