import type { Runtime } from "@moq-bridge/runtime";
import { AnnouncementBoard } from "./announcements.js";
import type { AnnouncedBroadcast } from "./broadcast.js";
import { FINISHED } from "./errors.js";
import { DEFAULT_MAX_GROUP_BYTES } from "./group.js";
import type { InstanceSettings } from "./instance.js";
import { MemoryBudget } from "./memory-budget.js";
import type {
  Announcements,
  BroadcastConsumer,
  BroadcastOptions,
  BroadcastProducer,
  Hops,
  OriginConsumer,
  OriginProducer,
  Path,
  TrackRequestHandler,
} from "./model.js";
import { parsePath } from "./path.js";
import { PathEntry, type PathEntryOwner } from "./path-entry.js";
import { Requested, type RequestedOwner } from "./requested.js";
import { LocalSource, RelayedSource } from "./source.js";
import type { Supplier } from "./track-request.js";

/** How long a track is pulled after its last reader left, by default. */
export const DEFAULT_IDLE_MS = 2000;

/** What an {@link Origin} is made with. */
export interface OriginOptions {
  readonly runtime: Runtime;
  /** Shared by all Origins of the process; by default one of its own of 512 MiB. */
  readonly budget?: MemoryBudget;
  /** Size limit of one group in bytes; default 32 MiB. */
  readonly maxGroupBytes?: number;
  /** How long a track is pulled after its last reader left, in milliseconds; default 2,000. */
  readonly idleMs?: number;
}

/** A set of broadcasts in memory, filled by some and read by others. */
export class Origin implements OriginProducer, OriginConsumer {
  readonly #board = new AnnouncementBoard();
  readonly #entries = new Map<Path, PathEntry>();
  readonly #requested = new Map<Path, Requested>();
  readonly #handlers: Supplier[] = [];
  readonly #owner: PathEntryOwner & RequestedOwner;

  constructor(options: OriginOptions) {
    const settings: InstanceSettings = {
      runtime: options.runtime,
      budget: options.budget ?? new MemoryBudget(),
      maxGroupBytes: options.maxGroupBytes ?? DEFAULT_MAX_GROUP_BYTES,
      idleMs: options.idleMs ?? DEFAULT_IDLE_MS,
    };
    this.#owner = {
      settings,
      announce: (entry, broadcast) => this.#announce(entry, broadcast),
      newestHandler: () => this.#handlers.at(-1),
      requestedEnded: (requested) => this.#requestedEnded(requested),
    };
  }

  createBroadcast(path: Path, options: BroadcastOptions = {}): BroadcastProducer {
    const entry = this.#entry(path);
    const source = new LocalSource(entry, options.hops ?? [], options.onTrack);
    entry.add(source);
    return source;
  }

  publish(
    path: Path,
    broadcast: BroadcastConsumer,
    options: { readonly hops?: Hops } = {},
  ): BroadcastProducer {
    const entry = this.#entry(path);
    const source = new RelayedSource(entry, options.hops ?? broadcast.hops, broadcast);
    entry.add(source);
    source.follow();
    return source;
  }

  dynamic(onTrack: TrackRequestHandler): () => void {
    const handler: Supplier = { onTrack };
    this.#handlers.push(handler);
    for (const requested of [...this.#requested.values()]) requested.instance.supplierCame();
    return () => {
      const at = this.#handlers.indexOf(handler);
      if (at < 0) return;
      this.#handlers.splice(at, 1);
      for (const requested of [...this.#requested.values()]) {
        requested.instance.withdrawRequests(handler);
      }
    };
  }

  announced(prefix: Path = ""): Announcements {
    return this.#board.listen(prefix);
  }

  broadcast(path: Path): BroadcastConsumer | undefined {
    return this.#board.get(path);
  }

  request(path: Path): BroadcastConsumer {
    parsePath(path);
    let requested = this.#requested.get(path);
    if (!requested) {
      requested = new Requested(path, this.#owner);
      this.#requested.set(path, requested);
    }
    return requested.open();
  }

  /** Ends every broadcast, announced and requested, and every listener. */
  close(): void {
    for (const entry of [...this.#entries.values()]) entry.close();
    for (const requested of [...this.#requested.values()]) requested.end(FINISHED);
    this.#board.close();
  }

  #entry(path: Path): PathEntry {
    parsePath(path);
    return this.#entries.get(path) ?? new PathEntry(path, this.#owner);
  }

  #announce(entry: PathEntry, broadcast: AnnouncedBroadcast | undefined): void {
    if (broadcast) this.#entries.set(entry.path, entry);
    else this.#entries.delete(entry.path);
    this.#board.set(entry.path, broadcast);
  }

  #requestedEnded(requested: Requested): void {
    const { path } = requested.instance;
    if (this.#requested.get(path) === requested) this.#requested.delete(path);
  }
}
