import type { CancelTimer, MoqError, Runtime } from "@moq-bridge/runtime";
import { groupError } from "./errors.js";
import { Group, type GroupOwner } from "./group.js";
import { GroupList } from "./group-list.js";
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
  readonly #groups = new GroupList();
  /** Unfinished groups that had no source when they were put here. */
  readonly #waiting = new Set<Group>();
  /** Highest sequence that was dropped: nothing up to it is accepted again. */
  #droppedUpTo = -1;
  #expiry: CancelTimer | undefined;

  constructor(host: GroupCacheHost) {
    this.#host = host;
  }

  get newest(): Group | undefined {
    return this.#groups.last;
  }

  /** The group of that sequence, a new one if need be; `undefined` when it is too old. */
  open(sequence: number): GroupWriter | undefined {
    const known = this.#groups.get(sequence);
    if (known) return new GroupWriter(known);
    if (sequence <= this.#droppedUpTo) return undefined;
    const { budget, runtime, maxGroupBytes } = this.#host;
    const group = new Group(this, sequence, budget, maxGroupBytes);
    const writer = new GroupWriter(group);
    const { before, after } = this.#groups.add(group);
    // A late group is older than its successor and must not outlive it.
    if (after) this.#overtaken(group, after.overtakenAt ?? runtime.now());
    else if (before) this.#overtaken(before, runtime.now());
    this.#expire();
    return group.dropped ? undefined : writer;
  }

  /** The first group at or above `sequence` that a reader can have. */
  firstFrom(sequence: number): Group | undefined {
    for (const group of this.#groups.startingAt(sequence)) if (group.joinable) return group;
    return undefined;
  }

  /** How many groups a reader could have from `sequence` on, below `end`. */
  countBetween(sequence: number, end: number): number {
    let count = 0;
    for (const group of this.#groups.startingAt(sequence)) {
      if (group.sequence >= end) break;
      if (group.joinable) count++;
    }
    return count;
  }

  /** Open groups lose their source and wait for another. */
  detach(): void {
    for (const group of this.#groups) {
      group.writer?.detach();
      if (group.unended) group.leave();
    }
  }

  /** Groups without a source get no other: the track is over. */
  abandonWaiting(): void {
    this.#abandonBelow(Number.POSITIVE_INFINITY);
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
    const groups = this.#groups.clear();
    this.#waiting.clear();
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
    if (this.#waiting.size > 0 && this.#groups.has(finished)) this.#abandonBelow(finished.sequence);
  }

  groupWaits(group: Group): void {
    this.#waiting.add(group);
  }

  groupDropped(group: Group): void {
    this.#waiting.delete(group);
    // It may outlive `clear` while it is read.
    if (!this.#groups.has(group)) return;
    this.#groups.remove(group);
    this.#droppedUpTo = Math.max(this.#droppedUpTo, group.sequence);
    this.#host.groupEvicted(group);
  }

  contentDiffers(): MoqError {
    return this.#host.contentDiffers();
  }

  /* -------------------------------------------------------------------- */

  #abandonBelow(sequence: number): void {
    for (const group of this.#waiting) {
      if (group.sequence >= sequence && group.unended && !group.writer) continue;
      this.#waiting.delete(group);
      if (group.unended && !group.writer) {
        group.fail(groupError("group_abandoned", "the group's source ended before the group did"));
      }
    }
  }

  #overtaken(group: Group, at: number): void {
    group.overtakenAt = at;
    this.#host.budget.addEvictable(group);
  }

  #expire(): void {
    this.#expiry?.();
    this.#expiry = undefined;
    const now = this.#host.runtime.now();
    for (let oldest = this.#groups.first; oldest; oldest = this.#groups.first) {
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
}
