import type { GroupConsumer, TrackConsumer } from "@moq-bridge/origin";
import type { MoqError, Runtime } from "@moq-bridge/runtime";
import { toMoqError } from "@moq-bridge/runtime";

/** Groups kept for a reader that is busy with an earlier one; older ones are skipped. */
const MAX_AHEAD = 8;

/** How a track ended. */
export type TrackEnd =
  | { readonly type: "finished" }
  | { readonly type: "failed"; readonly error: MoqError };

/** A group that waits to be sent. */
export interface QueuedGroup {
  readonly group: GroupConsumer;
  /** Milliseconds from the arrival of the group before. */
  readonly interval: number;
}

/** Reads a track's groups ahead of their sending, so that the sender knows how far behind it is. */
export class GroupQueue {
  readonly #track: TrackConsumer;
  readonly #runtime: Runtime;
  readonly #onChange: () => void;
  readonly #onSkipped: (count: number) => void;
  #groups: QueuedGroup[] = [];
  #end: TrackEnd | undefined;
  #lastArrival = -Infinity;

  constructor(
    track: TrackConsumer,
    runtime: Runtime,
    callbacks: { onChange: () => void; onSkipped: (count: number) => void },
  ) {
    this.#track = track;
    this.#runtime = runtime;
    this.#onChange = callbacks.onChange;
    this.#onSkipped = callbacks.onSkipped;
    void this.#read();
  }

  /** Groups that are waiting. */
  get length(): number {
    return this.#groups.length;
  }

  /** Set once the track is over; groups may still be waiting. */
  get end(): TrackEnd | undefined {
    return this.#end;
  }

  /** The next group. */
  shift(): QueuedGroup | undefined {
    return this.#groups.shift();
  }

  /** Leaves only the newest group. */
  skipToNewest(): void {
    this.#drop(this.#groups.length - 1);
  }

  /** Lets go of everything. */
  close(): void {
    this.#track.close();
    for (const { group } of this.#groups) group.close();
    this.#groups = [];
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const group = await this.#track.nextGroup();
        if (!group) break;
        if (this.#groups.length === MAX_AHEAD) this.#drop(1);
        const arrivedAt = this.#runtime.now();
        this.#groups.push({ group, interval: arrivedAt - this.#lastArrival });
        this.#lastArrival = arrivedAt;
        this.#onChange();
      }
      this.#end = { type: "finished" };
    } catch (error) {
      this.#end = {
        type: "failed",
        error: toMoqError(error, "track_failed", "subscription"),
      };
    }
    this.#onChange();
  }

  #drop(count: number): void {
    const dropped = this.#groups.splice(0, Math.max(0, count));
    for (const { group } of dropped) group.close();
    if (dropped.length > 0) this.#onSkipped(dropped.length);
  }
}
