import { expect } from "vitest";
import { History } from "./history.fixture.js";

/** From so many histories on each kind of event must have happened. */
const ENOUGH = 200;

/** Runs the histories of these seeds; every one has to end as the model says. */
export async function runHistories(seeds: readonly number[]): Promise<void> {
  // Half of the time would go into stacks of errors that are part of the play.
  Error.stackTraceLimit = 0;
  const failures: string[] = [];
  const events = new Map<string, number>();
  let firstLog = "";
  for (const seed of seeds) {
    const result = await new History(seed).run();
    if (result.wrong.length > 0 && failures.length === 0) firstLog = result.log.join("\n");
    failures.push(...result.wrong);
    for (const [name, times] of result.events) events.set(name, (events.get(name) ?? 0) + times);
  }
  expect(failures, `the first of them:\n${firstLog}\n`).toEqual([]);
  if (seeds.length < ENOUGH) return;
  const never = [...events].filter(([, times]) => times === 0).map(([name]) => name);
  expect(never, "what never happened").toEqual([]);
}

/** `count` seeds from `first` on, `step` apart. */
export function seedsFrom(first: number, count: number, step = 1): number[] {
  return Array.from({ length: count }, (_, index) => first + index * step);
}
