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

  /** Takes an answer in. True: it is doubted, ask again. */
  apply(answer: ParsedAnswer): boolean {
    const next = withDoubtful(answer.byOrigin.get(this.#origin), this.#entries, answer.doubtful);
    const doubted = this.#unconfirmed === 0 && endsTooMany(this.#entries, next);
    if (doubted) {
      this.#unconfirmed = countMissing(this.#entries, next);
      this.#entries = new Map([...this.#entries, ...next]);
    } else {
      this.#unconfirmed = 0;
      this.#entries = next;
    }
    this.#others = othersOf(answer, this.#others, this.#origin);
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

/** The answer's entries; what it says only doubtful or incomplete things about stays as it was known. */
function withDoubtful(
  entries: Entries | undefined,
  known: Entries,
  doubtful: ReadonlySet<string>,
): Map<string, RegistryEntry> {
  const next = new Map<string, RegistryEntry>();
  for (const name of doubtful) {
    const entry = known.get(name);
    if (entry) next.set(name, entry);
  }
  for (const [name, entry] of entries ?? []) {
    const instance = entry.instance ?? known.get(name)?.instance;
    next.set(name, { ...entry, instance });
  }
  return next;
}

function othersOf(
  answer: ParsedAnswer,
  known: ReadonlyMap<string, Entries>,
  origin: string,
): ReadonlyMap<string, Entries> {
  const others = new Map<string, Entries>();
  for (const other of new Set([...known.keys(), ...answer.byOrigin.keys()])) {
    if (other === origin) continue;
    const entries = withDoubtful(
      answer.byOrigin.get(other),
      known.get(other) ?? new Map(),
      answer.doubtful,
    );
    if (entries.size > 0) others.set(other, entries);
  }
  return others;
}
