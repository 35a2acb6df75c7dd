import { Cursor, encodeExact } from "@moq-bridge/moq-wire";

/** A coded frame as it travels: its time and what the codec made of it. */
export interface MediaFrame {
  /** Capture time in microseconds since the Unix epoch. */
  readonly timestamp: number;
  readonly data: Uint8Array;
}

/** Puts the time, a variable-length integer, in front of the coded bytes (hang's container `legacy`). */
export function packFrame({ timestamp, data }: MediaFrame): Uint8Array {
  return encodeExact((writer) => {
    writer.varint(timestamp, "timestamp");
    writer.bytes(data);
  });
}

/** @throws {WireError} when there is no whole timestamp */
export function unpackFrame(payload: Uint8Array): MediaFrame {
  const cursor = new Cursor(payload);
  const timestamp = cursor.varint("timestamp");
  return { timestamp, data: cursor.rest() };
}
