/**
 * What the peer may still send, in bytes or in streams. `Infinity` where the
 * framing has no flow control.
 */
export class RecvWindow {
  readonly #step: number;
  #max: number;
  #used = 0;
  #released = 0;

  /** `step` is the least that is worth telling the peer about. */
  constructor(max: number, step: number) {
    this.#max = max;
    this.#step = step;
  }

  /** The limit the peer knows, or was told last. */
  get max(): number {
    return this.#max;
  }

  /** Counts what arrived; `false` when the peer went beyond its limit. */
  receive(amount: number): boolean {
    this.#used += amount;
    return this.#used <= this.#max;
  }

  /** Makes room for what is done with; the peer has to be told, see {@link announce}. */
  release(amount: number): void {
    this.#released += amount;
  }

  /**
   * The raised limit, when it is time to tell the peer: once more than half of
   * what it has left is free again.
   */
  announce(): number | undefined {
    if (this.#released < this.#step || this.#used + 2 * this.#released <= this.#max) {
      return undefined;
    }
    this.#max += this.#released;
    this.#released = 0;
    return this.#max;
  }
}

/** What we may still send, in bytes or in streams. */
export class SendCredit {
  #max: number;
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get available(): number {
    return this.#max - this.#used;
  }

  get used(): number {
    return this.#used;
  }

  use(amount: number): void {
    this.#used += amount;
  }

  /** A limit from the peer; one that is no higher changes nothing (RFC 9000 section 4.1). */
  raise(max: number): boolean {
    if (max <= this.#max) return false;
    this.#max = max;
    return true;
  }
}
