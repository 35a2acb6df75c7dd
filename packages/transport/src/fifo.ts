const KEEP_TAKEN = 1024;

/** First in, first out, in constant time at any length (`Array.shift` moves everything). */
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  /** How many items are in it. */
  get size(): number {
    return this.#items.length - this.#head;
  }

  /** Adds an item at the end. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the oldest item, `undefined` when there is none. */
  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#head++];
    // Taken items must not stay reachable for as long as the queue is never quite empty.
    if (this.#head === this.#items.length) {
      this.clear();
    } else if (this.#head > KEEP_TAKEN && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Drops everything. */
  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
