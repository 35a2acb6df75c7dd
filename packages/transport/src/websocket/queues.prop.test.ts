import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChunkQueue } from "./chunk-queue.js";
import { SendQueue } from "./send-queue.js";
import { SendState } from "./stream-state.js";

describe("a queue of chunks", () => {
  const operation = fc.oneof(
    fc.record({ type: fc.constantFrom("push" as const, "pushHeld" as const), size: fc.nat(3_000) }),
    fc.record({ type: fc.constantFrom("shift" as const, "copyTo" as const), size: fc.nat(4_000) }),
  );

  it("gives back what was put in, in order, and never writes to what it gave", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
        const queue = new ChunkQueue();
        const given: { chunk: Uint8Array; copy: Uint8Array }[] = [];
        let put = 0;
        for (const { type, size } of operations) {
          if (type === "push" || type === "pushHeld") {
            queue[type](Uint8Array.from({ length: size }, () => put++ % 251));
          } else if (type === "shift") {
            const chunk = queue.shift();
            if (chunk) given.push({ chunk, copy: chunk.slice() });
          } else {
            const length = Math.min(size, queue.size);
            const target = new Uint8Array(length + 3);
            queue.copyTo(target, 3, length);
            given.push({ chunk: target.subarray(3), copy: target.slice(3) });
          }
        }
        const taken = given.reduce((sum, { chunk }) => sum + chunk.byteLength, 0);
        expect(queue.size).toBe(put - taken);
        for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
          given.push({ chunk, copy: chunk.slice() });
        }
        let at = 0;
        for (const { chunk, copy } of given) {
          expect(Buffer.compare(chunk, copy)).toBe(0);
          for (const byte of chunk) expect(byte).toBe(at++ % 251);
        }
        expect(at).toBe(put);
      }),
    );
  });

  it("holds little more memory than bytes when small chunks of large buffers wait", () => {
    const queue = new ChunkQueue();
    for (let count = 0; count < 10_000; count++) {
      queue.pushHeld(new Uint8Array(65_536).subarray(0, 10));
    }
    const buffers = new Set<ArrayBufferLike>();
    for (let chunk = queue.shift(); chunk; chunk = queue.shift()) buffers.add(chunk.buffer);
    const held = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
    expect(held).toBeLessThan(2 * 100_000);
  });
});

describe("the order of streams", () => {
  const operation = fc.record({
    type: fc.constantFrom("add" as const, "add" as const, "remove" as const, "take" as const),
    stream: fc.nat(9),
    priority: fc.integer({ min: -3, max: 3 }),
  });

  it("is by priority and then by turn, as in a list that is searched each time", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const queue = new SendQueue();
        const streams = Array.from({ length: 10 }, (_, id) => new SendState(id, 0));
        let waiting: SendState[] = [];
        for (const { type, stream, priority } of operations) {
          const send = streams[stream];
          if (!send) continue;
          const first = waiting.toSorted((a, b) => b.priority - a.priority)[0];
          expect(queue.peek()).toBe(first);
          const gone = type === "take" ? first : send;
          waiting = waiting.filter((other) => other !== gone);
          if (type === "add") {
            send.priority = priority;
            queue.add(send);
            waiting.push(send);
          } else if (gone) {
            queue.remove(gone);
          }
        }
      }),
    );
  });
});
