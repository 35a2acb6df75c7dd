/** Items that are each due a fixed time after they were added, so the order of adding is the order due. */
export class Deadlines<T> {
  readonly #isLive: (item: T) => boolean;
  #queue: { readonly at: number; readonly item: T }[] = [];

  /** @param isLive false for items that no longer wait, which are then forgotten */
  constructor(isLive: (item: T) => boolean) {
    this.#isLive = isLive;
  }

  add(at: number, item: T): void {
    this.#queue.push({ at, item });
  }

  /** When the next live item is due. */
  next(): number | undefined {
    const skip = this.#queue.findIndex(({ item }) => this.#isLive(item));
    if (skip !== 0) this.#queue = skip < 0 ? [] : this.#queue.slice(skip);
    return this.#queue[0]?.at;
  }

  /** Takes out the live items due by `now`. */
  expire(now: number): T[] {
    const due: T[] = [];
    for (let at = this.next(); at !== undefined && at <= now; at = this.next()) {
      const first = this.#queue.shift();
      if (first) due.push(first.item);
    }
    return due;
  }
}
