import type { ClientRequestArgs } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { MoqError } from "@moq-bridge/runtime";
import { WebSocket } from "ws";
import { connectError, fromNodeError } from "../connect-error.js";
import { tlsConnector } from "../tls/node-tls.js";
import type { TlsTrust, TransportSession } from "../transport.js";
import type { Framing } from "./frame.js";
import { DEFAULT_LIMITS } from "./limits.js";
import { NodeSocket } from "./node-socket.js";
import { type WebSocketConnectOptions, webSocketSettings } from "./options.js";
import { WebSocketSession } from "./session.js";
import { offeredSubprotocols, parseSubprotocol } from "./subprotocol.js";

/**
 * 01 before 02: the relays prefer by a list of their own and pass over names
 * they do not know, while a server that goes by the client's order gets the
 * framing most of them speak.
 */
const DEFAULT_FRAMINGS: readonly Framing[] = ["qmux-01", "qmux-00", "qmux-02", "webtransport"];

const DEFAULT_IDLE_TIMEOUT_MS = 6_000;
const DEFAULT_KEEP_ALIVE_MS = 2_000;

const SCHEMES = new Map([
  ["ws:", "ws:"],
  ["http:", "ws:"],
  ["wss:", "wss:"],
  ["https:", "wss:"],
]);

/** All that moq-relay 0.10.0 takes, and only where nothing else is offered beside it. */
const LEGACY_ONLY: readonly Framing[] = ["webtransport"];

/**
 * Opens a session over a WebSocket to a `wss:` or `ws:` URL (`https:` and
 * `http:` mean the same). The URL's path and query go to the server; its
 * fragment does not. Redirects are not followed.
 *
 * `protocol` of the session is the application protocol the server chose,
 * `undefined` in the legacy framing. A server that accepts without choosing among
 * the default framings is asked once more with the legacy one alone.
 *
 * @throws {MoqError} as {@link Connect} says; `connect_http` with status 101 when the
 *   server accepted without any of the subprotocols offered; `connect_url`
 */
export async function connectWebSocket(
  url: string,
  options: WebSocketConnectOptions,
): Promise<TransportSession> {
  const target = parseUrl(url);
  const signal = AbortSignal.any([
    AbortSignal.timeout(options.timeoutMs),
    ...(options.signal ? [options.signal] : []),
  ]);
  const open = (framings: readonly Framing[]) => {
    const names = offeredSubprotocols({ protocols: options.protocols, framings });
    const webSocket = new WebSocket(target, names, {
      ...webSocketSettings(framings),
      ...(target.protocol === "wss:" ? secureConnection(options.tls, signal) : {}),
    });
    return opened(webSocket, target.host, options, signal);
  };
  try {
    return await open(options.framings ?? DEFAULT_FRAMINGS);
  } catch (error) {
    if (options.framings || !choseNothing(error)) throw error;
    return open(LEGACY_ONLY);
  }
}

function parseUrl(url: string): URL {
  // The error of an unreadable URL would quote it, token included.
  const target = URL.canParse(url) ? new URL(url) : undefined;
  const scheme = SCHEMES.get(target?.protocol ?? "");
  if (target === undefined || scheme === undefined) {
    throw connectError("connect_url", "not a ws, wss, http or https URL");
  }
  target.hash = "";
  target.protocol = scheme;
  return target;
}

function secureConnection(
  trust: TlsTrust | undefined,
  signal: AbortSignal,
): Pick<ClientRequestArgs, "createConnection"> {
  const connector = tlsConnector(trust, signal);
  return {
    createConnection: ({ host, port }, onCreated) => {
      const target = { host: host ?? "localhost", port: Number(port ?? 443) };
      // Node's types want a socket beside an error too; Node ignores it.
      return connector(target, (error, socket) => onCreated(error, socket ?? new Duplex()));
    },
  };
}

/** Waits for the upgrade; the session takes over in the same turn, so that no message is missed. */
function opened(
  webSocket: WebSocket,
  authority: string,
  options: WebSocketConnectOptions,
  signal: AbortSignal,
): Promise<TransportSession> {
  return new Promise((resolve, reject) => {
    let socket: Socket | undefined;
    const settle = () => signal.removeEventListener("abort", onAbort);
    const fail = (error: MoqError) => {
      settle();
      reject(error);
      webSocket.terminate();
    };
    const onAbort = () => fail(abortError(authority, options));
    signal.addEventListener("abort", onAbort, { once: true });
    webSocket.on("upgrade", (response) => {
      socket = response.socket;
    });
    webSocket.on("unexpected-response", (_request, response) => {
      const status = response.statusCode ?? 0;
      const message = `${authority} answered with HTTP status ${status}`;
      fail(connectError("connect_http", message, { wireCode: status }));
    });
    webSocket.on("error", (error) => fail(toConnectError(error, socket !== undefined, authority)));
    webSocket.on("open", () => {
      settle();
      const agreed = parseSubprotocol(webSocket.protocol);
      if (!socket || !agreed) {
        fail(noSubprotocol(authority));
        return;
      }
      resolve(
        new WebSocketSession({
          socket: new NodeSocket(webSocket, socket),
          side: "client",
          ...agreed,
          path: undefined,
          limits: { ...DEFAULT_LIMITS, ...options.limits },
          idleTimeoutMs: options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
          keepAliveMs: options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
        }),
      );
    });
    if (signal.aborted) onAbort();
  });
}

function abortError(authority: string, options: WebSocketConnectOptions): MoqError {
  return options.signal?.aborted
    ? connectError("connect_aborted", "connecting was given up")
    : connectError("connect_unanswered", `no answer from ${authority} in ${options.timeoutMs} ms`);
}

function noSubprotocol(authority: string): MoqError {
  const message = `${authority} agreed to none of the subprotocols offered`;
  return connectError("connect_http", message, { wireCode: 101 });
}

function choseNothing(error: unknown): boolean {
  return error instanceof MoqError && error.code === "connect_http" && error.wireCode === 101;
}

function toConnectError(error: Error, upgraded: boolean, authority: string): MoqError {
  if (error instanceof MoqError) return error;
  if (upgraded) return noSubprotocol(authority);
  if ("code" in error && String(error.code).startsWith("HPE_")) {
    return connectError("connect_http", `${authority} does not speak HTTP`, { cause: error });
  }
  return fromNodeError(error, "tcp", authority);
}
