import { transportCompliance } from "../compliance/compliance.js";
import type { TransportServer, TransportSession } from "../transport.js";
import { connectWebSocket } from "./connect.js";
import type { Framing } from "./frame.js";
import type { Limits } from "./limits.js";
import { listenWebSocket } from "./listen.js";
import { cuttable } from "./testing/cut.js";

const PATH = "/room?jwt=x";

interface Setup {
  readonly framing: Framing;
  readonly protocol?: string;
  readonly limits?: Partial<Limits>;
}

/** A client and a server of this package over loopback, with a proxy between that can cut them off. */
function start({ framing, protocol, limits }: Setup) {
  return async () => {
    const protocols = protocol === undefined ? [] : [protocol];
    const server: TransportServer = await listenWebSocket({
      host: "127.0.0.1",
      port: 0,
      protocols,
      framings: [framing],
      idleTimeoutMs: 1_000,
      keepAliveMs: 200,
      ...(limits ? { limits } : {}),
    });
    const path = await cuttable(server.port);
    const client: TransportSession = await connectWebSocket(`ws://127.0.0.1:${path.port}${PATH}`, {
      protocols,
      framings: [framing],
      timeoutMs: 5_000,
      idleTimeoutMs: 1_000,
      keepAliveMs: 200,
      ...(limits ? { limits } : {}),
    });
    const accepted = await server.accept();
    if (!accepted) throw new Error("the server is closed");
    return {
      client,
      server: accepted,
      async cleanup() {
        client.close(0, "");
        await server.close();
        await path.close();
      },
      cut() {
        path.cut();
        return [client, accepted];
      },
    };
  };
}

const agreed = { protocol: "moq-lite-05", path: PATH };

for (const framing of ["qmux-00", "qmux-01", "qmux-02"] as const) {
  transportCompliance(framing, start({ framing, protocol: "moq-lite-05" }), {
    ...agreed,
    limits: { uni: 1024, bidi: 1024 },
  });
}
transportCompliance(
  "qmux-01, as little as a relay grants",
  start({
    framing: "qmux-01",
    limits: { connectionWindow: 1024 * 1024, streamWindow: 256 * 1024, maxStreams: 100 },
  }),
  { path: PATH, limits: { uni: 100, bidi: 100 } },
);
transportCompliance("legacy", start({ framing: "webtransport" }), { path: PATH });
