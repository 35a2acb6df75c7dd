import type { Cursor } from "../cursor.js";
import { StreamReader } from "../stream-reader.js";
import { WireError } from "../wire-error.js";
import { encodeExact } from "../writer.js";
import { OBJECT_STATUS, SESSION_ERROR } from "./codes.js";
import { unencodable, violation } from "./field.js";
import { isObjectStatus, readObjectStatus } from "./subgroup.js";
import { MAX_EXTENSION_BYTES } from "./subgroup-reader.js";

/** What a FETCH's data stream begins with (section 10.4.4). */
export interface FetchHeader {
  readonly requestId: number;
}

/** What precedes an object's payload on a FETCH's data stream; nothing is relative there. */
export interface FetchObjectHeader {
  readonly groupId: number;
  readonly subgroupId: number;
  readonly objectId: number;
  /** 0 to 255, lower is sent first. */
  readonly publisherPriority: number;
  /** The extension block as it is on the wire, never empty when present. */
  readonly extensions?: Uint8Array;
  readonly payloadLength: number;
  /** See `OBJECT_STATUS`; other than 0 only with a payload length of 0. */
  readonly status: number;
}

/** Stream type of FETCH_HEADER. */
const FETCH_HEADER = 0x05;
const EMPTY = new Uint8Array(0);

/** A FETCH stream's first bytes. */
export function encodeFetchHeader(header: FetchHeader): Uint8Array {
  return encodeExact((writer) => {
    writer.varint(FETCH_HEADER, "type");
    writer.varint(header.requestId, "requestId");
  });
}

/** The bytes before an object's payload. @throws {WireError} `unencodable` */
export function encodeFetchObjectHeader(object: FetchObjectHeader): Uint8Array {
  const { status, payloadLength, extensions } = object;
  if (!isObjectStatus(status)) throw unencodable("status", `object status ${status} is unknown`);
  if (status !== OBJECT_STATUS.normal && payloadLength > 0) {
    throw unencodable("status", "only a normal object has a payload");
  }
  if (status === OBJECT_STATUS.doesNotExist && extensions && extensions.byteLength > 0) {
    throw unencodable("extensions", "an object that does not exist has no extensions");
  }
  return encodeExact((writer) => {
    writer.varint(object.groupId, "groupId");
    writer.varint(object.subgroupId, "subgroupId");
    writer.varint(object.objectId, "objectId");
    writer.u8(object.publisherPriority, "publisherPriority");
    writer.prefixedBytes(extensions ?? EMPTY, "extensions length");
    writer.varint(payloadLength, "payloadLength");
    if (payloadLength === 0) writer.varint(status, "status");
  });
}

/** What a FETCH stream brings, in order: a header, then each object and its payload in pieces. */
export type FetchEvent =
  | { readonly type: "header"; readonly header: FetchHeader }
  | { readonly type: "object"; readonly object: FetchObjectHeader }
  | {
      readonly type: "payload";
      /** A view of the chunk pushed, never empty. */
      readonly bytes: Uint8Array;
    };

/** Reads a FETCH stream's bytes as they arrive, without waiting for whole objects. */
export class FetchReader {
  readonly #stream = new StreamReader(MAX_EXTENSION_BYTES + 64);
  #headerRead = false;
  #payloadLeft = 0;

  /** Bytes that arrived and are not in any event yet. */
  get buffered(): number {
    return this.#stream.buffered;
  }

  /** Adds what arrived. Take every event there is with {@link next} before the next push. */
  push(chunk: Uint8Array): void {
    this.#stream.push(chunk);
  }

  /**
   * The next event, `undefined` when more bytes are needed.
   *
   * @throws {WireError} `malformed` (close code as `wireCode`), or `unsupported`
   */
  next(): FetchEvent | undefined {
    if (this.#payloadLeft > 0) {
      const bytes = this.#stream.take(this.#payloadLeft);
      if (!bytes) return undefined;
      this.#payloadLeft -= bytes.byteLength;
      return { type: "payload", bytes };
    }
    if (!this.#headerRead) {
      const header = this.#stream.read(readHeader);
      if (!header) return undefined;
      this.#headerRead = true;
      return { type: "header", header };
    }
    const object = this.#stream.read(readObject);
    if (!object) return undefined;
    this.#payloadLeft = object.payloadLength;
    return { type: "object", object };
  }

  /** Checks that the stream's FIN comes between objects. @throws {WireError} `incomplete` */
  end(): void {
    if (this.#headerRead && this.#payloadLeft === 0 && this.#stream.buffered === 0) return;
    const field = this.#headerRead ? "object" : "header";
    const code = SESSION_ERROR.protocolViolation;
    const { position } = this.#stream;
    throw new WireError("incomplete", field, position, `the stream ends inside an ${field}`, code);
  }
}

function readHeader(cursor: Cursor): FetchHeader {
  const offset = cursor.offset;
  const type = cursor.varintBig("type");
  if (type !== BigInt(FETCH_HEADER))
    throw violation("type", offset, `stream type ${type} is unknown`);
  return { requestId: cursor.varint("requestId") };
}

function readObject(cursor: Cursor): FetchObjectHeader {
  const groupId = cursor.varint("groupId");
  const subgroupId = cursor.varint("subgroupId");
  const objectId = cursor.varint("objectId");
  const publisherPriority = cursor.u8("publisherPriority");
  const offset = cursor.offset;
  const length = cursor.varintBig("extensions length");
  if (length > MAX_EXTENSION_BYTES) {
    const message = `an extension block has ${length} bytes, more than ${MAX_EXTENSION_BYTES}`;
    throw new WireError("unsupported", "extensions", offset, message);
  }
  const extensions = cursor.bytes(Number(length), "extensions");
  const payloadLength = cursor.varint("payloadLength");
  const status = payloadLength === 0 ? readObjectStatus(cursor, extensions) : OBJECT_STATUS.normal;
  const object = { groupId, subgroupId, objectId, publisherPriority, payloadLength, status };
  return length > 0n ? { ...object, extensions } : object;
}
