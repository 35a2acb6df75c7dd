import { describe, expect, it } from "vitest";
import { WireError } from "../wire-error.js";
import { ControlReader, decodeControlMessage, encodeControlMessage } from "./control-message.js";

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.replaceAll(/\s/g, "").match(/../g) ?? [], (b) =>
    Number.parseInt(b, 16),
  );
}

/** A message type and payload in hexadecimal, framed. */
function framed(type: number, payload: string): Uint8Array {
  const body = bytes(payload);
  return Uint8Array.of(type, body.byteLength >> 8, body.byteLength & 0xff, ...body);
}

function errorOf(run: () => unknown): WireError {
  try {
    run();
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const nothing = { parameters: [] } as const;

describe("bytes written out by hand", () => {
  it("CLIENT_SETUP with draft-14's version and MAX_REQUEST_ID 100", () => {
    const wire = bytes("20 000d 01 c0000000ff00000e 01 02 4064");
    const message = {
      type: "client_setup",
      supportedVersions: [0xff00000e],
      parameters: [{ type: 2n, value: 100n }],
    } as const;
    expect(encodeControlMessage(message)).toEqual(wire);
    expect(decodeControlMessage(wire)).toEqual(message);
  });

  it("SUBSCRIBE a/b c with an absolute range", () => {
    const wire = bytes(
      "03 0012 04 02 01 61 01 62 01 63 80 01 01 04 05 06 09 01 04 07".replace("", ""),
    );
    const message = {
      type: "subscribe",
      requestId: 4,
      trackNamespace: ["a", "b"],
      trackName: "c",
      subscriberPriority: 128,
      groupOrder: "ascending",
      forward: true,
      filter: { type: "absolute_range", start: { group: 5, object: 6 }, endGroup: 9 },
      parameters: [{ type: 4n, value: 7n }],
    } as const;
    expect(encodeControlMessage(message)).toEqual(wire);
    expect(decodeControlMessage(wire)).toEqual(message);
  });

  it("SUBSCRIBE_OK with and without content", () => {
    const ok = { type: "subscribe_ok", requestId: 1, trackAlias: 2, expires: 0n } as const;
    expect(
      encodeControlMessage({
        ...ok,
        ...nothing,
        groupOrder: "descending",
        largestLocation: undefined,
      }),
    ).toEqual(framed(0x04, "01 02 00 02 00 00"));
    expect(
      encodeControlMessage({
        ...ok,
        ...nothing,
        groupOrder: "ascending",
        largestLocation: { group: 3, object: 4 },
      }),
    ).toEqual(framed(0x04, "01 02 00 01 01 03 04 00"));
  });

  it("PUBLISH_DONE with an unknown stream count", () => {
    const wire = framed(0x0b, "02 03 ffffffffffffffff 02 6f6b");
    expect(decodeControlMessage(wire)).toEqual({
      type: "publish_done",
      requestId: 2,
      statusCode: 3,
      streamCount: 2n ** 62n - 1n,
      errorReason: "ok",
    });
  });
});

describe("what no peer may send", () => {
  const name = "01 01 61";
  const cases: [string, Uint8Array, number][] = [
    ["an unknown message type", framed(0x3f, ""), 3],
    ["SETUP of an older draft", framed(0x01, ""), 3],
    ["a namespace of no fields", framed(0x09, "00"), 3],
    ["a namespace of 33 fields", framed(0x09, `21 ${"0161".repeat(33)}`), 3],
    ["a full track name over 4,096 bytes", longName(4096, 1), 3],
    ["a namespace prefix over 4,096 bytes", prefixOf(4097), 3],
    ["a filter of type 0", framed(0x03, `00 ${name} 01 62 80 00 01 00 00`), 3],
    ["a filter of type 5", framed(0x03, `00 ${name} 01 62 80 00 01 05 00`), 3],
    ["group order 3", framed(0x03, `00 ${name} 01 62 80 03 01 02 00`), 3],
    ["forward 2", framed(0x03, `00 ${name} 01 62 80 00 02 02 00`), 3],
    ["group order 0 in SUBSCRIBE_OK", framed(0x04, "00 00 00 00 00 00"), 3],
    ["content exists 2", framed(0x04, "00 00 00 01 02 00"), 3],
    ["a reason over 1,024 bytes", framed(0x05, `00 00 4401 ${"61".repeat(1025)}`), 3],
    ["a GOAWAY URI over 8,192 bytes", framed(0x10, `6001 ${"61".repeat(8193)}`), 3],
    ["a FETCH of type 4", framed(0x16, "00 80 00 04 00 00 00"), 3],
    ["a parameter over 65,535 bytes", framed(0x06, `00 ${name} 01 09 80010000`), 3],
    ["DELIVERY_TIMEOUT twice", framed(0x06, `00 ${name} 02 02 01 02 01`), 3],
    ["MAX_REQUEST_ID twice", framed(0x21, "01 02 02 01 02 01"), 3],
    ["a parameter cut short", framed(0x06, `00 ${name} 01 09 05 61`), 3],
    ["more parameters than fit", framed(0x06, `00 ${name} ffffffffffffffff`), 3],
    ["more versions than fit", framed(0x20, "ffffffffffffffff"), 3],
    ["a byte too many", framed(0x0a, "00 00"), 3],
  ];
  it.each(cases)("%s", (_name, wire, code) => {
    const error = errorOf(() => decodeControlMessage(wire));
    expect(error.kind).toBe("malformed");
    expect(error.wireCode).toBe(code);
    const reader = new ControlReader();
    reader.push(wire);
    expect(errorOf(() => reader.next()).wireCode).toBe(code);
  });

  function longName(namespaceBytes: number, nameBytes: number): Uint8Array {
    const size = (0x4000 | namespaceBytes).toString(16);
    return framed(
      0x03,
      `00 01 ${size} ${"61".repeat(namespaceBytes)} 0${nameBytes} ${"62".repeat(nameBytes)} 80 00 01 02 00`,
    );
  }

  function prefixOf(size: number): Uint8Array {
    return framed(0x11, `00 01 ${(0x4000 | size).toString(16)} ${"61".repeat(size)} 00`);
  }
});

describe("what peers may do", () => {
  it("repeat authorization tokens, unknown parameters and setup parameter 5", () => {
    const tokens = decodeControlMessage(
      framed(0x06, "00 01 01 61 04 03 01 00 03 01 00 08 01 08 02"),
    );
    expect(tokens).toMatchObject({ parameters: { length: 4 } });
    const setup = decodeControlMessage(framed(0x20, "00 02 05 01 61 05 01 62"));
    expect(setup).toMatchObject({ parameters: { length: 2 } });
  });

  it("name a track with exactly 4,096 bytes", () => {
    const message = {
      type: "subscribe",
      requestId: 0,
      trackNamespace: ["a".repeat(4000)],
      trackName: "b".repeat(96),
      subscriberPriority: 0,
      groupOrder: "publisher",
      forward: true,
      filter: { type: "largest_object" },
      parameters: [],
    } as const;
    expect(decodeControlMessage(encodeControlMessage(message))).toEqual(message);
    const longer = { ...message, trackName: "b".repeat(97) };
    expect(errorOf(() => encodeControlMessage(longer)).kind).toBe("unencodable");
  });

  it("send a reason that is not UTF-8: it is only for people", () => {
    const message = decodeControlMessage(framed(0x05, "00 04 02 ff 61"));
    expect(message).toMatchObject({ errorCode: 4, errorReason: "\ufffda" });
  });
});

describe("what is legal but cannot be represented", () => {
  it("a name that is not UTF-8 fails its request, not the session", () => {
    const reader = new ControlReader();
    reader.push(framed(0x03, "06 01 01 61 01 ff 80 00 01 02 00"));
    reader.push(framed(0x0a, "06"));
    expect(reader.next()).toMatchObject({
      type: "unsupported",
      messageType: "subscribe",
      requestId: 6,
    });
    expect(reader.next()).toEqual({ type: "unsubscribe", requestId: 6 });
  });

  it("a group above 2^53 - 1 fails its request", () => {
    const reader = new ControlReader();
    reader.push(framed(0x04, "06 01 00 01 01 ffffffffffffffff 00 00"));
    expect(reader.next()).toMatchObject({ type: "unsupported", requestId: 6 });
  });

  it("a CANCEL's code above 2^53 - 1 leaves its namespace readable", () => {
    const reader = new ControlReader();
    reader.push(framed(0x0c, "02 01 61 01 62 ffffffffffffffff 00"));
    expect(reader.next()).toMatchObject({ type: "unsupported", trackNamespace: ["a", "b"] });
    reader.push(framed(0x0c, "01 01 ff 00 00"));
    reader.push(framed(0x0c, "01 ffffffffffffffff"));
    expect(reader.next()).not.toHaveProperty("trackNamespace");
    expect(reader.next()).not.toHaveProperty("trackNamespace");
  });

  it("a request ID above 2^53 - 1 belongs to nothing", () => {
    const reader = new ControlReader();
    reader.push(framed(0x0a, "ffffffffffffffff"));
    expect(reader.next()).toMatchObject({ messageType: "unsubscribe", requestId: undefined });
  });
});

describe("values that cannot be encoded", () => {
  const cases: [string, Parameters<typeof encodeControlMessage>[0]][] = [
    ["no namespace fields", { type: "publish_namespace_done", trackNamespace: [] }],
    [
      "33 namespace fields",
      { type: "publish_namespace_done", trackNamespace: Array<string>(33).fill("a") },
    ],
    ["a lone surrogate", { type: "publish_namespace_done", trackNamespace: ["\ud800"] }],
    [
      "a long reason",
      { type: "subscribe_error", requestId: 0, errorCode: 0, errorReason: "é".repeat(513) },
    ],
    ["a negative ID", { type: "unsubscribe", requestId: -1 }],
    ["a fractional ID", { type: "unsubscribe", requestId: 0.5 }],
    [
      "an even parameter with bytes",
      {
        type: "publish_namespace",
        requestId: 0,
        trackNamespace: ["a"],
        parameters: [{ type: 2n, value: new Uint8Array(1) }],
      },
    ],
    [
      "a payload over 65,535 bytes",
      {
        type: "publish_namespace",
        requestId: 0,
        trackNamespace: ["a"],
        parameters: [{ type: 3n, value: new Uint8Array(65535) }],
      },
    ],
  ];
  it.each(cases)("%s", (_name, message) => {
    expect(errorOf(() => encodeControlMessage(message)).kind).toBe("unencodable");
  });
});
