import type { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import {
  encodeMessage,
  notInVersion,
  readFlag,
  readMessage,
  readPath,
  writePath,
} from "./fields.js";
import { hasFrameRanges, hasTrackStream, type LiteVersion } from "./version.js";

/** TRACK: asks what a publisher says of a track (lite-05 and later). */
export interface TrackRequest {
  readonly broadcast: string;
  readonly track: string;
}

/** TRACK_INFO: the answer to TRACK, fixed for the life of the track. */
export interface TrackInfo {
  /** 0 to 255, higher is sent first. */
  readonly priority: number;
  /** Not carried by lite-06, where it decodes as `false`. */
  readonly ordered: boolean;
  /** How long the publisher keeps a group after a newer one, in milliseconds. */
  readonly latencyMaxMs: number;
  /** Units per second of the frames' timestamps; never 0. */
  readonly timescale: number;
}

/** Encodes TRACK. */
export function encodeTrackRequest(version: LiteVersion, message: TrackRequest): Uint8Array {
  if (!hasTrackStream(version)) throw notInVersion("unencodable", "TRACK", version);
  return encodeMessage((body) => {
    writePath(body, message.broadcast, "broadcast");
    body.string(message.track, "track");
  });
}

/** Decodes TRACK. */
export function decodeTrackRequest(version: LiteVersion, cursor: Cursor): TrackRequest {
  if (!hasTrackStream(version)) throw notInVersion("malformed", "TRACK", version);
  return readMessage(cursor, "TRACK", (body) => ({
    broadcast: readPath(version, body, "broadcast"),
    track: body.string("track"),
  }));
}

/** Encodes TRACK_INFO. */
export function encodeTrackInfo(version: LiteVersion, message: TrackInfo): Uint8Array {
  if (!hasTrackStream(version)) throw notInVersion("unencodable", "TRACK_INFO", version);
  if (message.timescale === 0) {
    throw new WireError("unencodable", "timescale", 0, "timescale cannot be 0");
  }
  return encodeMessage((body) => {
    body.u8(message.priority, "priority");
    if (!hasFrameRanges(version)) body.u8(message.ordered ? 1 : 0, "ordered");
    body.varint(message.latencyMaxMs, "latencyMax");
    body.varint(message.timescale, "timescale");
  });
}

/** Decodes TRACK_INFO. */
export function decodeTrackInfo(version: LiteVersion, cursor: Cursor): TrackInfo {
  if (!hasTrackStream(version)) throw notInVersion("malformed", "TRACK_INFO", version);
  return readMessage(cursor, "TRACK_INFO", (body) => {
    const priority = body.u8("priority");
    const ordered = !hasFrameRanges(version) && readFlag(body, "ordered");
    const latencyMaxMs = body.varint("latencyMax");
    const start = body.offset;
    const timescale = body.varint("timescale");
    if (timescale === 0) throw new WireError("malformed", "timescale", start, "timescale is 0");
    return { priority, ordered, latencyMaxMs, timescale };
  });
}
