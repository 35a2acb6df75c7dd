import type { MoqError, Runtime } from "@moq-bridge/runtime";
import { DEFAULT_DEMAND } from "./demand.js";
import { aborted, endError, FINISHED, subscriptionError } from "./errors.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { EndReason, Path, TrackConsumer, TrackDemand } from "./model.js";
import { RefusedTrack } from "./refused-track.js";
import { Track, type TrackHost } from "./track.js";
import type { Supplier } from "./track-request.js";

/** What every instance of an Origin shares. */
export interface InstanceSettings {
  readonly runtime: Runtime;
  readonly budget: MemoryBudget;
  readonly maxGroupBytes: number;
  readonly idleMs: number;
}

/** Whoever decides about an instance. */
export interface InstanceOwner {
  /** Who fills tracks now: a supplier, nobody ever (`"none"`), or nobody yet (`"later"`). */
  supplier(): Supplier | "none" | "later";
  /** A subscription goes to another Origin's broadcast instead. */
  relayed(name: string, demand: TrackDemand): TrackConsumer | undefined;
  /** How long a track is pulled after its last reader left. */
  idleMs(): number;
  /** A track is gone. */
  quieter(): void;
  /** Its content turned out to be another instance's. */
  replaced(error: MoqError): void;
}

/** One instance of a broadcast: its tracks, whoever fills them. */
export class Instance implements TrackHost {
  readonly path: Path;
  readonly closed: Promise<EndReason>;
  readonly #settings: InstanceSettings;
  readonly #owner: InstanceOwner;
  readonly #tracks = new Map<string, Track>();
  #ended: EndReason | undefined;
  #resolveClosed: (reason: EndReason) => void = () => {};

  constructor(path: Path, settings: InstanceSettings, owner: InstanceOwner) {
    this.path = path;
    this.#settings = settings;
    this.#owner = owner;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get ended(): EndReason | undefined {
    return this.#ended;
  }

  /** Nobody reads any of its tracks. */
  get idle(): boolean {
    for (const track of this.#tracks.values()) if (!track.idle) return false;
    return true;
  }

  subscribe(name: string, demand: TrackDemand = DEFAULT_DEMAND): TrackConsumer {
    if (this.#ended) {
      return new RefusedTrack(
        name,
        endError(this.#ended, "broadcast_ended", "the broadcast is over"),
      );
    }
    const known = this.#tracks.get(name);
    if (known) return known.subscribe(demand);
    const relayed = this.#owner.relayed(name, demand);
    if (relayed) return relayed;
    if (this.budget.exhausted) return new RefusedTrack(name, memoryExhausted());
    return this.#addTrack(name).subscribe(demand);
  }

  /** The track of that name for a source that fills it unasked. @throws {MoqError} `memory_exhausted` */
  trackToFill(name: string): Track {
    const known = this.#tracks.get(name);
    if (known && !known.ended) return known;
    known?.discardWhenUnread();
    if (this.budget.exhausted) throw memoryExhausted();
    return this.#addTrack(name);
  }

  /** Readers who hold this instance learn that another took its place; its tracks stay for the next to come. */
  cutReaders(error: MoqError): void {
    for (const track of this.#live()) track.cutReaders(error);
  }

  /** A supplier is gone, others are there: its tracks go on with the next one. */
  removeSupplier(supplier: Supplier, reason: EndReason): void {
    for (const track of this.#live()) {
      if (!track.isFilledBy(supplier)) continue;
      track.removeSupplier(reason);
      track.findSupplier();
    }
  }

  /** A supplier answers no more questions; the tracks it fills stay with it. */
  withdrawRequests(supplier: Supplier): void {
    for (const track of this.#live()) {
      if (track.filling !== "no" || !track.isFilledBy(supplier)) continue;
      track.removeSupplier(FINISHED);
      track.findSupplier();
    }
  }

  /** There is a supplier for the tracks that wait for one. */
  supplierCame(): void {
    for (const track of this.#live()) track.findSupplier();
  }

  /** Stops pulling tracks that nobody reads, without waiting for the idle time. */
  releaseUnread(): void {
    for (const track of this.#live()) track.release();
  }

  /**
   * The instance is over. After a clean end the tracks that are pulled run on
   * until their source ends them: their last groups may still be on the way.
   */
  end(reason: EndReason, options: { readonly letTracksRun: boolean }): void {
    if (this.#ended) return;
    this.#ended = reason;
    for (const track of this.#live()) {
      if (reason.type === "aborted" || track.filling === "always") {
        track.end(reason);
      } else if (!options.letTracksRun) {
        track.stop();
      } else if (track.filling === "no") {
        track.end(aborted(subscriptionError("broadcast_ended", "the broadcast is over")));
      }
      track.discardWhenUnread();
    }
    this.#resolveClosed(reason);
  }

  /* ------------------------------------------------------------ TrackHost */

  get runtime(): Runtime {
    return this.#settings.runtime;
  }

  get budget(): MemoryBudget {
    return this.#settings.budget;
  }

  get maxGroupBytes(): number {
    return this.#settings.maxGroupBytes;
  }

  get idleMs(): number {
    return this.#ended ? 0 : this.#owner.idleMs();
  }

  findSupplier(track: Track): void {
    const supplier = this.#ended ? "none" : this.#owner.supplier();
    if (supplier === "later") return;
    if (supplier === "none") {
      track.refused(subscriptionError("track_not_found", "the broadcast has no such track"));
    } else {
      track.ask(supplier);
    }
  }

  trackGone(track: Track): void {
    if (this.#tracks.get(track.name) !== track) return;
    this.#tracks.delete(track.name);
    this.#owner.quieter();
  }

  replaced(error: MoqError): void {
    this.#owner.replaced(error);
  }

  /* ---------------------------------------------------------------------- */

  #addTrack(name: string): Track {
    const track = new Track(this, name);
    this.#tracks.set(name, track);
    return track;
  }

  #live(): Track[] {
    return [...this.#tracks.values()];
  }
}

function memoryExhausted(): MoqError {
  return subscriptionError(
    "memory_exhausted",
    "the newest groups of the tracks there are fill the memory budget",
  );
}
