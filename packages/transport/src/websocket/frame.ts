/**
 * How frames are laid out in WebSocket messages: the drafts 00 to 02 of QMux,
 * or the framing that came before them, whose subprotocol is `webtransport`.
 */
export type Framing = "qmux-02" | "qmux-01" | "qmux-00" | "webtransport";

/** Whether a message is a record of one or more frames, rather than exactly one frame. */
export function hasRecords(framing: Framing): boolean {
  return framing === "qmux-01" || framing === "qmux-02";
}

/** Largest record of qmux-01 and later unless a peer announces more, in bytes. */
export const DEFAULT_MAX_RECORD_SIZE = 16_382;

/** Largest frame of qmux-00, in bytes. */
export const MAX_FRAME_SIZE = 16_384;

/** Released peers refuse STREAM payloads above this, whatever record size they announce. */
export const MAX_STREAM_PAYLOAD = 16_352;

/** The limits and windows one side grants the other; a limit that is absent is 0 (RFC 9000 section 18.2). */
export interface TransportParameters {
  /** Milliseconds of silence after which the sender gives the session up; 0 for never. */
  readonly maxIdleTimeout: number;
  readonly initialMaxData: number;
  /** Window of each bidirectional stream the sender of the parameters opens. */
  readonly initialMaxStreamDataBidiLocal: number;
  /** Window of each bidirectional stream the receiver of the parameters opens. */
  readonly initialMaxStreamDataBidiRemote: number;
  readonly initialMaxStreamDataUni: number;
  readonly initialMaxStreamsBidi: number;
  readonly initialMaxStreamsUni: number;
  /** 0: datagrams are refused. */
  readonly maxDatagramFrameSize: number;
  /** Largest record the sender accepts, in bytes; at least 16,382. */
  readonly maxRecordSize: number;
  /** RESET_STREAM_AT is accepted (qmux-02). */
  readonly resetStreamAt: boolean;
}

/** One frame. Limits above 2^53 - 1 are read as 2^53 - 1, which no session reaches. */
export type Frame =
  | {
      readonly type: "stream";
      readonly id: number;
      /** Position of `data` in the stream; `undefined` when the frame does not say, and then it follows on. */
      readonly offset: number | undefined;
      readonly data: Uint8Array;
      readonly fin: boolean;
    }
  | {
      readonly type: "reset_stream";
      readonly id: number;
      readonly code: number;
      /** Bytes sent before the reset; 0 in the legacy framing, which does not say. */
      readonly finalSize: number;
      /** Only in RESET_STREAM_AT: bytes the sender still wants delivered. */
      readonly reliableSize?: number;
    }
  | { readonly type: "stop_sending"; readonly id: number; readonly code: number }
  | { readonly type: "max_data"; readonly max: number }
  | { readonly type: "max_stream_data"; readonly id: number; readonly max: number }
  | { readonly type: "max_streams"; readonly uni: boolean; readonly max: number }
  | { readonly type: "data_blocked"; readonly limit: number }
  | { readonly type: "stream_data_blocked"; readonly id: number; readonly limit: number }
  | { readonly type: "streams_blocked"; readonly uni: boolean; readonly limit: number }
  | {
      readonly type: "connection_close";
      readonly code: number;
      readonly frameType: number;
      readonly reason: string;
    }
  | { readonly type: "application_close"; readonly code: number; readonly reason: string }
  | { readonly type: "transport_parameters"; readonly parameters: TransportParameters }
  | {
      readonly type: "ping";
      /** Echoed as it came, so a sequence above 2^53 - 1 stays exact. */
      readonly sequence: number | bigint;
      readonly response: boolean;
    }
  | { readonly type: "datagram"; readonly data: Uint8Array };
