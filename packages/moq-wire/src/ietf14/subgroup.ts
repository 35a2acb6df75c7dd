import type { Cursor } from "../cursor.js";
import { varintSize, writeVarint } from "../varint.js";
import { WireError } from "../wire-error.js";
import { encodeExact } from "../writer.js";
import { OBJECT_STATUS } from "./codes.js";
import { unencodable, violation } from "./field.js";

/** What a subgroup stream begins with (section 10.4.2). */
export interface SubgroupHeader {
  readonly trackAlias: number;
  readonly groupId: number;
  /** `first_object_id`: the subgroup is numbered like its first object. */
  readonly subgroupId: number | "first_object_id";
  /** 0 to 255, lower is sent first. */
  readonly publisherPriority: number;
  /** Every object carries an extension block, possibly an empty one. */
  readonly extensionsPresent: boolean;
  /** The last object before the FIN is the last of its group. */
  readonly endOfGroup: boolean;
}

/** What precedes an object's payload on a subgroup stream (section 10.4.2). */
export interface ObjectHeader {
  readonly objectId: number;
  /** The extension block as it is on the wire; decode it with `decodeExtensions`. */
  readonly extensions?: Uint8Array;
  readonly payloadLength: number;
  /** See `OBJECT_STATUS`; other than 0 only with a payload length of 0. */
  readonly status: number;
}

const EXTENSIONS = 0x01;
const SUBGROUP_BITS = 0x06;
const SUBGROUP_FIRST_OBJECT = 0x02;
const SUBGROUP_EXPLICIT = 0x04;
const END_OF_GROUP = 0x08;
const BASE = 0x10;
const EMPTY = new Uint8Array(0);

/** Whether a stream or datagram type is one of a SUBGROUP_HEADER: 0x10 to 0x15 and 0x18 to 0x1D. */
export function isSubgroupType(type: number): boolean {
  return type >= 0x10 && type <= 0x1d && (type & SUBGROUP_BITS) !== SUBGROUP_BITS;
}

/** A subgroup stream's first bytes; subgroup 0 takes the form without a subgroup field. @throws {WireError} `unencodable` */
export function encodeSubgroupHeader(header: SubgroupHeader): Uint8Array {
  const { subgroupId } = header;
  let type = BASE;
  if (header.extensionsPresent) type |= EXTENSIONS;
  if (header.endOfGroup) type |= END_OF_GROUP;
  if (subgroupId === "first_object_id") type |= SUBGROUP_FIRST_OBJECT;
  else if (subgroupId !== 0) type |= SUBGROUP_EXPLICIT;
  return encodeExact((writer) => {
    writer.varint(type, "type");
    writer.varint(header.trackAlias, "trackAlias");
    writer.varint(header.groupId, "groupId");
    if (typeof subgroupId === "number" && subgroupId !== 0) writer.varint(subgroupId, "subgroupId");
    writer.u8(header.publisherPriority, "publisherPriority");
  });
}

/** Reads the alias first and reports it, so that a header beyond 2^53 - 1 still fails the right track. */
export function readSubgroupHeader(
  cursor: Cursor,
  onAlias: (trackAlias: number) => void,
): SubgroupHeader {
  const offset = cursor.offset;
  const code = cursor.varintBig("type");
  const type = Number(code);
  if (!isSubgroupType(type)) throw violation("type", offset, `stream type ${code} is unknown`);
  const trackAlias = cursor.varint("trackAlias");
  onAlias(trackAlias);
  const groupId = cursor.varint("groupId");
  const form = type & SUBGROUP_BITS;
  let subgroupId: SubgroupHeader["subgroupId"] = 0;
  if (form === SUBGROUP_EXPLICIT) subgroupId = cursor.varint("subgroupId");
  if (form === SUBGROUP_FIRST_OBJECT) subgroupId = "first_object_id";
  return {
    trackAlias,
    groupId,
    subgroupId,
    publisherPriority: cursor.u8("publisherPriority"),
    extensionsPresent: (type & EXTENSIONS) !== 0,
    endOfGroup: (type & END_OF_GROUP) !== 0,
  };
}

