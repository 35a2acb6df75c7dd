import type { MoqError } from "@moq-bridge/runtime";
import { AnnouncedBroadcast } from "./broadcast.js";
import { aborted, FINISHED, instanceReplaced } from "./errors.js";
import { instanceId } from "./hops.js";
import { Instance, type InstanceOwner, type InstanceSettings } from "./instance.js";
import type { EndReason, Hops, Path, TrackConsumer, TrackDemand } from "./model.js";
import { LocalSource, RelayedSource, type Source } from "./source.js";
import type { Supplier } from "./track-request.js";

/** An instance and the sources that serve it, the newest last. */
class SourcedInstance implements InstanceOwner {
  readonly instance: Instance;
  readonly sources: Source[] = [];
  readonly #entry: PathEntry;
  readonly #idleMs: number;
  #hops: Hops = [];

  constructor(entry: PathEntry, settings: InstanceSettings) {
    this.#entry = entry;
    this.#idleMs = settings.idleMs;
    this.instance = new Instance(entry.path, settings, this);
  }

  /** The newest source's chain, or the last one there was. */
  get hops(): Hops {
    const newest = this.sources.at(-1);
    if (newest) this.#hops = newest.hops;
    return this.#hops;
  }

  remove(source: Source, reason: EndReason): void {
    this.#hops = this.hops;
    this.sources.splice(this.sources.indexOf(source), 1);
    if (this.sources.length === 0) this.instance.end(reason, { letTracksRun: true });
    else if (source instanceof LocalSource) this.instance.removeSupplier(source, reason);
  }

  cutReaders(error: MoqError): void {
    this.instance.cutReaders(error);
    for (const source of this.sources) {
      if (source instanceof RelayedSource) source.cutReaders(aborted(error));
    }
  }

  supplier(): Supplier | "none" {
    return this.#newestLocal((source) => source.onTrack !== undefined) ?? "none";
  }

  relayed(name: string, demand: TrackDemand): TrackConsumer | undefined {
    const newest = this.sources.at(-1);
    return newest instanceof RelayedSource ? newest.subscribe(name, demand) : undefined;
  }

  idleMs(): number {
    return this.#idleMs;
  }

  quieter(): void {}

  replaced(error: MoqError): void {
    this.#entry.replaced(this, error);
  }

  #newestLocal(wanted: (source: LocalSource) => boolean): LocalSource | undefined {
    for (const source of [...this.sources].reverse()) {
      if (source instanceof LocalSource && wanted(source)) return source;
    }
    return undefined;
  }
}

/** What a path entry tells its Origin. */
export interface PathEntryOwner {
  readonly settings: InstanceSettings;
  /** Another instance, or none, is announced at the path from now on. */
  announce(entry: PathEntry, broadcast: AnnouncedBroadcast | undefined): void;
}

/** A path with at least one source: decides which instance is announced. */
export class PathEntry {
  readonly path: Path;
  readonly #owner: PathEntryOwner;
  /** In order of arrival. */
  readonly #sources: { readonly source: Source; instance: SourcedInstance }[] = [];
  #current: { readonly instance: SourcedInstance; readonly view: AnnouncedBroadcast } | undefined;

  constructor(path: Path, owner: PathEntryOwner) {
    this.path = path;
    this.#owner = owner;
  }

  add(source: Source): void {
    const instance = this.#instanceFor(source);
    instance.sources.push(source);
    this.#sources.push({ source, instance });
    this.#choose();
  }

  /** The instance a source belongs to. */
  instanceOf(source: Source): Instance {
    const found = this.#sources.find((entry) => entry.source === source);
    if (!found) throw new Error("the source was removed from its path");
    return found.instance.instance;
  }

  /** The source's owner ended it, or the broadcast it relays ended. */
  sourceEnded(source: Source, reason: EndReason): void {
    this.#remove(source, reason);
    this.#choose();
  }

  /** The first hop of the source's chain changed: it serves another instance from now on. */
  instanceChanged(source: Source): void {
    const found = this.#sources.find((entry) => entry.source === source);
    if (!found) return;
    found.instance.remove(source, aborted(instanceReplaced()));
    found.instance = this.#instanceFor(source);
    found.instance.sources.push(source);
    this.#choose();
  }

  /** Content showed that an instance's sources do not carry what they began with: all of them end. */
  replaced(instance: SourcedInstance, error: MoqError): void {
    instance.instance.end(aborted(error), { letTracksRun: false });
    for (const source of [...instance.sources]) this.#remove(source, aborted(error));
    this.#choose();
  }

  /** Ends every source. */
  close(): void {
    for (const { source } of [...this.#sources]) this.#remove(source, FINISHED);
    this.#choose();
  }

  #remove(source: Source, reason: EndReason): void {
    const at = this.#sources.findIndex((entry) => entry.source === source);
    const found = this.#sources[at];
    if (!found) return;
    this.#sources.splice(at, 1);
    found.instance.remove(source, reason);
    source.close(reason);
  }

  /** The instance of another source with the same known first hop, else a new one. */
  #instanceFor(source: Source): SourcedInstance {
    const id = instanceId(source.hops);
    const same = this.#sources.find(
      (entry) =>
        entry.source !== source && id !== undefined && instanceId(entry.source.hops) === id,
    );
    return same?.instance ?? new SourcedInstance(this, this.#owner.settings);
  }

  /** Announces the newest source's instance, if it is not announced already. */
  #choose(): void {
    const next = this.#sources.at(-1)?.instance;
    const previous = this.#current;
    if (previous?.instance === next) return;
    this.#current = next && {
      instance: next,
      view: new AnnouncedBroadcast(next.instance, () => next.hops),
    };
    if (previous) {
      const ended = previous.instance.instance.ended;
      const error = instanceReplaced();
      previous.view.end(ended ?? aborted(error));
      if (!ended) previous.instance.cutReaders(error);
    }
    this.#owner.announce(this, this.#current?.view);
  }
}
