import { type MoqError, toMoqError } from "@moq-bridge/runtime";
import { DEFAULT_DEMAND } from "./demand.js";
import { aborted, subscriptionError } from "./errors.js";
import type {
  Path,
  TrackDemand,
  TrackInfo,
  TrackProducer,
  TrackRequest,
  TrackRequestHandler,
} from "./model.js";
import type { Track } from "./track.js";
import { TrackWriter } from "./track-writer.js";

/** Somebody who fills tracks when asked: a source of a broadcast, or a dynamic handler. */
export interface Supplier {
  readonly onTrack: TrackRequestHandler | undefined;
}

/** One question to one supplier. */
export class Request implements TrackRequest {
  readonly supplier: Supplier;
  readonly #track: Track;
  #state: "open" | "answered" | "cancelled" = "open";
  #callbacks: (() => void)[] = [];

  constructor(track: Track, supplier: Supplier) {
    this.#track = track;
    this.supplier = supplier;
  }

  get path(): Path {
    return this.#track.path;
  }

  get name(): string {
    return this.#track.name;
  }

  get demand(): TrackDemand {
    return this.#track.demand ?? DEFAULT_DEMAND;
  }

  accept(info: TrackInfo): TrackProducer {
    if (this.#state === "cancelled") return TrackWriter.ended(this.#track, this.supplier);
    this.#answer();
    return this.#track.fill(this.supplier, info);
  }

  reject(error: MoqError): void {
    if (this.#state === "cancelled") return;
    this.#answer();
    this.#track.refused(error);
  }

  onCancelled(callback: () => void): void {
    if (this.#state === "open") this.#callbacks.push(callback);
    else if (this.#state === "cancelled") queueMicrotask(callback);
  }

  /** Puts the question. A handler that throws has failed the track, not the reader who caused it. */
  send(): void {
    try {
      this.supplier.onTrack?.(this);
    } catch (thrown) {
      const error = toMoqError(thrown, "track_handler_failed", "subscription");
      if (this.#state === "open") this.reject(error);
      else if (this.#state === "answered") this.#track.end(aborted(error));
    }
  }

  /** The track takes the question back. */
  cancel(): void {
    if (this.#state !== "open") return;
    this.#state = "cancelled";
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) callback();
  }

  #answer(): void {
    if (this.#state === "answered") {
      throw subscriptionError("request_answered", "the track request was answered before");
    }
    this.#state = "answered";
    this.#callbacks = [];
  }
}
