import { Cursor, encodeExact, varintSize, WireError } from "@moq-bridge/moq-wire";
import { DEFAULT_MAX_RECORD_SIZE, type TransportParameters } from "./frame.js";
import { clampedVarint, exactVarint } from "./varint-field.js";

const RESET_STREAM_AT = 0x1d;
const MAX_RECORD_SIZE = 0x0571_c594_29cd_0845n;
/** Names the application protocol in-band, which a WebSocket does by its subprotocol. */
const APPLICATION_PROTOCOLS = 0x3d4f_9c2a_8b1e_6075n;
/** Parameters of QUIC that mean nothing here and are illegal. */
const FORBIDDEN = new Set<number | bigint>([
  0x00, 0x02, 0x03, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10,
]);

type NumberParameter = Exclude<keyof TransportParameters, "resetStreamAt">;

const NUMBERS: readonly (readonly [number | bigint, NumberParameter])[] = [
  [0x01, "maxIdleTimeout"],
  [0x04, "initialMaxData"],
  [0x05, "initialMaxStreamDataBidiLocal"],
  [0x06, "initialMaxStreamDataBidiRemote"],
  [0x07, "initialMaxStreamDataUni"],
  [0x08, "initialMaxStreamsBidi"],
  [0x09, "initialMaxStreamsUni"],
  [0x20, "maxDatagramFrameSize"],
  [MAX_RECORD_SIZE, "maxRecordSize"],
];
const NUMBER_NAMES = new Map(NUMBERS);

/** What a peer grants that sends no parameters: nothing, in records of the default size. */
export const NO_PARAMETERS: TransportParameters = {
  maxIdleTimeout: 0,
  initialMaxData: 0,
  initialMaxStreamDataBidiLocal: 0,
  initialMaxStreamDataBidiRemote: 0,
  initialMaxStreamDataUni: 0,
  initialMaxStreamsBidi: 0,
  initialMaxStreamsUni: 0,
  maxDatagramFrameSize: 0,
  maxRecordSize: DEFAULT_MAX_RECORD_SIZE,
  resetStreamAt: false,
};

/** The parameters as (id, length, value)*; those at their default are left out. */
export function encodeParameters(parameters: TransportParameters): Uint8Array {
  return encodeExact((writer) => {
    for (const [id, name] of NUMBERS) {
      const value = parameters[name];
      if (value === NO_PARAMETERS[name]) continue;
      writer.varint(id, "parameter id");
      writer.varint(varintSize(value), "parameter length");
      writer.varint(value, name);
    }
    if (parameters.resetStreamAt) {
      writer.varint(RESET_STREAM_AT, "parameter id");
      writer.varint(0, "parameter length");
    }
  });
}

/** @throws {WireError} `malformed` for a parameter that is repeated, illegal or of the wrong form */
export function decodeParameters(bytes: Uint8Array): TransportParameters {
  const values: { -readonly [K in keyof TransportParameters]: TransportParameters[K] } = {
    ...NO_PARAMETERS,
  };
  const seen = new Set<number | bigint>();
  const cursor = new Cursor(bytes);
  while (cursor.remaining > 0) {
    const start = cursor.offset;
    const id = exactVarint(cursor, "parameter id");
    const value = cursor.prefixedBytes("parameter");
    if (seen.has(id)) throw malformed(start, `parameter ${hex(id)} is repeated`);
    seen.add(id);
    const name = NUMBER_NAMES.get(id);
    if (name !== undefined) {
      values[name] = decodeNumber(value, name);
    } else if (id === RESET_STREAM_AT) {
      if (value.byteLength > 0) throw malformed(start, "parameter reset_stream_at has a value");
      values.resetStreamAt = true;
    } else if (FORBIDDEN.has(id) || id === APPLICATION_PROTOCOLS) {
      throw malformed(start, `parameter ${hex(id)} is illegal here`);
    }
  }
  if (values.maxRecordSize < DEFAULT_MAX_RECORD_SIZE) {
    throw malformed(
      0,
      `max_record_size ${values.maxRecordSize} is below ${DEFAULT_MAX_RECORD_SIZE}`,
    );
  }
  return values;
}

function decodeNumber(value: Uint8Array, name: string): number {
  const cursor = new Cursor(value);
  const number = clampedVarint(value, cursor, name);
  cursor.finish(name);
  return number;
}

function malformed(offset: number, message: string): WireError {
  return new WireError("malformed", "parameter", offset, message);
}

function hex(id: number | bigint): string {
  return `0x${id.toString(16)}`;
}
