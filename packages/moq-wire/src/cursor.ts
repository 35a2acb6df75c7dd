import { decodeUtf8 } from "./text.js";
import { WireError } from "./wire-error.js";

/**
 * Reads fields from a buffer and never past its end: running out of bytes
 * throws `incomplete`, which is never confused with bytes that are wrong.
 */
export class Cursor {
  readonly #bytes: Uint8Array;
  #offset: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.byteLength) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  /** Offset of the next byte in the buffer. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** One byte. */
  u8(field: string): number {
    this.#need(1, field);
    return this.#byte(this.#offset++);
  }

  /** Two bytes, big-endian. */
  u16(field: string): number {
    this.#need(2, field);
    const value = (this.#byte(this.#offset) << 8) | this.#byte(this.#offset + 1);
    this.#offset += 2;
    return value;
  }

  /** A varint up to 2^53 - 1. @throws {WireError} `unsupported` above that */
  varint(field: string): number {
    this.#need(1, field);
    const start = this.#offset;
    const first = this.#byte(start);
    const size = 1 << (first >> 6);
    this.#need(size, field);
    let value = first & 0x3f;
    for (let i = 1; i < size; i++) value = value * 256 + this.#byte(start + i);
    if (value > Number.MAX_SAFE_INTEGER) {
      throw new WireError("unsupported", field, start, `${field} is above 2^53 - 1`);
    }
    this.#offset = start + size;
    return value;
  }

  /** A varint up to 2^62 - 1. */
  varintBig(field: string): bigint {
    this.#need(1, field);
    const start = this.#offset;
    const first = this.#byte(start);
    const size = 1 << (first >> 6);
    this.#need(size, field);
    let value = BigInt(first & 0x3f);
    for (let i = 1; i < size; i++) value = (value << 8n) | BigInt(this.#byte(start + i));
    this.#offset = start + size;
    return value;
  }

  /** A view of the next `length` bytes. */
  bytes(length: number, field: string): Uint8Array {
    this.#need(length, field);
    const view = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return view;
  }

  /** Everything that is left, as a view. */
  rest(): Uint8Array {
    return this.bytes(this.remaining, "rest");
  }

  /** A varint length and that many bytes. */
  prefixedBytes(field: string, maxLength = Number.MAX_SAFE_INTEGER): Uint8Array {
    const start = this.#offset;
    const length = this.varint(`${field} length`);
    if (length > maxLength) {
      throw new WireError(
        "malformed",
        field,
        start,
        `${field} has ${length} bytes, more than ${maxLength}`,
      );
    }
    return this.bytes(length, field);
  }

  /** A varint length and that many bytes of UTF-8. @throws {WireError} `malformed` when it is not UTF-8 */
  string(field: string, maxLength?: number): string {
    const start = this.#offset;
    const bytes = this.prefixedBytes(field, maxLength);
    try {
      return decodeUtf8(bytes);
    } catch {
      throw new WireError("malformed", field, start, `${field} is not UTF-8`);
    }
  }

  /** A cursor over the next `length` bytes, which this one skips. */
  slice(length: number, field: string): Cursor {
    this.#need(length, field);
    const inner = new Cursor(this.#bytes, this.#offset, this.#offset + length);
    this.#offset += length;
    return inner;
  }

  /** Asserts that everything was read. @throws {WireError} `malformed` */
  finish(message: string): void {
    if (this.remaining > 0) {
      throw new WireError(
        "malformed",
        message,
        this.#offset,
        `${message} has ${this.remaining} bytes too many`,
      );
    }
  }

  #byte(index: number): number {
    return this.#bytes[index] as number;
  }

  #need(count: number, field: string): void {
    if (this.#offset + count > this.#end) {
      throw new WireError(
        "incomplete",
        field,
        this.#offset,
        `${field} needs ${count} bytes, ${this.remaining} are left`,
      );
    }
  }
}
