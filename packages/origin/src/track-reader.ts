import type { MoqError } from "@moq-bridge/runtime";
import { endError } from "./errors.js";
import type { Group } from "./group.js";
import { GroupReader } from "./group-reader.js";
import type { GroupConsumer, TrackConsumer, TrackDemand, TrackInfo } from "./model.js";
import type { Track } from "./track.js";

/** A subscription: a cursor over a track's groups. */
export class TrackReader implements TrackConsumer {
  readonly #track: Track;
  #demand: TrackDemand;
  /** The lowest sequence it may still get; set when it asks for its first group. */
  #next: number | undefined;
  #skipped = 0;
  /** A group this reader had yet to take is gone: it goes on with the newest. */
  #behind = false;
  #closed = false;
  #error: MoqError | undefined;
  #waiting: (() => void)[] = [];

  constructor(track: Track, demand: TrackDemand) {
    this.#track = track;
    this.#demand = demand;
  }

  get name(): string {
    return this.#track.name;
  }

  get info(): Promise<TrackInfo> {
    const info = this.#info();
    // Asking for it must not oblige anybody to handle its failure.
    info.catch(() => {});
    return info;
  }

  get skippedGroups(): number {
    return this.#skipped;
  }

  get demand(): TrackDemand {
    return this.#demand;
  }

  async nextGroup(): Promise<GroupConsumer | undefined> {
    for (;;) {
      if (this.#error) throw this.#error;
      if (this.#closed) return undefined;
      const group = this.#take();
      if (group) return new GroupReader(group);
      if (this.#track.ended) {
        this.close();
        return undefined;
      }
      await this.#news();
    }
  }

  update(demand: TrackDemand): void {
    this.#demand = demand;
    if (!this.#closed) this.#track.demandChanged();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.wake();
    this.#track.leave(this);
  }

  /* ------------------------------------------------- called by the track */

  /** There is a new group, or the track's state changed. */
  wake(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** The subscription ends with an error. */
  fail(error: MoqError): void {
    if (this.#closed) return;
    this.#error = error;
    this.close();
  }

  /** A group is gone; it counts if this reader was about to get it. */
  groupEvicted(group: Group): void {
    if (this.#next === undefined || group.sequence < this.#floor()) return;
    this.#skipped++;
    this.#behind = true;
  }

  /* -------------------------------------------------------------------- */

  #floor(): number {
    return Math.max(this.#next ?? 0, this.#demand.startGroup ?? 0);
  }

  #take(): Group | undefined {
    this.#next ??= this.#firstSequence();
    const { cache } = this.#track;
    const floor = this.#floor();
    const group = this.#behind ? cache.newest : cache.firstFrom(floor);
    if (!group?.joinable || group.sequence < floor) return undefined;
    if (this.#behind) this.#skipped += cache.countBetween(floor, group.sequence);
    this.#behind = false;
    this.#next = group.sequence + 1;
    return group;
  }

  /** Without a start group it begins with the newest there is, or, if that cannot be had whole, after it. */
  #firstSequence(): number {
    const { newest } = this.#track.cache;
    if (this.#demand.startGroup !== undefined || !newest) return 0;
    return newest.startsWhole ? newest.sequence : newest.sequence + 1;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #info(): Promise<TrackInfo> {
    for (;;) {
      if (this.#error) throw this.#error;
      if (this.#track.info) return this.#track.info;
      const ended = this.#track.ended;
      if (ended || this.#closed) {
        throw endError(ended ?? { type: "finished" }, "track_ended", "the track is over");
      }
      await this.#news();
    }
  }
}
