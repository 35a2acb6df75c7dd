import type { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import type { Writer } from "../writer.js";
import {
  checkCount,
  encodeMessage,
  notInVersion,
  readCount,
  readHops,
  readMessage,
  readPath,
  unknownType,
  writeHops,
  writePath,
} from "./fields.js";
import { MAX_ANNOUNCE_INIT_BYTES, MAX_HOPS } from "./limits.js";
import {
  hasAnnounceIds,
  hasAnnounceInit,
  hasAnnounceOk,
  hasExcludeHop,
  hopForm,
  type LiteVersion,
  restartsByRepeat,
} from "./version.js";

/** Asks for the broadcasts under a prefix, now and later (first message of an announce stream). */
export interface AnnounceRequest {
  readonly prefix: string;
  /** Origin id whose broadcasts are not wanted, 0 for none; on the wire in lite-04 and lite-05 only. */
  readonly excludeHop: bigint;
}

/** Everything live under the prefix, as suffixes (lite-01 and lite-02, the first reply). */
export interface AnnounceInit {
  readonly suffixes: readonly string[];
  /** When decoded: how many more were listed that this library does not carry; absent for none. */
  readonly unsupported?: number;
}

/** The first reply of lite-05 and later. */
export interface AnnounceOk {
  /** The publisher's origin id, which the receiver appends to each chain; 0 when it has none. */
  readonly originId: bigint;
  /** How many of the following START messages describe what is live already. */
  readonly activeCount: number;
}

/** What a route costs (lite-06): cheaper ones are preferred. */
export interface RouteCost {
  readonly warm: bigint;
  readonly cold: bigint;
}

/**
 * A change of what is live under the prefix. What a version does not carry is
 * left out when encoding: hops before lite-03 (lite-03 keeps their count
 * alone, decoded as ids of 0), costs before lite-06.
 */
export type Announce =
  | {
      readonly type: "start";
      readonly suffix: string;
      readonly hops: readonly bigint[];
      readonly cost?: RouteCost;
    }
  | { readonly type: "end"; readonly target: AnnounceTarget }
  | {
      readonly type: "restart";
      readonly target: AnnounceTarget;
      readonly hops: readonly bigint[];
      readonly cost?: RouteCost;
    }
  /** A type this library does not know, which a receiver skips (lite-06). */
  | { readonly type: "unknown" };

/** Which announcement is meant: its suffix, or from lite-06 on the ordinal of its START on this stream. */
export type AnnounceTarget = { readonly suffix: string } | { readonly id: number };

/** Encodes ANNOUNCE_REQUEST. */
export function encodeAnnounceRequest(version: LiteVersion, message: AnnounceRequest): Uint8Array {
  return encodeMessage((body) => {
    writePath(body, message.prefix, "prefix");
    if (hasExcludeHop(version)) body.varint(message.excludeHop, "excludeHop");
  });
}

/** Decodes ANNOUNCE_REQUEST. */
export function decodeAnnounceRequest(version: LiteVersion, cursor: Cursor): AnnounceRequest {
  return readMessage(cursor, "ANNOUNCE_REQUEST", (body) => ({
    prefix: readPath(version, body, "prefix"),
    excludeHop: hasExcludeHop(version) ? body.varintBig("excludeHop") : 0n,
  }));
}

/** Encodes ANNOUNCE_INIT. */
export function encodeAnnounceInit(version: LiteVersion, message: AnnounceInit): Uint8Array {
  if (!hasAnnounceInit(version)) throw notInVersion("unencodable", "ANNOUNCE_INIT", version);
  const bytes = encodeMessage((body) => {
    body.varint(message.suffixes.length, "suffixes");
    for (const suffix of message.suffixes) writePath(body, suffix, "suffix");
  });
  checkCount("ANNOUNCE_INIT bytes", bytes.byteLength - 4, MAX_ANNOUNCE_INIT_BYTES);
  return bytes;
}

/** Decodes ANNOUNCE_INIT. */
export function decodeAnnounceInit(version: LiteVersion, cursor: Cursor): AnnounceInit {
  if (!hasAnnounceInit(version)) throw notInVersion("malformed", "ANNOUNCE_INIT", version);
  const decodeBody = (body: Cursor): AnnounceInit => {
    const count = readCount(body, "suffixes", body.remaining);
    const all = Array.from({ length: count }, () => readSuffix(version, body));
    const suffixes = all.filter((suffix) => suffix !== undefined);
    const unsupported = all.length - suffixes.length;
    return unsupported > 0 ? { suffixes, unsupported } : { suffixes };
  };
  return readMessage(cursor, "ANNOUNCE_INIT", decodeBody, MAX_ANNOUNCE_INIT_BYTES);
}

/** A suffix of ANNOUNCE_INIT; `undefined` for one that is not carried. */
function readSuffix(version: LiteVersion, body: Cursor): string | undefined {
  try {
    return readPath(version, body, "suffix");
  } catch (error) {
    if (error instanceof WireError && error.kind === "unsupported") return undefined;
    throw error;
  }
}

/** Encodes ANNOUNCE_OK. */
export function encodeAnnounceOk(version: LiteVersion, message: AnnounceOk): Uint8Array {
  if (!hasAnnounceOk(version)) throw notInVersion("unencodable", "ANNOUNCE_OK", version);
  return encodeMessage((body) => {
    body.varint(message.originId, "originId");
    body.varint(message.activeCount, "activeCount");
  });
}

/** Decodes ANNOUNCE_OK. */
export function decodeAnnounceOk(version: LiteVersion, cursor: Cursor): AnnounceOk {
  if (!hasAnnounceOk(version)) throw notInVersion("malformed", "ANNOUNCE_OK", version);
  return readMessage(cursor, "ANNOUNCE_OK", (body) => ({
    originId: body.varintBig("originId"),
    activeCount: body.varint("activeCount"),
  }));
}

const STATUS = { end: 0, start: 1, restart: 2 } as const;
const TYPE = { start: 0, end: 1, restart: 2 } as const;

/** Encodes a change of what is live. */
export function encodeAnnounce(version: LiteVersion, message: Announce): Uint8Array {
  if (message.type === "unknown") throw notInVersion("unencodable", "unknown ANNOUNCE", version);
  if (hasAnnounceIds(version)) {
    return encodeMessage((body) => writeNumbered(body, message), {
      value: TYPE[message.type],
      field: "announceType",
    });
  }
  if (message.type === "restart" && !restartsByRepeat(version)) {
    throw notInVersion("unencodable", "RESTART", version);
  }
  return encodeMessage((body) => {
    body.u8(STATUS[message.type], "status");
    const suffix = message.type === "start" ? message.suffix : suffixOf(message.target);
    writePath(body, suffix, "suffix");
    const hops = message.type === "end" ? [] : message.hops;
    if (hopForm(version) === "chain") writeHops(body, hops);
    if (hopForm(version) === "count") writeHopCount(body, hops);
  });
}

/** Decodes a change of what is live. */
export function decodeAnnounce(version: LiteVersion, cursor: Cursor): Announce {
  if (hasAnnounceIds(version)) {
    const type = cursor.varintBig("announceType");
    const name = type === BigInt(TYPE.start) ? "START" : "ANNOUNCE";
    return readMessage(cursor, name, (body) => readNumbered(version, body, type));
  }
  return readMessage(cursor, "ANNOUNCE", (body) => {
    const start = body.offset;
    const status = body.u8("status");
    const suffix = readPath(version, body, "suffix");
    const hops = readHopsOf(version, body);
    if (status === STATUS.start) return { type: "start", suffix, hops };
    if (status === STATUS.end) return { type: "end", target: { suffix } };
    if (status === STATUS.restart && restartsByRepeat(version)) {
      return { type: "restart", target: { suffix }, hops };
    }
    throw unknownType("status", start, status);
  });
}

function writeNumbered(body: Writer, message: Exclude<Announce, { type: "unknown" }>): void {
  if (message.type === "start") writePath(body, message.suffix, "suffix");
  else body.varint(idOf(message.target), "announceId");
  if (message.type === "end") return;
  writeHops(body, message.hops);
  body.varint(message.cost?.warm ?? 0n, "warmCost");
  body.varint(message.cost?.cold ?? 0n, "coldCost");
}

function readNumbered(version: LiteVersion, body: Cursor, type: bigint): Announce {
  switch (Number(type)) {
    case TYPE.start: {
      const suffix = readPath(version, body, "suffix");
      return { type: "start", suffix, hops: readHops(body), cost: readCost(body) };
    }
    case TYPE.end:
      return { type: "end", target: { id: body.varint("announceId") } };
    case TYPE.restart: {
      const target = { id: body.varint("announceId") };
      return { type: "restart", target, hops: readHops(body), cost: readCost(body) };
    }
    default:
      body.rest();
      return { type: "unknown" };
  }
}

function readCost(body: Cursor): RouteCost {
  return { warm: body.varintBig("warmCost"), cold: body.varintBig("coldCost") };
}

function readHopsOf(version: LiteVersion, body: Cursor): bigint[] {
  switch (hopForm(version)) {
    case "none":
      return [];
    case "count":
      return new Array<bigint>(readCount(body, "hops", MAX_HOPS)).fill(0n);
    case "chain":
      return readHops(body);
  }
}

function writeHopCount(body: Writer, hops: readonly bigint[]): void {
  checkCount("hops", hops.length, MAX_HOPS);
  body.varint(hops.length, "hops");
}

function suffixOf(target: AnnounceTarget): string {
  if ("suffix" in target) return target.suffix;
  throw new WireError("unencodable", "suffix", 0, "this version names announcements by suffix");
}

function idOf(target: AnnounceTarget): number {
  if ("id" in target) return target.id;
  throw new WireError("unencodable", "announceId", 0, "this version numbers announcements");
}
