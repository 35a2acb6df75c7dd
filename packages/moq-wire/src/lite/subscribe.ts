import type { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import type { Writer } from "../writer.js";
import {
  encodeMessage,
  notInVersion,
  readFlag,
  readMessage,
  readOptional,
  readPath,
  unknownType,
  writeOptional,
  writePath,
} from "./fields.js";
import {
  hasBareSubscribe,
  hasFrameRanges,
  hasTrackStream,
  hasTypedReplies,
  type LiteVersion,
} from "./version.js";

/**
 * What a subscriber wants. lite-01 and lite-02 carry the priority alone;
 * `ordered` is carried by lite-03 to lite-05, frames from lite-06 on. What a
 * version does not carry decodes as `false`, 0 or absent.
 */
export interface SubscribeOptions {
  /** 0 to 255, higher is sent first. */
  readonly priority: number;
  readonly ordered: boolean;
  /** How long an older group is still wanted once a newer one exists, in milliseconds. */
  readonly maxLatencyMs: number;
  /** First group wanted; absent: the newest. lite-06 sends 0 for absent and always decodes a number. */
  readonly startGroup?: number;
  /** Last group wanted; absent: no limit. */
  readonly endGroup?: number;
  /** First frame wanted of `startGroup`. */
  readonly startFrame?: number;
  /** Last frame wanted of `endGroup`, without which there is none; absent: all. */
  readonly endFrame?: number;
}

/** SUBSCRIBE: the first message of a subscribe stream. */
export interface Subscribe extends SubscribeOptions {
  /** The subscriber's number for this subscription, which its group streams carry. */
  readonly id: number;
  readonly broadcast: string;
  readonly track: string;
}

/** What a publisher replies on a subscribe stream. */
export type SubscribeReply =
  /** SUBSCRIBE_OK (lite-01 to lite-04), always first. */
  | ({ readonly type: "ok" } & SubscribeOptions)
  /** SUBSCRIBE_START (lite-05 and later): the first group that may come. */
  | { readonly type: "start"; readonly group: number }
  /** SUBSCRIBE_END (lite-05 and later): no group at or after this one will come. */
  | { readonly type: "end"; readonly group: number }
  /** SUBSCRIBE_DROP (lite-03 and later): these groups, both ends included, will not come. */
  | { readonly type: "drop"; readonly start: number; readonly end: number; readonly error: number };

/** Encodes SUBSCRIBE. */
export function encodeSubscribe(version: LiteVersion, message: Subscribe): Uint8Array {
  return encodeMessage((body) => {
    body.varint(message.id, "subscribeId");
    writePath(body, message.broadcast, "broadcast");
    body.string(message.track, "track");
    writeOptions(version, body, message);
  });
}

/** Decodes SUBSCRIBE. */
export function decodeSubscribe(version: LiteVersion, cursor: Cursor): Subscribe {
  return readMessage(cursor, "SUBSCRIBE", (body) => ({
    id: body.varint("subscribeId"),
    broadcast: readPath(version, body, "broadcast"),
    track: body.string("track"),
    ...readOptions(version, body),
  }));
}

/** Encodes SUBSCRIBE_UPDATE (lite-03 and later). */
export function encodeSubscribeUpdate(version: LiteVersion, message: SubscribeOptions): Uint8Array {
  if (hasBareSubscribe(version)) throw notInVersion("unencodable", "SUBSCRIBE_UPDATE", version);
  return encodeMessage((body) => writeOptions(version, body, message));
}

/** Decodes SUBSCRIBE_UPDATE (lite-03 and later). */
export function decodeSubscribeUpdate(version: LiteVersion, cursor: Cursor): SubscribeOptions {
  if (hasBareSubscribe(version)) throw notInVersion("malformed", "SUBSCRIBE_UPDATE", version);
  return readMessage(cursor, "SUBSCRIBE_UPDATE", (body) => readOptions(version, body));
}

/** Encodes a reply to SUBSCRIBE. */
export function encodeSubscribeReply(version: LiteVersion, message: SubscribeReply): Uint8Array {
  const type = replyType(version, message.type);
  if (type === undefined) {
    throw notInVersion("unencodable", `SUBSCRIBE_${message.type.toUpperCase()}`, version);
  }
  return encodeMessage(
    (body) => {
      switch (message.type) {
        case "ok":
          writeOk(version, body, message);
          break;
        case "start":
        case "end":
          body.varint(message.group, "group");
          break;
        case "drop":
          body.varint(message.start, "start");
          body.varint(message.end, "end");
          body.varint(message.error, "error");
      }
    },
    hasTypedReplies(version) ? { value: type, field: "replyType" } : undefined,
  );
}

/** Decodes a reply to SUBSCRIBE. */
export function decodeSubscribeReply(version: LiteVersion, cursor: Cursor): SubscribeReply {
  const start = cursor.offset;
  const type = hasTypedReplies(version) ? cursor.varintBig("replyType") : 0n;
  const name = REPLY_NAMES.find((each) => replyType(version, each) === Number(type));
  if (!name) throw unknownType("replyType", start, type);
  return readMessage(cursor, `SUBSCRIBE_${name.toUpperCase()}`, (body) =>
    readReply(version, name, body),
  );
}

const REPLY_NAMES = ["ok", "start", "end", "drop"] as const;

/** The number of a reply, `undefined` where the version has none; lite-01 and lite-02 send their only one untyped. */
function replyType(version: LiteVersion, name: SubscribeReply["type"]): number | undefined {
  if (hasTrackStream(version)) return { ok: undefined, start: 0, end: 1, drop: 2 }[name];
  if (hasTypedReplies(version)) return { ok: 0, start: undefined, end: undefined, drop: 1 }[name];
  return name === "ok" ? 0 : undefined;
}

function readReply(
  version: LiteVersion,
  name: SubscribeReply["type"],
  body: Cursor,
): SubscribeReply {
  switch (name) {
    case "ok":
      return { type: name, ...readOk(version, body) };
    case "start":
    case "end":
      return { type: name, group: body.varint("group") };
    case "drop":
      return {
        type: name,
        start: body.varint("start"),
        end: body.varint("end"),
        error: body.varint("error"),
      };
  }
}

/** lite-02 replies with an empty body, lite-01 with the priority alone. */
function writeOk(version: LiteVersion, body: Writer, options: SubscribeOptions): void {
  if (version === "lite-02") return;
  writeOptions(version, body, options);
}

function readOk(version: LiteVersion, body: Cursor): SubscribeOptions {
  if (version === "lite-02") return { priority: 0, ordered: false, maxLatencyMs: 0 };
  return readOptions(version, body);
}

function writeOptions(version: LiteVersion, body: Writer, options: SubscribeOptions): void {
  body.u8(options.priority, "priority");
  if (hasBareSubscribe(version)) return;
  if (!hasFrameRanges(version)) body.u8(options.ordered ? 1 : 0, "ordered");
  body.varint(options.maxLatencyMs, "maxLatency");
  if (hasFrameRanges(version)) {
    if (hasStrayEnd(options)) throw new WireError("unencodable", "endFrame", 0, STRAY_END);
    body.varint(options.startGroup ?? 0, "startGroup");
    writeOptional(body, options.endGroup, "endGroup");
    body.varint(options.startFrame ?? 0, "startFrame");
    writeOptional(body, options.endFrame, "endFrame");
  } else {
    writeOptional(body, options.startGroup, "startGroup");
    writeOptional(body, options.endGroup, "endGroup");
  }
}

function readOptions(version: LiteVersion, body: Cursor): SubscribeOptions {
  const priority = body.u8("priority");
  if (hasBareSubscribe(version)) return { priority, ordered: false, maxLatencyMs: 0 };
  const ordered = !hasFrameRanges(version) && readFlag(body, "ordered");
  const maxLatencyMs = body.varint("maxLatency");
  if (hasFrameRanges(version)) {
    const startGroup = body.varint("startGroup");
    const endGroup = readOptional(body, "endGroup");
    const startFrame = body.varint("startFrame");
    const start = body.offset;
    const endFrame = readOptional(body, "endFrame");
    if (hasStrayEnd({ endGroup, endFrame })) {
      throw new WireError("malformed", "endFrame", start, STRAY_END);
    }
    return {
      priority,
      ordered,
      maxLatencyMs,
      startGroup,
      startFrame,
      ...present({ endGroup, endFrame }),
    };
  }
  const startGroup = readOptional(body, "startGroup");
  const endGroup = readOptional(body, "endGroup");
  return { priority, ordered, maxLatencyMs, ...present({ startGroup, endGroup }) };
}

const STRAY_END = "a last frame is given without its group";

function hasStrayEnd(range: {
  readonly endGroup?: number | undefined;
  readonly endFrame?: number | undefined;
}): boolean {
  return range.endFrame !== undefined && range.endGroup === undefined;
}

/** `fields` without those that are absent. */
function present<K extends string>(
  fields: Readonly<Record<K, number | undefined>>,
): { readonly [P in K]?: number } {
  const kept: { [P in K]?: number } = {};
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined) kept[key] = value;
  }
  return kept;
}
