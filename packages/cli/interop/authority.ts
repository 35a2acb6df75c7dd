import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { tokenExpiry } from "@moq-bridge/bridge";
import type { Scene } from "@moq-bridge/testing";
import { ADMIN_FLAGS, adminUrl } from "./admin-fixture.js";
import { relayUrlOf, type Scheme } from "./fixture.js";

/** What a session may do: patterns of paths, relative to the path it dialled. */
export interface Grants {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** When the relay ends the session, in seconds since the Unix epoch. */
  readonly expires?: number;
}

/** What a session may do that shows this token; `undefined` is refused. */
export type Decide = (token: string | null) => Grants | undefined;

const EVERYTHING: Grants = { publish: ["**"], subscribe: ["**"] };

/** Whoever shows a token must show one that has not expired when it connects. */
export const unlessExpired: Decide = (token) => {
  const expiresAt = tokenExpiry(token ?? "");
  return expiresAt === undefined || expiresAt > Date.now() ? EVERYTHING : undefined;
};

/** The same, and the session ends with its token. */
export const untilExpired: Decide = (token) => {
  const expiresAt = tokenExpiry(token ?? "");
  const grants = unlessExpired(token);
  return grants && expiresAt !== undefined ? { ...grants, expires: expiresAt / 1000 } : grants;
};

/** Decides for moq-relay, which asks it about each session (`--auth-url`). Gives its URL. */
export async function startAuthority(scene: Scene, decide = untilExpired): Promise<string> {
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

/** moq-relay 0.17.10 with an authority, Cloudflare's relay, a registry, and the bridge, which takes its token from a file. */
export async function startWithAuthority(
  scene: Scene,
  scheme: Scheme,
  decide: Decide,
  flags: readonly string[] = [],
) {
  const [relay, ietf, registry] = await Promise.all([
    startAuthority(scene, decide).then((authUrl) => scene.moqRelay({ authUrl })),
    scene.ietfRelay(),
    scene.registry(),
  ]);
  const relayUrl = relayUrlOf(relay, scheme);
  const bridge = await scene.bridge({
    relayUrl,
    cloudflareUrl: ietf.url,
    registryUrl: registry.url,
    flags: ["--relay-token-file", tokenFile(scene), ...ADMIN_FLAGS, ...flags],
  });
  return { relay, ietf, registry, relayUrl, bridge, url: await adminUrl(bridge) };
}

/** Where that bridge's token is, which has to be there before it starts. */
export function tokenFile(scene: Scene): string {
  return join(scene.folder, "token");
}
