import { MoqError } from "@moq-bridge/runtime";
import { describe, expect, test } from "vitest";
import {
  bytes,
  codeOf,
  drain,
  fillGroup,
  rejection,
  setup,
  take,
  thrown,
} from "../test/helpers.js";

function track(options: Parameters<typeof setup>[0] = {}) {
  const made = setup(options);
  const broadcast = made.origin.createBroadcast("b");
  const producer = broadcast.createTrack("t");
  const consumer = made.origin.broadcast("b");
  if (!consumer) throw new Error("not announced");
  return { ...made, broadcast, producer, consumer, reader: consumer.subscribe("t") };
}

function open(producer: ReturnType<typeof track>["producer"], sequence: number) {
  const group = producer.openGroup(sequence);
  if (!group) throw new Error("the group is not wanted");
  return group;
}

describe("a source that repeats a group", () => {
  test("continues inside a frame after another source left, unseen by readers", async () => {
    const { producer, reader } = track();
    const first = open(producer, 4);
    first.writeFrame(bytes(3));
    first.beginFrame({ size: 10 });
    first.writeChunk(bytes(4));
    const group = await take(reader);
    expect(drain(group)).toEqual({
      frames: [
        [0, 1, 2],
        [0, 1, 2, 3],
      ],
      after: "waiting",
    });

    producer.detach();
    const frames = producer.frameCount;
    const second = open(producer, 4);
    expect(second.nextFrame).toBe(1);
    second.writeFrame(bytes(3));
    second.beginFrame({ size: 10 });
    expect(drain(group)).toEqual({ frames: [], after: "waiting" });
    second.writeChunk(bytes(6));
    expect(group.next()).toEqual({ type: "chunk", bytes: bytes(2, 4) });
    second.writeChunk(bytes(4, 6));
    second.writeFrame(bytes(1));
    second.finish();
    expect(group.next()).toEqual({ type: "chunk", bytes: bytes(4, 6) });
    expect(drain(group)).toEqual({ frames: [[0]], after: "end" });
    expect(producer.frameCount).toBe(frames + 1);
  });

  test("may begin with the first frame that is missing", async () => {
    const { producer, reader } = track();
    const first = open(producer, 4);
    first.writeFrame(bytes(3));
    first.writeFrame(bytes(5));
    first.beginFrame({ size: 10 });
    first.writeChunk(bytes(4));
    producer.detach();
    const second = open(producer, 4);
    expect(second.nextFrame).toBe(2);
    expect(thrown(() => second.startAt(3))).toBe("frame_gap");
    second.startAt(2);
    second.writeFrame(bytes(10));
    second.finish();
    expect(thrown(() => second.startAt(0))).toBe("frame_started");
    expect(drain(await take(reader))).toEqual({
      frames: [[...bytes(3)], [...bytes(5)], [...bytes(10)]],
      after: "end",
    });
  });

  test("takes over from a source that is still there, whose writes no longer count", async () => {
    const { producer, reader } = track();
    const first = open(producer, 0);
    let unwanted = 0;
    first.onUnwanted(() => unwanted++);
    first.writeFrame(bytes(3));
    const second = open(producer, 0);
    first.writeFrame(bytes(3, 100));
    fillGroup(second, bytes(3), bytes(2));
    expect(drain(await take(reader))).toEqual({
      frames: [
        [0, 1, 2],
        [0, 1],
      ],
      after: "end",
    });
    await Promise.resolve();
    expect(unwanted).toBe(1);
  });

  test("takes up a group whose source had reset it, for readers who did not see the reset", async () => {
    const { producer, reader, consumer } = track();
    const first = open(producer, 0);
    first.writeFrame(bytes(3));
    const group = await take(reader);
    first.abort(new MoqError("reset", "reset", { scope: "stream" }));
    const joiner = consumer.subscribe("t").nextGroup();
    fillGroup(open(producer, 0), bytes(3), bytes(1));
    expect(drain(group)).toEqual({ frames: [[0, 1, 2], [0]], after: "end" });
    expect(drain((await joiner) ?? group)).toEqual({ frames: [[0, 1, 2], [0]], after: "end" });
  });

  test("of a finished group changes nothing, even cut short or with more than there was", async () => {
    const { producer, broadcast, reader } = track();
    fillGroup(open(producer, 0), bytes(3), bytes(2));
    fillGroup(open(producer, 0), bytes(3), bytes(2));
    fillGroup(open(producer, 0), bytes(3));
    const longer = open(producer, 0);
    let unwanted = false;
    longer.onUnwanted(() => {
      unwanted = true;
    });
    fillGroup(longer, bytes(3), bytes(2), bytes(1));
    await Promise.resolve();
    expect(unwanted).toBe(true);
    expect(drain(await take(reader))).toEqual({
      frames: [
        [0, 1, 2],
        [0, 1],
      ],
      after: "end",
    });
    expect(broadcast.hops).toEqual([]);
  });

  test("cut short leaves an unfinished group open", async () => {
    const { producer, reader } = track();
    const first = open(producer, 0);
    first.writeFrame(bytes(3));
    first.writeFrame(bytes(2));
    producer.detach();
    fillGroup(open(producer, 0), bytes(3));
    const group = await take(reader);
    expect(drain(group)).toEqual({
      frames: [
        [0, 1, 2],
        [0, 1],
      ],
      after: "waiting",
    });
    fillGroup(open(producer, 0), bytes(3), bytes(2), bytes(1));
    expect(drain(group)).toEqual({ frames: [[0]], after: "end" });
  });

  test("is followed past frames that were dropped, then compared", async () => {
    const { producer, reader } = track({ maxGroupBytes: 10_000 });
    const group = await (async () => {
      const first = open(producer, 0);
      const taken = await take(reader);
      for (let i = 0; i < 10; i++) {
        first.writeFrame(bytes(4000, i));
        drain(taken);
      }
      return taken;
    })();
    producer.detach();
    const second = open(producer, 0);
    for (let i = 0; i < 10; i++) second.writeFrame(bytes(4000, i));
    second.writeFrame(bytes(1, 77));
    expect(drain(group)).toEqual({ frames: [[77]], after: "waiting" });
    producer.detach();
    const third = open(producer, 0);
    for (let i = 0; i < 9; i++) third.writeFrame(bytes(4000, i));
    expect(thrown(() => third.writeFrame(bytes(4000, 50)))).toBe("instance_replaced");
  });
});

