import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Scene } from "@moq-bridge/testing";

/** Decides for moq-relay: whoever shows a token must show one that has not expired. */
export async function startAuthority(scene: Scene): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { query } = JSON.parse(body) as { query?: string };
    const token = new URLSearchParams(query ?? "").get("jwt");
    const payload = token?.split(".")[1];
    const claims = payload ? JSON.parse(Buffer.from(payload, "base64url").toString()) : {};
    const isGood = claims.exp === undefined || claims.exp * 1000 > Date.now();
    response.writeHead(isGood ? 200 : 401, { "content-type": "application/json" });
    response.end(isGood ? '{"publish":["**"],"subscribe":["**"]}' : "{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scene.onEnd(async () => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
