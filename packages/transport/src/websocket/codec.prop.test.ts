import { WireError } from "@moq-bridge/moq-wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codecOf } from "./codec.js";
import type { Frame, Framing } from "./frame.js";
import { anyLegacyFrame, anyQmux00Frame, anyQmuxFrame } from "./testing/arbitrary-frames.js";

const CASES: readonly (readonly [Framing, fc.Arbitrary<Frame>])[] = [
  ["qmux-00", anyQmux00Frame],
  ["qmux-01", anyQmuxFrame],
  ["qmux-02", anyQmuxFrame],
  ["webtransport", anyLegacyFrame],
];

/** What decoding gives, or that it threw a {@link WireError}; anything else escapes. */
function decoded(framing: Framing, bytes: Uint8Array): readonly Frame[] | "refused" {
  try {
    return codecOf(framing).decode(bytes);
  } catch (error) {
    if (error instanceof WireError) return "refused";
    throw error;
  }
}

/** Chunks of different classes with the same bytes are the same. */
function plain(frames: readonly Frame[]): unknown[] {
  return frames.map((frame) => ("data" in frame ? { ...frame, data: [...frame.data] } : frame));
}

describe.each(CASES)("the codec of %s", (framing, anyFrame) => {
  const codec = codecOf(framing);

  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(plain(codec.decode(codec.encode(frame)))).toEqual(plain([frame]));
      }),
    );
  });

  it("never takes the beginning of a message for the whole message", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        const bytes = codec.encode(frame);
        for (let end = 0; end < bytes.byteLength; end++) {
          const result = decoded(framing, bytes.subarray(0, end));
          if (result !== "refused") expect(plain(result)).not.toEqual(plain([frame]));
          // Where a length says how much is to come, a part is nothing at all.
          if (framing !== "webtransport") expect(result).toBe("refused");
        }
      }),
    );
  });

  it("answers any bytes with frames or a WireError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        decoded(framing, bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it("answers damaged messages with frames or a WireError", () => {
    fc.assert(
      fc.property(anyFrame, fc.nat(), fc.nat(255), (frame, at, value) => {
        const bytes = codec.encode(frame);
        bytes[at % bytes.byteLength] = value;
        decoded(framing, bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  it("writes stream headers that are the frame's", () => {
    const stream = fc.tuple(fc.maxSafeNat(), fc.maxSafeNat(), fc.uint8Array(), fc.boolean());
    fc.assert(
      fc.property(stream, ([id, offset, data, fin]) => {
        const size = codec.streamHeaderSize(id, offset, data.byteLength);
        const bytes = new Uint8Array(size + data.byteLength);
        expect(codec.writeStreamHeader(bytes, id, offset, data.byteLength, fin)).toBe(size);
        bytes.set(data, size);
        expect(bytes).toEqual(codec.encode({ type: "stream", id, offset, data, fin }));
      }),
    );
  });
});

describe("records", () => {
  it("hold any frames, and padding between them", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyQmuxFrame, fc.nat(3)), { minLength: 1 }), (parts) => {
        const codec = codecOf("qmux-01");
        const frames = parts.map(([frame]) => frame);
        const record = Buffer.concat(
          parts.flatMap(([frame, padding]) => [new Uint8Array(padding), codec.encode(frame)]),
        );
        expect(plain(codec.decode(record))).toEqual(plain(frames));
      }),
    );
  });

  it("are one frame only in qmux-00", () => {
    fc.assert(
      fc.property(anyQmux00Frame, anyQmux00Frame, (first, second) => {
        const codec = codecOf("qmux-00");
        const record = Buffer.concat([codec.encode(first), codec.encode(second)]);
        expect(decoded("qmux-00", record)).toBe("refused");
      }),
    );
  });
});
