import { afterEach, expect, it, vi } from "vitest";
import { LineLogger } from "./logger.js";
import { Redactor } from "./redactor.js";
import { runBridge } from "./run-bridge.js";
import type { Settings } from "./settings.js";

afterEach(() => {
  vi.useRealTimers();
});

const settings: Settings = {
  relay: {
    url: new URL("https://relay.example"),
    token: undefined,
    tls: {},
    insecureWs: false,
  },
  cloudflare: { url: new URL("https://cdn.example"), tls: {} },
  registry: { urls: [], files: [], streams: [], pollIntervalMs: 5000, write: undefined },
  direction: "to-cloudflare",
  allow: [],
  deny: [],
  toCloudflare: {},
  toRelay: {},
  streams: {},
  admin: undefined,
  logLevel: "info",
  logFormat: "text",
};

function setUp() {
  const lines: string[] = [];
  const log = new LineLogger({
    level: "info",
    format: "text",
    redactor: new Redactor(),
    wallClock: () => 0,
    write: (line) => lines.push(line),
  });
  return { lines, log };
}

it("does not wait longer than 2.5 s for the withdrawal", async () => {
  vi.useFakeTimers();
  const { log, lines } = setUp();
  let ended = false;
  const bridge = { start: () => {}, stop: () => new Promise<void>(() => {}) };
  void runBridge(settings, log, bridge, Promise.resolve("SIGTERM")).then(() => {
    ended = true;
  });
  await vi.advanceTimersByTimeAsync(2499);
  expect(ended).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(ended).toBe(true);
  expect(lines.at(-1)).toContain("without an answer to the withdrawal within 2500 ms");
});

it("leaves no timer behind when the withdrawal is quick", async () => {
  vi.useFakeTimers();
  const { log, lines } = setUp();
  const bridge = { start: () => {}, stop: async () => {} };
  await runBridge(settings, log, bridge, Promise.resolve("SIGINT"));
  expect(vi.getTimerCount()).toBe(0);
  expect(lines.at(-1)).toContain("info  stopped\n");
});
