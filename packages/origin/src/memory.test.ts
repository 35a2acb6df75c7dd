import { setImmediate } from "node:timers/promises";
import { systemRuntime } from "@moq-bridge/runtime";
import { expect, test } from "vitest";
import { INFO } from "../test/helpers.js";
import { MemoryBudget, Origin } from "./index.js";

const MiB = 1024 * 1024;

test("two gigabytes past a reader that does not read keep within the budget", async () => {
  const budget = new MemoryBudget(64 * MiB);
  const origin = new Origin({ runtime: systemRuntime, budget });
  const broadcast = origin.createBroadcast("b");
  const track = broadcast.createTrack("t", INFO);
  const stalled = origin.broadcast("b")?.subscribe("t");
  track.appendGroup();
  const held = await stalled?.nextGroup();

  const before = process.memoryUsage().rss;
  let highest = 0;
  // As a transport would deliver it: chunks of 64 KiB, in groups of 16 MiB,
  // every fourth chunk in a read buffer sixteen times its size.
  for (let sent = 0; sent < 2048 * MiB; sent += 16 * MiB) {
    const group = track.appendGroup();
    group.beginFrame({ size: 16 * MiB });
    for (let i = 0; i < 256; i++) {
      const buffer = new Uint8Array(i % 4 === 0 ? MiB : 64 * 1024);
      buffer.fill(i);
      group.writeChunk(buffer.subarray(0, 64 * 1024));
      await Promise.resolve();
    }
    group.finish();
    await setImmediate();
    highest = Math.max(highest, process.memoryUsage().rss);
  }
  expect(budget.usedBytes).toBeLessThanOrEqual(64 * MiB);
  // Read buffers not collected yet come on top of the budget: of the ten
  // gigabytes allocated here Node 20 has about 180 MiB of them, Node 24 about 280.
  expect((highest - before) / MiB).toBeLessThan(64 + 448);
  expect(() => held?.next()).toThrow("dropped before it was read");
  expect(stalled?.skippedGroups).toBeGreaterThan(100);
  stalled?.close();
  broadcast.finish();
  expect(budget.usedBytes).toBe(0);
}, 60_000);
