import type { MoqError } from "@moq-bridge/runtime";

/** How a session ended. */
export interface CloseInfo {
  /** The application's code, or `undefined` when the connection was lost without one. */
  readonly code: number | undefined;
  readonly reason: string;
  /** Who ended it: our `close`, the peer's, or the connection itself (idle, reset, unreachable). */
  readonly by: "local" | "peer" | "transport";
}

/** What a backend cannot do is said here, never discovered by a hang. */
export interface Capabilities {
  /** Datagrams can be sent and received. */
  readonly datagrams: boolean;
  /** `SendStream.finished` resolves only when the peer's transport has everything. */
  readonly acknowledgedFinish: boolean;
  /** Stream priorities reach the wire scheduler. */
  readonly priorities: boolean;
  /** A slow reader of one stream leaves other streams alone (false for legacy WebSocket framing). */
  readonly perStreamFlowControl: boolean;
}

/** The receiving half of a stream. */
export interface RecvStream {
  /**
   * The next bytes, `undefined` after the peer's FIN. A chunk belongs to the
   * caller and is never written to again. One read at a time.
   *
   * @throws {MoqError} `stream_reset` with the peer's code as `wireCode`,
   *   `stream_stopped` after our own `stop`, or `session_closed`
   */
  read(): Promise<Uint8Array | undefined>;
  /** Asks the peer to stop sending (STOP_SENDING). Ends a pending read. Does nothing on a stream that ended. */
  stop(code: number): void;
}

/** The sending half of a stream. */
export interface SendStream {
  /**
   * Queues the chunks in order and resolves when there is room for more.
   * Awaiting is how a writer obeys flow control. The chunks must not change
   * before they were sent. One write at a time.
   *
   * @throws {MoqError} `stream_stopped` with the peer's code as `wireCode`,
   *   `stream_reset` after our own `reset`, or `session_closed`
   */
  write(chunks: Uint8Array | readonly Uint8Array[]): Promise<void>;
  /** Ends the stream after everything written (FIN). */
  finish(): void;
  /** Abandons the stream (RESET_STREAM), even while a write is blocked. Does nothing on a stream that ended. */
  reset(code: number): void;
  /** Streams of a higher priority are sent first: a signed 32-bit integer, default 0. */
  setPriority(priority: number): void;
  /** Resolves when the peer has everything and the FIN; rejects like `write` when it never will. Never an unhandled rejection. */
  readonly finished: Promise<void>;
  /** Resolves with the peer's STOP_SENDING code, or `undefined` when the stream ended without one. */
  readonly stopped: Promise<number | undefined>;
}

/** A bidirectional stream. */
export interface BidiStream {
  readonly send: SendStream;
  readonly recv: RecvStream;
}

/** A session of streams: what MoQ runs on. */
export interface TransportSession {
  readonly kind: "webtransport" | "quic" | "websocket" | "memory";
  readonly side: "client" | "server";
  /** The negotiated application protocol (for example `moq-lite-05`), `undefined` when none was agreed. */
  readonly protocol: string | undefined;
  /** On a server: the path the client asked for, with its query. On a client: `undefined`. */
  readonly path: string | undefined;
  readonly capabilities: Capabilities;

  /** Resolves when the peer's stream limit admits one more. @throws {MoqError} `session_closed` */
  openUni(): Promise<SendStream>;
  /** Resolves when the peer's stream limit admits one more. @throws {MoqError} `session_closed` */
  openBidi(): Promise<BidiStream>;
  /** The next stream from the peer, `undefined` once the session is closed. One call at a time. */
  acceptUni(): Promise<RecvStream | undefined>;
  /** The next stream from the peer, `undefined` once the session is closed. One call at a time. */
  acceptBidi(): Promise<BidiStream | undefined>;

  /** Largest datagram that can be sent now, in bytes; 0 when there are none. */
  readonly maxDatagramSize: number;
  /** Sends a datagram, or drops it when it cannot be sent at once. */
  sendDatagram(payload: Uint8Array): void;
  /** The next datagram, `undefined` once the session is closed. One call at a time. */
  readDatagram(): Promise<Uint8Array | undefined>;

  /** Ends the session with a code (0 to 2^32 - 1) and reason. The first call counts. */
  close(code: number, reason: string): void;
  /** Resolves once when the session has ended, whoever ended it; never rejects. */
  readonly closed: Promise<CloseInfo>;
}

/** A listening server. */
export interface TransportServer {
  /** The bound port, also after asking for port 0. */
  readonly port: number;
  /** The next session, `undefined` after `close`. */
  accept(): Promise<TransportSession | undefined>;
  /** Stops listening and ends every session it accepted. */
  close(): Promise<void>;
}

/** How a client decides whom to trust; without any of them the system's roots are used. */
export interface TlsTrust {
  /** PEM of the certificate authorities to trust instead of the system's. */
  readonly ca?: string;
  /** SHA-256 fingerprints (hex, colons allowed) of the server certificates to accept. */
  readonly fingerprints?: readonly string[];
  /** Accept any certificate. For loopback and private hosts. */
  readonly insecure?: boolean;
}

/** A server's certificate chain and key, PEM. */
export interface ServerIdentity {
  readonly cert: string;
  readonly key: string;
}

/** What every client needs to connect. */
export interface ConnectOptions {
  /** Application protocols to offer, most wanted first. Empty: offer none. */
  readonly protocols: readonly string[];
  readonly tls?: TlsTrust;
  /** Give up connecting after this long, in milliseconds. */
  readonly timeoutMs: number;
  /** The session ends when nothing arrives for this long, in milliseconds. Default 6,000 for clients. */
  readonly idleTimeoutMs?: number;
  /** A keep-alive is sent after this long without traffic, in milliseconds. Default 2,000. */
  readonly keepAliveMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Opens a session.
 *
 * @throws {MoqError} `connect_refused`, `connect_unanswered` (UDP or TCP gave no
 *   answer), `connect_tls`, `connect_http` (status as `wireCode`),
 *   `connect_aborted`, `connect_unsupported` (no backend loads), `connect_url` (not a
 *   URL this transport takes)
 */
export type Connect = (url: string, options: ConnectOptions) => Promise<TransportSession>;

/** The error of a stream or session that has ended. */
export type TransportError = MoqError;
