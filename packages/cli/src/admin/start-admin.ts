import type { CliHost } from "../cli-host.js";
import { VERSION } from "../flags.js";
import type { LineLogger } from "../logger.js";
import type { Redactor } from "../redactor.js";
import type { RunnableBridge } from "../run-bridge.js";
import type { Settings } from "../settings.js";

/** The admin server, where one is wanted; loaded with its libraries only then. */
export async function startAdmin(
  { admin, relay, cloudflare }: Settings,
  parts: { host: CliHost; bridge: RunnableBridge; log: LineLogger; redactor: Redactor },
) {
  if (!admin) return undefined;
  const { host, bridge, log, redactor } = parts;
  const { AdminServer } = await import("./admin-server.js");
  const server = new AdminServer({
    ...admin,
    bridge,
    log,
    redactor,
    version: VERSION,
    wallClock: host.wallClock,
    relayUrl: relay.url.origin,
    cloudflareUrl: cloudflare.url.origin,
  });
  const port = await server.start();
  log.info("admin: listening", { host: admin.host, port });
  return server;
}
