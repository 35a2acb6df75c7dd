import { MAX_VARINT, varintSize, writeVarint } from "./varint.js";
import { WireError } from "./wire-error.js";

const utf8 = new TextEncoder();

/** Writes fields; given no buffer it only counts, so that one function both sizes and fills. */
export class Writer {
  readonly #target: Uint8Array | undefined;
  #offset = 0;

  constructor(target?: Uint8Array) {
    this.#target = target;
  }

  /** Bytes written, or counted, so far. */
  get size(): number {
    return this.#offset;
  }

  u8(value: number, field: string): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xff) this.#refuse(field, value);
    if (this.#target) this.#target[this.#offset] = value;
    this.#offset += 1;
  }

  /** Two bytes, big-endian. */
  u16(value: number, field: string): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff) this.#refuse(field, value);
    if (this.#target) {
      this.#target[this.#offset] = value >>> 8;
      this.#target[this.#offset + 1] = value & 0xff;
    }
    this.#offset += 2;
  }

  varint(value: number | bigint, field: string): void {
    const legal =
      typeof value === "bigint"
        ? value >= 0n && value <= MAX_VARINT
        : Number.isSafeInteger(value) && value >= 0;
    if (!legal) this.#refuse(field, value);
    if (this.#target) writeVarint(this.#target, this.#offset, value);
    this.#offset += varintSize(value);
  }

  bytes(value: Uint8Array): void {
    this.#target?.set(value, this.#offset);
    this.#offset += value.byteLength;
  }

  /** A varint length and the bytes. */
  prefixedBytes(value: Uint8Array, field: string): void {
    this.varint(value.byteLength, field);
    this.bytes(value);
  }

  /** A varint length and the text as UTF-8. */
  string(value: string, field: string): void {
    this.prefixedBytes(utf8.encode(value), field);
  }

  #refuse(field: string, value: number | bigint): never {
    throw new WireError("unencodable", field, 0, `${field} cannot be ${value}`);
  }
}

/** Runs `write` twice: to size, then to fill one buffer of exactly that size. */
export function encodeExact(write: (writer: Writer) => void): Uint8Array {
  const counter = new Writer();
  write(counter);
  const bytes = new Uint8Array(counter.size);
  write(new Writer(bytes));
  return bytes;
}
