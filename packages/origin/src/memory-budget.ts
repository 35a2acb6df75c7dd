/** Something that gives its memory back when asked. */
export interface Evictable {
  /** Drops what is held and discharges it, all before returning. */
  evict(): void;
}

/** Default of {@link MemoryBudget}: 512 MiB. */
export const DEFAULT_BUDGET_BYTES = 512 * 1024 * 1024;

/**
 * The memory of all cached groups of one process. It counts whole backing
 * buffers, each once however many frames and groups share it, plus what the
 * bookkeeping of each piece costs. Above the limit, groups that were overtaken
 * by newer ones go, oldest first.
 */
export class MemoryBudget {
  /** What may be held before old groups go, in bytes. */
  readonly limitBytes: number;
  #used = 0;
  readonly #buffers = new Map<ArrayBufferLike, number>();
  readonly #evictable = new Set<Evictable>();

  constructor(limitBytes: number = DEFAULT_BUDGET_BYTES) {
    this.limitBytes = limitBytes;
  }

  /** Bytes held now. */
  get usedBytes(): number {
    return this.#used;
  }

  /** Newest groups alone exceed the limit: nothing may be added that is not there already. */
  get exhausted(): boolean {
    return this.#used > this.limitBytes;
  }

  /**
   * Newest groups alone exceed the limit by more than a quarter: a group that
   * still grows has to drop its own oldest frames, so that memory stays bounded.
   */
  get overrun(): boolean {
    return this.#used > this.limitBytes * 1.25;
  }

  /** Counts a buffer, once for all who hold it. May evict before it returns. */
  hold(buffer: ArrayBufferLike): void {
    const holders = this.#buffers.get(buffer) ?? 0;
    this.#buffers.set(buffer, holders + 1);
    if (holders === 0) this.charge(buffer.byteLength);
  }

  /** Undoes one `hold`. */
  release(buffer: ArrayBufferLike): void {
    const holders = this.#buffers.get(buffer) ?? 0;
    if (holders > 1) {
      this.#buffers.set(buffer, holders - 1);
    } else if (this.#buffers.delete(buffer)) {
      this.#used -= buffer.byteLength;
    }
  }

  /** Counts bytes that belong to no buffer. May evict before it returns. */
  charge(bytes: number): void {
    this.#used += bytes;
    if (this.#used <= this.limitBytes) return;
    for (const oldest of this.#evictable) {
      if (this.#used <= this.limitBytes) break;
      this.#evictable.delete(oldest);
      oldest.evict();
    }
  }

  /** Undoes `charge`. */
  discharge(bytes: number): void {
    this.#used -= bytes;
  }

  /** From now on this may go when memory runs short, after those added before. */
  addEvictable(item: Evictable): void {
    this.#evictable.add(item);
  }

  /** It is gone, or needed again. */
  removeEvictable(item: Evictable): void {
    this.#evictable.delete(item);
  }
}
