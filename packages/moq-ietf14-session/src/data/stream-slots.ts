/** How many data streams may be unfinished at once; who comes when all are taken waits in line. */
export class StreamSlots {
  #free: number;
  #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Calls `taken`, now or later, once a slot is the caller's. Returns how to give up waiting. */
  take(taken: () => void): () => void {
    if (this.#free > 0) {
      this.#free--;
      taken();
      return () => {};
    }
    this.#waiting.push(taken);
    return () => {
      this.#waiting = this.#waiting.filter((waiting) => waiting !== taken);
    };
  }

  /** Gives a slot back. */
  release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
