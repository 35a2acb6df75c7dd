import { Cursor } from "./cursor.js";
import { WireError } from "./wire-error.js";

const EMPTY = new Uint8Array(0);

/**
 * The bytes of one stream as they arrive. Fields are read when they are whole;
 * payload is handed on as views of the chunks that came.
 */
export class StreamReader {
  #chunk: Uint8Array = EMPTY;
  #offset = 0;
  readonly #maxBuffered: number;

  /** @param maxBuffered most bytes an unfinished field or message may hold back */
  constructor(maxBuffered: number) {
    this.#maxBuffered = maxBuffered;
  }

  /** Bytes that arrived and were not read. */
  get buffered(): number {
    return this.#chunk.byteLength - this.#offset;
  }

  /**
   * Adds what arrived. Read all that can be read before the next push.
   *
   * @throws {WireError} `malformed` when more than `maxBuffered` bytes were left unread
   */
  push(chunk: Uint8Array): void {
    const left = this.buffered;
    if (left === 0) {
      this.#chunk = chunk;
      this.#offset = 0;
      return;
    }
    if (left > this.#maxBuffered) {
      throw new WireError(
        "malformed",
        "message",
        0,
        `a message is longer than ${this.#maxBuffered} bytes`,
      );
    }
    const joined = new Uint8Array(left + chunk.byteLength);
    joined.set(this.#chunk.subarray(this.#offset), 0);
    joined.set(chunk, left);
    this.#chunk = joined;
    this.#offset = 0;
  }

  /** Reads with `decode` if all it needs has arrived, else gives `undefined` and stays where it is. */
  read<T>(decode: (cursor: Cursor) => T): T | undefined {
    if (this.buffered === 0) return undefined;
    const cursor = new Cursor(this.#chunk, this.#offset);
    try {
      const value = decode(cursor);
      this.#offset = cursor.offset;
      return value;
    } catch (error) {
      if (error instanceof WireError && error.kind === "incomplete") return undefined;
      throw error;
    }
  }

  /** A view of up to `length` bytes, `undefined` when none has arrived. */
  take(length: number): Uint8Array | undefined {
    const size = Math.min(length, this.buffered);
    if (size === 0) return undefined;
    const view = this.#chunk.subarray(this.#offset, this.#offset + size);
    this.#offset += size;
    return view;
  }
}
