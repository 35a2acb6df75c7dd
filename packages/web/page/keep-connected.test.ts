import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WEBTRANSPORT_PACE } from "./connection.js";
import { keepConnected } from "./keep-connected.js";

const REMEMBERED_MS = 5 * 60_000;
const LONGEST_HELD_BACK_MS = 60_000;

/** Chromium's way with failed WebTransport handshakes of a page, at its slowest. */
class Throttle {
  #failures: number[] = [];

  get heldBackMs(): number {
    const count = this.#failures.filter((at) => at > Date.now() - REMEMBERED_MS).length;
    return count === 0 ? 0 : 1.5 * Math.min(10 * 2 ** (count - 1), LONGEST_HELD_BACK_MS);
  }

  failed(): void {
    this.#failures.push(Date.now());
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const elapsed = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("a page whose relay was away for", () => {
  test.each([
    { outage: "4 s", outageMs: 4_000, withinMs: 5_000 },
    { outage: "30 s", outageMs: 30_000, withinMs: 35_000 },
    { outage: "10 minutes", outageMs: 600_000, withinMs: 90_000 },
  ])(
    "$outage is connected again in time, though Chromium holds it back",
    async ({ outageMs, withinMs }) => {
      const throttle = new Throttle();
      const backAt = Date.now() + outageMs;
      const stopped = new AbortController();
      let connectedAt = Number.POSITIVE_INFINITY;
      const use = async () => {
        const { heldBackMs } = throttle;
        await elapsed(Math.min(heldBackMs, WEBTRANSPORT_PACE.connectMs));
        // Who gives up while he is held back is not blamed for it.
        if (heldBackMs > WEBTRANSPORT_PACE.connectMs) throw new Error("no answer");
        if (Date.now() < backAt) {
          throttle.failed();
          throw new Error("not reached");
        }
        connectedAt = Date.now();
        stopped.abort();
        return "";
      };
      const { longestDelayMs } = WEBTRANSPORT_PACE;
      void keepConnected(use, { signal: stopped.signal, longestDelayMs, onTrouble: () => {} });
      await vi.advanceTimersByTimeAsync(outageMs + withinMs);
      expect(connectedAt - backAt).toBeLessThanOrEqual(withinMs);
    },
  );
});

describe("the wait before the next attempt", () => {
  async function attempts(use: () => Promise<string>, forMs: number): Promise<number[]> {
    const times: number[] = [];
    const start = Date.now();
    const stopped = new AbortController();
    const counted = () => {
      times.push(Date.now() - start);
      return use();
    };
    const options = { signal: stopped.signal, longestDelayMs: 2_000, onTrouble: () => {} };
    void keepConnected(counted, options);
    await vi.advanceTimersByTimeAsync(forMs);
    stopped.abort();
    return times;
  }

  test("doubles up to its limit while none succeeds, however long each takes", async () => {
    const use = async () => {
      await elapsed(3_000);
      throw new Error("no answer");
    };
    expect(await attempts(use, 20_000)).toEqual([0, 3_250, 6_750, 10_750, 15_750]);
  });

  test("is short again after a session that was used", async () => {
    const use = async () => {
      await elapsed(3_000);
      return "over";
    };
    expect(await attempts(use, 9_000)).toEqual([0, 3_250, 6_500]);
  });
});
