import { Cursor } from "./cursor.js";
import { WireError } from "./wire-error.js";

const EMPTY = new Uint8Array(0);
const MIN_MOVE = 64;

/**
 * The bytes of one stream as they arrive. Fields are read when they are whole;
 * payload is handed on as views of the chunks that came. Only a field cut in
 * two by a chunk's end is copied together, and no more around it than needed.
 */
export class StreamReader {
  readonly #maxBuffered: number;
  /** Bytes of earlier chunks, then `#moved` bytes copied from before `#offset` of the current chunk. */
  #head = EMPTY;
  #headStart = 0;
  #headEnd = 0;
  #moved = 0;
  #chunk: Uint8Array = EMPTY;
  #offset = 0;
  #position = 0;

  /** @param maxBuffered most bytes an unfinished field or message may hold back */
  constructor(maxBuffered: number) {
    this.#maxBuffered = maxBuffered;
  }

  /** Bytes that arrived and were not read. */
  get buffered(): number {
    return this.#headLeft + this.#chunk.byteLength - this.#offset;
  }

  /** Bytes read so far: where in the stream the next one is. */
  get position(): number {
    return this.#position;
  }

  /**
   * Adds what arrived. Read all that can be read before the next push.
   *
   * @throws {WireError} `malformed` when more than `maxBuffered` bytes were left unread
   */
  push(chunk: Uint8Array): void {
    if (this.buffered > this.#maxBuffered) {
      throw new WireError(
        "malformed",
        "message",
        this.#position,
        `a message is longer than ${this.#maxBuffered} bytes`,
      );
    }
    this.#move(this.#chunk.byteLength - this.#offset);
    this.#moved = 0;
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /**
   * Reads with `decode` if all it needs has arrived, else gives `undefined` and stays where it is.
   *
   * @throws {WireError} as `decode`, with offsets in the stream
   */
  read<T>(decode: (cursor: Cursor) => T): T | undefined {
    if (this.buffered === 0) return undefined;
    for (;;) {
      const cursor =
        this.#headLeft > 0
          ? new Cursor(this.#head, this.#headStart, this.#headEnd)
          : new Cursor(this.#chunk, this.#offset);
      const start = cursor.offset;
      try {
        const value = decode(cursor);
        this.#advanceTo(cursor.offset);
        return value;
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        if (error.kind !== "incomplete") throw error.shifted(this.#position - start);
        const left = this.#chunk.byteLength - this.#offset;
        if (this.#headLeft === 0 || left === 0) return undefined;
        this.#move(Math.min(left, Math.max(MIN_MOVE, this.#headLeft)));
      }
    }
  }

  /** A view of up to `length` bytes, `undefined` when none has arrived. */
  take(length: number): Uint8Array | undefined {
    const inHead = this.#headLeft > 0;
    const bytes = inHead ? this.#head : this.#chunk;
    const start = inHead ? this.#headStart : this.#offset;
    const end = Math.min(start + length, inHead ? this.#headEnd : bytes.byteLength);
    if (end === start) return undefined;
    this.#advanceTo(end);
    return bytes.subarray(start, end);
  }

  get #headLeft(): number {
    return this.#headEnd - this.#headStart;
  }

  #advanceTo(offset: number): void {
    if (this.#headLeft === 0) {
      this.#position += offset - this.#offset;
      this.#offset = offset;
      return;
    }
    this.#position += offset - this.#headStart;
    this.#headStart = offset;
    if (this.#headLeft > this.#moved) return;
    // All that is left was copied from the chunk: read it from there.
    this.#offset -= this.#headLeft;
    this.#head = EMPTY;
    this.#headStart = this.#headEnd = this.#moved = 0;
  }

  /** Copies the chunk's next bytes behind the head. Bytes already in the head may be in views and are never rewritten. */
  #move(count: number): void {
    if (count === 0) return;
    const end = this.#headEnd + count;
    if (end > this.#head.byteLength) {
      const left = this.#head.subarray(this.#headStart, this.#headEnd);
      this.#head = new Uint8Array(2 * (left.byteLength + count));
      this.#head.set(left);
      this.#headStart = 0;
      this.#headEnd = left.byteLength;
    }
    this.#head.set(this.#chunk.subarray(this.#offset, this.#offset + count), this.#headEnd);
    this.#headEnd += count;
    this.#offset += count;
    this.#moved += count;
  }
}
