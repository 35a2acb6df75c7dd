import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { longVarints } from "../canonical.fixture.js";
import { Cursor } from "../cursor.js";
import { StreamReader } from "../stream-reader.js";
import { WireError } from "../wire-error.js";
import { encodeExact } from "../writer.js";
import { LITE_VERSIONS } from "./index.js";
import { type MessageCase, messageCases } from "./messages.fixture.js";

function kindOf(decode: () => unknown): string {
  try {
    decode();
    return "decoded";
  } catch (error) {
    if (error instanceof WireError) return error.kind;
    throw error;
  }
}

describe.each(LITE_VERSIONS)("%s", (version) => {
  describe.each(messageCases(version))("$name", (message: MessageCase) => {
    it("decodes to what was encoded, in exactly the bytes written, with no varint longer than it must be", () => {
      fc.assert(
        fc.property(message.values, (value) => {
          const bytes = message.encode(value);
          const cursor = new Cursor(bytes);
          expect(longVarints(() => expect(message.decode(cursor)).toEqual(value))).toEqual([]);
          expect(cursor.remaining).toBe(0);
        }),
      );
    });

    if (!message.toTheEnd)
      it("is incomplete when cut anywhere", () => {
        fc.assert(
          fc.property(message.values, (value) => {
            const bytes = message.encode(value);
            for (let length = 0; length < bytes.byteLength; length++) {
              const cut = bytes.subarray(0, length);
              expect(kindOf(() => message.decode(new Cursor(cut)))).toBe("incomplete");
            }
          }),
          { numRuns: 25 },
        );
      });

    if (!message.toTheEnd)
      it("reads the same however it is split", () => {
        fc.assert(
          fc.property(message.values, fc.array(fc.integer({ min: 1, max: 9 })), (value, sizes) => {
            const bytes = message.encode(value);
            const reader = new StreamReader(1 << 20);
            const found: unknown[] = [];
            for (const chunk of split(bytes, sizes)) {
              reader.push(chunk);
              const read = reader.read(message.decode);
              if (read !== undefined) found.push(read);
            }
            expect(found).toEqual([value]);
            expect(reader.buffered).toBe(0);
          }),
        );
      });

    if (hasLength(message))
      it("is malformed with a byte too many in its body", () => {
        fc.assert(
          fc.property(message.values, (value) => {
            const bytes = message.encode(value);
            const at = lengthAt(bytes);
            const length = new Cursor(bytes, at).varint("length");
            const longer = encodeExact((writer) => {
              writer.bytes(bytes.subarray(0, at));
              writer.varint(length + 1, "length");
              writer.bytes(bytes.subarray(bytes.byteLength - length));
              writer.u8(0, "surplus");
            });
            expect(kindOf(() => message.decode(new Cursor(longer)))).toBe("malformed");
          }),
          { numRuns: 25 },
        );
      });

    it("throws nothing but WireError on any bytes", () => {
      fc.assert(
        fc.property(
          message.values,
          fc.uint8Array({ maxLength: 60 }),
          fc.nat(),
          (value, noise, at) => {
            kindOf(() => message.decode(new Cursor(noise)));
            const mutated = message.encode(value).slice();
            mutated.set(
              noise.subarray(0, 2).subarray(0, mutated.length),
              at % Math.max(1, mutated.length - 2),
            );
            kindOf(() => message.decode(new Cursor(mutated)));
          },
        ),
      );
    });
  });
});

/** Messages with a length of their own: those of a SETUP exchange have the framing of draft-14. */
function hasLength({ name }: MessageCase): boolean {
  return !["frame header", "datagram", "CLIENT_SETUP", "SERVER_SETUP"].includes(name);
}

/** Where the length of a whole message stands: at once, or after a type of one byte. */
function lengthAt(bytes: Uint8Array): 0 | 1 {
  const cursor = new Cursor(bytes);
  return cursor.varint("length") === cursor.remaining ? 0 : 1;
}

function split(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (const size of sizes) {
    if (offset >= bytes.byteLength) break;
    chunks.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  if (offset < bytes.byteLength) chunks.push(bytes.subarray(offset));
  return chunks;
}
