import type { Cursor } from "../cursor.js";
import { OversizedMessage, WireError } from "../wire-error.js";
import { encodeExact, Writer } from "../writer.js";
import {
  MAX_HOPS,
  MAX_LEGAL_MESSAGE_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_PATH_BYTES,
  MAX_PATH_PARTS,
} from "./limits.js";
import { hasSetupExchange, type LiteVersion } from "./version.js";

const utf8Encoder = new TextEncoder();

/** `path` without outer, and with single, slashes: the form in which paths are compared. */
export function normalizePath(path: string): string {
  return path.split("/").filter(Boolean).join("/");
}

/** A path; in lite-01 and lite-02, whose relays know no limit, one of too many parts is only unsupported. */
export function readPath(version: LiteVersion, cursor: Cursor, field: string): string {
  const start = cursor.offset;
  const path = normalizePath(cursor.string(field));
  const parts = path === "" ? 0 : path.split("/").length;
  if (parts > MAX_PATH_PARTS) {
    throw new WireError(
      hasSetupExchange(version) ? "unsupported" : "malformed",
      field,
      start,
      `${field} has ${parts} parts, more than ${MAX_PATH_PARTS}`,
    );
  }
  if (utf8Encoder.encode(path).byteLength > MAX_PATH_BYTES) {
    throw new WireError(
      "unsupported",
      field,
      start,
      `${field} is longer than ${MAX_PATH_BYTES} bytes`,
    );
  }
  return path;
}

export function writePath(writer: Writer, path: string, field: string): void {
  const normalized = normalizePath(path);
  const bytes = utf8Encoder.encode(normalized);
  if (bytes.byteLength > MAX_PATH_BYTES || normalized.split("/").length > MAX_PATH_PARTS) {
    throw new WireError(
      "unencodable",
      field,
      0,
      `${field} is over ${MAX_PATH_PARTS} parts or ${MAX_PATH_BYTES} bytes`,
    );
  }
  writer.prefixedBytes(bytes, field);
}

/** A hop chain, oldest first. */
export function readHops(cursor: Cursor): bigint[] {
  const count = readCount(cursor, "hops", MAX_HOPS);
  return Array.from({ length: count }, () => cursor.varintBig("hop"));
}

export function writeHops(writer: Writer, hops: readonly bigint[]): void {
  checkCount("hops", hops.length, MAX_HOPS);
  writer.varint(hops.length, "hops");
  for (const hop of hops) writer.varint(hop, "hop");
}

/** A count that cannot make the reader work beyond `max`. */
export function readCount(cursor: Cursor, field: string, max: number): number {
  const start = cursor.offset;
  const count = cursor.varintBig(field);
  if (count > max) {
    throw new WireError("malformed", field, start, `${count} ${field}, more than ${max}`);
  }
  return Number(count);
}

export function checkCount(field: string, count: number, max: number): void {
  if (count > max) {
    throw new WireError("unencodable", field, 0, `${count} ${field}, more than ${max}`);
  }
}

/** A number that may be absent: 0, or the value plus one. */
export function readOptional(cursor: Cursor, field: string): number | undefined {
  const value = cursor.varint(field);
  return value === 0 ? undefined : value - 1;
}

export function writeOptional(writer: Writer, value: number | undefined, field: string): void {
  writer.varint(value === undefined ? 0 : value + 1, field);
}

/** A byte that is 0 for false; any other value reads as true. */
export function readFlag(cursor: Cursor, field: string): boolean {
  return cursor.u8(field) !== 0;
}

/**
 * Reads a message: a varint length and a body of exactly that many bytes. A
 * body that ends too early is malformed, since more bytes cannot mend it.
 * The cursor stands after the message even when its body was refused, unless it is oversized.
 *
 * @throws {OversizedMessage} for a body of more than `maxBytes`
 */
export function readMessage<T>(
  cursor: Cursor,
  name: string,
  decodeBody: (body: Cursor) => T,
  maxBytes: number = MAX_MESSAGE_BYTES,
): T {
  const start = cursor.offset;
  const length = cursor.varintBig(`${name} length`);
  if (length > maxBytes) {
    const message = `${name} has ${length} bytes, more than ${maxBytes}`;
    if (length > MAX_LEGAL_MESSAGE_BYTES) throw new WireError("malformed", name, start, message);
    const size = cursor.offset - start + Number(length);
    throw new OversizedMessage(name, start, message, size);
  }
  const body = cursor.slice(Number(length), name);
  return decodeWhole(body, name, decodeBody);
}

/** Decodes a body that is all there. */
export function decodeWhole<T>(body: Cursor, name: string, decodeBody: (body: Cursor) => T): T {
  try {
    const value = decodeBody(body);
    body.finish(name);
    return value;
  } catch (error) {
    if (error instanceof WireError && error.kind === "incomplete") {
      throw new WireError("malformed", error.field, error.offset, `${name}: ${error.message}`);
    }
    throw error;
  }
}

/** The bytes of a message, after `type` where it has one. */
export function encodeMessage(
  writeBody: (body: Writer) => void,
  type?: { readonly value: number; readonly field: string },
): Uint8Array {
  const counter = new Writer();
  writeBody(counter);
  return encodeExact((writer) => {
    if (type) writer.varint(type.value, type.field);
    writer.varint(counter.size, "length");
    writeBody(writer);
  });
}

/** The error of a message that a version does not have. */
export function notInVersion(
  kind: "malformed" | "unencodable",
  message: string,
  version: LiteVersion,
): WireError {
  return new WireError(kind, message, 0, `${version} has no ${message}`);
}

/** The error of a type number that means nothing here. */
export function unknownType(field: string, offset: number, value: number | bigint): WireError {
  return new WireError("malformed", field, offset, `${field} ${value} is unknown`);
}
