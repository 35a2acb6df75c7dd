import { request } from "node:http";
import type { BridgeStatus } from "@moq-bridge/bridge";
import { DurationHistogram } from "@moq-bridge/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { LineLogger } from "../logger.js";
import { Redactor } from "../redactor.js";
import { AdminServer } from "./admin-server.js";
import { bridgeStatus, sideTraffic } from "./status.fixture.js";

const TOKEN = "a-token-of-the-admin";
const servers: AdminServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function setUp(given: { token?: string; status?: () => BridgeStatus } = {}) {
  const redactor = new Redactor();
  const lines: string[] = [];
  let polls = 0;
  const server = new AdminServer({
    host: "127.0.0.1",
    port: 0,
    token: given.token,
    bridge: {
      status: given.status ?? (() => bridgeStatus()),
      pollNow: async () => {
        polls++;
      },
    },
    version: "1.2.3",
    wallClock: () => 61_000,
    relayUrl: "wss://relay.example",
    cloudflareUrl: "https://cdn.example",
    redactor,
    log: new LineLogger({
      level: "info",
      format: "text",
      redactor,
      wallClock: () => 0,
      write: (line) => lines.push(line),
    }),
  });
  servers.push(server);
  const port = await server.start();
  const ask = (path: string, headers: Record<string, string> = {}, method = "GET") =>
    new Promise<{ status: number; body: string; headers: Record<string, unknown> }>(
      (resolve, reject) => {
        const asked = request({ port, path, method, headers }, (response) => {
          let body = "";
          response.on("data", (chunk) => {
            body += chunk;
          });
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
          );
        });
        asked.on("error", reject).end();
      },
    );
  return { ask, port, lines, polls: () => polls };
}

describe("health", () => {
  it("is fine while the process answers", async () => {
    const { ask } = await setUp({ token: TOKEN });
    expect(await ask("/healthz")).toMatchObject({ status: 200, body: "ok\n" });
  });

  it("is ready once both sides and the registry are there, and says what is missing", async () => {
    let status = bridgeStatus();
    const { ask } = await setUp({ status: () => status, token: TOKEN });
    expect(await ask("/readyz")).toMatchObject({ status: 200, body: "ready\n" });
    status = bridgeStatus({
      relay: { ...status.relay, connected: false, lastError: "refused" },
      cloudflare: { sessions: [], waiting: 0 },
      registry: { lastSuccess: undefined } as BridgeStatus["registry"],
    });
    expect(await ask("/readyz")).toMatchObject({
      status: 503,
      body: "not ready: relay, cloudflare, registry\n",
    });
  });
});

