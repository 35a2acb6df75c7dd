import type { Runtime } from "@moq-bridge/runtime";
import { instanceId } from "./hops.js";
import type { MemoryBudget } from "./memory-budget.js";
import type {
  Announcement,
  Announcements,
  BroadcastConsumer,
  BroadcastProducer,
  EndReason,
  OriginConsumer,
  Path,
  TrackRequest,
} from "./model.js";
import { Origin } from "./origin.js";
import { copyTrack } from "./track-copy.js";

/** What {@link combine} is made with. */
export interface CombineOptions {
  readonly runtime: Runtime;
  /** The budget the two Origins share, so that what all three hold counts once; by default one of its own. */
  readonly budget?: MemoryBudget;
  /** As for an Origin: how long a track is pulled after its last reader left, in milliseconds; default 2,000. */
  readonly idleMs?: number;
}

/** Two Origins read as one. */
export interface CombinedOrigin extends OriginConsumer {
  /** Stops following both and ends everything announced here. */
  close(): void;
}

/**
 * What either of two Origins announces, as one.
 *
 * - *Merge*: a path is announced while one of them has it, with the chain of the
 *   one it is taken from. Media is pulled only when somebody reads here, once per
 *   track, and shared, not copied.
 * - *Replacement*: a path both have is `primary`'s, whichever came first. If
 *   `secondary` had it with another instance, that one ends
 *   (`instance_replaced`), then `primary`'s is active.
 * - *Failover*: when `primary` loses a path that `secondary` has too, it is
 *   `secondary`'s from then on. With the same known first hop that is the same
 *   instance: nothing is announced, and tracks being read go on inside the
 *   group, where the other side has the rest of it. Else `ended`, then `active`.
 * - *End*: with the last of the two the path ends, for the reason that one
 *   ended: after a clean end readers get what is on its way, after an outage
 *   they get its error.
 *
 * A broadcast asked for by name alone (`request`) is `primary`'s if it announces
 * it, else `secondary`'s if that announces it, else asked of `primary`.
 */
export function combine(
  primary: OriginConsumer,
  secondary: OriginConsumer,
  options: CombineOptions,
): CombinedOrigin {
  return new Combined(primary, secondary, options);
}

type Side = "primary" | "secondary";

/** One path: what each side has, and what is announced of it here. */
interface Entry {
  primary: BroadcastConsumer | undefined;
  secondary: BroadcastConsumer | undefined;
  readonly sources: Map<BroadcastConsumer, BroadcastProducer>;
  /** The newest group of each track so far: where the next source goes on. */
  readonly newestGroups: Map<string, number>;
}

class Combined implements CombinedOrigin {
  readonly #runtime: Runtime;
  readonly #origin: Origin;
  readonly #primary: OriginConsumer;
  readonly #secondary: OriginConsumer;
  readonly #entries = new Map<Path, Entry>();
  readonly #listening: Announcements[] = [];

  constructor(primary: OriginConsumer, secondary: OriginConsumer, options: CombineOptions) {
    this.#runtime = options.runtime;
    this.#origin = new Origin(options);
    this.#primary = primary;
    this.#secondary = secondary;
    this.#follow("primary", primary.announced());
    this.#follow("secondary", secondary.announced());
  }

  announced(prefix?: Path): Announcements {
    return this.#origin.announced(prefix);
  }

  broadcast(path: Path): BroadcastConsumer | undefined {
    return this.#origin.broadcast(path);
  }

  request(path: Path): BroadcastConsumer {
    const announcedBy = [this.#primary, this.#secondary].find((side) => side.broadcast(path));
    return (announcedBy ?? this.#primary).request(path);
  }

  close(): void {
    for (const announcements of this.#listening) announcements.close();
    this.#origin.close();
  }

  /** Takes in what is there at once, then what changes. */
  #follow(side: Side, announcements: Announcements): void {
    this.#listening.push(announcements);
    this.#takeAll(side, announcements, announcements.tryNext());
    void this.#listen(side, announcements);
  }

  async #listen(side: Side, announcements: Announcements): Promise<void> {
    for await (const next of announcements) this.#takeAll(side, announcements, next);
  }

  /** All that is known now before any of it counts: between `ended` and `active` of one path the other side must not step in. */
  #takeAll(side: Side, announcements: Announcements, first: Announcement | undefined): void {
    const changed = new Map<Path, EndReason | undefined>();
    for (let next = first; next; next = announcements.tryNext()) {
      const entry = this.#entry(next.path);
      entry[side] = next.type === "active" ? next.broadcast : undefined;
      if (next.type === "ended") changed.set(next.path, next.reason);
      else if (!changed.has(next.path)) changed.set(next.path, undefined);
    }
    for (const [path, ended] of changed) this.#reconcile(path, ended);
  }

  #entry(path: Path): Entry {
    let entry = this.#entries.get(path);
    if (!entry) {
      entry = {
        primary: undefined,
        secondary: undefined,
        sources: new Map(),
        newestGroups: new Map(),
      };
      this.#entries.set(path, entry);
    }
    return entry;
  }

  /** Announces what the path is to be first, then lets go of what it was: one instance stays announced throughout. */
  #reconcile(path: Path, ended: EndReason | undefined): void {
    const entry = this.#entry(path);
    const wanted = entry.primary ?? entry.secondary;
    if (wanted && !entry.sources.has(wanted)) this.#add(path, entry, wanted);
    for (const [broadcast, source] of entry.sources) {
      const live = broadcast === entry.primary || broadcast === entry.secondary;
      if (broadcast === wanted || (wanted && live && sameInstance(broadcast, wanted))) continue;
      entry.sources.delete(broadcast);
      if (!live && ended?.type === "aborted") source.abort(ended.error);
      else source.finish();
    }
    if (!wanted) this.#entries.delete(path);
  }

  #add(path: Path, entry: Entry, broadcast: BroadcastConsumer): void {
    const before = [...entry.sources.keys()].some((other) => sameInstance(other, broadcast));
    if (!before) entry.newestGroups.clear();
    const onTrack = (request: TrackRequest) => {
      void copyTrack(request, broadcast, {
        runtime: this.#runtime,
        newestGroups: entry.newestGroups,
      });
    };
    const source = this.#origin.createBroadcast(path, { hops: broadcast.hops, onTrack });
    entry.sources.set(broadcast, source);
    // Its content turned out to be another instance's: announced anew, it is one.
    void source.closed.then((reason) => {
      const replaced = reason.type === "aborted" && reason.error.code === "instance_replaced";
      if (!replaced || entry.sources.get(broadcast) !== source) return;
      entry.sources.delete(broadcast);
      this.#reconcile(path, reason);
    });
  }
}

function sameInstance(a: BroadcastConsumer, b: BroadcastConsumer): boolean {
  const id = instanceId(a.hops);
  return id !== undefined && id === instanceId(b.hops);
}
