import type { NativeTransportSettings } from "@moq-bridge/transport-native";

/** Settings of one side that have defaults; streams and bytes bound what the peer may do. */
export interface NativeSessionOptions {
  /** The session ends when nothing arrives for this long, in milliseconds; the smaller value of both sides counts. */
  readonly idleTimeoutMs?: number;
  /** A keep-alive is sent after this long without traffic, in milliseconds; 0 for none. */
  readonly keepAliveMs?: number;
  /** Unidirectional streams the peer may have open at once. Default 8,192. */
  readonly maxUniStreams?: number;
  /** Bidirectional streams the peer may have open at once. Default 4,096. */
  readonly maxBidiStreams?: number;
}

/** In milliseconds. A client notices a lost server within 6 s; a server's own keep-alive spares clients that send none. */
const TIMES = {
  client: { idleTimeoutMs: 6_000, keepAliveMs: 2_000 },
  server: { idleTimeoutMs: 10_000, keepAliveMs: 4_000 },
} as const;

const MAX_UNI_STREAMS = 8_192;
const MAX_BIDI_STREAMS = 4_096;
/** 2 MiB is 160 Mbit/s for one stream over 100 ms. */
const STREAM_WINDOW = 2 * 1024 * 1024;
/** Bounds what a peer can make a session hold that nobody reads. */
const CONNECTION_WINDOW = 64 * 1024 * 1024;
/** Unacknowledged bytes: more only delays that a slow peer is noticed. */
const SEND_WINDOW = 8 * 1024 * 1024;

/** HTTP/3 has streams of its own, held open: each side's control stream, and the client's CONNECT. */
const OWN_STREAMS = {
  client: { uni: 1, bidi: 0 },
  server: { uni: 1, bidi: 1 },
} as const;

/** The addon's settings for one side. */
export function transportSettings(
  side: "client" | "server",
  options: NativeSessionOptions,
): NativeTransportSettings {
  const times = TIMES[side];
  const own = OWN_STREAMS[side];
  return {
    idleTimeoutMs: options.idleTimeoutMs ?? times.idleTimeoutMs,
    keepAliveMs: options.keepAliveMs ?? times.keepAliveMs,
    maxUniStreams: (options.maxUniStreams ?? MAX_UNI_STREAMS) + own.uni,
    maxBidiStreams: (options.maxBidiStreams ?? MAX_BIDI_STREAMS) + own.bidi,
    streamWindow: STREAM_WINDOW,
    connectionWindow: CONNECTION_WINDOW,
    sendWindow: SEND_WINDOW,
  };
}
