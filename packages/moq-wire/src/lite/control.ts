import type { Cursor } from "../cursor.js";
import { checkCount, encodeMessage, notInVersion, readMessage } from "./fields.js";
import { MAX_GOAWAY_URI_BYTES } from "./limits.js";
import { hasGoaway, hasProbe, hasSetupExchange, type LiteVersion } from "./version.js";

/** PROBE: what the publisher measured of the connection (lite-03 and later). */
export interface Probe {
  /** Estimated bits per second. */
  readonly bitrate: number;
  /** Round-trip time in milliseconds, 0 when unknown; lite-03 carries none. */
  readonly rttMs: number;
}

/** GOAWAY: the session is about to end (lite-04 and later). */
export interface Goaway {
  /** Where to connect next; empty: to the same address. */
  readonly uri: string;
}

/** SESSION_INFO: what follows SETUP on the session stream of lite-01 and lite-02. */
export interface SessionInfo {
  /** Estimated bits per second. */
  readonly bitrate: number;
}

/** Encodes PROBE. */
export function encodeProbe(version: LiteVersion, message: Probe): Uint8Array {
  if (!hasProbe(version)) throw notInVersion("unencodable", "PROBE", version);
  return encodeMessage((body) => {
    body.varint(message.bitrate, "bitrate");
    if (version !== "lite-03") body.varint(message.rttMs, "rtt");
  });
}

/** Decodes PROBE. */
export function decodeProbe(version: LiteVersion, cursor: Cursor): Probe {
  if (!hasProbe(version)) throw notInVersion("malformed", "PROBE", version);
  return readMessage(cursor, "PROBE", (body) => ({
    bitrate: body.varint("bitrate"),
    rttMs: version === "lite-03" ? 0 : body.varint("rtt"),
  }));
}

/** Encodes GOAWAY. */
export function encodeGoaway(version: LiteVersion, message: Goaway): Uint8Array {
  if (!hasGoaway(version)) throw notInVersion("unencodable", "GOAWAY", version);
  const bytes = encodeMessage((body) => body.string(message.uri, "uri"));
  checkCount("uri bytes", new TextEncoder().encode(message.uri).byteLength, MAX_GOAWAY_URI_BYTES);
  return bytes;
}

/** Decodes GOAWAY. */
export function decodeGoaway(version: LiteVersion, cursor: Cursor): Goaway {
  if (!hasGoaway(version)) throw notInVersion("malformed", "GOAWAY", version);
  return readMessage(cursor, "GOAWAY", (body) => ({
    uri: body.string("uri", MAX_GOAWAY_URI_BYTES),
  }));
}

/** Encodes SESSION_INFO. */
export function encodeSessionInfo(version: LiteVersion, message: SessionInfo): Uint8Array {
  if (!hasSetupExchange(version)) throw notInVersion("unencodable", "SESSION_INFO", version);
  return encodeMessage((body) => body.varint(message.bitrate, "bitrate"));
}

/** Decodes SESSION_INFO. */
export function decodeSessionInfo(version: LiteVersion, cursor: Cursor): SessionInfo {
  if (!hasSetupExchange(version)) throw notInVersion("malformed", "SESSION_INFO", version);
  return readMessage(cursor, "SESSION_INFO", (body) => ({ bitrate: body.varint("bitrate") }));
}
