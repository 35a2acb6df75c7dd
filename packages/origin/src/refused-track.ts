import type { MoqError } from "@moq-bridge/runtime";
import type { GroupConsumer, TrackConsumer, TrackInfo } from "./model.js";

/** A subscription that failed before it began. */
export class RefusedTrack implements TrackConsumer {
  readonly name: string;
  readonly skippedGroups = 0;
  readonly #error: MoqError;
  #closed = false;

  constructor(name: string, error: MoqError) {
    this.name = name;
    this.#error = error;
  }

  get info(): Promise<TrackInfo> {
    const info = Promise.reject<TrackInfo>(this.#error);
    info.catch(() => {});
    return info;
  }

  async nextGroup(): Promise<GroupConsumer | undefined> {
    if (this.#closed) return undefined;
    throw this.#error;
  }

  update(): void {}

  close(): void {
    this.#closed = true;
  }
}
