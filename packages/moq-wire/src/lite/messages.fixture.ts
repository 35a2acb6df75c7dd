import fc from "fast-check";
import type { Cursor } from "../cursor.js";
import {
  type Announce,
  type ClientSetup,
  decodeAnnounce,
  decodeAnnounceInit,
  decodeAnnounceOk,
  decodeAnnounceRequest,
  decodeClientSetup,
  decodeDatagram,
  decodeFetch,
  decodeFrameHeader,
  decodeGoaway,
  decodeGroupHeader,
  decodeProbe,
  decodeServerSetup,
  decodeSessionInfo,
  decodeSetup,
  decodeSubscribe,
  decodeSubscribeReply,
  decodeSubscribeUpdate,
  decodeTrackInfo,
  decodeTrackRequest,
  encodeAnnounce,
  encodeAnnounceInit,
  encodeAnnounceOk,
  encodeAnnounceRequest,
  encodeClientSetup,
  encodeDatagram,
  encodeFetch,
  encodeFrameHeader,
  encodeGoaway,
  encodeGroupHeader,
  encodeProbe,
  encodeServerSetup,
  encodeSessionInfo,
  encodeSetup,
  encodeSubscribe,
  encodeSubscribeReply,
  encodeSubscribeUpdate,
  encodeTrackInfo,
  encodeTrackRequest,
  hasAnnounceIds,
  hasAnnounceInit,
  hasAnnounceOk,
  hasBareSubscribe,
  hasExcludeHop,
  hasFetch,
  hasFrameRanges,
  hasGoaway,
  hasProbe,
  hasSetupExchange,
  hasSetupStream,
  hasTrackStream,
  hopForm,
  type LiteVersion,
  restartsByRepeat,
  type ServerSetup,
} from "./index.js";

/** One message of one version: values it can carry, and its codec. */
export interface MessageCase<T = unknown> {
  readonly name: string;
  readonly values: fc.Arbitrary<T>;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (cursor: Cursor) => T;
  /** The same codec in another version. */
  readonly encodeAs: (version: LiteVersion, value: T) => Uint8Array;
  readonly decodeAs: (version: LiteVersion, cursor: Cursor) => T;
  /** The message runs to the end of what carries it, so that no truncation is incomplete. */
  readonly toTheEnd?: boolean;
}

const u8 = fc.integer({ min: 0, max: 255 });
const number = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }),
);
const big = fc.oneof(fc.bigInt(0n, 100n), fc.bigInt(0n, (1n << 62n) - 1n));
const part = fc
  .string({ minLength: 1, maxLength: 8, unit: "binary" })
  .map((text) => text.replaceAll("/", "-"));
const path = fc.array(part, { maxLength: 6 }).map((parts) => parts.join("/"));
const text = fc.string({ maxLength: 20, unit: "binary" });
const bytes = fc.uint8Array({ maxLength: 40 });
const hops = fc.array(big, { maxLength: 32 });

/** A record that leaves out absent fields. */
function record<T extends object>(
  model: { readonly [P in keyof T]: fc.Arbitrary<T[P]> },
  ...optional: readonly string[]
): fc.Arbitrary<T> {
  const requiredKeys = Object.keys(model).filter((key) => !optional.includes(key)) as (keyof T)[];
  return fc.record(model, { requiredKeys, noNullPrototype: true }) as unknown as fc.Arbitrary<T>;
}

/** Every message of a version. */
export function messageCases(version: LiteVersion): MessageCase[] {
  const cases: MessageCase[] = [];
  const add = <T>(
    name: string,
    values: fc.Arbitrary<unknown>,
    encode: (version: LiteVersion, value: T) => Uint8Array,
    decode: (version: LiteVersion, cursor: Cursor) => T,
    toTheEnd = false,
  ) => {
    cases.push({
      name,
      values,
      encode: (value) => encode(version, value as T),
      decode: (cursor) => decode(version, cursor),
      encodeAs: (other, value) => encode(other, value as T),
      decodeAs: decode,
      toTheEnd,
    });
  };
  addAnnounce(version, add);
  addSubscribe(version, add);
  addGroup(version, add);
  addSetup(version, add);
  if (hasFetch(version)) {
    const ranges = hasFrameRanges(version);
    const model = {
      broadcast: path,
      track: text,
      priority: u8,
      group: number,
      startFrame: ranges ? number : fc.constant(0),
    };
    const values = ranges ? record({ ...model, endFrame: number }, "endFrame") : record(model);
    add("FETCH", values.map(orderedFrames), encodeFetch, decodeFetch);
  }
  if (hasProbe(version)) {
    const rttMs = version === "lite-03" ? fc.constant(0) : number;
    add("PROBE", record({ bitrate: number, rttMs }), encodeProbe, decodeProbe);
  }
  if (hasGoaway(version)) add("GOAWAY", record({ uri: text }), encodeGoaway, decodeGoaway);
  return cases;
}

