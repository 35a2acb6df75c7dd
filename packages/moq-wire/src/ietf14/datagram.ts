import { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import { encodeExact } from "../writer.js";
import { OBJECT_STATUS } from "./codes.js";
import { unencodable, violation } from "./field.js";
import { isObjectStatus, readObjectStatus } from "./subgroup.js";

/** An object in a datagram (section 10.3.1). */
export interface ObjectDatagram {
  readonly trackAlias: number;
  readonly groupId: number;
  readonly objectId: number;
  /** 0 to 255, lower is sent first. */
  readonly publisherPriority: number;
  /** The extension block, never empty when present. */
  readonly extensions?: Uint8Array;
  /** The object is the last of its group; not possible beside a status. */
  readonly endOfGroup: boolean;
  /** A status, which then is all the object has, or a payload. */
  readonly content:
    | { readonly type: "payload"; readonly payload: Uint8Array }
    | { readonly type: "status"; readonly status: number };
}

const EXTENSIONS = 0x01;
const END_OF_GROUP = 0x02;
const NO_OBJECT_ID = 0x04;
const STATUS = 0x20;

/** Encodes a datagram; object 0 with a payload takes the form without an ID. @throws {WireError} `unencodable` */
export function encodeDatagram(datagram: ObjectDatagram): Uint8Array {
  const { content, extensions, objectId } = datagram;
  if (extensions && extensions.byteLength === 0) {
    throw unencodable("extensions", "an extension block in a datagram is not empty");
  }
  let type = extensions ? EXTENSIONS : 0;
  if (content.type === "status") {
    checkStatus(datagram, content.status);
    type |= STATUS;
  } else {
    if (datagram.endOfGroup) type |= END_OF_GROUP;
    if (objectId === 0) type |= NO_OBJECT_ID;
  }
  return encodeExact((writer) => {
    writer.varint(type, "type");
    writer.varint(datagram.trackAlias, "trackAlias");
    writer.varint(datagram.groupId, "groupId");
    if ((type & NO_OBJECT_ID) === 0) writer.varint(objectId, "objectId");
    writer.u8(datagram.publisherPriority, "publisherPriority");
    if (extensions) writer.prefixedBytes(extensions, "extensions length");
    if (content.type === "status") writer.varint(content.status, "status");
    else writer.bytes(content.payload);
  });
}

function checkStatus(datagram: ObjectDatagram, status: number): void {
  if (datagram.endOfGroup) throw unencodable("endOfGroup", "a status datagram has no such bit");
  if (!isObjectStatus(status)) throw unencodable("status", `object status ${status} is unknown`);
  if (status === OBJECT_STATUS.doesNotExist && datagram.extensions) {
    throw unencodable("extensions", "an object that does not exist has no extensions");
  }
}

/**
 * Decodes a datagram; payload and extensions are views.
 *
 * @throws {WireError} `incomplete`, `malformed` (close code as `wireCode`) or `unsupported`
 */
export function decodeDatagram(bytes: Uint8Array): ObjectDatagram {
  const cursor = new Cursor(bytes);
  const code = cursor.varintBig("type");
  const type = Number(code);
  if (type > 0x07 && type !== 0x20 && type !== 0x21) {
    throw violation("type", 0, `datagram type ${code} is unknown`);
  }
  const trackAlias = cursor.varint("trackAlias");
  const groupId = cursor.varint("groupId");
  const objectId = (type & NO_OBJECT_ID) === 0 ? cursor.varint("objectId") : 0;
  const publisherPriority = cursor.u8("publisherPriority");
  const extensions = (type & EXTENSIONS) === 0 ? undefined : readExtensions(cursor);
  const common = { trackAlias, groupId, objectId, publisherPriority };
  const object = extensions ? { ...common, extensions } : common;
  if (type < STATUS) {
    const content = { type: "payload", payload: cursor.rest() } as const;
    return { ...object, endOfGroup: (type & END_OF_GROUP) !== 0, content };
  }
  const status = readObjectStatus(cursor, extensions);
  if (cursor.remaining > 0) {
    throw violation("status", cursor.offset, `${cursor.remaining} bytes follow a status`);
  }
  return { ...object, endOfGroup: false, content: { type: "status", status } };
}

function readExtensions(cursor: Cursor): Uint8Array {
  const offset = cursor.offset;
  const length = cursor.varintBig("extensions length");
  if (length === 0n) throw violation("extensions", offset, "an extension block is empty");
  if (length > cursor.remaining) {
    throw new WireError("incomplete", "extensions", offset, "an extension block ends too early");
  }
  return cursor.bytes(Number(length), "extensions");
}
