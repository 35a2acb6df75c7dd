import { Cursor, encodeExact, varintSize, WireError, writeVarint } from "@moq-bridge/moq-wire";
import type { Frame } from "./frame.js";
import { clampedVarint } from "./varint-field.js";

const RESET_STREAM = 0x04;
const STOP_SENDING = 0x05;
const STREAM = 0x08;
const STREAM_FIN = 0x09;
const CONNECTION_CLOSE = 0x1c;
const APPLICATION_CLOSE = 0x1d;

const utf8 = new TextEncoder();
const utf8Lossy = new TextDecoder("utf-8");

/** Bytes of a STREAM header. */
export function legacyStreamHeaderSize(id: number): number {
  return 1 + varintSize(id);
}

/** Writes the header of a STREAM frame, whose data runs to the end of the message. */
export function writeLegacyStreamHeader(target: Uint8Array, id: number, fin: boolean): number {
  target[0] = fin ? STREAM_FIN : STREAM;
  return writeVarint(target, 1, id);
}

/** One message. @throws {WireError} `unencodable` for a frame this framing does not have */
export function encodeLegacyFrame(frame: Frame): Uint8Array {
  return encodeExact((writer) => {
    switch (frame.type) {
      case "stream":
        writer.u8(frame.fin ? STREAM_FIN : STREAM, "type");
        writer.varint(frame.id, "stream id");
        writer.bytes(frame.data);
        return;
      case "reset_stream":
      case "stop_sending":
        writer.u8(frame.type === "reset_stream" ? RESET_STREAM : STOP_SENDING, "type");
        writer.varint(frame.id, "stream id");
        writer.varint(frame.code, "code");
        return;
      case "connection_close":
      case "application_close":
        writer.u8(frame.type === "connection_close" ? CONNECTION_CLOSE : APPLICATION_CLOSE, "type");
        writer.varint(frame.code, "code");
        writer.bytes(utf8.encode(frame.reason));
        return;
      default:
        throw new WireError("unencodable", "type", 0, `there is no legacy ${frame.type} frame`);
    }
  });
}

/** The frame of one message; its payload is a view of `bytes`. @throws {WireError} for anything else */
export function decodeLegacyMessage(bytes: Uint8Array): Frame {
  const cursor = new Cursor(bytes);
  const type = cursor.u8("type");
  switch (type) {
    case STREAM:
    case STREAM_FIN: {
      const id = cursor.varint("stream id");
      return {
        type: "stream",
        id,
        offset: undefined,
        data: cursor.rest(),
        fin: type === STREAM_FIN,
      };
    }
    case RESET_STREAM:
    case STOP_SENDING: {
      const id = cursor.varint("stream id");
      const code = clampedVarint(bytes, cursor, "code");
      cursor.finish("message");
      return type === RESET_STREAM
        ? { type: "reset_stream", id, code, finalSize: 0 }
        : { type: "stop_sending", id, code };
    }
    case CONNECTION_CLOSE:
    case APPLICATION_CLOSE: {
      const code = clampedVarint(bytes, cursor, "code");
      const reason = utf8Lossy.decode(cursor.rest());
      return type === CONNECTION_CLOSE
        ? { type: "connection_close", code, frameType: 0, reason }
        : { type: "application_close", code, reason };
    }
    default:
      throw new WireError("malformed", "type", 0, `frame type 0x${type.toString(16)} is unknown`);
  }
}
