import type { MoqError } from "@moq-bridge/runtime";
import { aborted, FINISHED, subscriptionError } from "./errors.js";
import { checkHops, instanceId } from "./hops.js";
import type {
  BroadcastConsumer,
  BroadcastProducer,
  EndReason,
  Hops,
  Path,
  TrackConsumer,
  TrackDemand,
  TrackInfo,
  TrackProducer,
  TrackRequestHandler,
} from "./model.js";
import type { PathEntry } from "./path-entry.js";
import { RelayedTrack } from "./relayed-track.js";
import type { Track } from "./track.js";
import type { Supplier } from "./track-request.js";

/** What a publisher that says nothing says of its tracks; 5 s is what the bridge tells moq-lite relays. */
export const DEFAULT_TRACK_INFO: TrackInfo = { priority: 128, maxLatencyMs: 5000 };

/** One source of a path: what {@link LocalSource} and {@link RelayedSource} share. */
abstract class BaseSource {
  readonly closed: Promise<EndReason>;
  readonly #entry: PathEntry;
  #hops: Hops;
  #ended = false;
  #resolveClosed: (reason: EndReason) => void = () => {};

  constructor(entry: PathEntry, hops: Hops) {
    this.#entry = entry;
    this.#hops = checkHops(hops);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get path(): Path {
    return this.#entry.path;
  }

  get hops(): Hops {
    return this.#hops;
  }

  protected get entry(): PathEntry {
    return this.#entry;
  }

  protected get ended(): boolean {
    return this.#ended;
  }

  setHops(hops: Hops): void {
    const checked = checkHops(hops);
    if (this.#ended) return;
    const previous = this.#hops;
    this.#hops = checked;
    if (instanceId(previous) !== instanceId(checked)) this.#entry.instanceChanged(this.self());
  }

  finish(): void {
    this.#end(FINISHED);
  }

  abort(error: MoqError): void {
    this.#end(aborted(error));
  }

  /** Called by the entry: the source no longer counts. */
  close(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.closing(reason);
    this.#resolveClosed(reason);
  }

  protected abstract self(): Source;

  protected closing(_reason: EndReason): void {}

  #end(reason: EndReason): void {
    if (!this.#ended) this.#entry.sourceEnded(this.self(), reason);
  }
}

/** A source whose tracks are filled here. */
export class LocalSource extends BaseSource implements BroadcastProducer, Supplier {
  readonly onTrack: TrackRequestHandler | undefined;

  constructor(entry: PathEntry, hops: Hops, onTrack: TrackRequestHandler | undefined) {
    super(entry, hops);
    this.onTrack = onTrack;
  }

  createTrack(name: string, info: Partial<TrackInfo> = {}): TrackProducer {
    if (this.ended) throw subscriptionError("broadcast_ended", "the broadcast is over");
    const track: Track = this.entry.instanceOf(this).trackToFill(name);
    if (track.isFilledBy(this)) {
      throw subscriptionError("track_duplicate", "the broadcast has a track of that name");
    }
    return track.create(this, { ...DEFAULT_TRACK_INFO, ...info });
  }

  protected override self(): Source {
    return this;
  }
}

/** A source that is another Origin's broadcast. */
export class RelayedSource extends BaseSource implements BroadcastProducer {
  readonly #broadcast: BroadcastConsumer;
  readonly #tracks = new Set<RelayedTrack>();

  constructor(entry: PathEntry, hops: Hops, broadcast: BroadcastConsumer) {
    super(entry, hops);
    this.#broadcast = broadcast;
  }

  /** Ends with the broadcast it relays. Called once the source is in place. */
  follow(): void {
    void this.#broadcast.closed.then((reason) => {
      if (!this.ended) this.entry.sourceEnded(this, reason);
    });
  }

  createTrack(): TrackProducer {
    throw subscriptionError("broadcast_relayed", "the tracks come from another origin");
  }

  subscribe(name: string, demand: TrackDemand): TrackConsumer {
    const track = new RelayedTrack(this.#broadcast.subscribe(name, demand), () =>
      this.#tracks.delete(track),
    );
    this.#tracks.add(track);
    return track;
  }

  /** Ends every subscription that runs through this source. */
  cutReaders(reason: EndReason): void {
    for (const track of [...this.#tracks]) track.end(reason);
  }

  protected override self(): Source {
    return this;
  }

  /** After a clean end what is read runs on until its own source ends it. */
  protected override closing(reason: EndReason): void {
    if (reason.type === "aborted") this.cutReaders(reason);
  }
}

export type Source = LocalSource | RelayedSource;
