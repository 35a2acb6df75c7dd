import { type RegistryEntry, type RegistryList, sortedEntries } from "./entry.js";
import type { ParsedAnswer } from "./parse-answer.js";

/** From this many entries on, the end of more than half of them at once is doubted. */
const MANY = 10;

type Entries = ReadonlyMap<string, RegistryEntry>;

/**
 * What is known to be live. One answer that would end every entry, or more
 * than half of ten or more, is doubted: its additions count, what it ends
 * must be confirmed by another answer.
 */
export class LiveList {
  readonly #origin: string;
  #entries: Entries = new Map();
  #others: ReadonlyMap<string, Entries> = new Map();
  /** What the doubted answer left out. */
  #unconfirmed = 0;

  /** @param origin the origin whose entries are wanted */
  constructor(origin: string) {
    this.#origin = origin;
  }

  /** Entries that the last answer left out and that wait for another answer. */
  get unconfirmed(): number {
    return this.#unconfirmed;
  }

  /** How many streams of the wanted origin are live. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Takes an answer in that came at `wallClock` (milliseconds since the Unix
   * epoch). True: it is doubted, ask again.
   */
  apply(answer: ParsedAnswer, wallClock: number): boolean {
    const next = update(this.#entries, answer, this.#origin, wallClock);
    const doubted = this.#unconfirmed === 0 && endsTooMany(this.#entries, next);
    if (doubted) {
      this.#unconfirmed = countMissing(this.#entries, next);
      this.#entries = new Map([...this.#entries, ...next]);
    } else {
      this.#unconfirmed = 0;
      this.#entries = next;
    }
    this.#others = updateOthers(this.#others, answer, this.#origin, wallClock);
    return doubted;
  }

  /** Forgets the doubted answer: what follows a failure confirms nothing. */
  dropDoubt(): void {
    this.#unconfirmed = 0;
  }

  list(): RegistryList {
    return {
      entries: sortedEntries(this.#entries.values()),
      others: new Map(
        [...this.#others].map(([origin, entries]) => [origin, sortedEntries(entries.values())]),
      ),
    };
  }
}

function endsTooMany(known: Entries, next: Entries): boolean {
  const missing = countMissing(known, next);
  if (missing === 0) return false;
  return missing === known.size || (known.size >= MANY && missing > known.size / 2);
}

function countMissing(known: Entries, next: Entries): number {
  let missing = 0;
  for (const name of known.keys()) if (!next.has(name)) missing++;
  return missing;
}

/** One origin's entries by the answer; what it says only doubtful or incomplete things about stays as it was known. */
function update(known: Entries, answer: ParsedAnswer, origin: string, wallClock: number): Entries {
  const next = new Map<string, RegistryEntry>();
  for (const name of answer.doubtful) {
    const entry = known.get(name);
    if (entry) next.set(name, entry);
  }
  for (const [name, row] of answer.byOrigin.get(origin) ?? []) {
    const before = known.get(name);
    next.set(name, {
      ...row,
      instance: row.instance ?? before?.instance,
      firstSeen: before?.firstSeen ?? wallClock,
    });
  }
  return next;
}

function updateOthers(
  known: ReadonlyMap<string, Entries>,
  answer: ParsedAnswer,
  wanted: string,
  wallClock: number,
): ReadonlyMap<string, Entries> {
  const others = new Map<string, Entries>();
  for (const origin of new Set([...known.keys(), ...answer.byOrigin.keys()])) {
    if (origin === wanted) continue;
    const entries = update(known.get(origin) ?? new Map(), answer, origin, wallClock);
    if (entries.size > 0) others.set(origin, entries);
  }
  return others;
}
