import { WireError } from "@moq-bridge/moq-wire";
import { describe, expect, it } from "vitest";
import { codecOf } from "./codec.js";
import type { Frame, Framing } from "./frame.js";
import { NO_PARAMETERS } from "./parameters-codec.js";

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

const data = Uint8Array.of(0xaa, 0xbb);

/** Message and frame, checked by hand against the layouts in draft-ietf-quic-qmux and RFC 9000 section 19. */
const QMUX: readonly (readonly [string, Frame])[] = [
  ["0e 02 05 02 aabb", { type: "stream", id: 2, offset: 5, data, fin: false }],
  ["0f 02 4100 02 aabb", { type: "stream", id: 2, offset: 256, data, fin: true }],
  ["0a 02 02 aabb", { type: "stream", id: 2, offset: undefined, data, fin: false }],
  ["04 03 07 09", { type: "reset_stream", id: 3, code: 7, finalSize: 9 }],
  ["24 03 07 09 08", { type: "reset_stream", id: 3, code: 7, finalSize: 9, reliableSize: 8 }],
  ["05 03 07", { type: "stop_sending", id: 3, code: 7 }],
  ["10 80100000", { type: "max_data", max: 1_048_576 }],
  ["11 02 80040000", { type: "max_stream_data", id: 2, max: 262_144 }],
  ["12 4064", { type: "max_streams", uni: false, max: 100 }],
  ["13 4064", { type: "max_streams", uni: true, max: 100 }],
  ["1c 43ea 00 02 6e6f", { type: "connection_close", code: 1002, frameType: 0, reason: "no" }],
  ["1d 15 03 627965", { type: "application_close", code: 21, reason: "bye" }],
];

const LEGACY: readonly (readonly [string, Frame])[] = [
  ["08 02 aabb", { type: "stream", id: 2, offset: undefined, data, fin: false }],
  ["09 02", { type: "stream", id: 2, offset: undefined, data: new Uint8Array(), fin: true }],
  ["04 03 07", { type: "reset_stream", id: 3, code: 7, finalSize: 0 }],
  ["05 03 07", { type: "stop_sending", id: 3, code: 7 }],
  ["1d 15 627965", { type: "application_close", code: 21, reason: "bye" }],
];

describe("layouts", () => {
  it.each(QMUX)("qmux %s", (hex, frame) => {
    expect(hexOf(codecOf("qmux-01").encode(frame))).toBe(hex.replaceAll(" ", ""));
    expect(codecOf("qmux-00").decode(bytesOf(hex))).toEqual([frame]);
  });

  it.each(LEGACY)("legacy %s", (hex, frame) => {
    expect(hexOf(codecOf("webtransport").encode(frame))).toBe(hex.replaceAll(" ", ""));
    expect(codecOf("webtransport").decode(bytesOf(hex))).toEqual([frame]);
  });

  it("reads a STREAM frame without a length to the end of the message", () => {
    expect(codecOf("qmux-01").decode(bytesOf("0d 02 05 aabb"))).toEqual([
      { type: "stream", id: 2, offset: 5, data, fin: true },
    ]);
  });

  it("writes pings and parameters with their types of eight bytes", () => {
    const codec = codecOf("qmux-01");
    const ping = codec.encode({ type: "ping", sequence: 4, response: false });
    expect(hexOf(ping)).toBe("f48c67529ef8c7bd04");
    const pong = codec.encode({ type: "ping", sequence: 4, response: true });
    expect(hexOf(pong)).toBe("f48c67529ef8c7be04");
    const parameters = { ...NO_PARAMETERS, initialMaxStreamsUni: 100 };
    expect(hexOf(codec.encode({ type: "transport_parameters", parameters }))).toBe(
      "ff5153300d0a0d0a04" + "09024064",
    );
  });

  it("gives payloads as views of the message", () => {
    const message = bytesOf("0e 02 05 02 aabb");
    const [frame] = codecOf("qmux-01").decode(message);
    if (frame?.type !== "stream") throw new Error("not a STREAM frame");
    expect(frame.data.buffer).toBe(message.buffer);
  });

  it("reads limits and codes above 2^53 - 1 as that, and unknown parameters not at all", () => {
    const codec = codecOf("qmux-01");
    const max = Number.MAX_SAFE_INTEGER;
    expect(codec.decode(bytesOf("10 ffffffffffffffff"))).toEqual([{ type: "max_data", max }]);
    expect(codec.decode(bytesOf("05 02 ffffffffffffffff"))).toMatchObject([{ code: max }]);
    const parameters = bytesOf("ff5153300d0a0d0a 0e 04 08 ffffffffffffffff 3f 02 abcd");
    expect(codec.decode(parameters)).toEqual([
      { type: "transport_parameters", parameters: { ...NO_PARAMETERS, initialMaxData: max } },
    ]);
  });
});

const REFUSED: readonly (readonly [string, string, Framing])[] = [
  ["an empty message", "", "qmux-00"],
  ["an empty record", "", "qmux-01"],
  ["an empty legacy message", "", "webtransport"],
  ["an unknown type", "1e", "qmux-01"],
  ["an unknown type of eight bytes", "f48c67529ef8c7bf 00", "qmux-01"],
  ["an unknown legacy type", "06 02 00", "webtransport"],
  ["a ping in qmux-00", "f48c67529ef8c7bd04", "qmux-00"],
  ["a datagram in qmux-00", "30 aa", "qmux-00"],
  ["bytes after the frame in qmux-00", "05 03 07 00", "qmux-00"],
  ["bytes after a legacy reset", "04 03 07 00", "webtransport"],
  ["a length beyond the message", "0e 02 05 03 aabb", "qmux-01"],
  ["a stream id above 2^53 - 1", "05 ffffffffffffffff 00", "qmux-01"],
  ["a reliable size above the final size", "24 03 07 08 09", "qmux-02"],
  ["a repeated parameter", "ff5153300d0a0d0a 08 08024064 08024064", "qmux-01"],
  ["a parameter only QUIC has", "ff5153300d0a0d0a 02 0f00", "qmux-01"],
  ["protocols in-band", "ff5153300d0a0d0a 0b fd4f9c2a8b1e6075 02 01 61", "qmux-01"],
  ["a record size below the least", "ff5153300d0a0d0a 0d c571c59429cd0845 04 80003ffd", "qmux-01"],
  ["a parameter longer than its value", "ff5153300d0a0d0a 05 0803 4064 00", "qmux-01"],
  ["a flag with a value", "ff5153300d0a0d0a 03 1d 01 00", "qmux-02"],
];

describe("refused", () => {
  it.each(REFUSED)("%s", (_what, hex, framing) => {
    expect(() => codecOf(framing).decode(bytesOf(hex))).toThrow(WireError);
  });

  it("has no legacy layout for flow control", () => {
    const { encode } = codecOf("webtransport");
    expect(() => encode({ type: "max_data", max: 1 })).toThrow(WireError);
  });
});
