import type { GroupConsumer, TrackConsumer } from "@moq-bridge/origin";
import type { PublishedGroup, PublishedTrack } from "./published-track.js";

/** A time in which something between publisher and viewer was down. */
interface Outage {
  readonly from: number;
  /** When the first whole group begun after `from` had arrived. */
  until: number | undefined;
}

/** Counts of a {@link TrackCheck}. */
export interface CheckCounts {
  /** Frames, each counted once. */
  frames: number;
  bytes: number;
  /** Frames that never came, while nothing was down. */
  lost: number;
  /** Frames that never came because something was down. */
  missed: number;
  /** Frames whose bytes are not those that were sent. */
  altered: number;
}

/** What one viewer gets of one track, held against what was published. */
export class TrackCheck {
  readonly counts: CheckCounts = { frames: 0, bytes: 0, lost: 0, missed: 0, altered: 0 };
  readonly published: PublishedTrack;
  /** When the last new frame arrived. */
  lastAt: number | undefined;
  readonly #onLiveFrame: (group: number, index: number, at: number) => void;
  /** Frames seen of each group that is not settled yet. */
  readonly #seen = new Map<number, number>();
  readonly #outages: Outage[] = [];
  #first: number | undefined;
  #settledTo = -1;

  /** @param onLiveFrame told of each new frame, but for those of the group the viewer found when it came, and those of an outage */
  constructor(
    published: PublishedTrack,
    onLiveFrame: (group: number, index: number, at: number) => void,
  ) {
    this.published = published;
    this.#onLiveFrame = onLiveFrame;
  }

  /** Something is being taken down on purpose: what does not come until all is well again is missed, not lost. */
  expectOutage(): void {
    this.#outages.push({ from: performance.now(), until: undefined });
  }

  /** Whether frames come, or have come if there is only one. */
  get well(): boolean {
    if (this.#first === undefined) return false;
    return this.published.spec.once || this.#outages.every(({ until }) => until !== undefined);
  }

  /** Reads until the track ends in any way. */
  async follow(track: TrackConsumer): Promise<void> {
    try {
      for (let group = await track.nextGroup(); group; group = await track.nextGroup()) {
        void this.#read(group);
      }
    } catch {
      // Whoever follows it decides whether to come back; what is missing is counted.
    } finally {
      track.close();
    }
  }

  /** Everything that was published so far has arrived, but for what was missed in an outage. */
  get complete(): boolean {
    for (const group of this.published.groups.values()) {
      if (this.#missing(group) > 0 && !this.#excused(group)) return false;
    }
    return this.#first !== undefined;
  }

  /** Counts what is missing of groups that ended before a time. */
  settle(before: number): void {
    if (this.#first === undefined) return;
    for (const group of this.published.groups.values()) {
      if (group.sequence <= this.#settledTo) continue;
      if (group.endedAt === undefined || group.endedAt >= before) break;
      const missing = this.#missing(group);
      if (this.#excused(group)) this.counts.missed += missing;
      else this.counts.lost += missing;
      this.#settledTo = group.sequence;
      this.#seen.delete(group.sequence);
    }
  }

  async #read(group: GroupConsumer): Promise<void> {
    try {
      for (let index = 0; ; index++) {
        const frame = await group.readFrame();
        if (!frame) break;
        this.#check(group.sequence, index, frame.payload);
      }
    } catch {
      // Cut off: the rest comes again or is missing.
    } finally {
      group.close();
    }
  }

  #check(group: number, index: number, payload: Uint8Array): void {
    const expected = this.published.expected(group, index);
    if (!expected || Buffer.compare(expected, payload) !== 0) this.counts.altered++;
    if (group <= this.#settledTo) return;
    this.#first ??= group;
    const seen = this.#seen.get(group) ?? 0;
    if (index < seen) return;
    const now = performance.now();
    this.#seen.set(group, index + 1);
    this.counts.frames++;
    this.counts.bytes += payload.byteLength;
    this.lastAt = now;
    if (group > this.#first && this.well) this.#onLiveFrame(group, index, now);
    if (index + 1 === this.published.spec.framesPerGroup) this.#handleWhole(group, now);
  }

  #handleWhole(sequence: number, now: number): void {
    const begun = this.published.groups.get(sequence)?.sentAt[0] ?? 0;
    for (const outage of this.#outages) if (begun > outage.from) outage.until ??= now;
  }

  #missing({ sequence, sentAt }: PublishedGroup): number {
    if (sequence <= this.#settledTo || sequence < (this.#first ?? 0)) return 0;
    return sentAt.length - (this.#seen.get(sequence) ?? 0);
  }

  #excused({ sentAt, endedAt }: PublishedGroup): boolean {
    const begun = sentAt[0] ?? 0;
    return this.#outages.some(
      ({ from, until }) => begun <= (until ?? Infinity) && (endedAt ?? Infinity) >= from,
    );
  }
}
