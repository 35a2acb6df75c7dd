import { describe, expect, it } from "vitest";
import { Cursor } from "../cursor.js";
import {
  decodeAnnounce,
  decodeAnnounceInit,
  decodeSetup,
  decodeSubscribe,
  encodeAnnounce,
  encodeAnnounceOk,
  encodeAnnounceRequest,
  encodeClientSetup,
  encodeFrameHeader,
  encodeGroupHeader,
  encodeServerSetup,
  encodeSubscribe,
  encodeSubscribeReply,
  encodeTrackInfo,
  liteAlpn,
  liteVersionOfAlpn,
  liteVersionOfCode,
} from "./index.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const cursor = (text: string) => new Cursor(Buffer.from(text.replaceAll(" ", ""), "hex"));

describe("bytes as the relay sends and takes them", () => {
  it("SETUP exchange", () => {
    expect(hex(encodeClientSetup({ versions: [0xff0dad02], parameters: [] }))).toBe(
      "20000a01c0000000ff0dad0200",
    );
    expect(hex(encodeServerSetup({ version: 0xff0dad02, parameters: [] }))).toBe(
      "210009c0000000ff0dad0200",
    );
  });

  it("the relay's SETUP stream, its parameters in either order", () => {
    const expected = { probe: 1, originId: 7n, unknown: [] };
    expect(decodeSetup("lite-05", cursor("07 02 01 01 01 05 01 07"))).toEqual(expected);
    expect(decodeSetup("lite-05", cursor("07 02 05 01 07 01 01 01"))).toEqual(expected);
  });

  it("announcements", () => {
    const request = { prefix: "", excludeHop: 5n };
    expect(hex(encodeAnnounceRequest("lite-02", request))).toBe("0100");
    expect(hex(encodeAnnounceRequest("lite-05", request))).toBe("020005");
    expect(hex(encodeAnnounceOk("lite-05", { originId: 9n, activeCount: 2 }))).toBe("020902");
    const start = { type: "start", suffix: "a", hops: [1n, 2n] } as const;
    expect(hex(encodeAnnounce("lite-02", start))).toBe("03010161");
    expect(hex(encodeAnnounce("lite-03", start))).toBe("0401016102");
    expect(hex(encodeAnnounce("lite-04", start))).toBe("06010161020102");
    const cost = { warm: 0n, cold: (1n << 62n) - 1n };
    expect(hex(encodeAnnounce("lite-06", { ...start, cost }))).toBe(
      "000e016102010200ffffffffffffffff",
    );
    expect(hex(encodeAnnounce("lite-06", { type: "end", target: { id: 3 } }))).toBe("010103");
    expect(decodeAnnounceInit("lite-02", cursor("05 02 01 61 01 62"))).toEqual({
      suffixes: ["a", "b"],
    });
  });

  it("skips announce types of the future in lite-06, and only there", () => {
    expect(decodeAnnounce("lite-06", cursor("09 02 aa bb"))).toEqual({ type: "unknown" });
    expect(() => decodeAnnounce("lite-05", cursor("04 09 01 61 00"))).toThrow("status 9");
  });

  it("subscriptions", () => {
    const options = { priority: 1, ordered: false, maxLatencyMs: 0 };
    const subscribe = { id: 4, broadcast: "a", track: "t", ...options };
    expect(hex(encodeSubscribe("lite-02", subscribe))).toBe("060401610174" + "01");
    expect(hex(encodeSubscribe("lite-05", subscribe))).toBe("0a0401610174" + "0100000000");
    expect(hex(encodeSubscribe("lite-06", subscribe))).toBe("0b0401610174" + "010000000000");
    expect(hex(encodeSubscribeReply("lite-01", { type: "ok", ...options }))).toBe("0101");
    expect(hex(encodeSubscribeReply("lite-02", { type: "ok", ...options }))).toBe("00");
    expect(hex(encodeSubscribeReply("lite-04", { type: "ok", ...options }))).toBe("00050100000000");
    expect(hex(encodeSubscribeReply("lite-05", { type: "start", group: 7 }))).toBe("000107");
    expect(hex(encodeSubscribeReply("lite-05", { type: "end", group: 8 }))).toBe("010108");
    const info = { priority: 0, ordered: false, latencyMaxMs: 5000, timescale: 1000 };
    expect(hex(encodeTrackInfo("lite-05", info))).toBe("060000538843e8");
    expect(hex(encodeTrackInfo("lite-06", info))).toBe("0500538843e8");
  });

  it("groups and frames", () => {
    const header = { subscribeId: 4, sequence: 7, startFrame: 0 };
    expect(hex(encodeGroupHeader("lite-05", header))).toBe("020407");
    expect(hex(encodeGroupHeader("lite-06", header))).toBe("03040700");
    expect(hex(encodeFrameHeader("lite-04", { size: 3, timestampDelta: 0n }))).toBe("03");
    expect(hex(encodeFrameHeader("lite-05", { size: 3, timestampDelta: 2n }))).toBe("0403");
    expect(hex(encodeFrameHeader("lite-05", { size: 3, timestampDelta: -1n }))).toBe("0103");
  });
});

it("normalizes paths", () => {
  const bytes = cursor("0a 01 06 2f612f2f622f 00 00".replaceAll(" ", ""));
  expect(decodeSubscribe("lite-02", bytes).broadcast).toBe("a/b");
});

describe("names", () => {
  it("maps versions and application protocols", () => {
    expect(liteAlpn("lite-05")).toBe("moq-lite-05");
    expect(liteAlpn("lite-02")).toBe("moql");
    expect(liteVersionOfAlpn("moq-lite-04")).toBe("lite-04");
    expect(liteVersionOfAlpn("moql")).toBeUndefined();
    expect(liteVersionOfAlpn("moq-lite-02")).toBeUndefined();
    expect(liteVersionOfAlpn(undefined)).toBeUndefined();
    expect(liteVersionOfCode(0xff0dad02)).toBe("lite-02");
    expect(liteVersionOfCode(0xff0dad05)).toBeUndefined();
  });
});
