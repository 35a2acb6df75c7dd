import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { ConnectOptions, ServerIdentity } from "../transport.js";
import { MAX_LEGACY_MESSAGE_SIZE } from "./codec.js";
import { type Framing, MAX_FRAME_SIZE } from "./frame.js";
import type { Limits } from "./limits.js";

/** What a WebSocket client may be told beside what every client needs. */
export interface WebSocketConnectOptions extends ConnectOptions {
  /**
   * Framings to offer, most wanted first. Default: qmux-01, qmux-00, qmux-02 and
   * the legacy one. moq-relay 0.17 takes qmux-01 or qmux-00 with a protocol and
   * passes over qmux-02; 0.10 takes the legacy framing only, offered alone, which
   * cannot name a protocol. Leave out `webtransport` to refuse a session without one.
   */
  readonly framings?: readonly Framing[];
  /** What to grant the peer. */
  readonly limits?: Partial<Limits>;
}

/** What a WebSocket server needs. */
export interface WebSocketListenOptions {
  /** Address to bind. Not used with `server`. */
  readonly host?: string;
  /** Port to bind, 0 for any. Not used with `server`. */
  readonly port?: number;
  /** Serves `wss`; without it `ws`. Not used with `server`. */
  readonly tls?: ServerIdentity;
  /** An HTTP server to take upgrades from; it is not closed with this one. */
  readonly server?: HttpServer | HttpsServer;
  /** Application protocols, most wanted first. */
  readonly protocols: readonly string[];
  /** Framings, most wanted first. Default: all, newest first. */
  readonly framings?: readonly Framing[];
  /** Without it the framing `webtransport` is refused. Default true. */
  readonly legacy?: boolean;
  /** What to grant each peer. */
  readonly limits?: Partial<Limits>;
  /** A session ends when nothing arrives for this long, in milliseconds. Default 30,000. */
  readonly idleTimeoutMs?: number;
  /** A ping is sent after this long without traffic, in milliseconds. Default 10,000. */
  readonly keepAliveMs?: number;
}

/** Most a qmux message may have before `ws` refuses it; what is between that and the framing's limit gets a reason. */
const MAX_QMUX_PAYLOAD = 4 * MAX_FRAME_SIZE;

/** How `ws` is to be set up for these framings. */
export function webSocketSettings(framings: readonly Framing[]) {
  return {
    // Media does not compress.
    perMessageDeflate: false,
    maxPayload: framings.includes("webtransport") ? MAX_LEGACY_MESSAGE_SIZE : MAX_QMUX_PAYLOAD,
    // A flood of pings must not fill our memory with pongs, so the session answers them.
    autoPong: false,
    skipUTF8Validation: true,
  };
}
