import fc from "fast-check";
import { expect, test } from "vitest";
import { packFrame, unpackFrame } from "./container.js";

test("a frame travels with its time, whatever both are", () => {
  const frames = fc.record({
    timestamp: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    data: fc.uint8Array(),
  });
  fc.assert(
    fc.property(frames, (frame) => {
      expect(unpackFrame(packFrame(frame))).toEqual(frame);
    }),
  );
});

test("a payload without a whole time is refused", () => {
  expect(() => unpackFrame(new Uint8Array([0xc0, 0]))).toThrow();
  expect(() => unpackFrame(new Uint8Array())).toThrow();
});