/**
 * The bytes before an object's payload.
 *
 * @param previousObjectId the object before on this stream, `undefined` for the first
 * @throws {WireError} `unencodable`
 */
export function encodeObjectHeader(
  object: ObjectHeader,
  previousObjectId: number | undefined,
  extensionsPresent: boolean,
): Uint8Array {
  const { payloadLength, status } = object;
  const delta = object.objectId - (previousObjectId === undefined ? 0 : previousObjectId + 1);
  const extensions = object.extensions ?? EMPTY;
  checkNumber("objectId", delta);
  checkNumber("payloadLength", payloadLength);
  checkObject(object, extensionsPresent);
  let size = varintSize(delta) + varintSize(payloadLength);
  if (extensionsPresent) size += varintSize(extensions.byteLength) + extensions.byteLength;
  if (payloadLength === 0) size += varintSize(status);
  const bytes = new Uint8Array(size);
  let offset = writeVarint(bytes, 0, delta);
  if (extensionsPresent) {
    offset = writeVarint(bytes, offset, extensions.byteLength);
    bytes.set(extensions, offset);
    offset += extensions.byteLength;
  }
  offset = writeVarint(bytes, offset, payloadLength);
  if (payloadLength === 0) writeVarint(bytes, offset, status);
  return bytes;
}

function checkNumber(field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw unencodable(field, `${field} cannot be encoded: ${value}`);
  }
}

function checkObject(object: ObjectHeader, extensionsPresent: boolean): void {
  const { status, payloadLength, extensions } = object;
  if (extensions && extensions.byteLength > 0) {
    if (!extensionsPresent) {
      throw unencodable("extensions", "the subgroup's header says there are no extensions");
    }
    if (status === OBJECT_STATUS.doesNotExist) {
      throw unencodable("extensions", "an object that does not exist has no extensions");
    }
  }
  if (!isObjectStatus(status)) throw unencodable("status", `object status ${status} is unknown`);
  if (status !== OBJECT_STATUS.normal && payloadLength > 0) {
    throw unencodable("status", "only a normal object has a payload");
  }
}

/** Whether draft-14 knows the status (section 10.2.1.1). */
export function isObjectStatus(status: number): boolean {
  return status === 0 || status === 1 || status === 3 || status === 4;
}

/** Reads an object status and checks it against the extensions beside it. */
export function readObjectStatus(cursor: Cursor, extensions: Uint8Array | undefined): number {
  const offset = cursor.offset;
  const status = cursor.varintBig("status");
  if (!isObjectStatus(Number(status))) {
    throw violation("status", offset, `object status ${status} is unknown`);
  }
  if (Number(status) === OBJECT_STATUS.doesNotExist && extensions && extensions.byteLength > 0) {
    throw violation("extensions", offset, "an object that does not exist has extensions");
  }
  return Number(status);
}

/** Reads one object's header. @throws {WireError} `unsupported` for ids above 2^53 - 1 and long extension blocks */
export function readObjectHeader(
  cursor: Cursor,
  previousObjectId: number | undefined,
  extensionsPresent: boolean,
  maxExtensionBytes: number,
): ObjectHeader {
  const start = cursor.offset;
  const delta = cursor.varint("objectIdDelta");
  const objectId = previousObjectId === undefined ? delta : previousObjectId + delta + 1;
  if (!Number.isSafeInteger(objectId)) {
    throw new WireError("unsupported", "objectId", start, "objectId is above 2^53 - 1");
  }
  const extensions = extensionsPresent ? readExtensions(cursor, maxExtensionBytes) : undefined;
  const payloadLength = cursor.varint("payloadLength");
  const status = payloadLength === 0 ? readObjectStatus(cursor, extensions) : OBJECT_STATUS.normal;
  const object = { objectId, payloadLength, status };
  return extensions && extensions.byteLength > 0 ? { ...object, extensions } : object;
}

function readExtensions(cursor: Cursor, maxBytes: number): Uint8Array {
  const offset = cursor.offset;
  const length = cursor.varintBig("extensions length");
  if (length > maxBytes) {
    const message = `an extension block has ${length} bytes, more than ${maxBytes}`;
    throw new WireError("unsupported", "extensions", offset, message);
  }
  return cursor.bytes(Number(length), "extensions");
}
