import type { CancelTimer, MoqError } from "@moq-bridge/runtime";
import { mergeDemand, sameDemand } from "./demand.js";
import { aborted, FINISHED, groupError, instanceReplaced } from "./errors.js";
import type { Group } from "./group.js";
import { GroupCache, type GroupCacheHost } from "./group-cache.js";
import type { EndReason, GroupProducer, Path, TrackDemand, TrackInfo } from "./model.js";
import { TrackReader } from "./track-reader.js";
import { Request, type Supplier } from "./track-request.js";
import { TrackWriter } from "./track-writer.js";

/** What a track needs of the broadcast it belongs to. */
export interface TrackHost extends Omit<GroupCacheHost, "groupEvicted" | "contentDiffers"> {
  readonly path: Path;
  /** How long the pull goes on after the last reader left. */
  readonly idleMs: number;
  /** Nobody fills the track: find somebody and call `ask`, at once or when there is one. */
  findSupplier(track: Track): void;
  /** The track is of no further use under its name. */
  trackGone(track: Track): void;
  /** A source repeated a group with other content: the whole broadcast is another instance. */
  replaced(error: MoqError): void;
}

/** Who fills the track: nobody yet, a source that was asked, or a source that accepted. */
type Filler =
  | { readonly type: "none" }
  | { readonly type: "asked"; readonly request: Request }
  | { readonly type: "writing"; readonly writer: TrackWriter };

const NOBODY: Filler = { type: "none" };

/**
 * One track of one instance: one cache and at most one source filling it,
 * however many readers.
 *
 * ```
 *   none --ask--> asked --accept--> writing --source gone--> none
 *                   `--reject--> ended         `--finish, abort, idle--> ended
 * ```
 */
export class Track {
  readonly name: string;
  readonly cache: GroupCache;
  readonly #host: TrackHost;
  readonly #readers = new Set<TrackReader>();
  /** Filled whether it is read or not; kept until its broadcast ends. */
  #permanent = false;
  #filler: Filler = NOBODY;
  #info: TrackInfo | undefined;
  #ended: EndReason | undefined;
  #demand: TrackDemand | undefined;
  #idle: CancelTimer | undefined;

  constructor(host: TrackHost, name: string) {
    this.name = name;
    this.#host = host;
    this.cache = new GroupCache({
      runtime: host.runtime,
      budget: host.budget,
      maxGroupBytes: host.maxGroupBytes,
      groupEvicted: (group) => this.#groupEvicted(group),
      contentDiffers: () => this.#contentDiffers(),
    });
  }

  get path(): Path {
    return this.#host.path;
  }

  get info(): TrackInfo | undefined {
    return this.#info;
  }

  get ended(): EndReason | undefined {
    return this.#ended;
  }

  get demand(): TrackDemand | undefined {
    return this.#demand;
  }

  /** Nobody reads it and nobody did within the idle time. */
  get idle(): boolean {
    return this.#demand === undefined;
  }

  /** Whether that source fills the track or was asked to. */
  isFilledBy(supplier: Supplier): boolean {
    return this.#supplier() === supplier;
  }

