/** Upper bounds of the buckets, in milliseconds; what is longer than the last counts beyond them. */
export const DURATION_BOUNDS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500,
];

/** Durations counted in buckets. Cheap enough for every frame: no allocation, no sorting. */
export class DurationHistogram {
  /** How many durations fell into each bucket; the last is everything beyond {@link DURATION_BOUNDS_MS}. */
  readonly #buckets = new Float64Array(DURATION_BOUNDS_MS.length + 1);
  #count = 0;
  #sumMs = 0;

  /** Durations counted so far. */
  get count(): number {
    return this.#count;
  }

  /** All of them together, in milliseconds. */
  get sumMs(): number {
    return this.#sumMs;
  }

  /** How many fell into each bucket; one more than {@link DURATION_BOUNDS_MS}. */
  get buckets(): readonly number[] {
    return [...this.#buckets];
  }

  /** Counts one duration, in milliseconds; below 0 counts as 0. */
  record(ms: number): void {
    const duration = Math.max(0, ms);
    let bucket = 0;
    while (duration > (DURATION_BOUNDS_MS[bucket] ?? Number.POSITIVE_INFINITY)) bucket++;
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count++;
    this.#sumMs += duration;
  }

  /** Counts everything that `other` counted. */
  add(other: DurationHistogram): void {
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + (other.#buckets[bucket] ?? 0);
    }
    this.#count += other.#count;
    this.#sumMs += other.#sumMs;
  }
}

/**
 * The duration below which `quantile` (0 to 1) of what the buckets counted
 * lies, in milliseconds, between the bounds by straight line; `undefined` when
 * they are empty. Beyond the last bound it is that bound.
 */
export function durationQuantile(buckets: readonly number[], quantile: number): number | undefined {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let left = quantile * total;
  let lower = 0;
  for (const [bucket, upper] of DURATION_BOUNDS_MS.entries()) {
    const count = buckets[bucket] ?? 0;
    if (count > 0 && left <= count) return lower + (upper - lower) * (left / count);
    left -= count;
    lower = upper;
  }
  return lower;
}
