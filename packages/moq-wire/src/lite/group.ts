import type { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import type { Writer } from "../writer.js";
import { encodeExact } from "../writer.js";
import { encodeMessage, notInVersion, readMessage } from "./fields.js";
import { hasFrameRanges, hasTrackStream, type LiteVersion } from "./version.js";

/** What opens a group stream, after its stream type. */
export interface GroupHeader {
  /** The subscriber's number for the subscription. */
  readonly subscribeId: number;
  readonly sequence: number;
  /** Number of the first frame on this stream: 0 before lite-06. */
  readonly startFrame: number;
}

/** What stands before each frame's bytes. */
export interface FrameHeader {
  /** Payload length in bytes. */
  readonly size: number;
  /** Timestamp minus that of the frame before on the stream, in the track's timescale; 0 before lite-05, which has none. */
  readonly timestampDelta: bigint;
}

/** A group of one frame in a datagram (lite-05 and later). */
export interface Datagram {
  readonly subscribeId: number;
  readonly sequence: number;
  /** In the track's timescale. */
  readonly timestamp: bigint;
  readonly payload: Uint8Array;
}

/** Encodes a group header. */
export function encodeGroupHeader(version: LiteVersion, message: GroupHeader): Uint8Array {
  return encodeMessage((body) => {
    body.varint(message.subscribeId, "subscribeId");
    body.varint(message.sequence, "sequence");
    if (hasFrameRanges(version)) body.varint(message.startFrame, "startFrame");
  });
}

/** Decodes a group header. */
export function decodeGroupHeader(version: LiteVersion, cursor: Cursor): GroupHeader {
  return readMessage(cursor, "GROUP", (body) => ({
    subscribeId: body.varint("subscribeId"),
    sequence: body.varint("sequence"),
    startFrame: hasFrameRanges(version) ? body.varint("startFrame") : 0,
  }));
}

/** Encodes what stands before a frame's bytes. */
export function encodeFrameHeader(version: LiteVersion, header: FrameHeader): Uint8Array {
  return encodeExact((writer) => {
    if (hasTrackStream(version)) writeZigzag(writer, header.timestampDelta, "timestampDelta");
    writer.varint(header.size, "size");
  });
}

/** Decodes what stands before a frame's bytes. */
export function decodeFrameHeader(version: LiteVersion, cursor: Cursor): FrameHeader {
  const timestampDelta = hasTrackStream(version) ? readZigzag(cursor, "timestampDelta") : 0n;
  return { size: cursor.varint("size"), timestampDelta };
}

/** Encodes a datagram. */
export function encodeDatagram(version: LiteVersion, message: Datagram): Uint8Array {
  if (!hasTrackStream(version)) throw notInVersion("unencodable", "datagram", version);
  return encodeExact((writer) => {
    writer.varint(message.subscribeId, "subscribeId");
    writer.varint(message.sequence, "sequence");
    writer.varint(message.timestamp, "timestamp");
    writer.bytes(message.payload);
  });
}

/** Decodes a datagram, whose payload is everything left. */
export function decodeDatagram(version: LiteVersion, cursor: Cursor): Datagram {
  if (!hasTrackStream(version)) throw notInVersion("malformed", "datagram", version);
  return {
    subscribeId: cursor.varint("subscribeId"),
    sequence: cursor.varint("sequence"),
    timestamp: cursor.varintBig("timestamp"),
    payload: cursor.rest(),
  };
}

/** Largest magnitude of a zigzag number: its encoding must fit a varint. */
const MAX_ZIGZAG = (1n << 61n) - 1n;

function writeZigzag(writer: Writer, value: bigint, field: string): void {
  if (value > MAX_ZIGZAG || value < -MAX_ZIGZAG - 1n) {
    throw new WireError("unencodable", field, 0, `${field} cannot be ${value}`);
  }
  writer.varint(value >= 0n ? value << 1n : (-value << 1n) - 1n, field);
}

function readZigzag(cursor: Cursor, field: string): bigint {
  const value = cursor.varintBig(field);
  return value & 1n ? -((value + 1n) >> 1n) : value >> 1n;
}
