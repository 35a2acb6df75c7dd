import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cursor } from "./cursor.js";
import { StreamReader } from "./stream-reader.js";
import { MAX_VARINT, varintSize } from "./varint.js";
import { WireError } from "./wire-error.js";
import { encodeExact } from "./writer.js";

const big = fc.oneof(
  fc.constantFrom(0n, 63n, 64n, 16383n, 16384n, 2n ** 30n - 1n, 2n ** 30n, 2n ** 53n, MAX_VARINT),
  fc.bigInt(0n, MAX_VARINT),
);

function kindOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof WireError) return error.kind;
    throw error;
  }
  return "nothing thrown";
}

describe("varints", () => {
  it("read as they were written, as bigint and, up to 2^53 - 1, as number", () => {
    fc.assert(
      fc.property(big, (value) => {
        const bytes = encodeExact((writer) => writer.varint(value, "v"));
        expect(bytes.byteLength).toBe(varintSize(value));
        expect(new Cursor(bytes).varintBig("v")).toBe(value);
        if (value <= BigInt(Number.MAX_SAFE_INTEGER)) {
          expect(encodeExact((writer) => writer.varint(Number(value), "v"))).toEqual(bytes);
          expect(new Cursor(bytes).varint("v")).toBe(Number(value));
        } else {
          expect(kindOf(() => new Cursor(bytes).varint("v"))).toBe("unsupported");
        }
        for (let end = 0; end < bytes.byteLength; end++) {
          expect(kindOf(() => new Cursor(bytes, 0, end).varint("v"))).toBe("incomplete");
          expect(kindOf(() => new Cursor(bytes, 0, end).varintBig("v"))).toBe("incomplete");
        }
      }),
    );
  });

  it("may be longer than needed", () => {
    expect(new Cursor(Uint8Array.of(0xc0, 0, 0, 0, 0, 0, 0, 5)).varint("v")).toBe(5);
  });

  it("the examples of RFC 9000 appendix A.1", () => {
    const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
    expect(new Cursor(bytes("c2197c5eff14e88c")).varintBig("v")).toBe(151_288_809_941_952_652n);
    expect(new Cursor(bytes("9d7f3e7d")).varint("v")).toBe(494_878_333);
    expect(new Cursor(bytes("7bbd")).varint("v")).toBe(15_293);
    expect(new Cursor(bytes("25")).varint("v")).toBe(37);
    expect(encodeExact((w) => w.varint(494_878_333, "v"))).toEqual(bytes("9d7f3e7d"));
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53, -1n, MAX_VARINT + 1n])("refuse %s", (value) => {
    expect(kindOf(() => encodeExact((writer) => writer.varint(value, "v")))).toBe("unencodable");
  });
});

describe("Writer", () => {
  it.each([-1, 256, 0.5])("refuses %s as a byte", (value) => {
    expect(kindOf(() => encodeExact((writer) => writer.u8(value, "v")))).toBe("unencodable");
  });

  it.each([-1, 65536])("refuses %s as two bytes", (value) => {
    expect(kindOf(() => encodeExact((writer) => writer.u16(value, "v")))).toBe("unencodable");
  });
});

describe("Cursor", () => {
  it("reads every field as it was written and ends where they end", () => {
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.nat(65535),
        fc.string({ unit: "binary" }),
        fc.uint8Array(),
        (octet, pair, text, raw) => {
          const bytes = encodeExact((writer) => {
            writer.u8(octet, "octet");
            writer.u16(pair, "pair");
            writer.string(text, "text");
            writer.prefixedBytes(raw, "raw");
          });
          const read = (cursor: Cursor) => [
            cursor.u8("octet"),
            cursor.u16("pair"),
            cursor.string("text"),
            cursor.prefixedBytes("raw"),
          ];
          const cursor = new Cursor(bytes);
          expect(read(cursor)).toEqual([octet, pair, text, raw]);
          cursor.finish("all");
          for (let end = 0; end < bytes.byteLength; end++) {
            expect(kindOf(() => read(new Cursor(bytes, 0, end)))).toBe("incomplete");
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it("tells bad UTF-8 and excess from missing bytes", () => {
    expect(kindOf(() => new Cursor(Uint8Array.of(1, 0xff)).string("text"))).toBe("malformed");
    expect(kindOf(() => new Cursor(Uint8Array.of(5)).string("text", 4))).toBe("malformed");
    expect(kindOf(() => new Cursor(Uint8Array.of(5)).finish("message"))).toBe("malformed");
  });

  it("keeps a slice inside its bounds", () => {
    const cursor = new Cursor(Uint8Array.of(1, 2, 3));
    const inner = cursor.slice(2, "inner");
    expect(inner.rest()).toEqual(Uint8Array.of(1, 2));
    expect(kindOf(() => inner.u8("more"))).toBe("incomplete");
    expect(cursor.u8("last")).toBe(3);
  });
});

describe("StreamReader", () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("push" as const), size: fc.integer({ min: 1, max: 200 }) }),
    fc.record({ type: fc.constant("read" as const), size: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ type: fc.constant("take" as const), size: fc.integer({ min: 1, max: 100 }) }),
  );

  it("gives the bytes in order, whatever the order of pushes, reads and takes", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const reader = new StreamReader(20_000);
        const given: Uint8Array[] = [];
        let pushed = 0;
        let got = 0;
        for (const { type, size } of steps) {
          if (type === "push") {
            const chunk = Uint8Array.from({ length: size }, (_, i) => (pushed + i) % 251);
            reader.push(chunk);
            pushed += size;
          } else {
            const bytes =
              type === "read"
                ? reader.read((cursor) => cursor.bytes(size, "bytes"))
                : reader.take(size);
            if (!bytes) {
              expect(pushed - got).toBeLessThan(type === "read" ? size : 1);
              continue;
            }
            if (type === "read") expect(bytes.byteLength).toBe(size);
            given.push(bytes);
            got += bytes.byteLength;
          }
          expect(reader.buffered).toBe(pushed - got);
        }
        // Checked at the end: a view given out must never change afterwards.
        const all = given.flatMap((bytes) => [...bytes]);
        expect(all).toEqual(Array.from({ length: got }, (_, i) => i % 251));
      }),
      { numRuns: 500 },
    );
  });

  it("refuses to hold more than it was told", () => {
    const reader = new StreamReader(4);
    reader.push(new Uint8Array(5));
    expect(reader.read((cursor) => cursor.bytes(9, "bytes"))).toBeUndefined();
    expect(kindOf(() => reader.push(new Uint8Array(1)))).toBe("malformed");
  });

  it("passes on errors other than a shortage, and stays where it is", () => {
    const reader = new StreamReader(4);
    reader.push(Uint8Array.of(1, 0xff));
    expect(kindOf(() => reader.read((cursor) => cursor.string("text")))).toBe("malformed");
    expect(reader.buffered).toBe(2);
  });
});
