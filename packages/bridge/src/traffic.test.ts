import { DurationHistogram, MoqError, settle } from "@moq-bridge/runtime";
import { expect, it } from "vitest";
import { type SessionTraffic, TrafficMeter } from "./traffic.js";

class FakeSession {
  traffic: SessionTraffic;
  end!: (end: { by: string; error?: MoqError }) => void;
  readonly closed: Promise<{ by: string; error?: MoqError }>;

  constructor(scale: number) {
    const addedLatency = new DurationHistogram();
    addedLatency.record(scale);
    this.traffic = {
      bytesReceived: scale,
      bytesSent: 2 * scale,
      framesReceived: 3 * scale,
      framesSent: 4 * scale,
      groupsReceived: 5 * scale,
      groupsSent: 6 * scale,
      groupsSkipped: 7 * scale,
      subscriptions: 8 * scale,
      servedSubscriptions: 9 * scale,
      addedLatency,
    };
    this.closed = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}

it("keeps the counts of sessions that ended, and forgets their gauges", async () => {
  const sessions = [1, 10, 100].map((scale) => new FakeSession(scale));
  const meter = new TrafficMeter<FakeSession>((session) => session.traffic);
  let next = 0;
  const connect = meter.counting(async () => sessions[next++] as FakeSession);
  const { signal } = new AbortController();
  await connect(signal);
  sessions[0]?.end({ by: "transport", error: new MoqError("x", "x", { scope: "session" }) });
  await settle();
  await connect(signal);
  expect(meter.total()).toMatchObject({
    sessionsOpen: 1,
    sessionsOpened: 2,
    reconnects: 1,
    bytesReceived: 11,
    bytesSent: 22,
    framesReceived: 33,
    framesSent: 44,
    groupsReceived: 55,
    groupsSent: 66,
    groupsSkipped: 77,
    subscriptions: 80,
    servedSubscriptions: 90,
  });
  expect(meter.total().addedLatency).toMatchObject({ count: 2, sumMs: 11 });
  // A session that we closed was not lost: the next one is no reconnect.
  sessions[1]?.end({ by: "local" });
  await settle();
  await connect(signal);
  expect(meter.total()).toMatchObject({ sessionsOpen: 1, sessionsOpened: 3, reconnects: 1 });
  expect(meter.total().bytesSent).toBe(222);
});
