import { MoqError, settle } from "@moq-bridge/runtime";
import { describe, expect, test } from "vitest";
import {
  bytes,
  collectRequests,
  drain,
  fillGroup,
  INFO,
  rejection,
  setup,
  stateOf,
  take,
  thrown,
} from "../test/helpers.js";
import type { TrackDemand } from "./model.js";

const refused = new MoqError("not_here", "no such track", { scope: "subscription" });

/** A broadcast served on demand. */
function onDemand(options: Parameters<typeof setup>[0] = {}) {
  const made = setup(options);
  const asked = collectRequests();
  const broadcast = made.origin.createBroadcast("b", { onTrack: asked.onTrack });
  const consumer = made.origin.broadcast("b");
  if (!consumer) throw new Error("not announced");
  return { ...made, ...asked, broadcast, consumer };
}

/** A track that is filled unasked, and a reader of it. */
function created(options: Parameters<typeof setup>[0] = {}, info = INFO) {
  const made = setup(options);
  const broadcast = made.origin.createBroadcast("b");
  const producer = broadcast.createTrack("t", info);
  const subscribe = (demand?: TrackDemand) => {
    const consumer = made.origin.broadcast("b")?.subscribe("t", demand);
    if (!consumer) throw new Error("not announced");
    return consumer;
  };
  return { ...made, broadcast, producer, subscribe };
}

describe("asking for a track", () => {
  test("happens once, when the first reader comes", async () => {
    const { requests, at, consumer } = onDemand();
    expect(requests).toHaveLength(0);
    const first = consumer.subscribe("t", { priority: 7, startGroup: 3 });
    const second = consumer.subscribe("t", { priority: 9 });
    expect(requests).toHaveLength(1);
    expect(at(0)).toMatchObject({ path: "b", name: "t", demand: { priority: 9, startGroup: 3 } });
    at(0).accept(INFO);
    consumer.subscribe("t");
    expect(await Promise.all([first.info, second.info])).toEqual([INFO, INFO]);
    expect(requests).toHaveLength(1);
    expect(thrown(() => at(0).accept(INFO))).toBe("request_answered");
  });

  test("a refusal reaches its readers; the next reader asks again", async () => {
    const { requests, at, consumer } = onDemand();
    const reader = consumer.subscribe("t");
    const next = reader.nextGroup();
    at(0).reject(refused);
    expect(await rejection(next)).toBe("not_here");
    expect(await rejection(reader.info)).toBe("not_here");
    consumer.subscribe("t");
    expect(requests).toHaveLength(2);
  });

  test("a refusal nobody looks at is no unhandled rejection", async () => {
    const { at, consumer } = onDemand();
    const reader = consumer.subscribe("t");
    void reader.info;
    at(0).reject(refused);
    void consumer.subscribe("u").info;
    await settle();
  });

  test("a handler that throws has refused", async () => {
    const { origin } = setup();
    origin.createBroadcast("b", {
      onTrack: () => {
        throw new Error("broken handler");
      },
    });
    const reader = origin.broadcast("b")?.subscribe("t");
    expect(await rejection(reader?.nextGroup() ?? Promise.resolve())).toBe("track_handler_failed");
  });

  test("is taken back when every reader left before the answer", async () => {
    const { requests, at, consumer, runtime } = onDemand();
    const readers = [consumer.subscribe("t"), consumer.subscribe("t")];
    let cancelled = 0;
    at(0).onCancelled(() => cancelled++);
    readers[0]?.close();
    expect(cancelled).toBe(0);
    readers[1]?.close();
    expect(cancelled).toBe(1);
    const late = at(0).accept(INFO);
    expect(late.demand).toBeUndefined();
    expect(late.openGroup(0)).toBeUndefined();
    expect(await late.closed).toEqual({ type: "finished" });
    expect(runtime.pendingTimers).toBe(0);
    consumer.subscribe("t");
    expect(requests).toHaveLength(2);
  });

  test("without a handler only created tracks exist", async () => {
    const { broadcast, origin } = created();
    expect(thrown(() => broadcast.createTrack("t"))).toBe("track_duplicate");
    const other = origin.broadcast("b")?.subscribe("u");
    expect(await rejection(other?.info ?? Promise.resolve())).toBe("track_not_found");
    broadcast.createTrack("u");
    expect(await origin.broadcast("b")?.subscribe("u").info).toEqual({
      priority: 128,
      maxLatencyMs: 5000,
    });
  });
});

