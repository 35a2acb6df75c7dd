import type { GroupProducer, TrackProducer } from "@moq-bridge/origin";

/**
 * Opens the groups of one track. They count on from the wall clock, so that a
 * publisher that comes back under its name never repeats a number.
 */
export class GroupNumbers {
  readonly #track: TrackProducer;
  #next: number;

  /** @param wallClock milliseconds since the Unix epoch */
  constructor(track: TrackProducer, wallClock: number) {
    this.#track = track;
    this.#next = Math.floor(wallClock / 100);
  }

  open(): GroupProducer | undefined {
    return this.#track.openGroup(this.#next++);
  }
}
