import { expect, test } from "vitest";
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