  /** Who fills it: nobody, somebody on demand, or somebody in any case. */
  get filling(): "no" | "on_demand" | "always" {
    if (this.#filler.type !== "writing") return "no";
    return this.#permanent ? "always" : "on_demand";
  }

  /* ------------------------------------------------------------ readers */

  subscribe(demand: TrackDemand): TrackReader {
    const reader = new TrackReader(this, demand);
    this.#readers.add(reader);
    this.#idle?.();
    this.#idle = undefined;
    this.demandChanged();
    if (this.#filler.type === "none" && !this.#ended) this.#host.findSupplier(this);
    return reader;
  }

  leave(reader: TrackReader): void {
    if (!this.#readers.delete(reader)) return;
    if (this.#readers.size > 0) {
      this.demandChanged();
    } else if (this.#ended) {
      this.#discard();
    } else if (this.#filler.type !== "writing") {
      this.#cancelRequest();
      this.#end(FINISHED);
    } else {
      this.#idle = this.#host.runtime.setTimer(this.#host.idleMs, () => this.release());
    }
  }

  /** Ends every subscription; the track itself goes on. */
  cutReaders(error: MoqError): void {
    for (const reader of [...this.#readers]) reader.fail(error);
  }

  demandChanged(): void {
    if (this.#ended) return;
    this.#setDemand(mergeDemand([...this.#readers].map((reader) => reader.demand)));
  }

  /**
   * The pull ends now, if nobody reads, and a track that is pulled with it: what
   * is cached would be old by the time somebody reads again.
   */
  release(): void {
    if (this.#readers.size > 0 || this.#ended) return;
    this.#idle?.();
    this.#idle = undefined;
    if (!this.#permanent) this.#abandonGroups();
    this.#setDemand(undefined);
    if (!this.#permanent && this.idle) this.#end(FINISHED);
  }

  /* ------------------------------------------------------------ sources */

  /** Asks a source. It may answer at once. */
  ask(supplier: Supplier): void {
    const request = new Request(this, supplier);
    this.#filler = { type: "asked", request };
    request.send();
  }

  /** A source fills the track by itself. */
  create(supplier: Supplier, info: TrackInfo): TrackWriter {
    this.removeSupplier(FINISHED);
    this.#permanent = true;
    return this.fill(supplier, info);
  }

  /** A source accepted. */
  fill(supplier: Supplier, info: TrackInfo): TrackWriter {
    const writer = new TrackWriter(this, supplier);
    this.#filler = { type: "writing", writer };
    this.#info = info;
    this.cache.maxLatencyMs = info.maxLatencyMs;
    this.#wakeReaders();
    return writer;
  }

  /** The source that was asked refused. */
  refused(error: MoqError): void {
    this.#filler = NOBODY;
    this.#end(aborted(error));
  }

  /** The source is gone: what it has not finished waits for another. */
  removeSupplier(reason: EndReason): void {
    const filler = this.#filler;
    this.#filler = NOBODY;
    this.#permanent = false;
    if (filler.type === "asked") filler.request.cancel();
    if (filler.type !== "writing") return;
    this.cache.detach();
    filler.writer.end(reason);
  }

  /** Asks another source if the track is wanted, else lets it go. */
  findSupplier(): void {
    if (this.#ended || this.#filler.type !== "none") return;
    if (this.#readers.size > 0) this.#host.findSupplier(this);
    else this.#end(FINISHED);
  }

  openGroup(sequence: number): GroupProducer | undefined {
    if (this.#ended) return undefined;
    const producer = this.cache.open(sequence);
    if (producer) this.#wakeReaders();
    return producer;
  }

  /** Ends from the readers' side: the source is to stop. */
  stop(): void {
    this.#abandonGroups();
    this.end(FINISHED);
  }

  /** From either side. */
  end(reason: EndReason): void {
    this.#cancelRequest();
    this.#end(reason);
  }

  /* -------------------------------------------------------------------- */

  #supplier(): Supplier | undefined {
    switch (this.#filler.type) {
      case "none":
        return undefined;
      case "asked":
        return this.#filler.request.supplier;
      case "writing":
        return this.#filler.writer.supplier;
    }
  }

  /** The source will be told to stop, so whoever still reads a group waits for nothing. */
  #abandonGroups(): void {
    this.cache.fail(groupError("group_abandoned", "the track was let go before the group ended"));
  }

  #cancelRequest(): void {
    if (this.#filler.type !== "asked") return;
    const { request } = this.#filler;
    this.#filler = NOBODY;
    request.cancel();
  }

  #setDemand(demand: TrackDemand | undefined): void {
    if (sameDemand(demand, this.#demand)) return;
    this.#demand = demand;
    if (this.#filler.type === "writing") this.#filler.writer.demandChanged(demand);
  }

  #end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#idle?.();
    this.#idle = undefined;
    this.#demand = undefined;
    const filler = this.#filler;
    this.#filler = NOBODY;
    if (reason.type === "aborted") {
      this.cache.fail(reason.error);
      this.cutReaders(reason.error);
      this.#discard();
    } else {
      this.cache.abandonWaiting();
      this.#wakeReaders();
      if (this.#readers.size === 0) this.#discard();
    }
    if (filler.type === "writing") filler.writer.end(reason);
  }

  /** An ended track that nobody reads gives its memory back; a created one stays readable while its broadcast lives. */
  #discard(): void {
    if (this.#permanent && this.#ended?.type === "finished") return;
    this.discard();
  }

  /** Nobody will come for the track any more: its broadcast is over, or another has its name. */
  discardWhenUnread(): void {
    this.#permanent = false;
    if (this.#ended && this.#readers.size === 0) this.discard();
  }

  discard(): void {
    this.cache.clear();
    this.#host.trackGone(this);
  }

  #wakeReaders(): void {
    for (const reader of this.#readers) reader.wake();
  }

  #groupEvicted(group: Group): void {
    for (const reader of this.#readers) reader.groupEvicted(group);
  }

  #contentDiffers(): MoqError {
    const error = instanceReplaced();
    this.#host.replaced(error);
    return error;
  }
}
