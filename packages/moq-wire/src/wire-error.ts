/**
 * Why bytes could not be decoded, or a value not encoded.
 *
 * - `incomplete`: the bytes end too early; with more of them it may decode.
 * - `malformed`: no continuation can make these bytes legal.
 * - `unsupported`: legal, but beyond what this library represents (a number above 2^53 - 1).
 * - `unencodable`: the value given breaks a limit of the wire format.
 */
export type WireErrorKind = "incomplete" | "malformed" | "unsupported" | "unencodable";

/** The only error the codecs throw. */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly kind: WireErrorKind;
  /** The field as the draft names it, in camelCase. */
  readonly field: string;
  /** Bytes before the field in the buffer or the stream that is decoded; 0 when encoding. */
  readonly offset: number;
  /** The session or stream error code the draft prescribes, where it does. */
  readonly wireCode: number | undefined;

  constructor(
    kind: WireErrorKind,
    field: string,
    offset: number,
    message: string,
    wireCode?: number,
  ) {
    super(message);
    this.kind = kind;
    this.field = field;
    this.offset = offset;
    this.wireCode = wireCode;
  }

  /** The same error with its offset counted from `bytes` bytes earlier. */
  shifted(bytes: number): WireError {
    if (bytes === 0) return this;
    return new WireError(this.kind, this.field, this.offset + bytes, this.message, this.wireCode);
  }
}

/** A message that is legal but longer than this library reads; `offset` is where its length stands. */
export class OversizedMessage extends WireError {
  /** Bytes from `offset` to the message's end: skip them to read on. */
  readonly size: number;

  constructor(field: string, offset: number, message: string, size: number) {
    super("unsupported", field, offset, message);
    this.size = size;
  }

  override shifted(bytes: number): OversizedMessage {
    return new OversizedMessage(this.field, this.offset + bytes, this.message, this.size);
  }
}
