import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { longVarints } from "../canonical.fixture.js";
import { WireError } from "../wire-error.js";
import {
  encodeFetchHeader,
  encodeFetchObjectHeader,
  type FetchObjectHeader,
  FetchReader,
} from "./fetch-stream.js";
import { anyNumber, anyOctet, concat, split } from "./messages.fixture.js";

interface FetchedObject {
  readonly header: FetchObjectHeader;
  readonly payload: Uint8Array;
}

const anyObject: fc.Arbitrary<FetchedObject> = fc
  .record({
    groupId: anyNumber,
    subgroupId: anyNumber,
    objectId: anyNumber,
    publisherPriority: anyOctet,
    extensions: fc.uint8Array({ maxLength: 9 }),
    payload: fc.uint8Array({ maxLength: 30 }),
    status: fc.constantFrom(0, 1, 3, 4),
  })
  .map(({ payload: bytes, extensions, status, ...ids }) => {
    const payload = status === 0 ? bytes : new Uint8Array(0);
    const header = { ...ids, payloadLength: payload.byteLength, status };
    const extended = extensions.byteLength > 0 && status !== 1;
    return { header: extended ? { ...header, extensions } : header, payload };
  });

const anyStream = fc.record({
  requestId: anyNumber,
  objects: fc.array(anyObject, { maxLength: 5 }),
});

function encode({ requestId, objects }: { requestId: number; objects: FetchedObject[] }) {
  const parts = objects.flatMap(({ header, payload }) => [
    encodeFetchObjectHeader(header),
    payload,
  ]);
  return concat([encodeFetchHeader({ requestId }), ...parts]);
}

/** What a reader makes of the chunks. */
function decode(chunks: readonly Uint8Array[], end = true) {
  const reader = new FetchReader();
  let requestId: number | undefined;
  const objects: { header: FetchObjectHeader; payload: number[] }[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let event = reader.next(); event; event = reader.next()) {
      if (event.type === "header") requestId = event.header.requestId;
      else if (event.type === "object") objects.push({ header: event.object, payload: [] });
      else objects.at(-1)?.payload.push(...event.bytes);
    }
  }
  if (end) reader.end();
  return { requestId, objects };
}

describe("a FETCH stream", () => {
  it("reads as it was written, however it is split", () => {
    fc.assert(
      fc.property(anyStream, fc.array(fc.nat(200), { maxLength: 9 }), (stream, cuts) => {
        const objects = stream.objects.map(({ header, payload }) => ({
          header,
          payload: [...payload],
        }));
        const { requestId } = stream;
        const read = () =>
          expect(decode(split(encode(stream), cuts))).toEqual({ requestId, objects });
        expect(longVarints(read)).toEqual([]);
      }),
    );
  });

  it("that is cut anywhere but between objects is incomplete", () => {
    fc.assert(
      fc.property(anyStream, (stream) => {
        const bytes = encode(stream);
        const whole = new Set([encodeFetchHeader(stream).byteLength]);
        let at = encodeFetchHeader(stream).byteLength;
        for (const { header, payload } of stream.objects) {
          at += encodeFetchObjectHeader(header).byteLength + payload.byteLength;
          whole.add(at);
        }
        for (let length = 0; length <= bytes.byteLength; length++) {
          const read = () => decode([bytes.subarray(0, length)]);
          if (whole.has(length)) expect(read).not.toThrow();
          else expect(read).toThrow(expect.objectContaining({ kind: "incomplete", wireCode: 3 }));
        }
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ["another type", [4, 0], "malformed"],
    ["an unknown status", [5, 0, 1, 0, 0, 0, 0, 0, 2], "malformed"],
    ["extensions of an object that does not exist", [5, 0, 1, 0, 0, 0, 2, 2, 5, 0, 1], "malformed"],
    ["a long extension block", [5, 0, 1, 0, 0, 0, 0x80, 1, 0, 0x11], "unsupported"],
    ["a number above 2^53", [5, 0xff, 255, 255, 255, 255, 255, 255, 255], "unsupported"],
  ])("with %s is refused", (_name, bytes, kind) => {
    try {
      decode([Uint8Array.from(bytes)], false);
    } catch (error) {
      expect(error).toBeInstanceOf(WireError);
      expect(error).toMatchObject({ kind });
      return;
    }
    expect.unreachable();
  });

  it("refuses objects that have no form", () => {
    const header = { groupId: 1, subgroupId: 0, objectId: 0, publisherPriority: 0 };
    const encodeWith = (more: Partial<FetchObjectHeader>) => () =>
      encodeFetchObjectHeader({ ...header, payloadLength: 0, status: 0, ...more });
    const extensions = Uint8Array.of(2, 5);
    const refused = expect.objectContaining({ kind: "unencodable" });
    expect(encodeWith({ status: 2 })).toThrow(refused);
    expect(encodeWith({ status: 3, payloadLength: 1 })).toThrow(refused);
    expect(encodeWith({ status: 1, extensions })).toThrow(refused);
    expect(encodeWith({ publisherPriority: 256 })).toThrow(refused);
  });
});
