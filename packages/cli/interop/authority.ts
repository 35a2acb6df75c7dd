import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Scene } from "@moq-bridge/testing";

/** What a session may do: patterns of paths, relative to the path it dialled. */
export interface Grants {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** What a session may do that shows this token; `undefined` is refused. */
export type Decide = (token: string | null) => Grants | undefined;

const EVERYTHING: Grants = { publish: ["**"], subscribe: ["**"] };

/** Whoever shows a token must show one that has not expired. */
const unlessExpired: Decide = (token) => {
  const payload = token?.split(".")[1];
  const claims = payload ? JSON.parse(Buffer.from(payload, "base64url").toString()) : {};
  return claims.exp === undefined || claims.exp * 1000 > Date.now() ? EVERYTHING : undefined;
};

/** Decides for moq-relay, which asks it about each session (`--auth-url`). Gives its URL. */
export async function startAuthority(scene: Scene, decide = unlessExpired): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { query } = JSON.parse(body) as { query?: string };
    const grants = decide(new URLSearchParams(query ?? "").get("jwt"));
    response.writeHead(grants ? 200 : 401, { "content-type": "application/json" });
    response.end(JSON.stringify(grants ?? {}));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  scene.onEnd(async () => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
