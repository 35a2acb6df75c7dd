import type { DemoWorld } from "./demo-world.js";

/** What of a demo runs where. Tokens are not shown. */
export function introduction(world: DemoWorld): string[] {
  const origin = (url: string) => new URL(url).origin;
  const withoutQuic = world.withoutWebTransport;
  return [
    "A demo on this machine alone: nothing of it can be reached from outside.",
    `  moq-lite relay   ${origin(world.relayForClients.url)} for its clients`,
    `                   ${origin(world.relayForBridge.url)} for the bridge, a cluster node there`,
    `  draft-14 relay   ${origin(world.cloudflareForClients.url)}, behaving like Cloudflare's`,
    `  registry         ${world.registryUrl}`,
    withoutQuic === undefined
      ? "  draft-14 runs over WebTransport, as on Cloudflare"
      : `  draft-14 runs over WebSocket, which Cloudflare does not have: ${withoutQuic}`,
    "",
  ];
}
