import fc from "fast-check";
import { expect, test } from "vitest";
import { setup, thrown } from "../test/helpers.js";
import type { GroupConsumer } from "./model.js";

/** Frames of up to a few hundred bytes, some empty. */
const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });

/** How one frame is cut and which received buffer each cut lies in. */
const cuts = fc.infiniteStream(
  fc.record({
    length: fc.integer({ min: 1, max: 120 }),
    fresh: fc.boolean(),
    pause: fc.integer({ min: 0, max: 3 }),
  }),
);

/** Puts chunks into buffers of 512 bytes, as a transport that reads into slabs would. */
class Slabs {
  #slab = new Uint8Array(512);
  #used = 0;

  place(bytes: Uint8Array, fresh: boolean): Uint8Array {
    if (fresh || this.#used + bytes.byteLength > this.#slab.byteLength) {
      this.#slab = new Uint8Array(512);
      this.#used = 0;
    }
    const view = this.#slab.subarray(this.#used, this.#used + bytes.byteLength);
    view.set(bytes);
    this.#used += bytes.byteLength;
    return view;
  }
}

interface ReadFrame {
  size: number;
  bytes: number[];
}

function read(group: GroupConsumer, into: ReadFrame[], limit: number): boolean {
  for (let i = 0; i < limit; i++) {
    const piece = group.next();
    if (!piece) return false;
    if (piece.type === "end") return true;
    if (piece.type === "frame") into.push({ size: piece.header.size, bytes: [] });
    else into.at(-1)?.bytes.push(...piece.bytes);
  }
  return false;
}

test("every reader gets the bytes written, however they were cut and whenever it reads", async () => {
  await fc.assert(
    fc.asyncProperty(
      frames,
      cuts,
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
      async (content, cutting, paces) => {
        const { origin, budget, runtime } = setup();
        const track = origin.createBroadcast("b").createTrack("t");
        const producer = track.appendGroup();
        const readers = await Promise.all(
          paces.map(async (pace) => {
            const consumer = origin.broadcast("b")?.subscribe("t");
            const group = await consumer?.nextGroup();
            if (!group) throw new Error("no group");
            return { pace, consumer, group, got: [] as ReadFrame[] };
          }),
        );
        const slabs = new Slabs();
        for (const frame of content) {
          producer.beginFrame({ size: frame.byteLength });
          for (let at = 0; at < frame.byteLength; ) {
            const cut = cutting.next().value;
            const part = frame.subarray(at, at + cut.length);
            producer.writeChunk(slabs.place(part, cut.fresh));
            at += part.byteLength;
            if (cut.pause === 0) await Promise.resolve();
            for (const { pace, group, got } of readers) if (cut.pause < 2) read(group, got, pace);
          }
        }
        producer.finish();
        for (const { consumer, group, got } of readers) {
          consumer?.close();
          expect(read(group, got, Number.POSITIVE_INFINITY)).toBe(true);
          expect(got).toEqual(content.map((f) => ({ size: f.byteLength, bytes: [...f] })));
        }
        origin.close();
        await Promise.resolve();
        expect([budget.usedBytes, runtime.pendingTimers]).toEqual([0, 0]);
      },
    ),
  );
});

test("sources that repeat a group and stop anywhere add up to the group, once each byte", async () => {
  const sources = fc.array(
    fc.record({ stopAt: fc.nat(3000), seed: fc.nat(50), startAtMissing: fc.boolean() }),
    { maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(frames, sources, async (content, tries) => {
      const { origin } = setup();
      const track = origin.createBroadcast("b").createTrack("t");
      const consumer = origin.broadcast("b")?.subscribe("t");
      const got: ReadFrame[] = [];
      let group: GroupConsumer | undefined;
      const last = { stopAt: Number.POSITIVE_INFINITY, seed: 1, startAtMissing: false };
      for (const { stopAt, seed, startAtMissing } of [...tries, last]) {
        const producer = track.openGroup(5);
        group ??= await consumer?.nextGroup();
        if (!producer || !group) throw new Error("no group");
        let sent = 0;
        const first = startAtMissing ? producer.nextFrame : 0;
        if (startAtMissing) producer.startAt(first);
        write: for (const frame of content.slice(first)) {
          if (sent++ >= stopAt) break;
          producer.beginFrame({ size: frame.byteLength });
          for (let at = 0; at < frame.byteLength; at += seed + 1) {
            if (sent++ >= stopAt) break write;
            producer.writeChunk(frame.slice(at, at + seed + 1));
          }
        }
        if (stopAt === Number.POSITIVE_INFINITY) producer.finish();
        track.detach();
        read(group, got, Number.POSITIVE_INFINITY);
      }
      expect(got).toEqual(content.map((f) => ({ size: f.byteLength, bytes: [...f] })));
      expect(group?.next()).toEqual({ type: "end" });
    }),
  );
});

test("a repeated group with one byte or size changed is always found out", () => {
  const changed = fc
    .array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 6 })
    .chain((content) =>
      fc.record({
        content: fc.constant(content),
        frame: fc.nat(content.length - 1),
        at: fc.nat(1000),
        how: fc.constantFrom("byte", "longer"),
        cut: fc.integer({ min: 1, max: 50 }),
        finished: fc.boolean(),
      }),
    );
  fc.assert(
    fc.property(changed, ({ content, frame, at, how, cut, finished }) => {
      const { origin, budget } = setup();
      const track = origin.createBroadcast("b").createTrack("t");
      const first = track.openGroup(0);
      for (const part of content) first?.writeFrame(part);
      if (finished) first?.finish();
      track.detach();
      const other = content.map((part) => part.slice());
      const target = other[frame];
      if (!target) throw new Error("no such frame");
      if (how === "byte")
        target[at % target.byteLength] = (target[at % target.byteLength] ?? 0) ^ 1;
      else other[frame] = Uint8Array.of(...target, 0);
      const second = track.openGroup(0);
      const code = thrown(() => {
        for (const part of other) {
          second?.beginFrame({ size: part.byteLength });
          for (let i = 0; i < part.byteLength; i += cut) second?.writeChunk(part.slice(i, i + cut));
        }
      });
      expect(code).toBe("instance_replaced");
      expect(origin.broadcast("b")).toBeUndefined();
      expect(budget.usedBytes).toBe(0);
    }),
  );
});
