import { settle, VirtualRuntime } from "@moq-bridge/runtime";
import { expect, test } from "vitest";
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
