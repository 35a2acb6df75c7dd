import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cursor } from "../cursor.js";
import { StreamReader } from "../stream-reader.js";
import { WireError } from "../wire-error.js";
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
    it("decodes to what was encoded, in exactly the bytes written", () => {
      fc.assert(
        fc.property(message.values, (value) => {
          const bytes = message.encode(value);
          const cursor = new Cursor(bytes);
          expect(message.decode(cursor)).toEqual(value);
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
