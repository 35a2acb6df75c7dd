/** Frames that were seen on one side and not yet on the other. */
const MAX_WAITING = 2_000;
/** Samples the percentiles are of. */
const MAX_SAMPLES = 2_000;

/** What the bridge adds: how much later a frame is beyond it than with a viewer beside its publisher. */
export class Latencies {
  readonly #near = new Map<string, number>();
  readonly #far = new Map<string, number>();
  readonly #samples: number[] = [];
  #next = 0;

  near(frame: string, at: number): void {
    this.#meet(frame, at, this.#near, this.#far, -1);
  }

  far(frame: string, at: number): void {
    this.#meet(frame, at, this.#far, this.#near, 1);
  }

  /** The newest, in milliseconds. */
  get samples(): readonly number[] {
    return this.#samples;
  }

  #meet(
    frame: string,
    at: number,
    mine: Map<string, number>,
    other: Map<string, number>,
    sign: 1 | -1,
  ): void {
    const theirs = other.get(frame);
    if (theirs === undefined) {
      mine.set(frame, at);
      const [oldest] = mine.keys();
      if (oldest !== undefined && mine.size > MAX_WAITING) mine.delete(oldest);
      return;
    }
    other.delete(frame);
    this.#samples[this.#next] = sign * (at - theirs);
    this.#next = (this.#next + 1) % MAX_SAMPLES;
  }
}

/** `p` from 0 to 1; `undefined` without samples. */
export function percentile(samples: readonly number[], p: number): number | undefined {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
}
