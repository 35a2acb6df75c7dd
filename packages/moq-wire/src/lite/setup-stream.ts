import { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import { encodeExact } from "../writer.js";
import {
  checkCount,
  decodeWhole,
  encodeMessage,
  notInVersion,
  readCount,
  readMessage,
} from "./fields.js";
import { MAX_PARAMETERS } from "./limits.js";
import { hasSetupStream, type LiteVersion } from "./version.js";

/** A parameter this library does not know, kept as it came. */
export interface UnknownParameter {
  readonly id: bigint;
  readonly value: Uint8Array;
}

/** SETUP: what each side says of itself on a unidirectional stream (lite-05 and later). */
export interface Setup {
  /** Whether the sender answers PROBE: 0 not, 1 reports, 2 also raises its rate to measure. */
  readonly probe?: number;
  /** Client only: the session's path, where the URL has none. */
  readonly path?: string;
  /** Client only: 1 publishes only, 2 subscribes only; absent: both. */
  readonly role?: number;
  /** What using this link costs; absent: 1. */
  readonly cost?: bigint;
  /** The sender's origin id; 0: none. */
  readonly originId?: bigint;
  readonly unknown: readonly UnknownParameter[];
}

const ID = { probe: 1n, path: 2n, role: 3n, cost: 4n, originId: 5n } as const;

/** Encodes SETUP. */
export function encodeSetup(version: LiteVersion, message: Setup): Uint8Array {
  if (!hasSetupStream(version)) throw notInVersion("unencodable", "SETUP stream", version);
  const parameters = parametersOf(message);
  checkCount("parameters", parameters.length, MAX_PARAMETERS);
  return encodeMessage((body) => {
    body.varint(parameters.length, "parameters");
    for (const { id, value } of parameters) {
      body.varint(id, "parameter id");
      body.prefixedBytes(value, "parameter");
    }
  });
}

/** Decodes SETUP. */
export function decodeSetup(version: LiteVersion, cursor: Cursor): Setup {
  if (!hasSetupStream(version)) throw notInVersion("malformed", "SETUP stream", version);
  return readMessage(cursor, "SETUP", (body) => {
    const count = readCount(body, "parameters", MAX_PARAMETERS);
    const known = new Map<bigint, Uint8Array>();
    const unknown: UnknownParameter[] = [];
    const seen = new Set<bigint>();
    for (let i = 0; i < count; i++) {
      const start = body.offset;
      const id = body.varintBig("parameter id");
      const value = body.prefixedBytes("parameter");
      if (seen.has(id)) {
        throw new WireError("malformed", "parameter id", start, `parameter ${id} is there twice`);
      }
      seen.add(id);
      if (id >= ID.probe && id <= ID.originId) known.set(id, value);
      else unknown.push({ id, value });
    }
    return setupOf(known, unknown);
  });
}

function parametersOf(message: Setup): UnknownParameter[] {
  const parameters: UnknownParameter[] = [];
  const add = (id: bigint, value: number | bigint | undefined) => {
    if (value === undefined) return;
    parameters.push({ id, value: encodeExact((writer) => writer.varint(value, "parameter")) });
  };
  add(ID.probe, message.probe);
  if (message.path !== undefined) {
    parameters.push({ id: ID.path, value: new TextEncoder().encode(message.path) });
  }
  add(ID.role, message.role);
  add(ID.cost, message.cost);
  add(ID.originId, message.originId);
  return [...parameters, ...message.unknown];
}

function setupOf(
  known: ReadonlyMap<bigint, Uint8Array>,
  unknown: readonly UnknownParameter[],
): Setup {
  const read = <T>(id: bigint, name: string, decode: (cursor: Cursor) => T): T | undefined => {
    const value = known.get(id);
    return value && decodeWhole(new Cursor(value), name, decode);
  };
  const probe = read(ID.probe, "probe", (value) => value.varint("probe"));
  const path = read(ID.path, "path", (value) => decodeText(value));
  const role = read(ID.role, "role", (value) => value.varint("role"));
  const cost = read(ID.cost, "cost", (value) => value.varintBig("cost"));
  const originId = read(ID.originId, "originId", (value) => value.varintBig("originId"));
  return {
    ...(probe === undefined ? {} : { probe }),
    ...(path === undefined ? {} : { path }),
    ...(role === undefined ? {} : { role }),
    ...(cost === undefined ? {} : { cost }),
    ...(originId === undefined ? {} : { originId }),
    unknown,
  };
}

function decodeText(cursor: Cursor): string {
  const start = cursor.offset;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(cursor.rest());
  } catch {
    throw new WireError("malformed", "path", start, "path is not UTF-8");
  }
}
