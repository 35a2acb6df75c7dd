import type { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import type { Writer } from "../writer.js";
import { SESSION_ERROR } from "./codes.js";
import { type Field, type TrackNamespace, unencodable, violation } from "./field.js";
import { fullTrackNameExcess } from "./full-track-name.js";

/** The fields of a message in wire order. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** One control message: its name, its number and its fields. */
export interface MessageDefinition<Type extends string, F extends Fields> {
  readonly type: Type;
  /** The number on the wire. */
  readonly code: number;
  readonly fields: F;
}

/** The plain value of a message, told apart by `type`. */
export type MessageOf<D> =
  D extends MessageDefinition<infer Type, infer F>
    ? { readonly type: Type } & {
        readonly [Name in keyof F]: F[Name] extends Field<infer T> ? T : never;
      }
    : never;

/** Declares a control message. */
export function defineMessage<const Type extends string, F extends Fields>(
  type: Type,
  code: number,
  fields: F,
): MessageDefinition<Type, F> {
  return { type, code, fields };
}

type Value = Readonly<Record<string, unknown>>;

/** What a full track name above 4,096 bytes is: what section 2.4.1 says, or a fault of its message alone. */
export type LongNames = "violation" | "unsupported";

/**
 * Reads the fields of a whole payload.
 *
 * @throws {WireError} never `incomplete`: a payload too short or too long for its fields is a violation
 */
export function readFields(
  fields: Fields,
  payload: Cursor,
  message: string,
  longNames: LongNames = "violation",
): Value {
  const value: Record<string, unknown> = {};
  try {
    for (const [name, field] of entriesOf(fields)) value[name] = field.read(payload, name);
    payload.finish(message);
  } catch (error) {
    throw asViolation(error);
  }
  const excess = nameExcess(value);
  if (!excess) return value;
  if (longNames === "violation") throw violation("trackName", payload.offset, excess);
  throw new WireError("unsupported", "trackName", payload.offset, excess);
}

/** Writes the fields of a message. @throws {WireError} `unencodable` */
export function writeFields(fields: Fields, value: Value, writer: Writer): void {
  const excess = nameExcess(value);
  if (excess) throw unencodable("trackName", excess);
  for (const [name, field] of entriesOf(fields)) field.write(writer, value[name], name);
}

const entries = new WeakMap<Fields, readonly [string, Field<unknown>][]>();

/** A message's fields as a list, made once. */
function entriesOf(fields: Fields): readonly [string, Field<unknown>][] {
  let found = entries.get(fields);
  if (!found) {
    found = Object.entries(fields);
    entries.set(fields, found);
  }
  return found;
}

/** Inside a payload of known length every shortage is a length mismatch, and every fault has a code. */
function asViolation(error: unknown): unknown {
  if (!(error instanceof WireError) || error.wireCode !== undefined) return error;
  if (error.kind !== "incomplete" && error.kind !== "malformed") return error;
  const { protocolViolation } = SESSION_ERROR;
  return new WireError("malformed", error.field, error.offset, error.message, protocolViolation);
}

function nameExcess(value: Value): string | undefined {
  const { trackNamespace, trackNamespacePrefix, trackName } = value as {
    trackNamespace?: TrackNamespace;
    trackNamespacePrefix?: TrackNamespace;
    trackName?: string;
  };
  return fullTrackNameExcess(trackNamespace ?? trackNamespacePrefix ?? [], trackName ?? "");
}
