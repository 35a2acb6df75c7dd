import { inNextTurn, MoqError } from "@moq-bridge/runtime";
import { describe, expect, test } from "vitest";
import { bytes, drain, setup, take, thrown } from "../test/helpers.js";
import type { GroupPiece } from "./model.js";

const KiB = 1024;

function track(options: Parameters<typeof setup>[0] = {}) {
  const made = setup(options);
  const producer = made.origin.createBroadcast("b").createTrack("t");
  const subscribe = () => {
    const consumer = made.origin.broadcast("b")?.subscribe("t");
    if (!consumer) throw new Error("not announced");
    return consumer;
  };
  return { ...made, producer, subscribe };
}

function chunks(pieces: (GroupPiece | undefined)[]): Uint8Array[] {
  return pieces.flatMap((piece) => (piece?.type === "chunk" ? [piece.bytes] : []));
}

describe("writing", () => {
  test("a frame must be whole before the next or the end", () => {
    const group = track().producer.appendGroup();
    group.beginFrame({ size: 3 });
    group.writeChunk(bytes(2));
    expect(thrown(() => group.beginFrame({ size: 1 }))).toBe("frame_incomplete");
    expect(thrown(() => group.finish())).toBe("frame_incomplete");
    expect(thrown(() => group.writeChunk(bytes(2)))).toBe("frame_overflow");
    group.writeChunk(bytes(1));
    group.finish();
  });

  test("a frame size is a whole number", () => {
    const group = track().producer.appendGroup();
    expect(thrown(() => group.beginFrame({ size: -1 }))).toBe("frame_invalid");
    expect(thrown(() => group.beginFrame({ size: 1.5 }))).toBe("frame_invalid");
    expect(thrown(() => group.beginFrame({ size: Number.NaN }))).toBe("frame_invalid");
  });

  test("writes after the end reach nobody", async () => {
    const { producer, subscribe } = track();
    const group = producer.appendGroup();
    group.writeFrame(bytes(1));
    group.finish();
    group.writeFrame(bytes(1));
    group.abort(new MoqError("late", "late", { scope: "stream" }));
    expect(drain(await take(subscribe()))).toEqual({ frames: [[0]], after: "end" });
  });
});

describe("reading", () => {
  test("every reader starts at the first frame and goes at its own pace", async () => {
    const { producer, subscribe } = track();
    const group = producer.appendGroup();
    group.writeFrame(bytes(2), 40);
    const early = await take(subscribe());
    expect(early.next()).toEqual({ type: "frame", header: { size: 2, timestampMs: 40 } });
    group.writeFrame(bytes(0));
    group.writeFrame(bytes(1, 9));
    const late = await take(subscribe());
    expect(drain(late)).toEqual({ frames: [[0, 1], [], [9]], after: "waiting" });
    group.finish();
    expect(drain(late)).toEqual({ frames: [], after: "end" });
    expect(chunks([early.next()])).toEqual([bytes(2)]);
    expect(drain(early)).toEqual({ frames: [[], [9]], after: "end" });
    expect(early.next()).toEqual({ type: "end" });
  });

  test("an abort is seen after what arrived before it, again and again", async () => {
    const { producer, subscribe } = track();
    const group = producer.appendGroup();
    const reader = await take(subscribe());
    group.beginFrame({ size: 4 });
    group.writeChunk(bytes(1));
    group.abort(new MoqError("reset", "the stream was reset", { scope: "stream" }));
    await reader.readable();
    expect(drain(reader)).toEqual({ frames: [[0]], after: "reset" });
    expect(thrown(() => reader.next())).toBe("reset");
  });

  test("one burst of writes wakes a reader once", async () => {
    const { producer, subscribe } = track();
    const group = producer.appendGroup();
    const reader = await take(subscribe());
    let wakes = 0;
    const follow = async () => {
      for (let piece = reader.next(); piece?.type !== "end"; piece = reader.next()) {
        if (piece) continue;
        await reader.readable();
        wakes++;
      }
    };
    const done = follow();
    for (let burst = 0; burst < 5; burst++) {
      for (let i = 0; i < 100; i++) group.writeFrame(bytes(10));
      await new Promise<void>(inNextTurn);
    }
    group.finish();
    await done;
    expect(wakes).toBe(6);
  });

  test("closing wakes a waiting reader and ends it", async () => {
    const { producer, subscribe } = track();
    producer.appendGroup();
    const reader = await take(subscribe());
    const waiting = reader.readable();
    reader.close();
    await waiting;
    expect(reader.next()).toEqual({ type: "end" });
    expect(await reader.readFrame()).toBeUndefined();
  });

  test("whole frames are put together from their chunks", async () => {
    const { producer, subscribe } = track();
    const group = producer.appendGroup();
    const reader = await take(subscribe());
    const frame = reader.readFrame();
    group.beginFrame({ size: 5, timestampMs: 7 });
    for (let i = 0; i < 5; i++) {
      group.writeChunk(bytes(1, i));
      await Promise.resolve();
    }
    expect(await frame).toEqual({ header: { size: 5, timestampMs: 7 }, payload: bytes(5) });
    const end = reader.readFrame();
    group.finish();
    expect(await end).toBeUndefined();
  });
});

