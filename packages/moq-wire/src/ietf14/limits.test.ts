import { describe, expect, it } from "vitest";
import { WireError } from "../wire-error.js";
import { encodeExact, type Writer } from "../writer.js";
import { MAX_FULL_TRACK_NAME, MAX_GOAWAY_URI, MAX_REASON_PHRASE } from "./codes.js";
import {
  CONTROL_MESSAGE_CODES,
  type ControlMessage,
  type ControlMessageType,
  ControlReader,
  decodeControlMessage,
  encodeControlMessage,
} from "./control-message.js";
import { encodeObjectHeader } from "./subgroup.js";
import { MAX_EXTENSION_BYTES, SubgroupReader } from "./subgroup-reader.js";

/** A control message whose payload is written by hand. */
function framed(type: ControlMessageType, write: (payload: Writer) => void): Uint8Array {
  const payload = encodeExact(write);
  return encodeExact((writer) => {
    writer.varint(CONTROL_MESSAGE_CODES[type], "type");
    writer.u16(payload.byteLength, "length");
    writer.bytes(payload);
  });
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

const hex = (text: string) =>
  Uint8Array.from(text.match(/[0-9a-f]{2}/g) ?? [], (byte) => Number.parseInt(byte, 16));
const text = (length: number) => "a".repeat(length);

/** Messages with a namespace: bytes before it, bytes after it, whether a track name follows it. */
const NAMESPACES: readonly (readonly [ControlMessageType, string, string, boolean])[] = [
  ["subscribe", "00", "80 00 01 02 00", true],
  ["track_status", "00", "80 00 01 02 00", true],
  ["publish", "00", "05 01 00 01 00", true],
  ["fetch", "00 80 01 01", "00 00 01 00 00", true],
  ["publish_namespace", "00", "00", false],
  ["publish_namespace_done", "", "", false],
  ["publish_namespace_cancel", "", "00 00", false],
  ["subscribe_namespace", "00", "00", false],
  ["unsubscribe_namespace", "", "", false],
];

describe.each(NAMESPACES)("the namespace of %s", (type, before, after, named) => {
  const withFields = (fields: readonly string[], trackName = "") =>
    framed(type, (payload) => {
      payload.bytes(hex(before));
      payload.varint(fields.length, "count");
      for (const field of fields) payload.string(field, "field");
      if (named) payload.string(trackName, "trackName");
      payload.bytes(hex(after));
    });
  const field = type.includes("subscribe_namespace") ? "trackNamespacePrefix" : "trackNamespace";

  it("has up to 32 fields, and 33 are a violation", () => {
    const most = new Array<string>(32).fill("x");
    const message = decodeControlMessage(withFields(most));
    expect(encodeControlMessage(message)).toEqual(withFields(most));
    expect(errorOf(() => decodeControlMessage(withFields([...most, "x"])))).toMatchObject({
      kind: "malformed",
      field,
      offset: 3 + hex(before).byteLength,
      wireCode: 3,
    });
  });

  it("has a field at least, but for prefixes, which the session checks", () => {
    if (field === "trackNamespace") {
      expect(errorOf(() => decodeControlMessage(withFields([])))).toMatchObject({ wireCode: 3 });
    } else {
      expect(decodeControlMessage(withFields([]))).toMatchObject({ [field]: [] });
    }
  });

  it("has up to 4,096 bytes with its track's name, and one more is a violation", () => {
    const halves = [text(2000), text(2000)];
    const rest = MAX_FULL_TRACK_NAME - 4000;
    const whole = (size: number) =>
      named ? withFields(halves, text(size)) : withFields([...halves, text(size)]);
    const message = decodeControlMessage(whole(rest));
    expect(encodeControlMessage(message)).toEqual(whole(rest));
    expect(errorOf(() => decodeControlMessage(whole(rest + 1)))).toMatchObject({
      kind: "malformed",
      field: "trackName",
      wireCode: 3,
    });
  });
});

/** Messages that end in a text of limited length: bytes before it, the limit, the field's name. */
const TEXTS: readonly (readonly [ControlMessageType, string, number, string])[] = [
  ["subscribe_error", "00 04", MAX_REASON_PHRASE, "errorReason"],
  ["publish_done", "00 02 00", MAX_REASON_PHRASE, "errorReason"],
  ["publish_error", "00 04", MAX_REASON_PHRASE, "errorReason"],
  ["fetch_error", "00 04", MAX_REASON_PHRASE, "errorReason"],
  ["track_status_error", "00 04", MAX_REASON_PHRASE, "errorReason"],
  ["publish_namespace_error", "00 04", MAX_REASON_PHRASE, "errorReason"],
  ["publish_namespace_cancel", "01 01 61 04", MAX_REASON_PHRASE, "errorReason"],
  ["subscribe_namespace_error", "00 04", MAX_REASON_PHRASE, "errorReason"],
  ["goaway", "", MAX_GOAWAY_URI, "newSessionUri"],
];

it.each(TEXTS)("the text of %s has a limit", (type, before, limit, field) => {
  const withText = (length: number) =>
    framed(type, (payload) => {
      payload.bytes(hex(before));
      payload.string(text(length), "text");
    });
  const message = decodeControlMessage(withText(limit));
  expect(message).toMatchObject({ [field]: text(limit) });
  expect(encodeControlMessage(message)).toEqual(withText(limit));
  const longer = { ...message, [field]: text(limit + 1) } as ControlMessage;
  expect(errorOf(() => encodeControlMessage(longer))).toMatchObject({ kind: "unencodable", field });
  expect(errorOf(() => decodeControlMessage(withText(limit + 1)))).toMatchObject({
    kind: "malformed",
    field,
    offset: 3 + hex(before).byteLength,
    wireCode: 3,
  });
});

/** Bytes with a value of their own: message, bytes before, the values allowed, bytes after, the field. */
const OCTETS: readonly (readonly [ControlMessageType, string, number[], string, string])[] = [
  ["subscribe", "00 01 01 61 00 80", [0, 1, 2], "01 02 00", "groupOrder"],
  ["track_status", "00 01 01 61 00 80", [0, 1, 2], "01 02 00", "groupOrder"],
  ["fetch", "00 80", [0, 1, 2], "02 00 00 00", "groupOrder"],
  ["subscribe_ok", "00 00 00", [1, 2], "00 00", "groupOrder"],
  ["track_status_ok", "00 00 00", [1, 2], "00 00", "groupOrder"],
  ["publish", "00 01 01 61 00 00", [1, 2], "00 01 00", "groupOrder"],
  ["publish_ok", "00 01 80", [1, 2], "02 00", "groupOrder"],
  ["fetch_ok", "00", [1, 2], "00 00 00 00", "groupOrder"],
  ["subscribe", "00 01 01 61 00 80 00", [0, 1], "02 00", "forward"],
  ["track_status", "00 01 01 61 00 80 00", [0, 1], "02 00", "forward"],
  ["subscribe_update", "00 00 00 00 00 80", [0, 1], "00", "forward"],
  ["publish", "00 01 01 61 00 00 01 00", [0, 1], "00", "forward"],
  ["publish_ok", "00", [0, 1], "80 01 02 00", "forward"],
  ["subscribe_ok", "00 00 00 01", [0], "00", "contentExists"],
  ["subscribe_ok", "00 00 00 01", [1], "00 00 00", "contentExists"],
  ["track_status_ok", "00 00 00 01", [0], "00", "contentExists"],
  ["publish", "00 01 01 61 00 00 01", [0], "01 00", "contentExists"],
  ["fetch_ok", "00 01", [0, 1], "00 00 00", "endOfTrack"],
  ["subscribe", "00 01 01 61 00 80 00 01", [1, 2], "00", "filter"],
  ["subscribe", "00 01 01 61 00 80 00 01", [3], "00 00 00", "filter"],
  ["subscribe", "00 01 01 61 00 80 00 01", [4], "00 00 00 00", "filter"],
  ["track_status", "00 01 01 61 00 80 00 01", [1, 2], "00", "filter"],
  ["publish_ok", "00 01 80 01", [1, 2], "00", "filter"],
  ["fetch", "00 80 00", [1], "01 01 61 00 00 00 01 00 00", "range"],
  ["fetch", "00 80 00", [2, 3], "00 00 00", "range"],
];
/** Values no field of that name may have. */
const NEVER: Readonly<Record<string, number[]>> = {
  groupOrder: [3, 255],
  forward: [2, 255],
  contentExists: [2, 255],
  endOfTrack: [2, 255],
  filter: [0, 5],
  range: [0, 4],
};

it.each(OCTETS)("%s after %s takes %j only", (type, before, allowed, after, field) => {
  const withByte = (value: number) =>
    framed(type, (payload) => {
      payload.bytes(hex(before));
      payload.u8(value, field);
      payload.bytes(hex(after));
    });
  for (const value of allowed) {
    expect(encodeControlMessage(decodeControlMessage(withByte(value)))).toEqual(withByte(value));
  }
  const chosenOnly = field === "groupOrder" && !allowed.includes(0) ? [0] : [];
  for (const value of [...(NEVER[field] ?? []), ...chosenOnly]) {
    expect(errorOf(() => decodeControlMessage(withByte(value)))).toMatchObject({
      kind: "malformed",
      field,
      offset: 3 + hex(before).byteLength,
      wireCode: 3,
    });
  }
});

describe("a control message", () => {
  const withValue = (size: number): ControlMessage => ({
    type: "server_setup",
    selectedVersion: 1,
    parameters: [{ type: 9n, value: new Uint8Array(size) }],
  });
  const overhead = encodeControlMessage(withValue(0x4000)).byteLength - 0x4000 - 3;

  it("has up to 65,535 bytes of payload", () => {
    const most = withValue(0xffff - overhead);
    const bytes = encodeControlMessage(most);
    expect(bytes.byteLength).toBe(3 + 0xffff);
    expect(decodeControlMessage(bytes)).toEqual(most);
    expect(errorOf(() => encodeControlMessage(withValue(0x10000 - overhead)))).toMatchObject({
      kind: "unencodable",
      field: "length",
    });
  });

  it("is read whole from a reader that holds no more than one", () => {
    const bytes = encodeControlMessage(withValue(0xffff - overhead));
    const reader = new ControlReader();
    reader.push(bytes.subarray(0, bytes.byteLength - 1));
    expect(reader.next()).toBeUndefined();
    reader.push(bytes.subarray(bytes.byteLength - 1));
    expect(reader.next()).toMatchObject({ type: "server_setup" });
  });

  it("says where in the stream its fault is", () => {
    const reader = new ControlReader();
    reader.push(encodeControlMessage({ type: "unsubscribe", requestId: 0 }));
    expect(reader.next()).toBeDefined();
    reader.push(framed("publish_namespace_done", (payload) => payload.varint(33, "count")));
    expect(errorOf(() => reader.next())).toMatchObject({ field: "trackNamespace", offset: 4 + 3 });
    const unknown = new ControlReader();
    unknown.push(encodeControlMessage({ type: "unsubscribe", requestId: 0 }));
    unknown.next();
    unknown.push(Uint8Array.of(0x3f, 0, 0));
    expect(errorOf(() => unknown.next())).toMatchObject({ field: "type", offset: 4, wireCode: 3 });
  });
});

describe("an extension block", () => {
  const stream = (size: number) => {
    const reader = new SubgroupReader();
    reader.push(Uint8Array.of(0x11, 0, 0, 0));
    const object = { objectId: 0, payloadLength: 1, status: 0, extensions: new Uint8Array(size) };
    reader.push(encodeObjectHeader(object, undefined, true));
    return reader;
  };

  it("has up to the bytes of one whole pair, and a longer one costs its track", () => {
    const reader = stream(MAX_EXTENSION_BYTES);
    expect(reader.next()).toMatchObject({ type: "header" });
    expect(reader.next()).toMatchObject({
      object: { extensions: { length: MAX_EXTENSION_BYTES } },
    });
    const longer = stream(MAX_EXTENSION_BYTES + 1);
    expect(longer.next()).toMatchObject({ type: "header" });
    expect(errorOf(() => longer.next())).toMatchObject({ kind: "unsupported", offset: 5 });
  });
});
