import { Cursor, encodeExact, varintSize, WireError, writeVarint } from "@moq-bridge/moq-wire";
import { type Frame, type Framing, hasRecords } from "./frame.js";
import { decodeParameters, encodeParameters } from "./parameters-codec.js";
import { clampedVarint, exactVarint, isWide } from "./varint-field.js";

const PADDING = 0x00;
const RESET_STREAM = 0x04;
const STOP_SENDING = 0x05;
const STREAM = 0x08;
const STREAM_FIN = 0x01;
const STREAM_LEN = 0x02;
const STREAM_OFF = 0x04;
const MAX_DATA = 0x10;
const MAX_STREAM_DATA = 0x11;
const MAX_STREAMS_BIDI = 0x12;
const MAX_STREAMS_UNI = 0x13;
const DATA_BLOCKED = 0x14;
const STREAM_DATA_BLOCKED = 0x15;
const STREAMS_BLOCKED_BIDI = 0x16;
const STREAMS_BLOCKED_UNI = 0x17;
const CONNECTION_CLOSE = 0x1c;
const APPLICATION_CLOSE = 0x1d;
const RESET_STREAM_AT = 0x24;
const DATAGRAM = 0x30;
const DATAGRAM_LEN = 0x31;
const QX_TRANSPORT_PARAMETERS = 0x3f51_5330_0d0a_0d0an;
const QX_PING = 0x348c_6752_9ef8_c7bdn;
const QX_PING_RESPONSE = 0x348c_6752_9ef8_c7ben;

const utf8Lossy = new TextDecoder("utf-8");

/** Bytes of a STREAM header, from its fields. */
export function qmuxStreamHeaderSize(id: number, offset: number, length: number): number {
  return 1 + varintSize(id) + varintSize(offset) + varintSize(length);
}

/** Writes the header of a STREAM frame, OFF and LEN set, and returns the offset after it. */
export function writeQmuxStreamHeader(
  target: Uint8Array,
  id: number,
  offset: number,
  length: number,
  fin: boolean,
): number {
  target[0] = STREAM | STREAM_OFF | STREAM_LEN | (fin ? STREAM_FIN : 0);
  const afterId = writeVarint(target, 1, id);
  return writeVarint(target, writeVarint(target, afterId, offset), length);
}

/** One frame in the layout that qmux-00, 01 and 02 share. */
export function encodeQmuxFrame(frame: Frame): Uint8Array {
  return encodeExact((writer) => {
    const fields = (...values: (number | bigint)[]) => {
      for (const value of values) writer.varint(value, frame.type);
    };
    switch (frame.type) {
      case "stream": {
        const off = frame.offset === undefined ? 0 : STREAM_OFF;
        fields(STREAM | off | STREAM_LEN | (frame.fin ? STREAM_FIN : 0), frame.id);
        if (frame.offset !== undefined) fields(frame.offset);
        writer.prefixedBytes(frame.data, "data");
        return;
      }
      case "reset_stream":
        if (frame.reliableSize === undefined) {
          fields(RESET_STREAM, frame.id, frame.code, frame.finalSize);
        } else {
          fields(RESET_STREAM_AT, frame.id, frame.code, frame.finalSize, frame.reliableSize);
        }
        return;
      case "stop_sending":
        fields(STOP_SENDING, frame.id, frame.code);
        return;
      case "max_data":
        fields(MAX_DATA, frame.max);
        return;
      case "max_stream_data":
        fields(MAX_STREAM_DATA, frame.id, frame.max);
        return;
      case "max_streams":
        fields(frame.uni ? MAX_STREAMS_UNI : MAX_STREAMS_BIDI, frame.max);
        return;
      case "data_blocked":
        fields(DATA_BLOCKED, frame.limit);
        return;
      case "stream_data_blocked":
        fields(STREAM_DATA_BLOCKED, frame.id, frame.limit);
        return;
      case "streams_blocked":
        fields(frame.uni ? STREAMS_BLOCKED_UNI : STREAMS_BLOCKED_BIDI, frame.limit);
        return;
      case "connection_close":
        fields(CONNECTION_CLOSE, frame.code, frame.frameType);
        writer.string(frame.reason, "reason");
        return;
      case "application_close":
        fields(APPLICATION_CLOSE, frame.code);
        writer.string(frame.reason, "reason");
        return;
      case "transport_parameters":
        fields(QX_TRANSPORT_PARAMETERS);
        writer.prefixedBytes(encodeParameters(frame.parameters), "parameters");
        return;
      case "ping":
        fields(frame.response ? QX_PING_RESPONSE : QX_PING, frame.sequence);
        return;
      case "datagram":
        fields(DATAGRAM_LEN);
        writer.prefixedBytes(frame.data, "data");
        return;
    }
  });
}

