import { describe, expect, it } from "vitest";
import { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import { encodeExact, type Writer } from "../writer.js";
import {
  decodeAnnounce,
  decodeAnnounceInit,
  decodeAnnounceRequest,
  decodeClientSetup,
  decodeFetch,
  decodeFrameHeader,
  decodeGoaway,
  decodeServerSetup,
  decodeSetup,
  decodeSubscribe,
  decodeSubscribeUpdate,
  decodeTrackInfo,
  decodeTrackRequest,
  encodeAnnounce,
  encodeAnnounceInit,
  encodeAnnounceRequest,
  encodeClientSetup,
  encodeFetch,
  encodeFrameHeader,
  encodeGoaway,
  encodeServerSetup,
  encodeSetup,
  encodeSubscribe,
  encodeSubscribeUpdate,
  encodeTrackInfo,
  encodeTrackRequest,
  hasAnnounceIds,
  hasAnnounceInit,
  hasFetch,
  hasFrameRanges,
  hasGoaway,
  hasSetupExchange,
  hasTrackStream,
  hopForm,
  LITE_VERSIONS,
  type LiteVersion,
  MAX_ANNOUNCE_INIT_BYTES,
  MAX_GOAWAY_URI_BYTES,
  MAX_HOPS,
  MAX_LEGAL_MESSAGE_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_PARAMETERS,
  MAX_PATH_BYTES,
  MAX_PATH_PARTS,
} from "./index.js";

function errorOf(run: () => unknown): WireError {
  try {
    run();
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** A message of a length and a body. */
function message(write: (body: Writer) => void, before: readonly number[] = []): Uint8Array {
  const body = encodeExact(write);
  return encodeExact((writer) => {
    writer.bytes(Uint8Array.from(before));
    writer.varint(body.byteLength, "length");
    writer.bytes(body);
  });
}

interface PathCase {
  readonly name: string;
  readonly encode: (path: string) => Uint8Array;
  /** The path in these bytes. */
  readonly decode: (bytes: Uint8Array) => string | undefined;
  /** The body with this path, written by hand as far as it. */
  readonly raw: (path: string) => Uint8Array;
}

/** Every message of a version that has a path in it. */
function pathCases(version: LiteVersion): PathCase[] {
  const options = { priority: 0, ordered: false, maxLatencyMs: 0 };
  const cursor = (bytes: Uint8Array) => new Cursor(bytes);
  const field = (path: string, before: readonly number[] = [], type: readonly number[] = []) =>
    message((body) => {
      body.bytes(Uint8Array.from(before));
      body.string(path, "path");
    }, type);
  const cases: PathCase[] = [
    {
      name: "SUBSCRIBE",
      encode: (broadcast) =>
        encodeSubscribe(version, { id: 1, broadcast, track: "", ...options, startGroup: 0 }),
      decode: (bytes) => decodeSubscribe(version, cursor(bytes)).broadcast,
      raw: (path) => field(path, [1]),
    },
    {
      name: "ANNOUNCE_REQUEST",
      encode: (prefix) => encodeAnnounceRequest(version, { prefix, excludeHop: 0n }),
      decode: (bytes) => decodeAnnounceRequest(version, cursor(bytes)).prefix,
      raw: (path) => field(path),
    },
    {
      name: "START",
      encode: (suffix) => encodeAnnounce(version, { type: "start", suffix, hops: [] }),
      decode: (bytes) => {
        const announce = decodeAnnounce(version, cursor(bytes));
        return announce.type === "start" ? announce.suffix : undefined;
      },
      raw: (path) => (hasAnnounceIds(version) ? field(path, [], [0]) : field(path, [1])),
    },
  ];
  if (hasAnnounceInit(version)) {
    cases.push({
      name: "ANNOUNCE_INIT",
      encode: (suffix) => encodeAnnounceInit(version, { suffixes: [suffix] }),
      decode: (bytes) => decodeAnnounceInit(version, cursor(bytes)).suffixes[0],
      raw: (path) => field(path, [1]),
    });
  }
  if (hasFetch(version)) {
    cases.push({
      name: "FETCH",
      encode: (broadcast) =>
        encodeFetch(version, { broadcast, track: "", priority: 0, group: 0, startFrame: 0 }),
      decode: (bytes) => decodeFetch(version, cursor(bytes)).broadcast,
      raw: (path) => field(path),
    });
  }
  if (hasTrackStream(version)) {
    cases.push({
      name: "TRACK",
      encode: (broadcast) => encodeTrackRequest(version, { broadcast, track: "" }),
      decode: (bytes) => decodeTrackRequest(version, cursor(bytes)).broadcast,
      raw: (path) => field(path),
    });
  }
  return cases;
}

const parts = (count: number) => new Array<string>(count).fill("a").join("/");

describe.each(LITE_VERSIONS)("%s", (version) => {
  describe.each(pathCases(version))("a path in $name", ({ name, encode, decode, raw }) => {
    it("has up to 32 parts, and 33 are a violation", () => {
      expect(decode(encode(parts(MAX_PATH_PARTS)))).toBe(parts(32));
      expect(errorOf(() => encode(parts(33))).kind).toBe("unencodable");
      // Relays that speak lite-01 and lite-02 alone know no limit.
      const kind = hasSetupExchange(version) ? "unsupported" : "malformed";
      // What is listed first is left out alone.
      if (name === "ANNOUNCE_INIT") expect(decode(raw(parts(33)))).toBeUndefined();
      else expect(errorOf(() => decode(raw(parts(33)))).kind).toBe(kind);
    });

    it("has up to 1,024 bytes here, and a longer one is legal but not carried", () => {
      const longest = "a".repeat(MAX_PATH_BYTES);
      expect(decode(encode(longest))).toBe(longest);
      expect(errorOf(() => encode(`${longest}a`)).kind).toBe("unencodable");
      if (name === "ANNOUNCE_INIT") expect(decode(raw(`${longest}a`))).toBeUndefined();
      else expect(errorOf(() => decode(raw(`${longest}a`))).kind).toBe("unsupported");
    });
  });

  if (hopForm(version) !== "none")
    it("has up to 32 hops, and 33 are a violation", () => {
      const start = (count: number) =>
        ({ type: "start", suffix: "a", hops: new Array<bigint>(count).fill(0n) }) as const;
      const bytes = encodeAnnounce(version, start(MAX_HOPS));
      expect(decodeAnnounce(version, new Cursor(bytes))).toMatchObject({ hops: { length: 32 } });
      expect(errorOf(() => encodeAnnounce(version, start(33))).kind).toBe("unencodable");
      const before = hasAnnounceIds(version) ? [] : [1];
      const raw = message(
        (body) => {
          body.bytes(Uint8Array.of(...before, 1, 0x61, 33, ...new Array<number>(40).fill(0)));
        },
        hasAnnounceIds(version) ? [0] : [],
      );
      const error = errorOf(() => decodeAnnounce(version, new Cursor(raw)));
      expect(error).toMatchObject({ kind: "malformed", field: "hops", offset: 4 });
    });

  it("reads a message of 16 KiB, and refuses a longer one before it is here", () => {
    const track = (size: number) => ({
      id: 1,
      broadcast: "a",
      track: "t".repeat(size),
      priority: 0,
      ordered: false,
      maxLatencyMs: 0,
      startGroup: 0,
    });
    const short = encodeSubscribe(version, track(0x4000)).byteLength - 0x4000 - 4;
    const longest = encodeSubscribe(version, track(MAX_MESSAGE_BYTES - short));
    expect(decodeSubscribe(version, new Cursor(longest)).track).toHaveLength(0x4000 - short);
    const refused = (size: number) => {
      const length = encodeExact((writer) => writer.varint(size, "length"));
      return errorOf(() => decodeSubscribe(version, new Cursor(length)));
    };
    const where = { field: "SUBSCRIBE", offset: 0 };
    expect(refused(MAX_MESSAGE_BYTES + 1)).toMatchObject({
      kind: "unsupported",
      ...where,
      size: 4 + MAX_MESSAGE_BYTES + 1,
    });
    expect(refused(MAX_LEGAL_MESSAGE_BYTES)).toMatchObject({ kind: "unsupported", ...where });
    expect(refused(MAX_LEGAL_MESSAGE_BYTES + 1)).toMatchObject({ kind: "malformed", ...where });
  });

  if (hasFrameRanges(version))
    it("has a last frame only in a last group", () => {
      const options = { priority: 0, ordered: false, maxLatencyMs: 0, startGroup: 3, endFrame: 2 };
      const encode = () => encodeSubscribeUpdate(version, options);
      expect(errorOf(encode)).toMatchObject({ kind: "unencodable", field: "endFrame" });
      const update = (...body: number[]) =>
        decodeSubscribeUpdate(
          version,
          new Cursor(message((writer) => writer.bytes(Uint8Array.from(body)))),
        );
      expect(update(0, 0, 3, 5, 0, 3)).toMatchObject({ endGroup: 4, endFrame: 2 });
      const error = errorOf(() => update(0, 0, 3, 0, 0, 3));
      expect(error).toMatchObject({ kind: "malformed", field: "endFrame", offset: 6 });
    });

  if (hasFrameRanges(version))
    it("has no FETCH of frames that end before they start", () => {
      const fetch = (start: number, end: number) =>
        decodeFetch(
          version,
          new Cursor(
            message((body) => body.bytes(Uint8Array.of(1, 0x61, 0, 0, 5, start, end + 1))),
          ),
        );
      expect(fetch(2, 2)).toMatchObject({ startFrame: 2, endFrame: 2 });
      expect(errorOf(() => fetch(2, 1))).toMatchObject({ kind: "malformed", field: "endFrame" });
      const request = { broadcast: "a", track: "", priority: 0, group: 5 };
      const encode = () => encodeFetch(version, { ...request, startFrame: 2, endFrame: 1 });
      expect(errorOf(encode)).toMatchObject({ kind: "unencodable", field: "endFrame" });
    });

  if (hasGoaway(version))
    it("has a GOAWAY URI of up to 8,192 bytes", () => {
      const uri = "a".repeat(MAX_GOAWAY_URI_BYTES);
      const bytes = encodeGoaway(version, { uri });
      expect(decodeGoaway(version, new Cursor(bytes))).toEqual({ uri });
      expect(errorOf(() => encodeGoaway(version, { uri: `${uri}a` })).kind).toBe("unencodable");
      const longer = message((body) => body.string(`${uri}a`, "uri"));
      const error = errorOf(() => decodeGoaway(version, new Cursor(longer)));
      expect(error).toMatchObject({ kind: "malformed", field: "uri" });
    });

  if (hasTrackStream(version)) {
    it("has no timescale of 0", () => {
      const info = { priority: 0, ordered: false, latencyMaxMs: 0, timescale: 0 };
      expect(errorOf(() => encodeTrackInfo(version, info)).kind).toBe("unencodable");
      const zeros = version === "lite-05" ? [4, 0, 0, 0, 0] : [3, 0, 0, 0];
      const error = errorOf(() => decodeTrackInfo(version, new Cursor(Uint8Array.from(zeros))));
      expect(error).toMatchObject({
        kind: "malformed",
        field: "timescale",
        offset: zeros.length - 1,
      });
    });

    it("has timestamps that differ by up to 2^61", () => {
      const most = (1n << 61n) - 1n;
      for (const timestampDelta of [most, -most - 1n]) {
        const bytes = encodeFrameHeader(version, { size: 0, timestampDelta });
        expect(decodeFrameHeader(version, new Cursor(bytes)).timestampDelta).toBe(timestampDelta);
      }
      for (const timestampDelta of [most + 1n, -most - 2n]) {
        const encode = () => encodeFrameHeader(version, { size: 0, timestampDelta });
        expect(errorOf(encode).kind).toBe("unencodable");
      }
    });

    it("has up to 64 SETUP parameters, none of them twice", () => {
      const setup = (count: number) => ({
        unknown: Array.from({ length: count }, (_, i) => ({
          id: BigInt(i + 6),
          value: new Uint8Array(0),
        })),
      });
      const bytes = encodeSetup(version, setup(MAX_PARAMETERS));
      expect(decodeSetup(version, new Cursor(bytes))).toEqual(setup(64));
      expect(errorOf(() => encodeSetup(version, setup(65))).kind).toBe("unencodable");
      const decode = (...body: number[]) =>
        decodeSetup(version, new Cursor(message((writer) => writer.bytes(Uint8Array.from(body)))));
      expect(errorOf(() => decode(0x40, 65))).toMatchObject({ kind: "malformed", offset: 1 });
      expect(errorOf(() => decode(2, 9, 0, 9, 0))).toMatchObject({ kind: "malformed", offset: 4 });
      expect(errorOf(() => decode(1, 5, 2, 1, 1))).toMatchObject({ field: "originId" });
      expect(errorOf(() => decode(1, 2, 1, 0xff))).toMatchObject({ field: "path" });
    });
  }

  if (hasAnnounceInit(version))
    it("reads an ANNOUNCE_INIT of 1 MiB, and refuses a longer one before it is here", () => {
      const suffix = "a".repeat(1022);
      const suffixes = new Array<string>(MAX_ANNOUNCE_INIT_BYTES / 1024 - 1).fill(suffix);
      const bytes = encodeAnnounceInit(version, { suffixes });
      expect(decodeAnnounceInit(version, new Cursor(bytes))).toEqual({ suffixes });
      const more = [...suffixes, suffix, suffix];
      expect(errorOf(() => encodeAnnounceInit(version, { suffixes: more })).kind).toBe(
        "unencodable",
      );
      const length = encodeExact((writer) => writer.varint(MAX_ANNOUNCE_INIT_BYTES + 1, "length"));
      const error = errorOf(() => decodeAnnounceInit(version, new Cursor(length)));
      expect(error.kind).toBe("unsupported");
      const count = Uint8Array.of(2, 0x7f, 0xff);
      expect(errorOf(() => decodeAnnounceInit(version, new Cursor(count))).kind).toBe("malformed");
    });
});

describe("the SETUP exchange", () => {
  const many = (count: number) => ({
    parameters: Array.from({ length: count }, (_, i) => ({ id: 2 * i, value: 0n })),
  });

  it("has up to 64 parameters and 64 versions", () => {
    const versions = new Array<number>(64).fill(1);
    const client = { versions, ...many(64) };
    expect(decodeClientSetup(new Cursor(encodeClientSetup(client)))).toEqual(client);
    const server = { version: 1, ...many(64) };
    expect(decodeServerSetup(new Cursor(encodeServerSetup(server)))).toEqual(server);
    for (const encode of [
      () => encodeClientSetup({ ...client, versions: [...versions, 1] }),
      () => encodeClientSetup({ ...client, ...many(65) }),
      () => encodeServerSetup({ ...server, ...many(65) }),
    ]) {
      expect(errorOf(encode).kind).toBe("unencodable");
    }
    const envelope = (type: number, ...body: number[]) =>
      new Cursor(Uint8Array.of(type, 0, body.length, ...body));
    for (const decode of [
      () => decodeClientSetup(envelope(0x20, 0x40, 65)),
      () => decodeClientSetup(envelope(0x20, 0, 0x40, 65)),
      () => decodeServerSetup(envelope(0x21, 1, 0x40, 65)),
    ]) {
      expect(errorOf(decode).kind).toBe("malformed");
    }
  });

  it("has even parameters with numbers and odd ones with bytes", () => {
    const setup = (id: number, value: bigint | Uint8Array) => () =>
      encodeServerSetup({ version: 1, parameters: [{ id, value }] });
    expect(errorOf(setup(1, 1n))).toMatchObject({ kind: "unencodable", field: "parameter" });
    expect(errorOf(setup(2, new Uint8Array(1)))).toMatchObject({ kind: "unencodable" });
  });
});