describe("buffers", () => {
  test("a chunk that is most of its buffer is kept as a view, counted as the buffer", async () => {
    const { budget, producer, subscribe } = track();
    const group = producer.appendGroup();
    const empty = budget.usedBytes;
    const received = new Uint8Array(64 * KiB);
    group.writeFrame(received.subarray(0, 32 * KiB));
    await Promise.resolve();
    const reader = await take(subscribe());
    const [chunk] = chunks([reader.next(), reader.next()]);
    expect(chunk?.buffer).toBe(received.buffer);
    expect(budget.usedBytes - empty).toBeGreaterThanOrEqual(64 * KiB);
    expect(budget.usedBytes - empty).toBeLessThan(65 * KiB);
  });

  test("a small part of a buffer moves to one of its own once the burst is over", async () => {
    const { budget, producer, subscribe } = track();
    const group = producer.appendGroup();
    const empty = budget.usedBytes;
    const received = bytes(64 * KiB);
    group.writeFrame(received.subarray(100, 200));
    group.writeFrame(received.subarray(300, 350));
    const reader = await take(subscribe());
    await Promise.resolve();
    const moved = chunks([reader.next(), reader.next(), reader.next(), reader.next()]);
    expect(moved).toEqual([bytes(100, 100), bytes(50, 300)]);
    expect(moved[0]?.buffer).toBe(moved[1]?.buffer);
    expect(moved[0]?.buffer.byteLength).toBe(150);
    expect(budget.usedBytes - empty).toBeLessThan(KiB);
  });

  test("many frames of one buffer count it once and copy nothing", async () => {
    const { budget, producer, subscribe } = track();
    const group = producer.appendGroup();
    const empty = budget.usedBytes;
    const received = new Uint8Array(64 * KiB);
    for (let i = 0; i < 50; i++) group.writeFrame(received.subarray(i * 1000, (i + 1) * 1000));
    await Promise.resolve();
    const reader = await take(subscribe());
    const pieces = Array.from({ length: 100 }, () => reader.next());
    expect(new Set(chunks(pieces).map((chunk) => chunk.buffer))).toEqual(
      new Set([received.buffer]),
    );
    expect(budget.usedBytes - empty).toBeLessThan(64 * KiB + 100 * 200);
  });

  test("a buffer shared by groups of several tracks counts once", async () => {
    const { budget, origin } = setup();
    const broadcast = origin.createBroadcast("b");
    const groups = ["x", "y", "z"].map((name) => broadcast.createTrack(name).appendGroup());
    const empty = budget.usedBytes;
    const received = new Uint8Array(64 * KiB);
    for (const group of groups) group.writeFrame(received);
    await Promise.resolve();
    expect(budget.usedBytes - empty).toBeLessThan(66 * KiB);
    origin.close();
    expect(budget.usedBytes).toBe(0);
  });

  test("frames without bytes count too", () => {
    const { budget, producer } = track();
    const group = producer.appendGroup();
    for (let i = 0; i < 1000; i++) group.beginFrame({ size: 0 });
    expect(budget.usedBytes).toBeGreaterThan(100 * 1000);
  });
});

describe("the size limit of a group", () => {
  test("its oldest frames go; readers past them stay, others fail, joiners wait for the next", async () => {
    const { producer, subscribe, budget } = track({ maxGroupBytes: 100 * KiB });
    const group = producer.appendGroup();
    const follower = await take(subscribe());
    const stalled = await take(subscribe());
    let read = 0;
    for (let i = 0; i < 100; i++) {
      group.writeFrame(new Uint8Array(10 * KiB));
      read += drain(follower).frames.length;
      await Promise.resolve();
    }
    expect(read).toBe(100);
    expect(budget.usedBytes).toBeLessThan(120 * KiB);
    expect(thrown(() => stalled.next())).toBe("group_evicted");
    const joiner = subscribe();
    const next = joiner.nextGroup();
    const newer = producer.appendGroup();
    expect((await next)?.sequence).toBe(newer.sequence);
  });

  test("a frame larger than the limit passes through a reader that keeps up", async () => {
    const { producer, subscribe, budget } = track({ maxGroupBytes: 100 * KiB });
    const group = producer.appendGroup();
    const follower = await take(subscribe());
    group.beginFrame({ size: 1000 * KiB });
    let received = 0;
    for (let i = 0; i < 100; i++) {
      group.writeChunk(new Uint8Array(10 * KiB));
      for (let piece = follower.next(); piece; piece = follower.next()) {
        if (piece.type === "chunk") received += piece.bytes.byteLength;
      }
    }
    expect(received).toBe(1000 * KiB);
    expect(budget.usedBytes).toBeLessThan(120 * KiB);
  });

  test("the buffer that came last stays, however large", async () => {
    const { producer, subscribe } = track({ maxGroupBytes: 100 * KiB });
    const group = producer.appendGroup();
    group.writeFrame(new Uint8Array(500 * KiB));
    group.finish();
    expect(drain(await take(subscribe())).frames[0]).toHaveLength(500 * KiB);
  });
});
