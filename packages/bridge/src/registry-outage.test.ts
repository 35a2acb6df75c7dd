import type { HttpHandler, HttpResponse } from "@moq-bridge/runtime";
import { MoqError } from "@moq-bridge/runtime";
import { afterEach, expect, it } from "vitest";
import { Publisher, World } from "./world.fixture.js";

const HOUR_MS = 3_600_000;
const NAMES = ["live/a", "live/b"];

let world: World;
afterEach(async () => {
  const stopped = world.bridge.stop();
  await world.runtime.advance(20_000);
  await stopped;
});

const bytes = (text: string) => new TextEncoder().encode(text);
const respond =
  (body: string | Uint8Array, more: Partial<HttpResponse> = {}): HttpHandler =>
  async (url) => ({
    status: 200,
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? bytes(body) : body,
    url,
    ...more,
  });
const fail =
  (code: string): HttpHandler =>
  async () => {
    throw new MoqError(code, "no answer that counts", { scope: "process" });
  };
/** A whole answer, if only one waited for its last byte. */
const slowly: HttpHandler = (url, options) =>
  new Promise((resolve) => {
    const list = JSON.stringify({ broadcasts: [] });
    world.runtime.setTimer(list.length * 1000, () => resolve(respond(list)(url, options)));
  });
const FIFTY_MB = new Uint8Array(50 * 1024 * 1024).fill(32);

it.each<[string, HttpHandler]>([
  ["is down", fail("http_unreachable")],
  ["answers 500", respond("broken", { status: 500 })],
  ["answers truncated JSON", respond('{"broadcasts":[{"stream_id":"live/a","ori')],
  ["answers HTML", respond("<!doctype html><title>maintenance</title>")],
  ["redirects elsewhere", fail("http_redirect")],
  ["answers 50 MB", respond(FIFTY_MB)],
  ["answers one byte a second", slowly],
  ["answers nothing", () => new Promise(() => {})],
])(
  "for an hour the registry %s: no stream ends, requests and timers stay few, recovery is immediate",
  async (_, handler) => {
    world = new World();
    const good = world.http;
    for (const name of NAMES) {
      new Publisher(world.cdn.native, name);
      world.list(name);
    }
    await world.start();
    const { runtime, relay, bridge } = world;
    expect(world.announced(relay.bridged)).toEqual(NAMES);
    const before = NAMES.map((name) => relay.bridged.broadcast(name));
    const timers = runtime.pendingTimers;
    let open = 0;
    let most = 0;
    let asked = 0;
    world.http = async (url, options) => {
      asked++;
      most = Math.max(most, ++open);
      let over = false;
      const close = () => {
        if (!over) open--;
        over = true;
      };
      options.signal?.addEventListener("abort", close, { once: true });
      const cancel = runtime.setTimer(options.timeoutMs, close);
      try {
        return await handler(url, options);
      } finally {
        cancel();
        close();
      }
    };
    for (let minute = 0; minute < 60; minute++) {
      await runtime.advance(HOUR_MS / 60);
      expect(runtime.pendingTimers).toBeLessThanOrEqual(timers + 4);
    }
    expect(world.announced(relay.bridged)).toEqual(NAMES);
    expect(NAMES.map((name) => relay.bridged.broadcast(name))).toEqual(before);
    expect(most).toBe(1);
    expect(asked).toBeLessThan(HOUR_MS / 10_000);
    const { registry } = bridge.status();
    expect(registry?.ageMs).toBeGreaterThan(HOUR_MS - 10_000);
    expect(registry?.failures).toBeGreaterThan(60);
    // Said once, not at every poll.
    expect(world.lines.filter((line) => line.includes("what was known stays"))).toHaveLength(1);

    world.http = good;
    world.list("live/c");
    let polled = false;
    void bridge.pollNow().then(() => {
      polled = true;
    });
    // A request that hangs is given up first, after 10 s.
    for (let second = 0; second < 11 && !polled; second++) await runtime.advance(1_000);
    expect(polled).toBe(true);
    await runtime.advance(100);
    expect(world.announced(relay.bridged)).toEqual([...NAMES, "live/c"]);
    expect(bridge.status().registry).toMatchObject({ failures: 0, lastError: undefined });
  },
);

it("an empty list, once, ends nothing", async () => {
  world = new World();
  for (const name of NAMES) {
    new Publisher(world.cdn.native, name);
    world.list(name);
  }
  await world.start();
  const before = NAMES.map((name) => world.relay.bridged.broadcast(name));
  const good = world.http;
  world.http = async (url, options) => {
    world.http = good;
    return respond('{"broadcasts":[]}')(url, options);
  };
  await world.runtime.advance(10_000);
  expect(NAMES.map((name) => world.relay.bridged.broadcast(name))).toEqual(before);
});

it("recovers by itself within the longest back-off", async () => {
  world = new World();
  await world.start();
  world.registryUp = false;
  await world.runtime.advance(HOUR_MS);
  world.registryUp = true;
  new Publisher(world.cdn.native, "live/a");
  world.list("live/a");
  await world.runtime.advance(30_100);
  expect(world.announced(world.relay.bridged)).toEqual(["live/a"]);
});
