import { settle, VirtualRuntime } from "@moq-bridge/runtime";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Activity, PathLane } from "./path-lane.js";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** Runs until its signal aborts, then takes `teardownMs` to end. */
class Recorded implements Activity {
  constructor(
    readonly name: string,
    readonly events: string[],
    readonly runtime: VirtualRuntime,
    readonly teardownMs: number,
  ) {}

  run(signal: AbortSignal): Promise<void> {
    this.events.push(`+${this.name}`);
    return new Promise((resolve) => {
      const end = () =>
        this.runtime.setTimer(this.teardownMs, () => {
          this.events.push(`-${this.name}`);
          resolve();
        });
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
    });
  }
}

describe("PathLane", () => {
  it("starts the next activity only when the one before has ended", async () => {
    const runtime = new VirtualRuntime();
    const events: string[] = [];
    const lane = new PathLane({ runtime, log: quiet, onIdle: () => events.push("idle") });
    lane.set(new Recorded("a", events, runtime, 100));
    await settle();
    lane.set(new Recorded("b", events, runtime, 100));
    await runtime.advance(99);
    expect(events).toEqual(["+a"]);
    await runtime.advance(1);
    expect(events).toEqual(["+a", "-a", "+b"]);
    lane.set(undefined);
    await runtime.advance(100);
    expect(events).toEqual(["+a", "-a", "+b", "-b", "idle"]);
  });

  it("takes an activity up again that failed by itself", async () => {
    const runtime = new VirtualRuntime();
    let runs = 0;
    const lane = new PathLane({ runtime, log: quiet, onIdle: () => {} });
    lane.set({
      run: async (signal) => {
        if (++runs === 1) throw new Error("a defect");
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
    await runtime.advance(1_000);
    expect(runs).toBe(2);
    lane.set(undefined);
    await settle();
    expect(runtime.pendingTimers).toBe(0);
  });

  it("never runs two at once and ends with the last one set", async () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant("set" as const), teardownMs: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ type: fc.constant("clear" as const) }),
      fc.record({ type: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 60 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const runtime = new VirtualRuntime();
        const events: string[] = [];
        const lane = new PathLane({ runtime, log: quiet, onIdle: () => {} });
        let last: string | undefined;
        for (const [index, one] of steps.entries()) {
          if (one.type === "wait") await runtime.advance(one.ms);
          else if (one.type === "clear") {
            lane.set(undefined);
            last = undefined;
          } else {
            last = String(index);
            lane.set(new Recorded(last, events, runtime, one.teardownMs));
          }
        }
        await runtime.advance(1_000);
        const running: string[] = [];
        for (const event of events) {
          if (event.startsWith("+")) {
            expect(running).toEqual([]);
            running.push(event.slice(1));
          } else expect(running.pop()).toBe(event.slice(1));
        }
        expect(running).toEqual(last === undefined ? [] : [last]);
      }),
      { numRuns: 100 },
    );
  });
});
