/**
 * How many data streams may be unfinished at once; who comes when all are
 * taken waits in line. A slot whose stream is open only for convenience can be
 * lent: it is called back when somebody waits.
 */
export class StreamSlots {
  #free: number;
  #waiting: (() => void)[] = [];
  readonly #lent = new Set<() => void>();

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
    const [oldest] = this.#lent;
    if (oldest) {
      this.#lent.delete(oldest);
      oldest();
    }
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

  /** Keeps a slot until it is wanted: `callBack` is called once then, and should end the stream. Returns how to take that back. */
  lend(callBack: () => void): () => void {
    const lent = () => callBack();
    this.#lent.add(lent);
    return () => {
      this.#lent.delete(lent);
    };
  }
}
