import { Cursor } from "../cursor.js";
import { WireError } from "../wire-error.js";
import { encodeExact, type Writer } from "../writer.js";
import { MAX_PARAMETER_BYTES, MESSAGE_PARAMETER, SESSION_ERROR, SETUP_PARAMETER } from "./codes.js";
import { type Field, unencodable, violation } from "./field.js";

/**
 * A Key-Value-Pair (section 1.4.2): an even type has a number, an odd one
 * bytes. Unknown types are kept as they came.
 */
export interface Parameter {
  readonly type: bigint;
  readonly value: bigint | Uint8Array;
}

function readPair(cursor: Cursor, name: string): Parameter {
  const type = cursor.varintBig(`${name} type`);
  if (type % 2n === 0n) return { type, value: cursor.varintBig(name) };
  const offset = cursor.offset;
  const length = cursor.varintBig(`${name} length`);
  if (length > MAX_PARAMETER_BYTES) {
    throw violation(name, offset, `${name} has ${length} bytes, more than ${MAX_PARAMETER_BYTES}`);
  }
  return { type, value: cursor.bytes(Number(length), name) };
}

function writePair(writer: Writer, pair: Parameter, name: string): void {
  writer.varint(pair.type, `${name} type`);
  if ((pair.type % 2n === 0n) !== (typeof pair.value === "bigint")) {
    throw unencodable(name, `${name} ${pair.type} has the wrong kind of value`);
  }
  if (typeof pair.value === "bigint") {
    writer.varint(pair.value, name);
    return;
  }
  if (pair.value.byteLength > MAX_PARAMETER_BYTES) {
    throw unencodable(name, `${name} has more than ${MAX_PARAMETER_BYTES} bytes`);
  }
  writer.prefixedBytes(pair.value, name);
}

/** Parameters with a count in front; of the types in `single` only one each may come. */
function parameterList(single: ReadonlySet<bigint>): Field<readonly Parameter[]> {
  return {
    read(cursor, name) {
      const count = cursor.varintBig(`${name} count`);
      const list: Parameter[] = [];
      const seen = new Set<bigint>();
      for (let i = 0n; i < count; i++) {
        const offset = cursor.offset;
        const pair = readPair(cursor, "parameter");
        if (single.has(pair.type) && seen.has(pair.type)) {
          throw violation(name, offset, `parameter ${pair.type} comes twice`);
        }
        seen.add(pair.type);
        list.push(pair);
      }
      return list;
    },
    write(writer, value, name) {
      writer.varint(value.length, `${name} count`);
      for (const pair of value) writePair(writer, pair, "parameter");
    },
  };
}

/** Parameters of the two SETUP messages. Type 5 may come twice: draft-14 gives it two meanings. */
export const setupParameters = parameterList(
  new Set<bigint>([
    SETUP_PARAMETER.path,
    SETUP_PARAMETER.maxRequestId,
    SETUP_PARAMETER.maxAuthTokenCacheSize,
  ]),
);

/** Parameters of every other message. */
export const messageParameters = parameterList(
  new Set<bigint>([MESSAGE_PARAMETER.deliveryTimeout, MESSAGE_PARAMETER.maxCacheDuration]),
);

/** The first parameter of an even type. */
export function numberParameter(list: readonly Parameter[], type: bigint): bigint | undefined {
  const value = list.find((pair) => pair.type === type)?.value;
  return typeof value === "bigint" ? value : undefined;
}

/** The first parameter of an odd type. */
export function bytesParameter(list: readonly Parameter[], type: bigint): Uint8Array | undefined {
  const value = list.find((pair) => pair.type === type)?.value;
  return value instanceof Uint8Array ? value : undefined;
}

/** Key-Value-Pairs with nothing in front, as in an object's extension block. @throws {WireError} `malformed` */
export function decodeExtensions(block: Uint8Array): Parameter[] {
  const cursor = new Cursor(block);
  const list: Parameter[] = [];
  try {
    while (cursor.remaining > 0) list.push(readPair(cursor, "extension"));
  } catch (error) {
    if (!(error instanceof WireError) || error.kind !== "incomplete") throw error;
    throw violation(error.field, error.offset, error.message);
  }
  return list;
}

/** The extension block for {@link decodeExtensions}. @throws {WireError} `unencodable` */
export function encodeExtensions(list: readonly Parameter[]): Uint8Array {
  return encodeExact((writer) => {
    for (const pair of list) writePair(writer, pair, "extension");
  });
}

/** An authorization token parameter's value (section 9.2.1.1). */
export type AuthorizationToken =
  | { readonly type: "delete" | "use_alias"; readonly alias: bigint }
  | {
      readonly type: "register";
      readonly alias: bigint;
      readonly tokenType: bigint;
      readonly value: Uint8Array;
    }
  | { readonly type: "use_value"; readonly tokenType: bigint; readonly value: Uint8Array };

const ALIAS_TYPES = { delete: 0, register: 1, use_alias: 2, use_value: 3 } as const;

/** The value of an authorization token parameter. @throws {WireError} `unencodable` */
export function encodeAuthorizationToken(token: AuthorizationToken): Uint8Array {
  return encodeExact((writer) => {
    writer.varint(ALIAS_TYPES[token.type], "aliasType");
    if (token.type !== "use_value") writer.varint(token.alias, "tokenAlias");
    if (token.type !== "register" && token.type !== "use_value") return;
    writer.varint(token.tokenType, "tokenType");
    writer.bytes(token.value);
  });
}

/** Decodes an authorization token. @throws {WireError} with KEY_VALUE_FORMATTING_ERROR as `wireCode` */
export function decodeAuthorizationToken(value: Uint8Array): AuthorizationToken {
  const cursor = new Cursor(value);
  try {
    const kind = cursor.varintBig("aliasType");
    if (kind === 3n) {
      return { type: "use_value", tokenType: cursor.varintBig("tokenType"), value: cursor.rest() };
    }
    if (kind > 3n) throw violation("aliasType", 0, `alias type ${kind} is unknown`);
    const alias = cursor.varintBig("tokenAlias");
    if (kind === 1n) {
      const tokenType = cursor.varintBig("tokenType");
      return { type: "register", alias, tokenType, value: cursor.rest() };
    }
    cursor.finish("authorizationToken");
    return { type: kind === 0n ? "delete" : "use_alias", alias };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    // The message names fields and numbers only, never the token.
    const code = SESSION_ERROR.keyValueFormatting;
    throw violation(error.field, error.offset, error.message, code);
  }
}
