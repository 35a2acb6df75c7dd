import { transportMisuse } from "./error.js";

/** A queue one consumer awaits: what a session accepts, and datagrams that arrived. */
export class AsyncQueue<T> {
  readonly #what: string;
  #items: T[] = [];
  #head = 0;
  #ended = false;
  #waiting: ((item: T | undefined) => void) | undefined;

  /** `what` names the items in the error of two calls at once. */
  constructor(what: string) {
    this.#what = what;
  }

  /** How many items wait to be taken. */
  get size(): number {
    return this.#items.length - this.#head;
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
    if (this.size > 0) return Promise.resolve(this.#shift());
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** Ends the queue, dropping what was not taken; returns the dropped items. */
  end(): T[] {
    this.#ended = true;
    const dropped = this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    this.#waiting?.(undefined);
    this.#waiting = undefined;
    return dropped;
  }

  #shift(): T | undefined {
    const item = this.#items[this.#head++];
    // Taken items must not stay reachable for as long as the queue is never quite empty.
    if (this.#head > 1024 || this.#head === this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