describe("demand", () => {
  test("is the highest priority and the lowest start group, told when it changes", () => {
    const { at, consumer } = onDemand();
    const seen: (TrackDemand | undefined)[] = [];
    const first = consumer.subscribe("t", { priority: 5 });
    const producer = at(0).accept(INFO);
    producer.onDemand((demand) => seen.push(demand));
    consumer.subscribe("t", { priority: 5 });
    const third = consumer.subscribe("t", { priority: 9, startGroup: 4 });
    first.update({ priority: 20, startGroup: 2 });
    third.close();
    first.close();
    expect(seen).toEqual([
      { priority: 9, startGroup: 4 },
      { priority: 20, startGroup: 2 },
      { priority: 5 },
    ]);
    expect(producer.demand).toEqual({ priority: 5 });
  });

  test("ends the idle time after the last reader left, and a requested track with it", async () => {
    const { at, requests, consumer, runtime, budget } = onDemand({ idleMs: 1000 });
    const reader = consumer.subscribe("t");
    const producer = at(0).accept(INFO);
    const seen: (TrackDemand | undefined)[] = [];
    producer.onDemand((demand) => seen.push(demand));
    fillGroup(producer.appendGroup(), bytes(10));
    reader.close();
    await runtime.advance(999);
    expect(producer.demand).toEqual({ priority: 128 });
    await runtime.advance(1);
    expect(seen).toEqual([undefined]);
    expect(await producer.closed).toEqual({ type: "finished" });
    expect(thrown(() => producer.appendGroup())).toBe("track_ended");
    expect([runtime.pendingTimers, budget.usedBytes]).toEqual([0, 0]);
    consumer.subscribe("t");
    expect(requests).toHaveLength(2);
  });

  test("is not disturbed by a reader who comes back within the idle time", async () => {
    const { at, requests, consumer, runtime } = onDemand({ idleMs: 1000 });
    consumer.subscribe("t").close();
    const reader = consumer.subscribe("t");
    const producer = at(1).accept(INFO);
    let changes = 0;
    producer.onDemand(() => changes++);
    reader.close();
    await runtime.advance(900);
    consumer.subscribe("t");
    await runtime.advance(10_000);
    expect([requests.length, changes, runtime.pendingTimers]).toEqual([2, 0, 0]);
  });

  test("of a created track comes and goes; the track stays", async () => {
    const { producer, subscribe, runtime } = created({ idleMs: 1000 });
    const seen: (TrackDemand | undefined)[] = [];
    const stop = producer.onDemand((demand) => seen.push(demand));
    subscribe({ priority: 3 }).close();
    await runtime.advance(1000);
    fillGroup(producer.appendGroup(), bytes(1));
    stop();
    expect(drain(await take(subscribe()))).toEqual({ frames: [[0]], after: "end" });
    expect(seen).toEqual([{ priority: 3 }, undefined]);
  });

  test("whoever reads a group when the track is let go learns that it will not end", async () => {
    const { at, consumer, runtime } = onDemand({ idleMs: 0 });
    const reader = consumer.subscribe("t");
    const producer = at(0).accept(INFO);
    const open = producer.appendGroup();
    let unwanted = 0;
    open.onUnwanted(() => unwanted++);
    open.writeFrame(bytes(1));
    const group = await take(reader);
    reader.close();
    await runtime.advance(0);
    expect(drain(group)).toEqual({ frames: [[0]], after: "group_abandoned" });
    expect(unwanted).toBe(1);
  });
});

