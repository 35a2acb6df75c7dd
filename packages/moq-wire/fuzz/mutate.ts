/** Numbers that a seed repeats (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0 || 1;
  }

  /** 0 up to, not including, `bound`. */
  below(bound: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % Math.max(1, bound);
  }

  pick<T>(list: readonly T[]): T {
    const found = list[this.below(list.length)];
    if (found === undefined) throw new Error("nothing to pick from");
    return found;
  }
}

/** First bytes of varints at the edges of their sizes, and what is often special. */
const EDGES = [0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff];
const MAX_RANDOM = 64;

/** One hostile input: a good one spoilt, two spliced, or noise. */
export function mutate(random: Random, samples: readonly Uint8Array[]): Uint8Array {
  if (random.below(10) === 0) return noise(random, random.below(MAX_RANDOM));
  let bytes = Uint8Array.from(random.pick(samples));
  for (let times = random.below(4); times >= 0; times--) bytes = spoil(random, bytes, samples);
  return bytes;
}

function noise(random: Random, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => random.below(256));
}

function spoil(
  random: Random,
  bytes: Uint8Array<ArrayBuffer>,
  samples: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.byteLength + 1);
  switch (random.below(7)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      if (at < bytes.byteLength) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 2:
      if (at < bytes.byteLength) bytes[at] = random.pick(EDGES);
      return bytes;
    case 3:
      return join(bytes.subarray(0, at), noise(random, 1 + random.below(8)), bytes.subarray(at));
    case 4:
      return join(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8)));
    case 5:
      return join(bytes.subarray(0, at), random.pick(samples));
    default: {
      // A length that promises what never comes.
      const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
      return join(bytes.subarray(0, at), Uint8Array.from(huge), bytes.subarray(at + 1));
    }
  }
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
