import { expect, test } from "vitest";
import { createPageHandler } from "./page-handler.js";

const HTML = "text/html; charset=utf-8";

function page({ restartBridge = async () => {} }: { restartBridge?: () => Promise<void> } = {}) {
  const handler = createPageHandler({
    files: new Map([["/demo.html", { type: HTML, body: new TextEncoder().encode("<p>scene") }]]),
    scene: () => ({ relayUrl: "ws://127.0.0.1:1/?jwt=secret" }),
    registry: async (request) => new Response(`registry ${new URL(request.url).pathname}`),
    restartBridge,
  });
  return async (
    path: string,
    { method = "GET", host = "127.0.0.1:80", origin }: Partial<Record<string, string>> = {},
  ) => {
    const headers = { ...(origin && { origin }) };
    const answer = await handler(new Request(`http://${host}${path}`, { method, headers }));
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
}

const ownPage = { method: "POST", origin: "http://127.0.0.1" };

test("serves the page, the scene and the registry, and lets the page load nothing from elsewhere", async () => {
  const ask = page();
  const root = await ask("/");
  expect([root.status, root.text, root.headers.get("content-type")]).toEqual([
    200,
    "<p>scene",
    HTML,
  ]);
  expect(root.headers.get("content-security-policy")).toMatch(
    /default-src 'none'.*frame-ancestors 'none'/,
  );
  expect((await ask("/scene.json")).text).toContain("relayUrl");
  expect((await ask("/api/stats/greet")).text).toBe("registry /api/stats/greet");
  expect((await ask("/../package.json")).status).toBe(404);
});

test("a page elsewhere cannot have the bridge restarted, nor write to the registry", async () => {
  let restarts = 0;
  const ask = page({
    restartBridge: async () => {
      restarts += 1;
    },
  });
  const foreign = [
    {},
    { origin: "null" },
    { origin: "http://elsewhere.example" },
    { origin: "http://127.0.0.1:81" },
    { origin: "https://127.0.0.1" },
  ];
  for (const headers of foreign) {
    for (const path of ["/restart", "/api/stats/broadcast"]) {
      expect((await ask(path, { method: "POST", ...headers })).status, path).toBe(403);
    }
  }
  expect((await ask("/restart")).status).toBe(405);
  expect(restarts).toBe(0);
  expect((await ask("/restart", ownPage)).status).toBe(204);
  expect(restarts).toBe(1);
});

test("a name that leads to this machine but is not its own learns nothing", async () => {
  const ask = page();
  for (const path of ["/", "/scene.json", "/api/stats/greet"]) {
    const answer = await ask(path, { host: "rebound.example" });
    expect(answer.status).toBe(403);
    expect(answer.text).not.toContain("jwt");
  }
  const rebound = { method: "POST", host: "rebound.example", origin: "http://rebound.example" };
  expect((await ask("/restart", rebound)).status).toBe(403);
  expect((await ask("/scene.json", { host: "localhost:80" })).status).toBe(200);
});

test("the bridge is restarted once at a time, and again after one that failed", async () => {
  let finish: (() => void) | undefined;
  const ask = page({
    restartBridge: () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  });
  const first = ask("/restart", ownPage);
  await expect.poll(() => finish).toBeDefined();
  const second = await ask("/restart", ownPage);
  expect([second.status, second.text]).toEqual([409, "the bridge is being restarted already\n"]);
  finish?.();
  expect((await first).status).toBe(204);

  const failing = page({ restartBridge: () => Promise.reject(new Error("no port")) });
  for (let attempt = 0; attempt < 2; attempt++) {
    const answer = await failing("/restart", ownPage);
    expect([answer.status, answer.text]).toEqual([500, "the bridge did not start: no port\n"]);
  }
});