describe("other content under a known number", () => {
  test.each([
    ["another first byte", [bytes(3, 9)]],
    ["another size", [bytes(4)]],
    ["another byte later", [bytes(3), Uint8Array.of(0, 9)]],
    ["another size later", [bytes(3), bytes(1)]],
  ])("%s ends the broadcast as replaced", async (_, frames) => {
    const { producer, broadcast, reader, consumer, runtime, budget, origin } = track();
    const announced = origin.announced();
    announced.tryNext();
    open(producer, 7).writeFrame(bytes(3));
    open(producer, 7).writeFrame(bytes(3));
    fillGroup(open(producer, 7), bytes(3), bytes(2));
    const group = await take(reader);
    producer.detach();
    const second = open(producer, 7);
    expect(
      thrown(() => {
        for (const frame of frames) second.writeFrame(frame);
      }),
    ).toBe("instance_replaced");
    for (const closed of [producer.closed, broadcast.closed, consumer.closed]) {
      const reason = await closed;
      expect(reason.type === "aborted" && codeOf(reason.error)).toBe("instance_replaced");
    }
    expect(await rejection(reader.nextGroup())).toBe("instance_replaced");
    expect(await rejection(consumer.subscribe("t").info)).toBe("instance_replaced");
    expect(announced.tryNext()).toMatchObject({ type: "ended", path: "b" });
    expect(producer.openGroup(8)).toBeUndefined();
    // What had arrived whole stays with whoever was reading it, and goes with them.
    expect(drain(group)).toEqual({
      frames: [
        [0, 1, 2],
        [0, 1],
      ],
      after: "end",
    });
    expect([budget.usedBytes, runtime.pendingTimers]).toEqual([0, 0]);
  });

  test("an unfinished group fails for its readers", async () => {
    const { producer, reader } = track();
    open(producer, 7).writeFrame(bytes(3));
    const group = await take(reader);
    producer.detach();
    expect(thrown(() => open(producer, 7).writeFrame(bytes(3, 1)))).toBe("instance_replaced");
    expect(drain(group)).toEqual({ frames: [[0, 1, 2]], after: "instance_replaced" });
  });
});

describe("a source that is gone", () => {
  test("its late writes reach nobody", async () => {
    const { producer, reader } = track();
    const first = open(producer, 0);
    first.writeFrame(bytes(1));
    producer.detach();
    first.writeFrame(bytes(1));
    first.finish();
    expect(drain(await take(reader))).toEqual({ frames: [[0]], after: "waiting" });
  });

  test("its open group is given up once a newer one is complete", async () => {
    const { producer, reader } = track();
    open(producer, 0).writeFrame(bytes(1));
    const old = await take(reader);
    producer.detach();
    const newer = open(producer, 1);
    newer.writeFrame(bytes(1));
    expect(drain(old)).toEqual({ frames: [[0]], after: "waiting" });
    newer.finish();
    expect(drain(old)).toEqual({ frames: [], after: "group_abandoned" });
  });

  test("a group that is still being filled is not given up", async () => {
    const { producer, consumer } = track();
    const reader = consumer.subscribe("t", { priority: 1, startGroup: 0 });
    const old = open(producer, 0);
    fillGroup(open(producer, 1), bytes(1));
    old.writeFrame(bytes(2));
    old.finish();
    expect(drain(await take(reader))).toEqual({ frames: [[0, 1]], after: "end" });
  });
});
