import { transportMisuse } from "./error.js";
import { Fifo } from "./fifo.js";

/** A queue one consumer awaits: what a session accepts, and datagrams that arrived. */
export class AsyncQueue<T> {
  readonly #what: string;
  readonly #items = new Fifo<T>();
  #ended = false;
  #waiting: ((item: T | undefined) => void) | undefined;

  /** `what` names the items in the error of two calls at once. */
  constructor(what: string) {
    this.#what = what;
  }

  /** How many items wait to be taken. */
  get size(): number {
    return this.#items.size;
  }

  /** Adds an item; does nothing after {@link end}. */
  push(item: T): void {
    if (this.#ended) return;
    const waiting = this.#waiting;
    if (waiting) {
      this.#waiting = undefined;
      waiting(item);
    } else {
      this.#items.push(item);
    }
  }

  /**
   * The next item, `undefined` once the queue has ended.
   *
   * @throws {MoqError} `transport_misuse` while an earlier call is pending
   */
  next(): Promise<T | undefined> {
    if (this.#waiting) {
      return Promise.reject(transportMisuse(`${this.#what} are awaited twice at once`));
    }
    if (this.size > 0) return Promise.resolve(this.#items.shift());
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** Ends the queue, dropping what was not taken. */
  end(): void {
    this.#ended = true;
    this.#items.clear();
    this.#waiting?.(undefined);
    this.#waiting = undefined;
  }
}
