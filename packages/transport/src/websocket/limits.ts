import { DEFAULT_MAX_RECORD_SIZE, type TransportParameters } from "./frame.js";

/** What a session grants its peer. */
export interface Limits {
  /** Bytes of all streams that may be unread at once. */
  readonly connectionWindow: number;
  /** Bytes of one stream that may be unread at once. */
  readonly streamWindow: number;
  /** Streams of each kind the peer may have open at once. */
  readonly maxStreams: number;
}

/**
 * More than the relays grant (1 MiB, 256 KiB, 100), for what they grant caps
 * one stream at 2.5 MB/s over 100 ms; still only a few megabytes a session.
 */
export const DEFAULT_LIMITS: Limits = {
  connectionWindow: 4 * 1024 * 1024,
  streamWindow: 1024 * 1024,
  maxStreams: 1024,
};

/** No limits: the legacy framing cannot announce any. */
export const NO_LIMITS: Limits = {
  connectionWindow: Number.POSITIVE_INFINITY,
  streamWindow: Number.POSITIVE_INFINITY,
  maxStreams: Number.POSITIVE_INFINITY,
};

/** A window is told of only in steps of this share, so that small reads do not make small frames. */
export const WINDOW_STEPS = 8;

/** Bytes a stream may hold unsent before its writer waits. */
export const SEND_BUFFER = 64 * 1024;

/** Unanswered QX_PINGs kept while the socket is blocked; older ones are forgotten. */
export const MAX_PENDING_PONGS = 16;

/** Longest reason of a close, sent or kept, in UTF-16 units; three bytes each still fit a record. */
export const MAX_REASON = 1000;

/** Limits as transport parameters. Datagrams are refused: on a stream they only wait in line. */
export function toParameters(limits: Limits, idleTimeoutMs: number): TransportParameters {
  return {
    maxIdleTimeout: idleTimeoutMs,
    initialMaxData: limits.connectionWindow,
    initialMaxStreamDataBidiLocal: limits.streamWindow,
    initialMaxStreamDataBidiRemote: limits.streamWindow,
    initialMaxStreamDataUni: limits.streamWindow,
    initialMaxStreamsBidi: limits.maxStreams,
    initialMaxStreamsUni: limits.maxStreams,
    maxDatagramFrameSize: 0,
    maxRecordSize: DEFAULT_MAX_RECORD_SIZE,
    resetStreamAt: false,
  };
}
