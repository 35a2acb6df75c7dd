import type { Random } from "./mutate.js";

/** Something that takes bytes. */
export interface Target {
  readonly name: string;
  /** Good inputs, to be spoilt. */
  readonly samples: readonly Uint8Array[];
  /** @throws {WireError} and nothing else */
  run(input: Uint8Array, random: Random): void;
}

/** A reader of streams. */
export interface Reader {
  push(chunk: Uint8Array): void;
  next(): unknown;
  end?(): void;
}

/** Feeds the input in pieces and takes all there is, counting: each event must cost at least a byte. */
export function feed(reader: Reader, input: Uint8Array, random: Random): void {
  let events = 0;
  for (let at = 0; at < input.byteLength; ) {
    const size = random.below(4) === 0 ? 1 : 1 + random.below(input.byteLength);
    reader.push(input.subarray(at, at + size));
    at += size;
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      events++;
      // Every event takes bytes but for a group's or object's first piece.
      if (events > 2 * input.byteLength + 8) throw new Error("more events than bytes");
    }
  }
  reader.end?.();
}