describe("groups", () => {
  test("start with the newest there is and rise", async () => {
    const { producer, subscribe } = created();
    for (let i = 0; i < 3; i++) fillGroup(producer.appendGroup(), bytes(1, i));
    const reader = subscribe();
    expect((await take(reader)).sequence).toBe(2);
    const next = reader.nextGroup();
    expect(await stateOf(next)).toBe("pending");
    producer.openGroup(7);
    producer.openGroup(9);
    expect((await next)?.sequence).toBe(7);
    expect((await take(reader)).sequence).toBe(9);
    expect(reader.skippedGroups).toBe(0);
  });

  test("start with the first at or above the start group", async () => {
    const { producer, subscribe } = created();
    for (const sequence of [2, 4, 6]) fillGroup(producer.openGroup(sequence), bytes(1));
    const sequences = async (startGroup: number) => {
      const reader = subscribe({ priority: 1, startGroup });
      return [(await take(reader)).sequence, await stateOf(reader.nextGroup())];
    };
    expect(await sequences(0)).toEqual([2, "resolved"]);
    expect(await sequences(3)).toEqual([4, "resolved"]);
    expect(await sequences(6)).toEqual([6, "pending"]);
    const later = subscribe({ priority: 1, startGroup: 8 });
    const next = later.nextGroup();
    fillGroup(producer.openGroup(7), bytes(1));
    expect(await stateOf(next)).toBe("pending");
    fillGroup(producer.openGroup(8), bytes(1));
    expect((await next)?.sequence).toBe(8);
  });

  test("that come in one burst all go to a reader who waited for the first", async () => {
    const { producer, subscribe } = created();
    const reader = subscribe();
    const first = reader.nextGroup();
    for (let i = 0; i < 3; i++) fillGroup(producer.appendGroup(), bytes(1));
    expect((await first)?.sequence).toBe(0);
    expect((await take(reader)).sequence).toBe(1);
  });

  test("that were reset start for a new reader when their source takes them up again", async () => {
    const { producer, subscribe } = created();
    const error = new MoqError("reset", "reset", { scope: "stream" });
    fillGroup(producer.openGroup(4), bytes(1));
    producer.openGroup(5)?.abort(error);
    const next = subscribe().nextGroup();
    expect(await stateOf(next)).toBe("pending");
    fillGroup(producer.openGroup(5), bytes(1));
    expect((await next)?.sequence).toBe(5);
  });

  test("that arrive late go to readers who have not passed them", async () => {
    const { producer, subscribe } = created();
    const passed = subscribe({ priority: 1, startGroup: 0 });
    fillGroup(producer.openGroup(5), bytes(1));
    expect((await take(passed)).sequence).toBe(5);
    fillGroup(producer.openGroup(4), bytes(1));
    const other = subscribe({ priority: 1, startGroup: 0 });
    expect((await take(other)).sequence).toBe(4);
    expect((await take(other)).sequence).toBe(5);
    expect(await stateOf(passed.nextGroup())).toBe("pending");
    expect(producer.latestGroup).toBe(5);
  });

  test("that were reset are not handed out", async () => {
    const { producer, subscribe } = created();
    const reader = subscribe({ priority: 1, startGroup: 0 });
    producer.openGroup(0)?.abort(new MoqError("reset", "reset", { scope: "stream" }));
    fillGroup(producer.openGroup(1), bytes(1));
    expect((await take(reader)).sequence).toBe(1);
    expect(reader.skippedGroups).toBe(0);
  });

  test("go when they are older than the track's latency, the newest never", async () => {
    const { producer, subscribe, runtime } = created({}, { priority: 1, maxLatencyMs: 1000 });
    const old = producer.openGroup(0);
    let unwanted = 0;
    old?.onUnwanted(() => unwanted++);
    old?.writeFrame(bytes(1));
    const holder = await take(subscribe());
    fillGroup(producer.openGroup(1), bytes(1));
    await runtime.advance(999);
    expect(drain(holder)).toEqual({ frames: [[0]], after: "waiting" });
    await runtime.advance(1);
    expect(unwanted).toBe(1);
    expect(thrown(() => holder.next())).toBe("group_evicted");
    expect(producer.openGroup(0)).toBeUndefined();
    await runtime.advance(100_000);
    expect((await take(subscribe())).sequence).toBe(1);
    expect(runtime.pendingTimers).toBe(0);
  });

  test("a reader that falls behind goes on with the newest and counts what it missed", async () => {
    const { producer, subscribe, runtime } = created({}, { priority: 1, maxLatencyMs: 1000 });
    fillGroup(producer.appendGroup(), bytes(1));
    const slow = subscribe();
    const fast = subscribe();
    await take(slow);
    await take(fast);
    for (let i = 1; i <= 10; i++) {
      fillGroup(producer.appendGroup(), bytes(1));
      expect((await take(fast)).sequence).toBe(i);
      await runtime.advance(300);
    }
    expect((await take(slow)).sequence).toBe(10);
    expect([slow.skippedGroups, fast.skippedGroups]).toEqual([9, 0]);
  });

  test("a short burst is read in order, nothing skipped", async () => {
    const { producer, subscribe } = created();
    fillGroup(producer.appendGroup(), bytes(1));
    const reader = subscribe();
    await take(reader);
    for (let i = 0; i < 5; i++) fillGroup(producer.appendGroup(), bytes(1));
    for (let i = 1; i <= 5; i++) expect((await take(reader)).sequence).toBe(i);
    expect(reader.skippedGroups).toBe(0);
  });

  test("numbers must be whole and not negative", () => {
    const { producer } = created();
    expect(thrown(() => producer.openGroup(-1))).toBe("group_invalid");
    expect(thrown(() => producer.openGroup(0.5))).toBe("group_invalid");
  });
});