type Add = <T>(
  name: string,
  values: fc.Arbitrary<unknown>,
  encode: (version: LiteVersion, value: T) => Uint8Array,
  decode: (version: LiteVersion, cursor: Cursor) => T,
  toTheEnd?: boolean,
) => void;

function addAnnounce(version: LiteVersion, add: Add): void {
  const excludeHop = hasExcludeHop(version) ? big : fc.constant(0n);
  add(
    "ANNOUNCE_REQUEST",
    record({ prefix: path, excludeHop }),
    encodeAnnounceRequest,
    decodeAnnounceRequest,
  );
  if (hasAnnounceInit(version)) {
    const suffixes = fc.array(path, { maxLength: 10 });
    add("ANNOUNCE_INIT", record({ suffixes }), encodeAnnounceInit, decodeAnnounceInit);
  }
  if (hasAnnounceOk(version)) {
    const values = record({ originId: big, activeCount: number });
    add("ANNOUNCE_OK", values, encodeAnnounceOk, decodeAnnounceOk);
  }
  add("ANNOUNCE", announces(version), encodeAnnounce, decodeAnnounce);
}

function announces(version: LiteVersion): fc.Arbitrary<Announce> {
  const chain = {
    none: fc.constant([]),
    count: hops.map((ids) => ids.map(() => 0n)),
    chain: hops,
  }[hopForm(version)];
  if (hasAnnounceIds(version)) {
    const target = record({ id: number });
    const cost = record({ warm: big, cold: big });
    return fc.oneof(
      record({ type: fc.constant("start" as const), suffix: path, hops: chain, cost }),
      record({ type: fc.constant("end" as const), target }),
      record({ type: fc.constant("restart" as const), target, hops: chain, cost }),
    );
  }
  const target = record({ suffix: path });
  const known: fc.Arbitrary<Announce>[] = [
    record({ type: fc.constant("start" as const), suffix: path, hops: chain }),
    record({ type: fc.constant("end" as const), target }),
  ];
  if (restartsByRepeat(version)) {
    known.push(record({ type: fc.constant("restart" as const), target, hops: chain }));
  }
  return fc.oneof(...known);
}

interface OptionsModel {
  readonly model: Readonly<Record<string, fc.Arbitrary<unknown>>>;
  readonly optional: readonly string[];
}

function subscribeOptions(version: LiteVersion): OptionsModel {
  const fixed = { ordered: fc.constant(false), maxLatencyMs: fc.constant(0) };
  if (hasBareSubscribe(version)) return { model: { priority: u8, ...fixed }, optional: [] };
  if (!hasFrameRanges(version)) {
    const model = { priority: u8, ordered: fc.boolean(), maxLatencyMs: number };
    return {
      model: { ...model, startGroup: number, endGroup: number },
      optional: ["startGroup", "endGroup"],
    };
  }
  const model = { priority: u8, ordered: fc.constant(false), maxLatencyMs: number };
  return {
    model: { ...model, startGroup: number, startFrame: number, endGroup: number, endFrame: number },
    optional: ["endGroup", "endFrame"],
  };
}

/** Frames do not end before they start. */
function orderedFrames<T extends { startFrame: number; endFrame?: number }>(value: T): T {
  const { startFrame, endFrame } = value;
  return endFrame === undefined ? value : { ...value, endFrame: Math.max(startFrame, endFrame) };
}

/** A last frame is one of a last group. */
function boundedEnd<T extends object>(value: T): T {
  if ("endGroup" in value || !("endFrame" in value)) return value;
  const { endFrame: _, ...rest } = value;
  return rest as T;
}

