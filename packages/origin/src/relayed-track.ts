import type { EndReason, GroupConsumer, TrackConsumer, TrackDemand, TrackInfo } from "./model.js";

/** A subscription to another Origin's track that can also be ended here. */
export class RelayedTrack implements TrackConsumer {
  readonly #inner: TrackConsumer;
  readonly #onClose: () => void;
  #ended: EndReason | undefined;

  constructor(inner: TrackConsumer, onClose: () => void) {
    this.#inner = inner;
    this.#onClose = onClose;
  }

  get name(): string {
    return this.#inner.name;
  }

  get info(): Promise<TrackInfo> {
    return this.#inner.info;
  }

  get skippedGroups(): number {
    return this.#inner.skippedGroups;
  }

  async nextGroup(): Promise<GroupConsumer | undefined> {
    const group = this.#ended ? undefined : await this.#inner.nextGroup();
    if (this.#ended?.type === "aborted") throw this.#ended.error;
    return group;
  }

  update(demand: TrackDemand): void {
    this.#inner.update(demand);
  }

  close(): void {
    this.#inner.close();
    this.#onClose();
  }

  /** Called by the source: no more groups. */
  end(reason: EndReason): void {
    this.#ended ??= reason;
    this.close();
  }
}
