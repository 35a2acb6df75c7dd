import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { longVarints } from "../canonical.fixture.js";
import { WireError } from "../wire-error.js";
import { encodeExact } from "../writer.js";
import { decodeDatagram, encodeDatagram } from "./datagram.js";
import { anyDatagram } from "./messages.fixture.js";

function errorOf(bytes: readonly number[]): WireError {
  try {
    decodeDatagram(Uint8Array.from(bytes));
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("datagrams", () => {
  it("decode to what was encoded", () => {
    fc.assert(
      fc.property(anyDatagram, (datagram) => {
        const bytes = encodeDatagram(datagram);
        expect(longVarints(() => expect(decodeDatagram(bytes)).toEqual(datagram))).toEqual([]);
      }),
    );
  });

  it("have the ten types of the draft, each with its fields and no others", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 0x20, 0x21),
        anyDatagram,
        fc.uint8Array({ minLength: 1, maxLength: 9 }),
        (type, { trackAlias, groupId, objectId, publisherPriority }, data) => {
          const status = type >= 0x20;
          const numbered = status || (type & 4) === 0;
          const extensions = type & 1 ? { extensions: data } : {};
          const bytes = encodeExact((writer) => {
            for (const value of [type, trackAlias, groupId]) writer.varint(value, "value");
            if (numbered) writer.varint(objectId, "objectId");
            writer.u8(publisherPriority, "publisherPriority");
            if (type & 1) writer.prefixedBytes(data, "extensions");
            if (status) writer.varint(3, "status");
            else writer.bytes(data);
          });
          expect(decodeDatagram(bytes)).toEqual({
            trackAlias,
            groupId,
            objectId: numbered ? objectId : 0,
            publisherPriority,
            ...extensions,
            endOfGroup: !status && (type & 2) !== 0,
            content: status ? { type: "status", status: 3 } : { type: "payload", payload: data },
          });
        },
      ),
    );
  });

  it("are incomplete when cut before their payload", () => {
    fc.assert(
      fc.property(anyDatagram, (datagram) => {
        const { content } = datagram;
        const payload = content.type === "payload" ? content.payload.byteLength : 0;
        const bytes = encodeDatagram(datagram);
        for (let end = 0; end < bytes.byteLength - payload; end++) {
          expect(errorOf([...bytes.subarray(0, end)]).kind).toBe("incomplete");
        }
      }),
      { numRuns: 50 },
    );
  });

  it("throw nothing but a WireError on random bytes", () => {
    fc.assert(
      fc.property(fc.nat(0x22), fc.uint8Array({ maxLength: 40 }), (type, rest) => {
        try {
          const datagram = decodeDatagram(Uint8Array.of(type, ...rest));
          expect(decodeDatagram(encodeDatagram(datagram))).toEqual(datagram);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ["type 8", [0x08, 0, 0, 0, 0]],
    ["type 0x1f", [0x1f, 0, 0, 0, 0]],
    ["type 0x22", [0x22, 0, 0, 0, 0, 0]],
    ["an empty extension block", [0x01, 0, 0, 0, 0, 0]],
    ["status 2", [0x20, 0, 0, 0, 0, 2]],
    ["bytes behind a status", [0x20, 0, 0, 0, 0, 3, 0]],
    ["extensions of an object that does not exist", [0x21, 0, 0, 0, 0, 2, 2, 0, 1]],
  ])("with %s end the session", (_name, bytes) => {
    expect(errorOf(bytes)).toMatchObject({ kind: "malformed", wireCode: 3 });
  });

  it("with a group above 2^53 - 1 are unsupported", () => {
    expect(errorOf([0x04, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]).kind).toBe(
      "unsupported",
    );
  });
});
