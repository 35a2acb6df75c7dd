import type { Cursor } from "@moq-bridge/moq-wire";

/** A varint that may be above 2^53 - 1, and is exact: a `bigint` only where a `number` is not. */
export function exactVarint(cursor: Cursor, field: string): number | bigint {
  const value = cursor.varintBig(field);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/**
 * A limit or an error code: above 2^53 - 1 it is read as 2^53 - 1, for such a
 * limit is never reached and such a code is unknown to everyone.
 */
export function clampedVarint(bytes: Uint8Array, cursor: Cursor, field: string): number {
  if (!isWide(bytes, cursor)) return cursor.varint(field);
  const value = cursor.varintBig(field);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.MAX_SAFE_INTEGER;
}

/** Whether the next varint takes eight bytes, the only ones a `number` may not hold. */
export function isWide(bytes: Uint8Array, cursor: Cursor): boolean {
  return (bytes[cursor.offset] ?? 0) >= 0xc0;
}
