import type { BridgeStatus } from "@moq-bridge/bridge";
import { DurationHistogram } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { Metrics } from "./metrics.js";
import { metricsProblems, metricValues } from "./metrics-lint.fixture.js";
import { bridgeStatus, sideTraffic } from "./status.fixture.js";

const ABOUT = { version: "1.2.3", startedAt: 5_000 };

function busyStatus(): BridgeStatus {
  const addedLatency = new DurationHistogram();
  for (const ms of [0.2, 0.3, 7, 9_999]) addedLatency.record(ms);
  return bridgeStatus({
    traffic: {
      relay: sideTraffic({
        sessionsOpen: 1,
        sessionsOpened: 3,
        reconnects: 2,
        bytesSent: 1234,
        framesSent: 4,
        groupsSkipped: 5,
        addedLatency,
      }),
      cloudflare: sideTraffic({ framesReceived: 7, subscriptions: 2 }),
    },
    registry: {
      lastSuccess: 1,
      ageMs: 1_500,
      failures: 1,
      lastError: "down",
      live: 3,
      unconfirmed: 0,
      rows: 3,
      duplicates: 0,
      skipped: {},
      polls: 10,
      failedPolls: 4,
    } as NonNullable<BridgeStatus["registry"]>,
    relayTokenExpiresAt: 9_000,
    broadcasts: ["a", "b"].map((path) => ({
      path,
      direction: "to-relay",
      state: "announced",
      reason: undefined,
      since: 0,
    })),
    refused: { internal: 6 },
  });
}

describe("Metrics", () => {
  it("say what the status says, however often they are asked", async () => {
    const metrics = new Metrics(busyStatus, ABOUT);
    await metrics.text();
    const values = metricValues(await metrics.text());
    expect(Object.fromEntries(values)).toMatchObject({
      'moq_bridge_info{version="1.2.3"}': 1,
      moq_bridge_start_time_seconds: 5,
      'moq_bridge_sessions{side="relay"}': 1,
      'moq_bridge_sessions_opened_total{side="relay"}': 3,
      'moq_bridge_reconnects_total{side="relay"}': 2,
      'moq_bridge_sent_bytes_total{side="relay"}': 1234,
      'moq_bridge_sent_frames_total{side="relay"}': 4,
      'moq_bridge_skipped_groups_total{side="relay"}': 5,
      'moq_bridge_received_frames_total{side="cloudflare"}': 7,
      'moq_bridge_subscriptions{side="cloudflare"}': 2,
      'moq_bridge_announcements{direction="to-relay",state="announced"}': 2,
      'moq_bridge_refused_broadcasts_total{reason="internal"}': 6,
      'moq_bridge_registry_polls_total{result="ok"}': 6,
      'moq_bridge_registry_polls_total{result="failed"}': 4,
      moq_bridge_registry_age_seconds: 1.5,
      moq_bridge_registry_streams: 3,
      moq_bridge_request_credit: 97,
      moq_bridge_relay_token_expiry_seconds: 9,
      'moq_bridge_added_latency_seconds_bucket{le="0.00025",side="relay"}': 1,
      'moq_bridge_added_latency_seconds_bucket{le="0.0005",side="relay"}': 2,
      'moq_bridge_added_latency_seconds_bucket{le="0.01",side="relay"}': 3,
      'moq_bridge_added_latency_seconds_bucket{le="+Inf",side="relay"}': 4,
      'moq_bridge_added_latency_seconds_count{side="relay"}': 4,
      'moq_bridge_added_latency_seconds_sum{side="relay"}': expect.closeTo(10.0065, 6),
    });
  });

  it("leave out what there is not", async () => {
    const text = await new Metrics(() => bridgeStatus(), ABOUT).text();
    const names = [...metricValues(text).keys()].join("\n");
    expect(names).not.toMatch(/^moq_bridge_(registry|relay_token|announcements)/m);
  });

  it("pass the rules of promtool's check", async () => {
    expect(metricsProblems(await new Metrics(busyStatus, ABOUT).text())).toEqual([]);
    expect(metricsProblems(await new Metrics(() => bridgeStatus(), ABOUT).text())).toEqual([]);
  });

  it.each([
    ["# HELP a x.\n# TYPE a counter\na 1\n", 'counter "a" should end in _total'],
    [
      "# HELP a_total x.\n# TYPE a_total gauge\na_total 1\n",
      'only counters end in _total: "a_total"',
    ],
    ["# TYPE a gauge\na 1\n", 'no help text for "a"'],
    ["# HELP a_ms x.\n# TYPE a_ms gauge\na_ms 1\n", 'use base units in "a_ms"'],
    ["# HELP a x.\n# TYPE a gauge\na 1\na 1\n", 'twice: "a"'],
    ["# HELP a x.\n# TYPE a gauge\nb 1\n", '"b" belongs to no described metric'],
    ["# HELP a x.\n# TYPE a gauge\na one\n", 'not a sample: "a one"'],
  ])("the rules find %j", (text, problem) => {
    expect(metricsProblems(text)).toContain(problem);
  });
});