describe("the end of a track", () => {
  test("comes after its last group; an open group may still be finished", async () => {
    const { producer, subscribe, budget, runtime, broadcast } = created();
    const reader = subscribe();
    const group = producer.appendGroup();
    group.writeFrame(bytes(1));
    producer.finish();
    expect(producer.openGroup(1)).toBeUndefined();
    group.writeFrame(bytes(2));
    group.finish();
    expect(drain(await take(reader))).toEqual({ frames: [[0], [0, 1]], after: "end" });
    expect(await reader.nextGroup()).toBeUndefined();
    expect((await take(subscribe())).sequence).toBe(0);
    broadcast.finish();
    expect(await producer.closed).toEqual({ type: "finished" });
    expect(runtime.pendingTimers).toBe(0);
    expect(budget.usedBytes).toBeGreaterThan(0);
  });

  test("frees the memory once the last reader is done with its group", async () => {
    const { producer, subscribe, budget, broadcast } = created();
    const reader = subscribe();
    fillGroup(producer.appendGroup(), bytes(1000));
    const group = await take(reader);
    broadcast.finish();
    expect(await reader.nextGroup()).toBeUndefined();
    expect(drain(group).after).toBe("end");
    expect(budget.usedBytes).toBe(0);
  });

  test("by error reaches every reader, also one that waits", async () => {
    const { at, requests, consumer, budget } = onDemand();
    const reader = consumer.subscribe("t");
    const producer = at(0).accept(INFO);
    producer.appendGroup().writeFrame(bytes(1));
    const group = await take(reader);
    const next = reader.nextGroup();
    producer.abort(refused);
    expect(await rejection(next)).toBe("not_here");
    expect(drain(group)).toEqual({ frames: [[0]], after: "not_here" });
    expect(await rejection(reader.nextGroup())).toBe("not_here");
    expect(budget.usedBytes).toBe(0);
    consumer.subscribe("t");
    expect(requests).toHaveLength(2);
  });

  test("closing a reader ends its wait", async () => {
    const { subscribe } = created();
    const reader = subscribe();
    const next = reader.nextGroup();
    reader.close();
    expect(await next).toBeUndefined();
    expect(await reader.nextGroup()).toBeUndefined();
  });
});
