import { describe, expect, test } from "vitest";
import { collectRequests, fillGroup, rejection, setup, take, thrown } from "../test/helpers.js";
import { MemoryBudget } from "./memory-budget.js";

test("a buffer counts once however many hold it", () => {
  const budget = new MemoryBudget();
  const [a, b] = [new ArrayBuffer(1000), new ArrayBuffer(10)];
  budget.hold(a);
  budget.hold(a);
  budget.hold(b);
  budget.release(a);
  expect(budget.usedBytes).toBe(1010);
  budget.release(a);
  budget.release(b);
  expect(budget.usedBytes).toBe(0);
});

test("above the limit the oldest go, no more than needed", () => {
  const budget = new MemoryBudget(100);
  const gone: number[] = [];
  const items = [1, 2, 3, 4].map((id) => ({
    evict: () => {
      gone.push(id);
      budget.discharge(30);
    },
  }));
  for (const item of items) {
    budget.addEvictable(item);
    budget.charge(30);
  }
  expect([gone, budget.usedBytes]).toEqual([[1], 90]);
  const [, second] = items;
  if (second) budget.removeEvictable(second);
  budget.charge(70);
  expect([gone, budget.usedBytes]).toEqual([[1, 3, 4], 100]);
  expect(budget.exhausted).toBe(false);
  budget.charge(1);
  expect([budget.exhausted, budget.overrun]).toEqual([true, false]);
  budget.charge(25);
  expect(budget.overrun).toBe(true);
});

describe("in an origin", () => {
  const KiB = 1024;

  function created(options: Parameters<typeof setup>[0]) {
    const made = setup(options);
    const broadcast = made.origin.createBroadcast("b");
    return { ...made, broadcast, producer: broadcast.createTrack("t") };
  }

  test("drops overtaken groups of any track, oldest first", async () => {
    const { producer, origin, broadcast, budget } = created({
      budget: new MemoryBudget(100 * KiB),
    });
    const other = broadcast.createTrack("u");
    for (let i = 0; i < 4; i++) fillGroup(producer.appendGroup(), new Uint8Array(20 * KiB));
    fillGroup(other.appendGroup(), new Uint8Array(20 * KiB));
    fillGroup(other.appendGroup(), new Uint8Array(20 * KiB));
    expect(budget.usedBytes).toBeLessThanOrEqual(100 * KiB);
    const reader = origin.broadcast("b")?.subscribe("t", { priority: 1, startGroup: 0 });
    if (!reader) throw new Error("not announced");
    const first = await take(reader);
    expect(first.sequence).toBe(2);
  });

  test("refuses new tracks when newest groups alone exceed it, until there is room", async () => {
    const { producer, broadcast, origin, budget } = created({
      budget: new MemoryBudget(100 * KiB),
    });
    fillGroup(producer.appendGroup(), new Uint8Array(110 * KiB));
    expect(budget.exhausted).toBe(true);
    expect(thrown(() => broadcast.createTrack("u"))).toBe("memory_exhausted");
    const asked = collectRequests();
    origin.createBroadcast("c", { onTrack: asked.onTrack });
    const reader = origin.broadcast("c")?.subscribe("t");
    expect(await rejection(reader?.info ?? Promise.resolve())).toBe("memory_exhausted");
    expect(await rejection(reader?.nextGroup() ?? Promise.resolve())).toBe("memory_exhausted");
    expect(asked.requests).toHaveLength(0);
    producer.finish();
    broadcast.finish();
    expect(budget.usedBytes).toBe(0);
    origin.broadcast("c")?.subscribe("t");
    expect(asked.requests).toHaveLength(1);
  });

  test("is not exceeded by more than a quarter even by newest groups that grow", () => {
    const { broadcast, budget } = created({ budget: new MemoryBudget(100 * KiB) });
    const groups = Array.from({ length: 8 }, (_, i) =>
      broadcast.createTrack(`t${i}`).appendGroup(),
    );
    for (let i = 0; i < 100; i++) {
      for (const group of groups) group.writeFrame(new Uint8Array(2 * KiB));
      expect(budget.usedBytes).toBeLessThan(125 * KiB + 8 * 4 * KiB);
    }
  });
});
