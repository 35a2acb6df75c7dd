const SMALL = 1024;
const BLOCK = 8 * 1024;

/** Bytes in order, as the chunks they came in. */
export class ChunkQueue {
  #chunks: Uint8Array[] = [];
  #head = 0;
  #size = 0;
  #block: Uint8Array | undefined;
  #blockUsed = 0;

  /** Bytes held. */
  get size(): number {
    return this.#size;
  }

  /** Adds a chunk as it is. */
  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    this.#block = undefined;
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
  }

  /**
   * Adds a chunk that may wait long. Small ones are copied together: each is a
   * view of the whole buffer it arrived in, so many of them unread would hold
   * far more memory than the window says.
   */
  pushHeld(chunk: Uint8Array): void {
    const length = chunk.byteLength;
    if (length === 0 || length >= SMALL) {
      this.push(chunk);
      return;
    }
    if (!this.#block || this.#blockUsed + length > this.#block.byteLength) {
      this.#block = new Uint8Array(this.#chunks.length > this.#head ? BLOCK : length);
      this.#blockUsed = 0;
      this.#chunks.push(this.#block);
    }
    this.#block.set(chunk, this.#blockUsed);
    this.#blockUsed += length;
    this.#size += length;
    this.#chunks[this.#chunks.length - 1] = this.#block.subarray(0, this.#blockUsed);
  }

  /** Removes the first chunk, whole. */
  shift(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head];
    if (chunk === undefined) return undefined;
    this.#size -= chunk.byteLength;
    this.#drop();
    return chunk;
  }

  /** Moves the first `length` bytes into `target`. The caller has checked that they are here. */
  copyTo(target: Uint8Array, offset: number, length: number): void {
    let left = length;
    while (left > 0) {
      const chunk = this.#chunks[this.#head];
      if (chunk === undefined) return;
      const part = chunk.byteLength <= left ? chunk : chunk.subarray(0, left);
      target.set(part, offset + length - left);
      left -= part.byteLength;
      this.#size -= part.byteLength;
      if (part === chunk) {
        this.#drop();
      } else {
        this.#block = undefined;
        this.#chunks[this.#head] = chunk.subarray(part.byteLength);
      }
    }
  }

  /** Forgets everything and returns how many bytes that was. */
  clear(): number {
    const size = this.#size;
    this.#chunks = [];
    this.#head = 0;
    this.#size = 0;
    this.#block = undefined;
    return size;
  }

  #drop(): void {
    this.#head += 1;
    if (this.#head === this.#chunks.length) {
      this.#chunks = [];
      this.#head = 0;
      this.#block = undefined;
    } else if (this.#head >= 64 && this.#head * 2 >= this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
  }
}
