import { DurationHistogram } from "@moq-bridge/runtime";
import { expect, it } from "vitest";
import { History } from "./history.js";
import { sideTraffic } from "./status.fixture.js";

function traffic(bytesSent: number, framesSent: number, latencies: number[] = []) {
  const addedLatency = new DurationHistogram();
  for (const ms of latencies) addedLatency.record(ms);
  const relay = sideTraffic({ bytesSent, framesSent, addedLatency, servedSubscriptions: 2 });
  return { relay, cloudflare: sideTraffic({ servedSubscriptions: 1 }) };
}

it("gives what happened between two looks", () => {
  const history = new History();
  history.add(1_000, traffic(1_000, 10, [1]));
  expect(history.since(0)).toEqual([]);
  history.add(3_000, traffic(2_000, 30, [1, 100]));
  history.add(4_000, traffic(2_000, 30, [1, 100]));
  expect(history.since(0)).toMatchObject([
    { at: 3_000, toRelayBits: 4_000, toRelayFrames: 10, toCloudflareBits: 0, subscriptions: 3 },
    { at: 4_000, toRelayBits: 0, toRelayFrames: 0, p50Ms: null, p99Ms: null },
  ]);
  // Only the latency of that interval.
  expect(history.since(0)[0]?.p50Ms).toBeGreaterThan(50);
  expect(history.since(3_000)).toHaveLength(1);
});

it("keeps ten minutes", () => {
  const history = new History();
  for (let second = 0; second <= 1_000; second++) history.add(second * 1_000, traffic(second, 0));
  expect(history.since(0)).toHaveLength(600);
  expect(history.since(0)[0]?.at).toBe(401_000);
});