/**
 * The frames of one message: exactly one in qmux-00, one or more later. Padding
 * is left out. Payloads are views of `bytes`.
 *
 * @throws {WireError} for anything else: a message is whole, so it is never merely incomplete
 */
export function decodeQmuxMessage(bytes: Uint8Array, framing: Framing): Frame[] {
  const cursor = new Cursor(bytes);
  const records = hasRecords(framing);
  const frames: Frame[] = [];
  do {
    const frame = decodeFrame(bytes, cursor, records);
    if (frame !== undefined) frames.push(frame);
  } while (records && cursor.remaining > 0);
  cursor.finish("message");
  return frames;
}

function decodeFrame(bytes: Uint8Array, cursor: Cursor, records: boolean): Frame | undefined {
  const start = cursor.offset;
  if (isWide(bytes, cursor)) return decodeExtension(start, cursor, records);
  const type = cursor.varint("frame type");
  if (type >= STREAM && type <= (STREAM | STREAM_OFF | STREAM_LEN | STREAM_FIN)) {
    return decodeStream(cursor, type);
  }
  const limit = (field: string) => clampedVarint(bytes, cursor, field);
  const id = () => cursor.varint("stream id");
  switch (type) {
    case PADDING:
      return undefined;
    case RESET_STREAM:
      return {
        type: "reset_stream",
        id: id(),
        code: limit("code"),
        finalSize: cursor.varint("final size"),
      };
    case RESET_STREAM_AT:
      return decodeResetAt(bytes, cursor);
    case STOP_SENDING:
      return { type: "stop_sending", id: id(), code: limit("code") };
    case MAX_DATA:
      return { type: "max_data", max: limit("max") };
    case MAX_STREAM_DATA:
      return { type: "max_stream_data", id: id(), max: limit("max") };
    case MAX_STREAMS_BIDI:
    case MAX_STREAMS_UNI:
      return { type: "max_streams", uni: type === MAX_STREAMS_UNI, max: limit("max") };
    case DATA_BLOCKED:
      return { type: "data_blocked", limit: limit("limit") };
    case STREAM_DATA_BLOCKED:
      return { type: "stream_data_blocked", id: id(), limit: limit("limit") };
    case STREAMS_BLOCKED_BIDI:
    case STREAMS_BLOCKED_UNI:
      return { type: "streams_blocked", uni: type === STREAMS_BLOCKED_UNI, limit: limit("limit") };
    case CONNECTION_CLOSE:
      return {
        type: "connection_close",
        code: limit("code"),
        frameType: limit("frame type"),
        reason: utf8Lossy.decode(cursor.prefixedBytes("reason")),
      };
    case APPLICATION_CLOSE:
      return {
        type: "application_close",
        code: limit("code"),
        reason: utf8Lossy.decode(cursor.prefixedBytes("reason")),
      };
    case DATAGRAM:
    case DATAGRAM_LEN:
      if (!records) throw unknownType(start, type);
      return {
        type: "datagram",
        data: type === DATAGRAM ? cursor.rest() : cursor.prefixedBytes("data"),
      };
    default:
      throw unknownType(start, type);
  }
}

function decodeStream(cursor: Cursor, type: number): Frame {
  const id = cursor.varint("stream id");
  const offset = type & STREAM_OFF ? cursor.varint("offset") : undefined;
  const data = type & STREAM_LEN ? cursor.prefixedBytes("data") : cursor.rest();
  return { type: "stream", id, offset, data, fin: (type & STREAM_FIN) !== 0 };
}

function decodeResetAt(bytes: Uint8Array, cursor: Cursor): Frame {
  const id = cursor.varint("stream id");
  const code = clampedVarint(bytes, cursor, "code");
  const finalSize = cursor.varint("final size");
  const start = cursor.offset;
  const reliableSize = cursor.varint("reliable size");
  if (reliableSize > finalSize) {
    throw new WireError(
      "malformed",
      "reliable size",
      start,
      `reliable size ${reliableSize} is above final size ${finalSize}`,
    );
  }
  return { type: "reset_stream", id, code, finalSize, reliableSize };
}

function decodeExtension(start: number, cursor: Cursor, records: boolean): Frame {
  const type = cursor.varintBig("frame type");
  if (type === QX_TRANSPORT_PARAMETERS) {
    const parameters = decodeParameters(cursor.prefixedBytes("parameters"));
    return { type: "transport_parameters", parameters };
  }
  if (records && (type === QX_PING || type === QX_PING_RESPONSE)) {
    const sequence = exactVarint(cursor, "sequence");
    return { type: "ping", sequence, response: type === QX_PING_RESPONSE };
  }
  throw unknownType(start, type);
}

function unknownType(offset: number, type: number | bigint): WireError {
  const message = `frame type 0x${type.toString(16)} is unknown`;
  return new WireError("malformed", "frame type", offset, message);
}
