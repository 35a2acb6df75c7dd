import { DurationHistogram } from "@moq-bridge/runtime";
import { expect, it } from "vitest";
import { Redactor } from "../redactor.js";
import { bridgeStatus, registryStatus, sideTraffic } from "./status.fixture.js";
import { statusDocument } from "./status-document.js";
import { statusText } from "./status-text.js";

const CONTEXT = {
  version: "1.2.3",
  startedAt: 0,
  now: 7_200_000,
  relayUrl: "wss://relay.example",
  cloudflareUrl: "https://cdn.example",
  redactor: new Redactor(),
};

it("tells the same as the page, in lines that steer no terminal", () => {
  const addedLatency = new DurationHistogram();
  addedLatency.record(0.5);
  const status = bridgeStatus({
    relay: {
      ...{
        connected: false,
        since: 7_140_000,
        sessions: 1,
        failures: 4,
        lastError: "refused\u001b[2J",
      },
      lastLoss: { at: 7_140_000, reason: "the connection timed out" },
    },
    cloudflare: {
      sessions: [
        {
          ...{ connected: true, since: 0, sessions: 2, failures: 0, lastError: "no room" },
          ...{ requests: 3, requestLimit: 100, names: 1, tracks: 2, openStreams: 4 },
          lastLoss: { at: 3_600_000, reason: "closed by the peer:\u009b2J" },
        },
      ],
      waiting: 0,
    },
    traffic: {
      relay: sideTraffic({ framesSent: 9, groupsSkipped: 2, reconnects: 3, addedLatency }),
      cloudflare: sideTraffic(),
    },
    relayTokenExpiresAt: 7_230_000,
    registries: [
      registryStatus({ label: "https://one.example", ageMs: 3_000, live: 2, polls: 9 }),
      registryStatus({ label: "a\u009bfile", polls: 1, lastError: "there is no such file" }),
    ],
    report: {
      ...{ label: "https://one.example", live: 3, conflicts: 1, failing: 2 },
      lastError: "it answered 401",
    },
    broadcasts: [
      { path: "z", direction: "to-relay", state: "announced", reason: undefined, since: 0 },
      {
        path: "a\u001b[2J",
        direction: "to-cloudflare",
        state: "conflict",
        reason: "held\nby another",
        since: 7_199_000,
      },
    ],
    refused: { internal: 2 },
  });
  const text = statusText(statusDocument(status, CONTEXT));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  expect(text.split("\n")).toEqual([
    "moq-bridge 1.2.3: not ready (relay), up for 2.0 h",
    "relay: not connected: refused\u{fffd}[2J (wss://relay.example)",
    "  session down for 1 min, 4 failures in a row",
    "  frames received 0, sent 9; groups skipped 2; reconnects 3",
    "  added latency p50 0.38 ms, p99 0.50 ms",
    "  token good for 30 s",
    "cloudflare: connected (https://cdn.example)",
    "  session up for 2.0 h, 1 names, 2 tracks, 4 open streams, 3 of 100 requests",
    "    a new session cannot be opened: no room",
    "    the one before was lost 1.0 h ago: closed by the peer:\u{fffd}2J",
    "  frames received 0, sent 0; groups skipped 0; reconnects 0",
    "registry: answered 3 s ago, 2 live, 9 polls (https://one.example)",
    "registry: never answered, 0 live, 1 polls: there is no such file (a\u{fffd}file)",
    "the relay's streams: 3 listed, 1 held by others, 2 failing: it answered 401 (https://one.example)",
    "not carried: 2 internal",
    "",
    "BROADCAST  DIRECTION      STATE     FOR    REASON",
    "a\u{fffd}[2J      to-cloudflare  conflict  1 s    held\u{fffd}by another",
    "z          to-relay       waiting   1 min  no session with the relay: refused\u{fffd}[2J",
    "",
  ]);
});
