import type { CancelTimer, MoqError, Runtime } from "@moq-bridge/runtime";
import { groupError } from "./errors.js";
import { Group, type GroupOwner } from "./group.js";
import { GroupWriter } from "./group-writer.js";
import type { MemoryBudget } from "./memory-budget.js";

/** Soonest a second look for expired groups, so that many short groups share a timer. */
const MIN_EXPIRY_DELAY_MS = 20;

/** Longest one timer runs; a longer latency is waited for in steps. */
const MAX_EXPIRY_DELAY_MS = 60_000;

/** What a cache needs to know and tell. */
export interface GroupCacheHost {
  readonly runtime: Runtime;
  readonly budget: MemoryBudget;
  readonly maxGroupBytes: number;
  /** A group that was never given an end is gone for readers that did not pass it. */
  groupEvicted(group: Group): void;
  contentDiffers(): MoqError;
}

/**
 * The groups of one track in rising order. The newest stays; a group goes
 * `maxLatencyMs` after a newer one was opened, or earlier when the budget needs
 * its memory, always oldest first.
 */
export class GroupCache implements GroupOwner {
  maxLatencyMs = 0;
  frameCount = 0;
  readonly #host: GroupCacheHost;
  #groups: Group[] = [];
  /** Highest sequence that was dropped: nothing up to it is accepted again. */
  #droppedUpTo = -1;
  #expiry: CancelTimer | undefined;

  constructor(host: GroupCacheHost) {
    this.#host = host;
  }

  get newest(): Group | undefined {
    return this.#groups.at(-1);
  }

  /** The group of that sequence, a new one if need be; `undefined` when it is too old. */
  open(sequence: number): GroupWriter | undefined {
    const known = this.#groups[this.#indexAfter(sequence - 1)];
    if (known?.sequence === sequence) return new GroupWriter(known);
    if (sequence <= this.#droppedUpTo) return undefined;
    const { budget, runtime, maxGroupBytes } = this.#host;
    const group = new Group(this, sequence, budget, maxGroupBytes);
    // Only now: counting the new group may have evicted old ones.
    const at = this.#indexAfter(sequence - 1);
    this.#groups.splice(at, 0, group);
    const writer = new GroupWriter(group);
    const newer = this.#groups[at + 1];
    // A late group is older than its successor and must not outlive it.
    if (newer) this.#overtaken(group, newer.overtakenAt ?? runtime.now());
    const older = this.#groups[at - 1];
    if (!newer && older) this.#overtaken(older, runtime.now());
    this.#expire();
    return group.dropped ? undefined : writer;
  }

  /** The first group at or above `sequence` that a reader can have. */
  firstFrom(sequence: number): Group | undefined {
    for (let i = this.#indexAfter(sequence - 1); i < this.#groups.length; i++) {
      const group = this.#groups[i];
      if (group?.joinable) return group;
    }
    return undefined;
  }

  /** How many groups a reader could have from `sequence` on, below `end`. */
  countBetween(sequence: number, end: number): number {
    let count = 0;
    for (let i = this.#indexAfter(sequence - 1); i < this.#groups.length; i++) {
      const group = this.#groups[i];
      if (!group || group.sequence >= end) break;
      if (group.joinable) count++;
    }
    return count;
  }

  /** Open groups lose their source and wait for another. */
  detach(): void {
    for (const group of this.#groups) {
      group.writer?.detach();
      group.writer = undefined;
    }
  }

  /** Groups without a source get no other: the track is over. */
  abandonWaiting(): void {
    for (const group of this.#groups) {
      if (!group.writer) this.#abandon(group);
    }
  }

  /** Every unfinished group ends with `error`. */
  fail(error: MoqError): void {
    for (const group of this.#groups) {
      const { writer } = group;
      group.fail(error);
      writer?.unwanted();
    }
  }

  /** Forgets everything, as if nothing had been received; groups being read stay with their readers. */
  clear(): void {
    const groups = this.#groups;
    this.#groups = [];
    this.#droppedUpTo = -1;
    this.#expiry?.();
    this.#expiry = undefined;
    for (const group of groups) group.retire();
  }

  /* ---------------------------------------------------- called by groups */

  /**
   * A group whose source is gone is given up once a newer one is complete: the
   * next source started after it.
   */
  groupFinished(finished: Group): void {
    if (!this.#holds(finished)) return;
    for (const group of this.#groups) {
      if (group.sequence >= finished.sequence) break;
      if (!group.writer) this.#abandon(group);
    }
  }

  groupDropped(group: Group): void {
    if (!this.#holds(group)) return;
    this.#groups.splice(this.#indexAfter(group.sequence - 1), 1);
    this.#droppedUpTo = Math.max(this.#droppedUpTo, group.sequence);
    this.#host.groupEvicted(group);
  }

  contentDiffers(): MoqError {
    return this.#host.contentDiffers();
  }

  /* -------------------------------------------------------------------- */

  /** Whether it is kept here still: a group outlives `clear` while it is read. */
  #holds(group: Group): boolean {
    return this.#groups[this.#indexAfter(group.sequence - 1)] === group;
  }

  #abandon(group: Group): void {
    group.fail(groupError("group_abandoned", "the group's source ended before the group did"));
  }

  #overtaken(group: Group, at: number): void {
    group.overtakenAt = at;
    this.#host.budget.addEvictable(group);
  }

  #expire(): void {
    this.#expiry?.();
    this.#expiry = undefined;
    const now = this.#host.runtime.now();
    for (let oldest = this.#groups[0]; oldest; oldest = this.#groups[0]) {
      if (oldest.overtakenAt === undefined) return;
      const left = oldest.overtakenAt + this.maxLatencyMs - now;
      if (left > 0) {
        const delay = Math.min(Math.max(left, MIN_EXPIRY_DELAY_MS), MAX_EXPIRY_DELAY_MS);
        this.#expiry = this.#host.runtime.setTimer(delay, () => this.#expire());
        return;
      }
      oldest.evict();
    }
  }

  /** Index of the first group above `sequence`. */
  #indexAfter(sequence: number): number {
    let low = 0;
    let high = this.#groups.length;
    if (high === 0 || (this.#groups[high - 1]?.sequence ?? 0) <= sequence) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#groups[middle]?.sequence ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
