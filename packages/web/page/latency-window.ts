/** How old pictures were when they were drawn, in milliseconds. */
export interface LatencySummary {
  readonly newest: number;
  /** Half of the pictures were this old at most, and so on. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  /** How many pictures that is of. */
  readonly of: number;
}

/** Pictures that are looked back on: 20 s of them. */
const SIZE = 300;

/** The latencies of the newest pictures. */
export class LatencyWindow {
  readonly #samples: number[] = [];
  #next = 0;

  /** @param milliseconds from capture to drawing */
  add(milliseconds: number): void {
    this.#samples[this.#next] = milliseconds;
    this.#next = (this.#next + 1) % SIZE;
  }

  /** `undefined` before the first. */
  summary(): LatencySummary | undefined {
    const newest = this.#samples[(this.#next + SIZE - 1) % SIZE];
    if (newest === undefined) return undefined;
    const sorted = this.#samples.toSorted((one, other) => one - other);
    return {
      newest,
      p50: nearestRank(sorted, 0.5),
      p90: nearestRank(sorted, 0.9),
      p99: nearestRank(sorted, 0.99),
      of: sorted.length,
    };
  }
}

function nearestRank(sorted: readonly number[], share: number): number {
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}
