import { createHash, X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { MoqError, type Runtime, toMoqError } from "@moq-bridge/runtime";
import {
  listenNative,
  listenWebSocket,
  type ServerIdentity,
  type TransportServer,
} from "@moq-bridge/transport";
import type { EmbeddedRelay } from "./embedded-relay.js";
import { type SelfSigned, selfSigned } from "./identity.js";

/** Where and how a relay listens. */
export interface ListenOptions {
  readonly runtime: Runtime;
  /** An address or name of this machine. */
  readonly host: string;
  /** TCP and UDP; 0 for any that is free. */
  readonly port: number;
  /** Makes the WebSocket `wss://`. Without it, `ws://`, and WebTransport with a certificate of its own. */
  readonly identity?: ServerIdentity;
  /** WebTransport's certificate where there is no `identity`. Default: a new one. */
  readonly certificate?: SelfSigned;
  /** Whether to serve WebTransport: where QUIC loads (default), or not at all. */
  readonly webTransport?: "auto" | "off";
  /** Silence after which a WebTransport session is over, in milliseconds. Default 10,000. */
  readonly idleTimeoutMs?: number;
}

/** A relay that listens. */
export interface ListeningRelay {
  readonly port: number;
  /** `ws://…` or `wss://…`, without a path. */
  readonly webSocketUrl: string;
  /** `https://…`, `undefined` where WebTransport is not served. */
  readonly webTransportUrl: string | undefined;
  /** Why there is no WebTransport. */
  readonly withoutWebTransport: string | undefined;
  /** SHA-256 of the certificate of WebTransport, hex; `GET /certificate.sha256` gives it, too. */
  readonly fingerprint: string | undefined;
  /** Ends every session and stops listening. */
  close(): Promise<void>;
}

/** Attempts to find a port that is free in both TCP and UDP. */
const PORT_ATTEMPTS = 5;

/**
 * Serves `relay` over WebSocket and, where the QUIC addon loads, WebTransport on the same port.
 *
 * @throws {MoqError} `listen_failed`
 */
export async function listen(
  relay: EmbeddedRelay,
  options: ListenOptions,
): Promise<ListeningRelay> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listenOnce(relay, options);
    } catch (error) {
      if (options.port !== 0 || attempt === PORT_ATTEMPTS) {
        throw toMoqError(error, "listen_failed", "process");
      }
    }
  }
}

async function listenOnce(relay: EmbeddedRelay, options: ListenOptions): Promise<ListeningRelay> {
  const { host, identity, runtime } = options;
  const certificate = identity
    ? { identity, fingerprint: fingerprintOf(identity) }
    : (options.certificate ?? (await selfSigned(hostsOf(host), runtime)));
  let fingerprint: string | undefined;
  const http = httpServer(identity, () => fingerprint);
  const port = await bind(http, host, options.port);
  const webSocket = await listenWebSocket({ server: http, protocols: relay.protocols });
  const servers: TransportServer[] = [webSocket];
  const close = async () => {
    relay.close();
    await Promise.all(servers.map((server) => server.close()));
    const closed = new Promise((resolve) => http.close(resolve));
    http.closeAllConnections();
    await closed;
  };
  const address = addressOf(host, port);
  let withoutWebTransport: string | undefined;
  if (options.webTransport === "off") {
    withoutWebTransport = "it was not asked for";
  } else {
    try {
      servers.push(
        await listenNative({
          host,
          port,
          identity: certificate.identity,
          protocols: relay.protocols,
          ...(options.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: options.idleTimeoutMs }),
          ...(relay.maxUniStreams === undefined ? {} : { maxUniStreams: relay.maxUniStreams }),
        }),
      );
      fingerprint = certificate.fingerprint;
    } catch (thrown) {
      const error = toMoqError(thrown, "listen_failed", "process");
      if (error.code !== "connect_unsupported") {
        await close();
        throw cannotListen(`${address} with QUIC`, error);
      }
      withoutWebTransport = error.message;
    }
  }
  for (const server of servers) void acceptAll(server, relay);
  return {
    port,
    webSocketUrl: `${identity ? "wss" : "ws"}://${address}`,
    webTransportUrl: fingerprint === undefined ? undefined : `https://${address}`,
    withoutWebTransport,
    fingerprint,
    close,
  };
}

async function acceptAll(server: TransportServer, relay: EmbeddedRelay): Promise<void> {
  for (let session = await server.accept(); session; session = await server.accept()) {
    void relay.serve(session);
  }
}

function httpServer(
  identity: ServerIdentity | undefined,
  fingerprint: () => string | undefined,
): Server {
  const server = identity
    ? createSecureServer({ cert: identity.cert, key: identity.key })
    : createServer();
  server.on("request", (request, response) => {
    const hash = fingerprint();
    if (request.url === "/certificate.sha256" && hash !== undefined) {
      // Pages of any origin may trust a development relay by it.
      response.writeHead(200, {
        "content-type": "text/plain",
        "access-control-allow-origin": "*",
      });
      response.end(hash);
    } else {
      response.writeHead(426, { connection: "close", upgrade: "websocket" }).end();
    }
  });
  return server;
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(cannotListen(addressOf(host, port), cause)));
    server.listen({ host, port }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : port);
    });
  });
}

/** What the system says, Node.js and the addon alike, and what to say and do instead. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/address already in use/i, "another program listens there; end it or choose another port"],
  [/permission denied/i, "not permitted; choose a port from 1024"],
  [/EADDRNOTAVAIL|ENOTFOUND/, "this machine has no such address; choose one that it has"],
];

function cannotListen(where: string, cause: Error): MoqError {
  const reason = REASONS.find(([pattern]) => pattern.test(cause.message))?.[1] ?? cause.message;
  const message = `cannot listen on ${where}: ${reason}`;
  return new MoqError("listen_failed", message, { scope: "process", cause });
}

function addressOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function hostsOf(host: string): string[] {
  return [...new Set([host, "localhost", "127.0.0.1"])];
}

function fingerprintOf(identity: ServerIdentity): string {
  return createHash("sha256").update(new X509Certificate(identity.cert).raw).digest("hex");
}
