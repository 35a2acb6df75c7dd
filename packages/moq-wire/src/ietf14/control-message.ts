import { Cursor } from "../cursor.js";
import { StreamReader } from "../stream-reader.js";
import { varintSize } from "../varint.js";
import { WireError } from "../wire-error.js";
import { Writer } from "../writer.js";
import { MAX_CONTROL_PAYLOAD } from "./codes.js";
import * as fetch from "./fetch.js";
import { type TrackNamespace, unencodable, violation } from "./field.js";
import {
  type Fields,
  type LongNames,
  type MessageDefinition,
  type MessageOf,
  readFields,
  writeFields,
} from "./message.js";
import * as namespace from "./namespace.js";
import * as publish from "./publish.js";
import * as setup from "./setup.js";
import * as subscribe from "./subscribe.js";

const DEFINITIONS = [
  setup.clientSetup,
  setup.serverSetup,
  setup.goaway,
  setup.maxRequestId,
  setup.requestsBlocked,
  subscribe.subscribe,
  subscribe.subscribeOk,
  subscribe.subscribeError,
  subscribe.subscribeUpdate,
  subscribe.unsubscribe,
  subscribe.publishDone,
  subscribe.trackStatus,
  subscribe.trackStatusOk,
  subscribe.trackStatusError,
  publish.publish,
  publish.publishOk,
  publish.publishError,
  fetch.fetch,
  fetch.fetchOk,
  fetch.fetchError,
  fetch.fetchCancel,
  namespace.publishNamespace,
  namespace.publishNamespaceOk,
  namespace.publishNamespaceError,
  namespace.publishNamespaceDone,
  namespace.publishNamespaceCancel,
  namespace.subscribeNamespace,
  namespace.subscribeNamespaceOk,
  namespace.subscribeNamespaceError,
  namespace.unsubscribeNamespace,
] as const;

/** Any message of the control stream. */
export type ControlMessage = MessageOf<(typeof DEFINITIONS)[number]>;

/** The name of a control message. */
export type ControlMessageType = ControlMessage["type"];

/** The control message of a given name. */
export type ControlMessageOf<Type extends ControlMessageType> = Extract<
  ControlMessage,
  { readonly type: Type }
>;

/** Every message name with its number, in the order of the draft. */
export const CONTROL_MESSAGE_CODES = Object.fromEntries(
  DEFINITIONS.map(({ type, code }) => [type, code]),
) as Readonly<Record<ControlMessageType, number>>;

const byType: ReadonlyMap<string, MessageDefinition<string, Fields>> = new Map(
  DEFINITIONS.map((definition) => [definition.type, definition]),
);
const byCode: ReadonlyMap<number, MessageDefinition<string, Fields>> = new Map(
  DEFINITIONS.map((definition) => [definition.code, definition]),
);

/**
 * A legal message that holds a number above 2^53 - 1 or a name that is not
 * UTF-8, or one too long where the reader was told to take those: the request
 * it belongs to fails, the session goes on.
 */
export interface UnsupportedMessage {
  readonly type: "unsupported";
  readonly messageType: ControlMessageType;
  /** Absent when the message has none, or when it is itself what is too large. */
  readonly requestId: number | undefined;
  /** The namespace that a PUBLISH_NAMESPACE_CANCEL with too large a code is about; absent otherwise. */
  readonly trackNamespace?: TrackNamespace;
  readonly error: WireError;
}

/** One control message, framed (section 9). @throws {WireError} `unencodable` */
export function encodeControlMessage(message: ControlMessage): Uint8Array {
  const definition = byType.get(message.type);
  if (!definition) throw unencodable("type", `there is no control message ${message.type}`);
  const counter = new Writer();
  writeFields(definition.fields, message, counter);
  if (counter.size > MAX_CONTROL_PAYLOAD) {
    throw unencodable("length", `${message.type} has ${counter.size} bytes, more than 65535`);
  }
  const bytes = new Uint8Array(varintSize(definition.code) + 2 + counter.size);
  const writer = new Writer(bytes);
  writer.varint(definition.code, "type");
  writer.u16(counter.size, "length");
  writeFields(definition.fields, message, writer);
  return bytes;
}

/**
 * Decodes exactly one framed control message.
 *
 * @throws {WireError} `incomplete`, `malformed` (with the session's close code
 *   as `wireCode`), or `unsupported`
 */
export function decodeControlMessage(bytes: Uint8Array): ControlMessage {
  const cursor = new Cursor(bytes);
  const frame = readFrame(cursor);
  cursor.finish("control message");
  return readMessage(frame);
}

/** Reads control messages from a stream's bytes as they arrive. */
export class ControlReader {
  readonly #stream = new StreamReader(MAX_CONTROL_PAYLOAD + 10);
  readonly #longNames: LongNames;

  /**
   * @param longNames whether a full track name above 4,096 bytes is a violation (section 2.4.1), or makes
   *   its message unsupported: for relays that pass on whatever they are asked for
   */
  constructor(longNames: LongNames = "violation") {
    this.#longNames = longNames;
  }

  /** Bytes of a message that is not whole yet. */
  get buffered(): number {
    return this.#stream.buffered;
  }

  /** Adds what arrived. Take every message there is with {@link next} before the next push. */
  push(chunk: Uint8Array): void {
    this.#stream.push(chunk);
  }

  /**
   * The next whole message, `undefined` when more bytes are needed.
   *
   * @throws {WireError} `malformed`, with the session's close code as `wireCode`
   */
  next(): ControlMessage | UnsupportedMessage | undefined {
    const start = this.#stream.position;
    const frame = this.#stream.read(readFrame);
    if (!frame) return undefined;
    try {
      return readMessage(frame, this.#longNames);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const inStream = error.shifted(start);
      if (error.kind !== "unsupported") throw inStream;
      return unsupported(frame, inStream);
    }
  }
}

interface Frame {
  readonly definition: MessageDefinition<string, Fields>;
  /** Bytes before the payload. */
  readonly headerSize: number;
  readonly payload: Uint8Array;
}

function readFrame(cursor: Cursor): Frame {
  const start = cursor.offset;
  const code = cursor.varintBig("type");
  const definition = byCode.get(Number(code));
  if (!definition) throw violation("type", start, `control message type ${code} is unknown`);
  const length = cursor.u16("length");
  const headerSize = cursor.offset - start;
  return { definition, headerSize, payload: cursor.bytes(length, definition.type) };
}

function readMessage(
  { definition, headerSize, payload }: Frame,
  longNames?: LongNames,
): ControlMessage {
  const { type, fields } = definition;
  try {
    const value = readFields(fields, new Cursor(payload), type, longNames);
    return { type, ...value } as unknown as ControlMessage;
  } catch (error) {
    throw error instanceof WireError ? error.shifted(headerSize) : error;
  }
}

function unsupported({ definition, payload }: Frame, error: WireError): UnsupportedMessage {
  const messageType = definition.type as ControlMessageType;
  // A request ID is always the first field, so what failed later leaves it readable.
  const readable = "requestId" in definition.fields && error.field !== "requestId";
  const requestId = readable ? new Cursor(payload).varint("requestId") : undefined;
  const message = { type: "unsupported", messageType, requestId, error } as const;
  if (messageType !== "publish_namespace_cancel" || error.field !== "errorCode") return message;
  const { trackNamespace } = namespace.publishNamespaceCancel.fields;
  return { ...message, trackNamespace: trackNamespace.read(new Cursor(payload), "trackNamespace") };
}
