import type { SendState } from "./stream-state.js";

interface Entry {
  readonly send: SendState;
  readonly priority: number;
  readonly turn: number;
}

/** Streams with something to send: the highest priority first, in turns among equals. */
export class SendQueue {
  readonly #heap: Entry[] = [];
  #turns = 0;

  /** Adds a stream at the end of its priority, or moves it there. */
  add(send: SendState): void {
    this.#turns += 1;
    send.turn = this.#turns;
    this.#heap.push({ send, priority: send.priority, turn: send.turn });
    this.#up(this.#heap.length - 1);
  }

  /** Takes a stream out; nothing happens when it is not in. */
  remove(send: SendState): void {
    // Its entry is stale from now on and is dropped when it comes up.
    send.turn = 0;
  }

  /** Who is next. */
  peek(): SendState | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.send.turn === top.turn) return top.send;
      this.#dropTop();
    }
    return undefined;
  }

  #dropTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  #up(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfBefore(index, parent)) return;
      index = parent;
    }
  }

  #down(start: number): void {
    let index = start;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      if (left >= this.#heap.length) return;
      const child = right < this.#heap.length && this.#isBefore(right, left) ? right : left;
      if (!this.#swapIfBefore(child, index)) return;
      index = child;
    }
  }

  #swapIfBefore(a: number, b: number): boolean {
    if (!this.#isBefore(a, b)) return false;
    const entry = this.#heap[a] as Entry;
    this.#heap[a] = this.#heap[b] as Entry;
    this.#heap[b] = entry;
    return true;
  }

  #isBefore(a: number, b: number): boolean {
    const x = this.#heap[a] as Entry;
    const y = this.#heap[b] as Entry;
    return x.priority === y.priority ? x.turn < y.turn : x.priority > y.priority;
  }
}
