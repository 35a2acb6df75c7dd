import { DEFAULT_MAX_RECORD_SIZE, type Frame, type Framing, MAX_FRAME_SIZE } from "./frame.js";
import {
  decodeLegacyMessage,
  encodeLegacyFrame,
  legacyStreamHeaderSize,
  writeLegacyStreamHeader,
} from "./legacy-codec.js";
import {
  decodeQmuxMessage,
  encodeQmuxFrame,
  qmuxStreamHeaderSize,
  writeQmuxStreamHeader,
} from "./qmux-codec.js";

/** The layout of one framing: WebSocket messages to frames and back, without state. */
export interface Codec {
  readonly framing: Framing;
  /** Credit, windows and stream limits exist. */
  readonly flowControl: boolean;
  /** Largest message accepted, in bytes. */
  readonly maxMessageSize: number;
  /** One message with one frame. */
  encode(frame: Frame): Uint8Array;
  /** @throws {WireError} for anything that is not a legal message */
  decode(message: Uint8Array): readonly Frame[];
  /** Room a STREAM frame's fields take before `length` bytes of data. */
  streamHeaderSize(id: number, offset: number, length: number): number;
  /** Writes those fields at the start of `target` and returns the offset after them. */
  writeStreamHeader(
    target: Uint8Array,
    id: number,
    offset: number,
    length: number,
    fin: boolean,
  ): number;
}

/** Largest message of the legacy framing, whose senders bound nothing; as the relays' own default. */
export const MAX_LEGACY_MESSAGE_SIZE = 16 * 1024 * 1024;

/** The codec of a framing. */
export function codecOf(framing: Framing): Codec {
  if (framing === "webtransport") return LEGACY;
  return {
    framing,
    flowControl: true,
    maxMessageSize: framing === "qmux-00" ? MAX_FRAME_SIZE : DEFAULT_MAX_RECORD_SIZE,
    encode: encodeQmuxFrame,
    decode: (message) => decodeQmuxMessage(message, framing),
    streamHeaderSize: qmuxStreamHeaderSize,
    writeStreamHeader: writeQmuxStreamHeader,
  };
}

const LEGACY: Codec = {
  framing: "webtransport",
  flowControl: false,
  maxMessageSize: MAX_LEGACY_MESSAGE_SIZE,
  encode: encodeLegacyFrame,
  decode: (message) => [decodeLegacyMessage(message)],
  streamHeaderSize: legacyStreamHeaderSize,
  writeStreamHeader: (target, id, _offset, _length, fin) =>
    writeLegacyStreamHeader(target, id, fin),
};