describe("access", () => {
  const protectedPaths = ["/", "/status", "/metrics", "/history", "/page.js"];

  it.each(protectedPaths)("to %s needs the token where there is one", async (path) => {
    const { ask } = await setUp({ token: TOKEN });
    const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
    expect(await ask(path)).toMatchObject({
      status: 401,
      headers: { "www-authenticate": expect.stringContaining("Basic") },
    });
    for (const wrong of [`Bearer ${TOKEN}x`, "Bearer", basic("admin"), basic(`${TOKEN}:`)]) {
      expect((await ask(path, { authorization: wrong })).status).toBe(401);
    }
    expect((await ask(path, { authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    expect((await ask(path, { authorization: basic(`anyone:${TOKEN}`) })).status).toBe(200);
  });

  it("without a token is for names of this machine, whatever name leads here", async () => {
    const { ask } = await setUp();
    expect((await ask("/status", { host: "localhost:1" })).status).toBe(200);
    expect((await ask("/status", { host: "[::1]:1" })).status).toBe(200);
    expect((await ask("/status", { host: "rebound.example" })).status).toBe(403);
  });

  it("is refused to pages of other sites", async () => {
    const { ask, port, polls } = await setUp();
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
    ] as Record<string, string>[]) {
      expect((await ask("/poll", headers, "POST")).status).toBe(403);
    }
    expect(polls()).toBe(0);
    const own = { origin: `http://localhost:${port}`, host: `localhost:${port}` };
    expect((await ask("/poll", own, "POST")).status).toBe(200);
    expect(polls()).toBe(1);
  });
});

describe("requests", () => {
  it.each([
    ["/nothing", "GET", 404],
    ["/../package.json", "GET", 404],
    ["/status", "POST", 405],
    ["/poll", "GET", 405],
  ])("for %s with %s are answered with %d", async (path, method, expected) => {
    const { ask } = await setUp();
    expect((await ask(path, {}, method)).status).toBe(expected);
  });

  it("for the page give only what this server has", async () => {
    const { ask } = await setUp();
    const page = await ask("/");
    expect(page.body).toContain('<meta name="viewport"');
    expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
    for (const [, path] of page.body.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect((await ask(path ?? "")).status).toBe(200);
    }
  });

  it("that fail inside are answered with 500 and logged without details", async () => {
    const { ask, lines } = await setUp({ token: TOKEN });
    const broken = await setUp({
      status: (() => {
        let calls = 0;
        return () => {
          if (++calls > 2) throw new Error("broken");
          return bridgeStatus();
        };
      })(),
    });
    expect(await broken.ask("/status")).toMatchObject({ status: 500, body: "internal error\n" });
    expect(broken.lines.join("")).toContain("admin: broken");
    expect((await ask("/healthz")).status).toBe(200);
    expect(lines).toEqual([]);
  });
});

describe("status", () => {
  it("tells of both sides, and hides secrets wherever they are", async () => {
    const histogram = new DurationHistogram();
    for (let i = 0; i < 100; i++) histogram.record(i < 50 ? 0.4 : 4);
    const status = bridgeStatus({
      relay: {
        connected: false,
        since: 60_000,
        sessions: 2,
        failures: 3,
        lastError: `refused https://relay.example/?jwt=hunter2, ${TOKEN}`,
        lastLoss: { at: 60_000, reason: `lost wss://relay.example/?jwt=hunter2, ${TOKEN}` },
      },
      traffic: {
        relay: sideTraffic({ framesSent: 100, addedLatency: histogram }),
        cloudflare: sideTraffic(),
      },
      relayTokenExpiresAt: 60_000,
      broadcasts: [
        { path: "a/b", direction: "to-relay", state: "announced", reason: undefined, since: 1 },
        { path: "c", direction: "to-cloudflare", state: "conflict", reason: "held", since: 2 },
      ],
    });
    const { ask } = await setUp({ status: () => status, token: TOKEN });
    const { body } = await ask("/status", { authorization: `Bearer ${TOKEN}` });
    expect(body).not.toContain("hunter2");
    expect(body).not.toContain(TOKEN);
    expect(JSON.parse(body)).toMatchObject({
      version: "1.2.3",
      ready: false,
      missing: ["relay"],
      relay: {
        url: "wss://relay.example",
        connected: false,
        reason: "refused https://relay.example/?[hidden] [hidden]",
        addedLatency: { count: 100, p50Ms: 0.5, p99Ms: expect.closeTo(4.95, 1) },
      },
      cloudflare: { connected: true, sessions: [{ requests: 3, requestLimit: 100 }] },
      relayToken: { expiresAt: 60_000, expired: true },
      broadcasts: [
        {
          path: "a/b",
          state: "waiting",
          reason: expect.stringMatching(/^no session with the relay: refused/),
        },
        { path: "c", state: "conflict", reason: "held" },
      ],
    });
  });
});

it("says in one line that its address is taken", async () => {
  const { port } = await setUp();
  const second = new AdminServer({
    host: "127.0.0.1",
    port,
    token: undefined,
    bridge: { status: () => bridgeStatus(), pollNow: async () => {} },
    version: "1",
    wallClock: () => 0,
    relayUrl: "",
    cloudflareUrl: "",
    redactor: new Redactor(),
    log: new LineLogger({
      level: "info",
      format: "text",
      redactor: new Redactor(),
      wallClock: () => 0,
      write: () => {},
    }),
  });
  await expect(second.start()).rejects.toThrow(
    `--admin: cannot listen on 127.0.0.1 port ${port}: another program listens there`,
  );
});
