import type { Cursor } from "../cursor.js";
import { encodeExact } from "../writer.js";

/** The number that opens a bidirectional stream. */
export const BIDI_STREAM = {
  announce: 1,
  subscribe: 2,
  fetch: 3,
  probe: 4,
  goaway: 5,
  track: 6,
} as const;

/** The number that opens a unidirectional stream. */
export const UNI_STREAM = {
  group: 0,
  setup: 1,
} as const;

/** The bytes that open a stream of this type. */
export function encodeStreamType(type: number): Uint8Array {
  return encodeExact((writer) => writer.varint(type, "streamType"));
}

/** Reads the number that opens a stream: of a known type or any other. */
export function decodeStreamType(cursor: Cursor): bigint {
  return cursor.varintBig("streamType");
}