function addSubscribe(version: LiteVersion, add: Add): void {
  const { model, optional } = subscribeOptions(version);
  add(
    "SUBSCRIBE",
    record({ id: number, broadcast: path, track: text, ...model }, ...optional).map(boundedEnd),
    encodeSubscribe,
    decodeSubscribe,
  );
  if (!hasBareSubscribe(version)) {
    add(
      "SUBSCRIBE_UPDATE",
      record(model, ...optional).map(boundedEnd),
      encodeSubscribeUpdate,
      decodeSubscribeUpdate,
    );
  }
  const replies: fc.Arbitrary<unknown>[] = [];
  if (hasTrackStream(version)) {
    replies.push(
      record({ type: fc.constant("start" as const), group: number }),
      record({ type: fc.constant("end" as const), group: number }),
    );
  } else {
    const type = fc.constant("ok" as const);
    const blank = version === "lite-02" ? { priority: fc.constant(0) } : {};
    replies.push(record({ type, ...model, ...blank }, ...optional));
  }
  if (!hasBareSubscribe(version)) {
    const type = fc.constant("drop" as const);
    replies.push(record({ type, start: number, end: number, error: number }));
  }
  add("SUBSCRIBE reply", fc.oneof(...replies), encodeSubscribeReply, decodeSubscribeReply);
  if (!hasTrackStream(version)) return;
  add("TRACK", record({ broadcast: path, track: text }), encodeTrackRequest, decodeTrackRequest);
  const info = record({
    priority: u8,
    ordered: hasFrameRanges(version) ? fc.constant(false) : fc.boolean(),
    latencyMaxMs: number,
    timescale: number.map((value) => value + 1),
  });
  add("TRACK_INFO", info, encodeTrackInfo, decodeTrackInfo);
}

function addGroup(version: LiteVersion, add: Add): void {
  const startFrame = hasFrameRanges(version) ? number : fc.constant(0);
  const header = record({ subscribeId: number, sequence: number, startFrame });
  add("GROUP", header, encodeGroupHeader, decodeGroupHeader);
  const limit = (1n << 61n) - 1n;
  const timestampDelta = hasTrackStream(version) ? fc.bigInt(-limit - 1n, limit) : fc.constant(0n);
  const frame = record({ size: number, timestampDelta });
  add("frame header", frame, encodeFrameHeader, decodeFrameHeader);
  if (!hasTrackStream(version)) return;
  const datagram = record({
    subscribeId: number,
    sequence: number,
    timestamp: big,
    payload: bytes,
  });
  add("datagram", datagram, encodeDatagram, decodeDatagram, true);
}

function addSetup(version: LiteVersion, add: Add): void {
  if (hasSetupExchange(version)) {
    const parameter = fc.oneof(
      record({ id: fc.nat(1000).map((n) => n * 2), value: big }),
      record({ id: fc.nat(1000).map((n) => n * 2 + 1), value: bytes }),
    );
    const parameters = fc.array(parameter, { maxLength: 8 });
    const client = record({ versions: fc.array(number, { maxLength: 8 }), parameters });
    add<ClientSetup>(
      "CLIENT_SETUP",
      client,
      (_, value) => encodeClientSetup(value),
      (_, cursor) => decodeClientSetup(cursor),
    );
    const server = record({ version: number, parameters });
    add<ServerSetup>(
      "SERVER_SETUP",
      server,
      (_, value) => encodeServerSetup(value),
      (_, cursor) => decodeServerSetup(cursor),
    );
    add("SESSION_INFO", record({ bitrate: number }), encodeSessionInfo, decodeSessionInfo);
  }
  if (!hasSetupStream(version)) return;
  const unknown = fc.uniqueArray(record({ id: fc.bigInt(6n, 10_000n), value: bytes }), {
    selector: (parameter) => parameter.id,
    maxLength: 6,
  });
  const setup = record(
    { probe: number, path: text, role: number, cost: big, originId: big, unknown },
    "probe",
    "path",
    "role",
    "cost",
    "originId",
  );
  add("SETUP", setup, encodeSetup, decodeSetup);
}
