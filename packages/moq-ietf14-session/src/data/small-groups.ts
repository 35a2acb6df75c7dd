import type { SmallGroupRule } from "../profile.js";

/** How much a new interval moves the average. */
const WEIGHT = 1 / 8;
/** A stream is left to itself that long at least, in milliseconds, also when groups come in a burst. */
const MIN_GRACE_MS = 5;

/** Tells, of the groups of one track, which must wait for the one before: see {@link SmallGroupRule}. */
export class SmallGroups {
  readonly #rule: SmallGroupRule;
  /** The average interval of groups that come quickly. */
  #paceMs: number | undefined;
  /** Objects of the group sent before. */
  #previousObjects = 0;

  constructor(rule: SmallGroupRule) {
    this.#rule = rule;
  }

  /** A group was sent whole. */
  handleSent(objectCount: number): void {
    this.#previousObjects = objectCount;
  }

  /**
   * A group comes that many milliseconds after the one before. Gives how long
   * that one's stream is left to itself, or `undefined` if it is of no concern.
   */
  grace(intervalMs: number): number | undefined {
    const { perSecond, graceShare } = this.#rule;
    if (this.#previousObjects !== 1 || intervalMs * perSecond >= 1_000) return undefined;
    this.#paceMs ??= intervalMs;
    this.#paceMs += (intervalMs - this.#paceMs) * WEIGHT;
    return Math.max(MIN_GRACE_MS, this.#paceMs * graceShare);
  }
}
