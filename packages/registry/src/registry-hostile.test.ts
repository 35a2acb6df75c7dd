import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemRuntime } from "@moq-bridge/runtime";
import { afterEach, expect, it } from "vitest";
import { httpSource } from "./answer-source.js";
import { RegistryPoller } from "./registry-poller.js";

const MAX_BYTES = 64 * 1024;
const POLLS = 10;
const good: RequestListener = (_request, response) => {
  response.end('{"broadcasts":[{"stream_id":"a","origin":"cloudflare"}]}');
};

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(listener: RequestListener) {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** As much as is taken of 50 MB, and how much that was. */
function pour(response: ServerResponse, onSent: (bytes: number) => void): void {
  const chunk = Buffer.alloc(64 * 1024, " ");
  let left = 50 * 1024 * 1024;
  const more = () => {
    while (left > 0 && !response.destroyed) {
      left -= chunk.byteLength;
      onSent(chunk.byteLength);
      if (!response.write(chunk)) {
        response.once("drain", more);
        return;
      }
    }
    response.end();
  };
  more();
}

it.each<[string, (elsewhere: string, onSent: (bytes: number) => void) => RequestListener]>([
  [
    "redirects elsewhere",
    (elsewhere) => (_request, response) => {
      response.writeHead(302, { location: elsewhere }).end();
    },
  ],
  [
    "redirects in a circle",
    () => (_request, response) => {
      response.writeHead(307, { location: "/again" }).end();
    },
  ],
  ["answers 50 MB", (_, onSent) => (_request, response) => pour(response, onSent)],
  [
    "answers byte by byte",
    () => (_request, response) => {
      const timer = setInterval(() => response.write(" "), 10);
      response.once("close", () => clearInterval(timer));
    },
  ],
  [
    "hangs up in the middle",
    () => (_request, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("{", () => response.destroy());
    },
  ],
  ["never answers", () => () => {}],
])("a registry that %s over HTTP ends nothing and holds nothing", async (_, behaviour) => {
  let elsewhereAsked = 0;
  const elsewhere = await listen((_request, response) => {
    elsewhereAsked++;
    response.end();
  });
  let sent = 0;
  let listener = good;
  const registry = await listen((request, response) => listener(request, response));
  const lists: string[][] = [];
  const errors: string[] = [];
  const poller = new RegistryPoller({
    runtime: systemRuntime,
    source: httpSource({
      runtime: systemRuntime,
      url: registry.url,
      headers: async () => ({ authorization: "Bearer hunter2" }),
    }),
    intervalMs: 3_600_000,
    timeoutMs: 100,
    maxBytes: MAX_BYTES,
    onEntries: (entries) => lists.push(entries.map((entry) => entry.streamId)),
    onError: (error) => errors.push(error.message),
  });
  poller.start();
  await poller.pollNow();
  listener = behaviour(elsewhere.url, (bytes) => {
    sent += bytes;
  });
  for (let poll = 0; poll < POLLS; poll++) await poller.pollNow();
  expect(errors).toHaveLength(POLLS);
  expect(lists.every((list) => list.join() === "a")).toBe(true);
  expect(poller.health()).toMatchObject({ live: 1, failures: POLLS });
  expect(elsewhereAsked).toBe(0);
  expect(errors.join()).not.toContain("hunter2");
  // What the system's socket buffers swallow, not what the registry would send.
  expect(sent).toBeLessThan(POLLS * 8 * 1024 * 1024);
  const open = () =>
    new Promise<number>((resolve) => registry.server.getConnections((_error, n) => resolve(n)));
  // Idle ones that are kept for the next request; one for each poll would be ten.
  await expect.poll(open).toBeLessThan(4);
  listener = good;
  await poller.pollNow();
  expect(poller.health()).toMatchObject({ failures: 0, lastError: undefined });
  poller.stop();
});

it("takes no more memory for 200 answers of 50 MB than for a few", async () => {
  const { url } = await listen((_request, response) => pour(response, () => {}));
  let failures = 0;
  const poller = new RegistryPoller({
    runtime: systemRuntime,
    source: httpSource({ runtime: systemRuntime, url }),
    intervalMs: 3_600_000,
    onEntries: () => {},
    onError: () => failures++,
  });
  poller.start();
  for (let poll = 0; poll < 20; poll++) await poller.pollNow();
  const before = process.memoryUsage().rss;
  for (let poll = 0; poll < 200; poll++) await poller.pollNow();
  const grown = process.memoryUsage().rss - before;
  poller.stop();
  expect(failures).toBeGreaterThanOrEqual(220);
  // Keeping what was read of each, 4 MiB, would be 800 MiB.
  expect(grown / 1024 / 1024).toBeLessThan(256);
}, 60_000);
