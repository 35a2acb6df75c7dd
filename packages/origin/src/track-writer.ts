import type { MoqError } from "@moq-bridge/runtime";
import { aborted, FINISHED, subscriptionError } from "./errors.js";
import type { EndReason, GroupProducer, TrackDemand, TrackProducer } from "./model.js";
import type { Track } from "./track.js";
import type { Supplier } from "./track-request.js";

/** One source's handle on a track. It ends with the track, or when the track moves to another source. */
export class TrackWriter implements TrackProducer {
  readonly closed: Promise<EndReason>;
  readonly supplier: Supplier;
  readonly #track: Track;
  readonly #callbacks = new Set<(demand: TrackDemand | undefined) => void>();
  #ended = false;
  #resolveClosed: (reason: EndReason) => void = () => {};

  constructor(track: Track, supplier: Supplier) {
    this.#track = track;
    this.supplier = supplier;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** The handle of a source that answered too late. */
  static ended(track: Track, supplier: Supplier): TrackWriter {
    const writer = new TrackWriter(track, supplier);
    writer.end(FINISHED);
    return writer;
  }

  get name(): string {
    return this.#track.name;
  }

  get latestGroup(): number | undefined {
    return this.#ended ? undefined : this.#track.cache.newest?.sequence;
  }

  get frameCount(): number {
    return this.#track.cache.frameCount;
  }

  get demand(): TrackDemand | undefined {
    return this.#ended ? undefined : this.#track.demand;
  }

  openGroup(sequence: number): GroupProducer | undefined {
    if (!Number.isSafeInteger(sequence) || sequence < 0) {
      throw subscriptionError("group_invalid", "the group sequence is not a whole number");
    }
    return this.#ended ? undefined : this.#track.openGroup(sequence);
  }

  appendGroup(): GroupProducer {
    const group = this.openGroup((this.latestGroup ?? -1) + 1);
    if (!group) throw subscriptionError("track_ended", "the track is over");
    return group;
  }

  detach(): void {
    if (!this.#ended) this.#track.cache.detach();
  }

  finish(): void {
    this.#endTrack(FINISHED);
  }

  abort(error: MoqError): void {
    this.#endTrack(aborted(error));
  }

  onDemand(callback: (demand: TrackDemand | undefined) => void): () => void {
    if (!this.#ended) this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** Called by the track. */
  demandChanged(demand: TrackDemand | undefined): void {
    for (const callback of [...this.#callbacks]) callback(demand);
  }

  /** The track is over, or another source fills it from now on. */
  end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#callbacks.clear();
    this.#resolveClosed(reason);
  }

  #endTrack(reason: EndReason): void {
    if (this.#ended) return;
    this.end(reason);
    this.#track.end(reason);
  }
}
