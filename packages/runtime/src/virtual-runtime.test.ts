import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MoqError, toMoqError } from "./error.js";
import { type HttpResponse, sleep } from "./runtime.js";
import { VirtualRuntime } from "./virtual-runtime.js";

const limits = { timeoutMs: 1000, maxBytes: 10 };
const answer = (body: string): HttpResponse => ({
  status: 200,
  headers: {},
  body: new TextEncoder().encode(body),
  url: "http://registry.test/",
});

describe("timers", () => {
  it("fire in the order of their times, equal times in the order they were set", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50 })), async (delays) => {
        const runtime = new VirtualRuntime();
        const fired: [number, number][] = [];
        delays.forEach((delay, index) => {
          runtime.setTimer(delay, () => fired.push([runtime.now(), index]));
        });
        await runtime.advance(50);
        const expected = delays
          .map((delay, index): [number, number] => [delay, index])
          .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        expect(fired).toEqual(expected);
        expect(runtime.pendingTimers).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it("set by a timer within the advanced time fire too, at their own times", async () => {
    const runtime = new VirtualRuntime();
    const times: number[] = [];
    const tick = () => {
      times.push(runtime.now());
      runtime.setTimer(30, tick);
    };
    tick();
    await runtime.advance(100);
    expect(times).toEqual([0, 30, 60, 90]);
    expect(runtime.now()).toBe(100);
    expect(runtime.wallClock() - new VirtualRuntime().wallClock()).toBe(100);
  });

  it("settle promise chains between two timers", async () => {
    const runtime = new VirtualRuntime();
    const seen: string[] = [];
    void sleep(runtime, 10)
      .then(() => sleep(runtime, 5))
      .then(() => seen.push("chain"));
    runtime.setTimer(20, () => seen.push("timer"));
    await runtime.advance(20);
    expect(seen).toEqual(["chain", "timer"]);
  });
});

describe("sleep", () => {
  it("rejects with the signal's reason and leaves no timer", async () => {
    const runtime = new VirtualRuntime();
    const controller = new AbortController();
    const asleep = sleep(runtime, 1000, controller.signal);
    controller.abort("enough");
    await expect(asleep).rejects.toBe("enough");
    await expect(sleep(runtime, 1000, controller.signal)).rejects.toBe("enough");
    expect(runtime.pendingTimers).toBe(0);
  });
});

describe("random", () => {
  it("repeats with the seed and lies in [0, 1)", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const numbers = (runtime: VirtualRuntime) =>
          Array.from({ length: 20 }, () => runtime.random());
        const first = numbers(new VirtualRuntime({ seed }));
        expect(numbers(new VirtualRuntime({ seed }))).toEqual(first);
        expect(first.every((number) => number >= 0 && number < 1)).toBe(true);
        expect(new Set(first).size).toBeGreaterThan(15);
      }),
    );
  });
});

describe("httpGet", () => {
  it("gives what the handler answers and leaves no timer", async () => {
    const runtime = new VirtualRuntime({ http: async () => answer("0123456789") });
    expect((await runtime.httpGet("http://registry.test/", limits)).status).toBe(200);
    expect(runtime.pendingTimers).toBe(0);
  });

  it("refuses a body over the limit", async () => {
    const runtime = new VirtualRuntime({ http: async () => answer("0123456789x") });
    await expect(runtime.httpGet("http://registry.test/", limits)).rejects.toMatchObject({
      code: "http_too_large",
    });
  });

  it("gives up at the limit of time, not before", async () => {
    const runtime = new VirtualRuntime({ http: () => new Promise(() => {}) });
    let error: unknown;
    runtime.httpGet("http://registry.test/", limits).catch((thrown) => {
      error = thrown;
    });
    await runtime.advance(999);
    expect(error).toBeUndefined();
    await runtime.advance(1);
    expect(error).toMatchObject({ code: "http_timeout" });
  });

  it("gives up when asked to", async () => {
    const runtime = new VirtualRuntime({ http: () => new Promise(() => {}) });
    const controller = new AbortController();
    const options = { ...limits, signal: controller.signal };
    const pending = runtime.httpGet("http://registry.test/", options);
    controller.abort();
    await expect(pending).rejects.toMatchObject({ code: "http_aborted" });
    await expect(runtime.httpGet("http://registry.test/", options)).rejects.toMatchObject({
      code: "http_aborted",
    });
    expect(runtime.pendingTimers).toBe(0);
  });

  it("answers nothing by default", async () => {
    await expect(
      new VirtualRuntime().httpGet("http://registry.test/", limits),
    ).rejects.toMatchObject({ code: "http_unreachable" });
  });
});

describe("toMoqError", () => {
  it("keeps a MoqError and wraps anything else with its cause", () => {
    const error = new MoqError("a", "b", { scope: "stream", wireCode: 7 });
    expect(toMoqError(error, "other", "session")).toBe(error);
    const cause = new TypeError("boom");
    expect(toMoqError(cause, "other", "session")).toMatchObject({
      code: "other",
      message: "boom",
      scope: "session",
      wireCode: undefined,
      cause,
    });
    expect(toMoqError("text", "other", "session").message).toBe("text");
  });
});
