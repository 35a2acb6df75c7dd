import { describe, expect, it } from "vitest";
import { Liveness } from "./liveness.js";

const OPTIONS = { now: 0, idleMs: 6_000, keepAliveMs: 2_000 };

/** What is due at each of the times. */
function poll(liveness: Liveness, ...times: number[]) {
  return times.map((time) => liveness.poll(time));
}

describe("liveness", () => {
  it("asks after silence, again each time, and then gives the peer up", () => {
    const liveness = new Liveness(OPTIONS);
    expect(liveness.deadline).toBe(2_000);
    expect(poll(liveness, 1_999, 2_000, 2_001)).toEqual([undefined, "ping", undefined]);
    expect(poll(liveness, 4_000, 5_999, 6_000)).toEqual(["ping", undefined, "idle"]);
  });

  it("asks nothing while both sides send", () => {
    const liveness = new Liveness(OPTIONS);
    for (let now = 0; now <= 20_000; now += 1_000) {
      liveness.handleReceived(now);
      liveness.handleSent(now);
      expect(liveness.poll(now + 999)).toBeUndefined();
    }
  });

  it("asks while only the peer sends, for its sake", () => {
    const liveness = new Liveness(OPTIONS);
    liveness.handleReceived(1_900);
    expect(liveness.poll(2_000)).toBe("ping");
  });

  it("asks while only we send, to know that it is there", () => {
    const liveness = new Liveness(OPTIONS);
    liveness.handleSent(1_900);
    expect(liveness.poll(2_000)).toBe("ping");
    liveness.handleSent(5_900);
    expect(liveness.poll(6_000)).toBe("idle");
  });

  it("asks at least three times in the time after which the peer gives up", () => {
    const liveness = new Liveness(OPTIONS);
    liveness.setPeerIdle(3_000);
    expect(liveness.deadline).toBe(1_000);
    liveness.setPeerIdle(0);
    liveness.setPeerIdle(60_000);
    expect(liveness.deadline).toBe(1_000);
  });

  it("blames nobody for silence while we do not read", () => {
    const liveness = new Liveness(OPTIONS);
    liveness.setPaused(true, 1_000);
    expect(poll(liveness, 50_000)).toEqual(["ping"]);
    liveness.setPaused(false, 60_000);
    expect(poll(liveness, 65_999, 66_000)).toEqual(["ping", "idle"]);
  });

  it("never ends and never asks with times of 0", () => {
    const liveness = new Liveness({ now: 0, idleMs: 0, keepAliveMs: 0 });
    expect(liveness.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(liveness.poll(1e9)).toBeUndefined();
  });
});
