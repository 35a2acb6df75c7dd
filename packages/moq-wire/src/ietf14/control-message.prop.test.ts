import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { longVarints } from "../canonical.fixture.js";
import { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import {
  CONTROL_MESSAGE_CODES,
  type ControlMessage,
  ControlReader,
  decodeControlMessage,
  encodeControlMessage,
} from "./control-message.js";
import {
  anyMessage,
  anyUnknownParameters,
  concat,
  messageArbitraries,
  split,
} from "./messages.fixture.js";

function drain(reader: ControlReader): unknown[] {
  const messages: unknown[] = [];
  for (let next = reader.next(); next; next = reader.next()) messages.push(next);
  return messages;
}

/** What a reader makes of chunks that hold whole messages. */
function readAll(chunks: readonly Uint8Array[]): unknown[] {
  const reader = new ControlReader();
  const seen: unknown[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    seen.push(...drain(reader));
  }
  expect(reader.buffered).toBe(0);
  return seen;
}

describe.each(messageArbitraries)("%s", (type, arbitrary) => {
  it("decodes to what was encoded, in exactly the framed size, with no varint longer than it must be", () => {
    fc.assert(
      fc.property(arbitrary, (message) => {
        const bytes = encodeControlMessage(message);
        const long = longVarints(() => expect(decodeControlMessage(bytes)).toEqual(message));
        expect(long).toEqual([]);
        const frame = new Cursor(bytes);
        expect(frame.varint("type")).toBe(CONTROL_MESSAGE_CODES[type as ControlMessage["type"]]);
        expect(frame.u16("length")).toBe(frame.remaining);
      }),
    );
  });

  it("is incomplete when cut anywhere", () => {
    fc.assert(
      fc.property(arbitrary, (message) => {
        const bytes = encodeControlMessage(message);
        for (let end = 0; end < bytes.byteLength; end++) {
          expect(kindOf(() => decodeControlMessage(bytes.subarray(0, end)))).toBe("incomplete");
        }
      }),
      { numRuns: 20 },
    );
  });

  it("reads the same however it is cut into chunks", () => {
    fc.assert(
      fc.property(arbitrary, fc.array(fc.nat(), { maxLength: 8 }), (message, cuts) => {
        expect(readAll(split(encodeControlMessage(message), cuts))).toEqual([message]);
      }),
      { numRuns: 30 },
    );
  });

  it("keeps parameters it does not know, as often as they come, where it has any", () => {
    fc.assert(
      fc.property(arbitrary, anyUnknownParameters, (message, parameters) => {
        if (!("parameters" in message)) return;
        const extended = { ...message, parameters };
        expect(decodeControlMessage(encodeControlMessage(extended))).toEqual(extended);
      }),
      { numRuns: 30 },
    );
  });

  it("is a violation when the framing promises more or less than the fields take", () => {
    fc.assert(
      fc.property(arbitrary, fc.boolean(), (message, longer) => {
        const bytes = encodeControlMessage(message);
        const length = new Cursor(bytes, 1).u16("length");
        if (!longer && length === 0) return;
        const changed = longer ? concat([bytes, Uint8Array.of(0)]) : bytes.slice(0, -1);
        new DataView(changed.buffer).setUint16(1, length + (longer ? 1 : -1));
        const error = thrown(() => decodeControlMessage(changed));
        expect(error.kind).toBe("malformed");
        expect(error.wireCode).toBe(3);
      }),
    );
  });
});

test("any split of a stream into chunks gives the same messages", () => {
  fc.assert(
    fc.property(
      fc.array(anyMessage, { maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 30 }),
      (messages, cuts) => {
        const chunks = split(concat(messages.map(encodeControlMessage)), cuts);
        expect(readAll(chunks)).toEqual(messages);
      },
    ),
  );
});

test("changed and random bytes throw nothing but a WireError with a code, and what decodes encodes again", () => {
  const changed = fc
    .tuple(anyMessage, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }))
    .map(([message, changes]) => {
      const bytes = encodeControlMessage(message);
      for (const [place, value] of changes) bytes[place % bytes.byteLength] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      const reader = new ControlReader();
      try {
        reader.push(bytes);
        for (const message of drain(reader) as ControlMessage[]) {
          if ((message.type as string) === "unsupported") continue;
          // A replacement character is longer than the byte it stands for.
          if (JSON.stringify(message, bigints).includes("\ufffd")) continue;
          expect(decodeControlMessage(encodeControlMessage(message))).toEqual(message);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
        expect((error as WireError).kind).toBe("malformed");
        expect((error as WireError).wireCode).toBeTypeOf("number");
      }
    }),
    { numRuns: 3000 },
  );
});

function bigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function thrown(run: () => unknown): WireError {
  try {
    run();
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

function kindOf(run: () => unknown): string {
  return thrown(run).kind;
}
