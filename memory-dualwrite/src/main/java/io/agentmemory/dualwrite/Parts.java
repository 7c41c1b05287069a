package io.agentmemory.dualwrite;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A stream that is fetched part by part, by somebody who sees to it that no part takes too long.
 */
final class Parts<T> implements Iterator<T> {
  private static final int PART = 500;

  private final Iterator<T> rest;
  private final Fetching<T> fetching;
  private Iterator<T> part;
  private boolean last;

  /** Fetches the next part. */
  interface Fetching<T> {
    List<T> fetch(Callable<List<T>> next);
  }

  private Parts(Iterator<T> rest, Fetching<T> fetching) {
    this.rest = rest;
    this.fetching = fetching;
    this.part = taken(take());
  }

  /** The same elements; the first part is fetched here and now. */
  static <T> Stream<T> of(Stream<T> whole, Fetching<T> fetching) {
    try {
      Parts<T> parts = new Parts<>(whole.iterator(), fetching);
      int ordered = Spliterator.ORDERED | Spliterator.NONNULL;
      return StreamSupport.stream(Spliterators.spliteratorUnknownSize(parts, ordered), false)
          .onClose(whole::close);
    } catch (RuntimeException | Error e) {
      whole.close();
      throw e;
    }
  }

  private List<T> take() {
    List<T> some = new ArrayList<>();
    while (some.size() < PART && rest.hasNext()) {
      some.add(rest.next());
    }
    return some;
  }

  private Iterator<T> taken(List<T> some) {
    last = some.size() < PART;
    return some.iterator();
  }

  @Override
  public boolean hasNext() {
    if (!part.hasNext() && !last) {
      part = taken(fetching.fetch(this::take));
    }
    return part.hasNext();
  }

  @Override
  public T next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return part.next();
  }
}
