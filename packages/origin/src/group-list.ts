import type { Group } from "./group.js";

/** Removed slots kept at the front before the rest is moved up. */
const COMPACT_AFTER = 64;

/** Groups in rising order of sequence; adding at the end and removing at the start cost nothing. */
export class GroupList implements Iterable<Group> {
  #slots: (Group | undefined)[] = [];
  /** Index of the first group. */
  #head = 0;

  get first(): Group | undefined {
    return this.#slots[this.#head];
  }

  get last(): Group | undefined {
    return this.#slots.length > this.#head ? this.#slots.at(-1) : undefined;
  }

  get(sequence: number): Group | undefined {
    const group = this.#slots[this.#from(sequence)];
    return group?.sequence === sequence ? group : undefined;
  }

  has(group: Group): boolean {
    return this.get(group.sequence) === group;
  }

  /** Adds a group of a new sequence and returns its neighbours. */
  add(group: Group): { before: Group | undefined; after: Group | undefined } {
    const at = this.#from(group.sequence);
    const after = this.#slots[at];
    const before = at > this.#head ? this.#slots[at - 1] : undefined;
    if (after) this.#slots.splice(at, 0, group);
    else this.#slots.push(group);
    return { before, after };
  }

  remove(group: Group): void {
    const at = this.#from(group.sequence);
    if (this.#slots[at] !== group) return;
    if (at > this.#head) {
      this.#slots.splice(at, 1);
      return;
    }
    this.#slots[this.#head++] = undefined;
    if (this.#head > COMPACT_AFTER && this.#head * 2 > this.#slots.length) {
      this.#slots.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Empties the list and returns what was in it. */
  clear(): Group[] {
    const all = [...this];
    this.#slots = [];
    this.#head = 0;
    return all;
  }

  /** The groups from `sequence` on. */
  *startingAt(sequence: number): IterableIterator<Group> {
    for (let at = this.#from(sequence); at < this.#slots.length; at++) {
      const group = this.#slots[at];
      if (group) yield group;
    }
  }

  [Symbol.iterator](): IterableIterator<Group> {
    return this.startingAt(Number.NEGATIVE_INFINITY);
  }

  /** Index of the first group at or above `sequence`. */
  #from(sequence: number): number {
    let low = this.#head;
    let high = this.#slots.length;
    // Nearly always asked for the newest or what comes after it.
    const last = this.last;
    if (!last || last.sequence < sequence) return high;
    if (last.sequence === sequence) return high - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#slots[middle]?.sequence ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
