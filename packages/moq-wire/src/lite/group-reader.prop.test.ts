import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WireError } from "../wire-error.js";
import {
  encodeFrameHeader,
  encodeGroupHeader,
  GroupReader,
  hasTrackStream,
  LITE_VERSIONS,
  type LiteVersion,
} from "./index.js";

interface Frame {
  readonly payload: Uint8Array;
  readonly timestamp: bigint;
}

const frames: fc.Arbitrary<Frame[]> = fc.array(
  fc.record({ payload: fc.uint8Array({ maxLength: 30 }), timestamp: fc.bigInt(0n, 1n << 40n) }),
  { maxLength: 8 },
);

function encodeGroup(version: LiteVersion, sequence: number, group: readonly Frame[]): Uint8Array {
  const parts = [encodeGroupHeader(version, { subscribeId: 5, sequence, startFrame: 0 })];
  let previous = 0n;
  for (const { payload, timestamp } of group) {
    const timestampDelta = timestamp - previous;
    parts.push(encodeFrameHeader(version, { size: payload.byteLength, timestampDelta }), payload);
    previous = timestamp;
  }
  return Buffer.concat(parts);
}

/** Reads everything there is; payload pieces are joined per frame. */
function drain(reader: GroupReader, into: { sequence?: number; frames: Frame[] }): void {
  for (let event = reader.next(); event; event = reader.next()) {
    if (event.type === "header") into.sequence = event.header.sequence;
    if (event.type === "frame") {
      into.frames.push({ payload: new Uint8Array(0), timestamp: event.timestamp ?? 0n });
    }
    if (event.type === "payload") {
      const last = into.frames.pop() as Frame;
      into.frames.push({
        ...last,
        payload: new Uint8Array(Buffer.concat([last.payload, event.bytes])),
      });
    }
  }
}

describe.each(LITE_VERSIONS)("GroupReader %s", (version) => {
  it("finds the same frames however the stream is split", () => {
    fc.assert(
      fc.property(frames, fc.nat(1e6), fc.integer({ min: 1, max: 50 }), (group, sequence, step) => {
        const bytes = encodeGroup(version, sequence, group);
        const found: { sequence?: number; frames: Frame[] } = { frames: [] };
        const reader = new GroupReader(version);
        for (let offset = 0; offset < bytes.byteLength; offset += step) {
          reader.push(bytes.subarray(offset, offset + step));
          drain(reader, found);
        }
        reader.end();
        const timed = hasTrackStream(version);
        const expected = group.map((frame) => (timed ? frame : { ...frame, timestamp: 0n }));
        expect(found).toEqual({ sequence, frames: expected });
      }),
    );
  });

  it("refuses an end inside the header or a frame, and only there", () => {
    fc.assert(
      fc.property(frames, (group) => {
        const bytes = encodeGroup(version, 1, group);
        const whole = new Set(
          group.map((_, count) => encodeGroup(version, 1, group.slice(0, count)).byteLength),
        ).add(bytes.byteLength);
        for (let length = 0; length <= bytes.byteLength; length++) {
          const reader = new GroupReader(version);
          reader.push(bytes.subarray(0, length));
          drain(reader, { frames: [] });
          if (whole.has(length)) reader.end();
          else {
            const incomplete = expect.objectContaining({ kind: "incomplete" });
            expect(() => reader.end()).toThrow(incomplete);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it("hands payload on before the frame is whole, as views of the chunk", () => {
    const header = encodeGroupHeader(version, { subscribeId: 0, sequence: 0, startFrame: 0 });
    const frame = encodeFrameHeader(version, { size: 1 << 22, timestampDelta: 0n });
    const reader = new GroupReader(version);
    reader.push(Buffer.concat([header, frame]));
    expect(reader.next()?.type).toBe("header");
    expect(reader.next()).toMatchObject({ type: "frame", size: 1 << 22 });
    const chunk = new Uint8Array(1000);
    reader.push(chunk);
    const event = reader.next();
    expect(event?.type === "payload" && event.bytes.buffer === chunk.buffer).toBe(true);
    expect(reader.next()).toBeUndefined();
  });

  it("throws nothing but WireError on any bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })), (chunks) => {
        const reader = new GroupReader(version);
        const found = { frames: [] };
        try {
          for (const chunk of chunks) {
            reader.push(chunk);
            drain(reader, found);
          }
          reader.end();
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
    );
  });
});

describe("timestamps", () => {
  it("refuses one that falls below zero", () => {
    const reader = new GroupReader("lite-05");
    reader.push(encodeGroupHeader("lite-05", { subscribeId: 0, sequence: 0, startFrame: 0 }));
    reader.next();
    reader.push(encodeFrameHeader("lite-05", { size: 0, timestampDelta: -1n }));
    expect(() => reader.next()).toThrow(WireError);
  });
});
