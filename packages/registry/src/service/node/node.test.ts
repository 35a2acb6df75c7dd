import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ServiceFixture } from "../../../test/service-fixture.js";
import { MemoryStore } from "../memory-store.js";
import { type ListeningRegistry, serveRegistry } from "./index.js";

let service: ServiceFixture;
let registry: ListeningRegistry;
beforeEach(async () => {
  service = new ServiceFixture(new MemoryStore());
  registry = await serveRegistry(service.handler);
});
afterEach(() => registry.close());

/** The first line of the answer to a request as it is written. */
async function raw(text: string): Promise<string> {
  const socket = connect(Number(new URL(registry.url).port), "127.0.0.1");
  socket.write(text);
  let answer = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    answer += chunk;
  });
  await once(socket, "close");
  return answer.split("\r\n")[0] ?? "";
}

it("answers over HTTP as the handler does", async () => {
  const post = await fetch(`${registry.url}/api/stats/broadcast`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${await service.token()}`,
    },
    body: '{"stream_id":"a","origin":"cloudflare"}',
  });
  expect(post.status).toBe(201);
  const first = await fetch(`${registry.url}/api/stats/greet?origin=cloudflare`);
  expect(await first.json()).toMatchObject({ broadcasts: [{ stream_id: "a" }] });
  const etag = first.headers.get("etag") ?? "";
  const second = await fetch(`${registry.url}/api/stats/greet?origin=cloudflare`, {
    headers: { "if-none-match": etag },
  });
  expect(second.status).toBe(304);
  expect(await second.text()).toBe("");
});

it.each([
  ["/api/stats/greet", "200 OK"],
  ["//api/stats/greet", "404 Not Found"],
  ["//evil.example/api/stats/greet", "404 Not Found"],
  ["http://evil.example/api/stats/greet", "404 Not Found"],
  ["/api/stats/greet?origin=cloudflare?x", "400 Bad Request"],
  ["/api/../api/stats/greet", "200 OK"],
  ["*", "404 Not Found"],
])("takes the target %s for what it is: %s", async (target, status) => {
  expect(await raw(`GET ${target} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n`)).toBe(
    `HTTP/1.1 ${status}`,
  );
});

it("refuses a body that is too large without reading it", async () => {
  const authorization = `Bearer ${await service.token()}`;
  expect(
    await raw(
      `POST /api/stats/broadcast HTTP/1.1\r\nHost: registry\r\nContent-Type: application/json\r\nAuthorization: ${authorization}\r\nContent-Length: 100000000\r\nConnection: close\r\n\r\n{`,
    ),
  ).toBe("HTTP/1.1 413 Payload Too Large");
});

it("survives a request it cannot read", async () => {
  await raw("GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n");
  expect((await fetch(`${registry.url}/api/stats/greet`)).status).toBe(200);
});
