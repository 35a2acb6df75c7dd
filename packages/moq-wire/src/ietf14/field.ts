import type { Cursor } from "../cursor.js";
import { decodeUtf8 } from "../text.js";
import { WireError } from "../wire-error.js";
import type { Writer } from "../writer.js";
import { MAX_GOAWAY_URI, MAX_NAMESPACE_FIELDS, MAX_REASON_PHRASE, SESSION_ERROR } from "./codes.js";

/** How one field of a message is read and written. */
export interface Field<T> {
  read(cursor: Cursor, name: string): T;
  write(writer: Writer, value: T, name: string): void;
}

/** A position in a track (section 1.4.1). */
export interface Location {
  readonly group: number;
  readonly object: number;
}

/** The fields of a track namespace, 1 to 32 of them (section 2.4.1). */
export type TrackNamespace = readonly string[];

/** The order in which a subscriber wants groups; `publisher` leaves it to the publisher's. */
export type GroupOrder = "publisher" | "ascending" | "descending";

/** Bytes no peer may send, with the code the session ends with. */
export function violation(
  field: string,
  offset: number,
  message: string,
  wireCode: number = SESSION_ERROR.protocolViolation,
): WireError {
  return new WireError("malformed", field, offset, message, wireCode);
}

/** A value the wire format has no form for. */
export function unencodable(field: string, message: string): WireError {
  return new WireError("unencodable", field, 0, message);
}

const lenientUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/** Bytes `value` takes as UTF-8. */
export function utf8Length(value: string): number {
  return utf8Encoder.encode(value).byteLength;
}

/** A varint kept as a number: ids, groups, objects, counts, codes. */
export const varint: Field<number> = {
  read: (cursor, name) => cursor.varint(name),
  write: (writer, value, name) => writer.varint(value, name),
};

/** A varint kept as a bigint: values that may legally exceed 2^53 - 1. */
export const bigVarint: Field<bigint> = {
  read: (cursor, name) => cursor.varintBig(name),
  write: (writer, value, name) => writer.varint(value, name),
};

/** One byte: a priority. */
export const octet: Field<number> = {
  read: (cursor, name) => cursor.u8(name),
  write: (writer, value, name) => writer.u8(value, name),
};

/** One byte that is 0 or 1. */
export const flag: Field<boolean> = {
  read(cursor, name) {
    const offset = cursor.offset;
    const value = cursor.u8(name);
    if (value > 1) throw violation(name, offset, `${name} is ${value}, neither 0 nor 1`);
    return value === 1;
  },
  write: (writer, value, name) => writer.u8(value ? 1 : 0, name),
};

const ORDERS = ["publisher", "ascending", "descending"] as const;

/** A group order a subscriber asks for. */
export const groupOrder: Field<GroupOrder> = {
  read(cursor, name) {
    const offset = cursor.offset;
    const value = cursor.u8(name);
    const order = ORDERS[value];
    if (!order) throw violation(name, offset, `${name} is ${value}, more than 2`);
    return order;
  },
  write: (writer, value, name) => writer.u8(ORDERS.indexOf(value), name),
};

/** A group order as a publisher states it, where 0 is not allowed. */
export const chosenGroupOrder: Field<Exclude<GroupOrder, "publisher">> = {
  read(cursor, name) {
    const offset = cursor.offset;
    const order = groupOrder.read(cursor, name);
    if (order === "publisher") throw violation(name, offset, `${name} is 0`);
    return order;
  },
  write: groupOrder.write,
};

/**
 * Text in a name. Draft-14 names are bytes; this library carries those that
 * are UTF-8 and calls the others `unsupported`, which costs one request only.
 */
export const nameText: Field<string> = {
  read(cursor, name) {
    const offset = cursor.offset;
    const bytes = cursor.prefixedBytes(name);
    try {
      return decodeUtf8(bytes);
    } catch {
      throw new WireError("unsupported", name, offset, `${name} is not UTF-8`);
    }
  },
  write(writer, value, name) {
    if (/\p{Surrogate}/u.test(value)) throw unencodable(name, `${name} has a lone surrogate`);
    writer.string(value, name);
  },
};

/** Text for people, read leniently, of at most `maxBytes` bytes. */
function limitedText(maxBytes: number): Field<string> {
  return {
    read(cursor, name) {
      const offset = cursor.offset;
      const length = cursor.varintBig(`${name} length`);
      if (length > maxBytes) {
        throw violation(name, offset, `${name} has ${length} bytes, more than ${maxBytes}`);
      }
      return lenientUtf8.decode(cursor.bytes(Number(length), name));
    },
    write(writer, value, name) {
      const bytes = utf8Encoder.encode(value);
      if (bytes.byteLength > maxBytes) {
        throw unencodable(name, `${name} has ${bytes.byteLength} bytes, more than ${maxBytes}`);
      }
      writer.prefixedBytes(bytes, name);
    },
  };
}

/** A reason phrase of at most 1,024 bytes (section 1.4.3). */
export const reasonPhrase = limitedText(MAX_REASON_PHRASE);

/** A GOAWAY URI of at most 8,192 bytes (section 9.4). */
export const sessionUri = limitedText(MAX_GOAWAY_URI);

/** A track namespace: 1 to 32 fields (section 2.4.1). */
export const trackNamespace = namespaceOf(1);

/**
 * A prefix of namespaces. The draft has it as 1 to 32 fields, too, but
 * moq-relay 0.17 asks for everything with a prefix of none: whether that is
 * taken is for the session to say.
 */
export const trackNamespacePrefix = namespaceOf(0);

function namespaceOf(fewest: number): Field<TrackNamespace> {
  const check = (count: bigint | number) => count >= fewest && count <= MAX_NAMESPACE_FIELDS;
  return {
    read(cursor, name) {
      const offset = cursor.offset;
      const count = cursor.varintBig(`${name} field count`);
      if (!check(count)) {
        throw violation(name, offset, `${name} has ${count} fields, not ${fewest} to 32`);
      }
      return Array.from({ length: Number(count) }, () => nameText.read(cursor, name));
    },
    write(writer, value, name) {
      if (!check(value.length)) {
        throw unencodable(name, `${name} has ${value.length} fields, not ${fewest} to 32`);
      }
      writer.varint(value.length, name);
      for (const field of value) nameText.write(writer, field, name);
    },
  };
}

/** Group and object, both varints. */
export const location: Field<Location> = {
  read: (cursor, name) => ({
    group: cursor.varint(`${name} group`),
    object: cursor.varint(`${name} object`),
  }),
  write(writer, value, name) {
    writer.varint(value.group, `${name} group`);
    writer.varint(value.object, `${name} object`);
  },
};

/** The Content Exists byte and, when it is 1, the largest location. */
export const largestLocation: Field<Location | undefined> = {
  read: (cursor, name) =>
    flag.read(cursor, "contentExists") ? location.read(cursor, name) : undefined,
  write(writer, value, name) {
    flag.write(writer, value !== undefined, "contentExists");
    if (value) location.write(writer, value, name);
  },
};
