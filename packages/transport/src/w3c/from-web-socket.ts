import { connectError } from "../connect-error.js";
import type { TransportSession } from "../transport.js";
import type { Framing } from "../websocket/frame.js";
import { DEFAULT_LIMITS, type Limits } from "../websocket/limits.js";
import { WebSocketSession } from "../websocket/session.js";
import { offeredSubprotocols, parseSubprotocol } from "../websocket/subprotocol.js";
import { BrowserSocket } from "./browser-socket.js";
import { OPEN, type W3cWebSocket } from "./web-socket.js";

/** The legacy framing is not among them: it needs a socket that can be paused. */
const FRAMINGS: readonly Framing[] = ["qmux-01", "qmux-00"];

/** What a W3C WebSocket does not say of itself. */
export interface FromWebSocketOptions {
  /** What to grant the peer. */
  readonly limits?: Partial<Limits>;
  /** The session ends when nothing arrives for this long, in milliseconds. Default 6,000. */
  readonly idleTimeoutMs?: number;
  /** A ping is sent after this long without traffic, in milliseconds. Default 2,000. */
  readonly keepAliveMs?: number;
}

/** The subprotocols to construct a W3C WebSocket with, to speak one of `protocols` over qmux. */
export function webSocketSubprotocols(protocols: readonly string[]): string[] {
  return offeredSubprotocols({ protocols, framings: FRAMINGS });
}

/**
 * A client's {@link TransportSession} over a W3C `WebSocket` object just
 * constructed, with {@link webSocketSubprotocols}. The object must not be used
 * otherwise from then on.
 *
 * @throws {MoqError} `connect_refused` when it does not open (browsers do not say why);
 *   `connect_http` with status 101 when the server chose none of the subprotocols
 */
export function fromWebSocket(
  webSocket: W3cWebSocket,
  options: FromWebSocketOptions = {},
): Promise<TransportSession> {
  webSocket.binaryType = "arraybuffer";
  return new Promise((resolve, reject) => {
    const start = () => {
      const agreed = parseSubprotocol(webSocket.protocol);
      if (agreed === undefined || !FRAMINGS.includes(agreed.framing)) {
        webSocket.onclose = null;
        webSocket.close();
        const message = "the server agreed to none of the subprotocols offered";
        reject(connectError("connect_http", message, { wireCode: 101 }));
        return;
      }
      resolve(
        new WebSocketSession({
          socket: new BrowserSocket(webSocket),
          side: "client",
          ...agreed,
          path: undefined,
          limits: { ...DEFAULT_LIMITS, ...options.limits },
          idleTimeoutMs: options.idleTimeoutMs ?? 6_000,
          keepAliveMs: options.keepAliveMs ?? 2_000,
        }),
      );
    };
    webSocket.onopen = start;
    // It says nothing of use, and `close` follows.
    webSocket.onerror = () => {};
    webSocket.onclose = () => {
      reject(connectError("connect_refused", "the WebSocket did not open"));
    };
    if (webSocket.readyState === OPEN) start();
  });
}
