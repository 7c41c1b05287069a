package io.agentmemory;

import static java.util.Objects.requireNonNull;

import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.UUID;

/**
 * The name of one operation: 128 bits, made before anything is written, so that repeating an
 * operation under its id takes effect once.
 *
 * @param value version 4 for an operation of the application, version 8 for a copy made by a
 *     backfill; the difference tells a later backfill that it may overwrite its own copy
 */
public record OpId(UUID value) {
  private static final SecureRandom RANDOM = new SecureRandom();

  /** Takes the id. */
  public OpId {
    requireNonNull(value, "value");
  }

  /** A new id for an operation of the application. */
  public static OpId random() {
    return of(4);
  }

  /** A new id for an operation that copies records as they are. */
  public static OpId copy() {
    return of(8);
  }

  private static OpId of(int version) {
    byte[] bytes = new byte[16];
    RANDOM.nextBytes(bytes);
    bytes[6] = (byte) ((bytes[6] & 0x0f) | (version << 4));
    bytes[8] = (byte) ((bytes[8] & 0x3f) | 0x80);
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    return new OpId(new UUID(buffer.getLong(), buffer.getLong()));
  }

  /** Whether the operation copied records as they are. */
  public boolean isCopy() {
    return value.version() == 8;
  }

  @Override
  public String toString() {
    return value.toString();
  }
}
