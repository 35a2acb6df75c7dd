import type { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import { encodeExact, Writer } from "../writer.js";
import { checkCount, decodeWhole, readCount, unknownType } from "./fields.js";
import { MAX_PARAMETERS } from "./limits.js";

/** A SETUP parameter in draft-14 form: even ids have a number, odd ids bytes. */
export interface SetupParameter {
  readonly id: number;
  readonly value: bigint | Uint8Array;
}

/** CLIENT_SETUP of the exchange that settles lite-01, lite-02 or draft-14. */
export interface ClientSetup {
  /** Version numbers, most wanted first. */
  readonly versions: readonly number[];
  readonly parameters: readonly SetupParameter[];
}

/** SERVER_SETUP of that exchange. */
export interface ServerSetup {
  readonly version: number;
  readonly parameters: readonly SetupParameter[];
}

const CLIENT_SETUP = 0x20;
const SERVER_SETUP = 0x21;
const MAX_VERSIONS = 64;

/** Encodes CLIENT_SETUP. */
export function encodeClientSetup(message: ClientSetup): Uint8Array {
  return encodeEnvelope(CLIENT_SETUP, (body) => {
    checkCount("versions", message.versions.length, MAX_VERSIONS);
    body.varint(message.versions.length, "versions");
    for (const version of message.versions) body.varint(version, "version");
    writeParameters(body, message.parameters);
  });
}

/** Decodes CLIENT_SETUP. */
export function decodeClientSetup(cursor: Cursor): ClientSetup {
  return decodeEnvelope(cursor, CLIENT_SETUP, "CLIENT_SETUP", (body) => {
    const count = readCount(body, "versions", MAX_VERSIONS);
    const versions = Array.from({ length: count }, () => body.varint("version"));
    return { versions, parameters: readParameters(body) };
  });
}

/** Encodes SERVER_SETUP. */
export function encodeServerSetup(message: ServerSetup): Uint8Array {
  return encodeEnvelope(SERVER_SETUP, (body) => {
    body.varint(message.version, "version");
    writeParameters(body, message.parameters);
  });
}

/** Decodes SERVER_SETUP. */
export function decodeServerSetup(cursor: Cursor): ServerSetup {
  return decodeEnvelope(cursor, SERVER_SETUP, "SERVER_SETUP", (body) => ({
    version: body.varint("version"),
    parameters: readParameters(body),
  }));
}

function encodeEnvelope(type: number, writeBody: (body: Writer) => void): Uint8Array {
  const counter = new Writer();
  writeBody(counter);
  return encodeExact((writer) => {
    writer.varint(type, "messageType");
    writer.u16(counter.size, "length");
    writeBody(writer);
  });
}

function decodeEnvelope<T>(
  cursor: Cursor,
  expected: number,
  name: string,
  decodeBody: (body: Cursor) => T,
): T {
  const start = cursor.offset;
  const type = cursor.varintBig("messageType");
  if (type !== BigInt(expected)) throw unknownType("messageType", start, type);
  return decodeWhole(cursor.slice(cursor.u16("length"), name), name, decodeBody);
}

function writeParameters(body: Writer, parameters: readonly SetupParameter[]): void {
  checkCount("parameters", parameters.length, MAX_PARAMETERS);
  body.varint(parameters.length, "parameters");
  for (const { id, value } of parameters) {
    body.varint(id, "parameter id");
    if (id % 2 === 0 && typeof value === "bigint") body.varint(value, "parameter");
    else if (id % 2 === 1 && typeof value !== "bigint") body.prefixedBytes(value, "parameter");
    else {
      throw new WireError(
        "unencodable",
        "parameter",
        0,
        `parameter ${id} has the wrong kind of value: even ids have numbers, odd ids bytes`,
      );
    }
  }
}

function readParameters(body: Cursor): SetupParameter[] {
  const count = readCount(body, "parameters", MAX_PARAMETERS);
  return Array.from({ length: count }, () => {
    const id = body.varint("parameter id");
    const value = id % 2 === 0 ? body.varintBig("parameter") : body.prefixedBytes("parameter");
    return { id, value };
  });
}
