import { settle, VirtualRuntime } from "@moq-bridge/runtime";
import { describe, expect, test } from "vitest";
import {
  bytes,
  collectRequests,
  drain,
  fillGroup,
  heard,
  INFO,
  outage,
  rejection,
  setup,
  stateOf,
  take,
  thrown,
} from "../test/helpers.js";
import { MemoryBudget, Origin } from "./index.js";

test("a created track is announced, subscribed to and read live", async () => {
  const runtime = new VirtualRuntime();
  const budget = new MemoryBudget();
  const origin = new Origin({ runtime, budget });
  const announced = origin.announced();
  const broadcast = origin.createBroadcast("a/b", { hops: [7n] });
  const video = broadcast.createTrack("video");
  const active = await announced.next();
  if (active?.type !== "active") throw new Error("not active");
  expect([active.path, active.hops]).toEqual(["a/b", [7n]]);

  const reader = active.broadcast.subscribe("video");
  const first = video.appendGroup();
  first.beginFrame({ size: 3 });
  first.writeChunk(new Uint8Array([1, 2]));
  const group = await reader.nextGroup();
  expect(group?.next()).toEqual({ type: "frame", header: { size: 3 } });
  expect(group?.next()).toEqual({ type: "chunk", bytes: new Uint8Array([1, 2]) });
  expect(group?.next()).toBeUndefined();
  const readable = group?.readable();
  first.writeChunk(new Uint8Array([3]));
  first.finish();
  await readable;
  expect(group?.next()).toEqual({ type: "chunk", bytes: new Uint8Array([3]) });
  expect(group?.next()).toEqual({ type: "end" });

  video.finish();
  expect(await reader.nextGroup()).toBeUndefined();
  broadcast.finish();
  expect(await announced.next()).toEqual({
    type: "ended",
    path: "a/b",
    reason: { type: "finished" },
  });
  expect(await active.broadcast.closed).toEqual({ type: "finished" });
  announced.close();
  await settle();
  expect([runtime.pendingTimers, budget.usedBytes]).toEqual([0, 0]);
});

describe("announcements", () => {
  test("are what lives under a prefix of whole segments", () => {
    const { origin } = setup();
    for (const path of ["", "a", "a/b", "ab", "a/b/c"]) origin.createBroadcast(path);
    const below = (prefix: string) =>
      heard(origin.announced(prefix))
        .map((line) => line.trim())
        .sort();
    expect(below("a")).toEqual(["+a", "+a/b", "+a/b/c"]);
    expect(below("a/b/c")).toEqual(["+a/b/c"]);
    expect(below("b")).toEqual([]);
    expect(below("")).toEqual(["+", "+a", "+a/b", "+a/b/c", "+ab"]);
    expect(thrown(() => origin.announced("a/"))).toBe("path_invalid");
  });

  test("of one path become one, or none, for a listener who was not looking", () => {
    const { origin } = setup();
    const announced = origin.announced();
    origin.createBroadcast("a").finish();
    expect(heard(announced)).toEqual([]);
    origin.createBroadcast("a", { hops: [1n] });
    origin.createBroadcast("a", { hops: [2n] });
    expect(heard(announced)).toEqual(["+a 2"]);
    const third = origin.createBroadcast("a", { hops: [3n] });
    expect(heard(announced)).toEqual(["-a instance_replaced", "+a 3"]);
    third.finish();
    expect(heard(announced)).toEqual(["-a finished", "+a 2"]);
  });

  test("wake a listener that waits, and end with close", async () => {
    const { origin } = setup();
    const announced = origin.announced("a");
    const next = announced.next();
    origin.createBroadcast("b");
    expect(await stateOf(next)).toBe("pending");
    origin.createBroadcast("a/x");
    expect(await next).toMatchObject({ type: "active", path: "a/x" });
    const last = announced.next();
    announced.close();
    expect(await last).toBeUndefined();
    expect(await announced.next()).toBeUndefined();
  });

  test("can be looped over", async () => {
    const { origin } = setup();
    origin.createBroadcast("a");
    const announced = origin.announced();
    const paths: string[] = [];
    for await (const announcement of announced) {
      paths.push(announcement.path);
      if (paths.length === 2) break;
      origin.createBroadcast("b");
    }
    expect(paths).toEqual(["a", "b"]);
    expect(await announced.next()).toBeUndefined();
  });
});

describe("the end of a broadcast", () => {
  test("by outage fails its tracks", async () => {
    const { origin, budget } = setup();
    const asked = collectRequests();
    const source = origin.createBroadcast("a", { onTrack: asked.onTrack });
    const consumer = origin.broadcast("a");
    const reader = consumer?.subscribe("t");
    const waiting = consumer?.subscribe("u");
    const producer = asked.at(0).accept(INFO);
    producer.appendGroup().writeFrame(bytes(1));
    source.abort(outage);
    for (const track of [reader, waiting]) {
      expect(await rejection(track?.nextGroup() ?? Promise.resolve())).toBe("session_lost");
    }
    expect(await producer.closed).toEqual({ type: "aborted", error: outage });
    expect(budget.usedBytes).toBe(0);
  });

  test("cleanly lets the last groups arrive", async () => {
    const { origin, budget, runtime } = setup();
    const asked = collectRequests();
    const source = origin.createBroadcast("a", { onTrack: asked.onTrack });
    const consumer = origin.broadcast("a");
    const reader = consumer?.subscribe("t");
    const unanswered = consumer?.subscribe("u");
    if (!consumer || !reader || !unanswered) throw new Error("not announced");
    const producer = asked.at(0).accept(INFO);
    source.finish();
    expect(origin.broadcast("a")).toBeUndefined();
    expect(await rejection(unanswered.nextGroup())).toBe("broadcast_ended");
    expect(await rejection(consumer.subscribe("v").nextGroup())).toBe("broadcast_ended");
    fillGroup(producer.appendGroup(), bytes(1));
    producer.finish();
    expect(drain(await take(reader))).toEqual({ frames: [[0]], after: "end" });
    expect(await reader.nextGroup()).toBeUndefined();
    await settle();
    expect([budget.usedBytes, runtime.pendingTimers]).toEqual([0, 0]);
  });

  test("is said once", async () => {
    const { origin } = setup();
    const source = origin.createBroadcast("a");
    source.finish();
    source.abort(outage);
    source.finish();
    expect(await source.closed).toEqual({ type: "finished" });
    expect(thrown(() => source.createTrack("t"))).toBe("broadcast_ended");
  });

  test("of the whole origin leaves nothing", async () => {
    const { origin, budget, runtime } = setup();
    const source = origin.createBroadcast("a");
    const track = source.createTrack("t");
    for (let i = 0; i < 3; i++) fillGroup(track.appendGroup(), bytes(10));
    origin.broadcast("a")?.subscribe("t").close();
    const requested = origin.request("b");
    const reader = requested.subscribe("t");
    const announced = origin.announced();
    origin.close();
    expect(await announced.next()).toBeUndefined();
    expect(await requested.closed).toEqual({ type: "finished" });
    expect(await reader.nextGroup()).toBeUndefined();
    expect([budget.usedBytes, runtime.pendingTimers]).toEqual([0, 0]);
  });
});
