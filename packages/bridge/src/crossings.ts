import {
  type BroadcastConsumer,
  hasPathPrefix,
  type Path,
  type TrackRequest,
} from "@moq-bridge/origin";
import type { RegistryEntry } from "@moq-bridge/registry";
import { MoqError } from "@moq-bridge/runtime";
import { CarriedName, type NameOptions } from "./carried-name.js";
import { PathLane } from "./path-lane.js";
import type { PathMap } from "./path-map.js";
import type { Refusal } from "./path-policy.js";
import { PublishedName } from "./published-name.js";
import { Refusals } from "./refusals.js";
import type { RegistryReporter } from "./registry-reporter.js";
import { RegistryStream, type StreamOptions } from "./registry-stream.js";
import type { RelayNames } from "./relay-names.js";
import type { BroadcastStatus } from "./status.js";

/** What {@link Crossings} decides by, and what it hands on. */
export interface CrossingsOptions {
  /** Names on Cloudflare's side of what the relay has; absent: nothing is carried there. */
  readonly toCloudflare: PathMap | undefined;
  /** Names on the relay of what is listed. */
  readonly toRelay: PathMap;
  /** Whether what is listed is shown there; otherwise other bridges may do it. */
  readonly showsOnRelay: boolean;
  /** The name that is announced on Cloudflare's side for all below it. */
  readonly prefix: Path | undefined;
  readonly names: NameOptions;
  readonly streams: StreamOptions;
  /** Lists the relay's broadcasts. */
  readonly reporter: RegistryReporter | undefined;
}

/** Everything known of one name on Cloudflare's side. */
interface Crossing {
  readonly lane: PathLane<CarriedName | RegistryStream>;
  /** What is shown by this name: a broadcast of the relay's own. */
  native: BroadcastConsumer | undefined;
  /** What the registry lists as live by this name. */
  row: RegistryEntry | undefined;
}

const LISTED =
  "the registry lists it on Cloudflare: another bridge shows it here, or both sides publish it";
const UNSETTLED =
  "whether it is the relay's own or another bridge's is told by the registry's next answer";

/**
 * What crosses, by its name on Cloudflare's side, where one name has one owner:
 * a broadcast of the relay's own is shown there, or what is live there is shown
 * on the relay. On either side its own publishers come first.
 */
export class Crossings {
  readonly #options: CrossingsOptions;
  readonly #relay: RelayNames;
  readonly #crossings = new Map<Path, Crossing>();
  readonly #prefix: PublishedName | undefined;
  readonly #prefixLane: PathLane;
  readonly #refusedAnnouncements: Refusals;
  readonly #refusedRows: Refusals;
  /** What the registry lists and is not shown here. */
  #listed: ReadonlySet<Path> = new Set();
  /** The relay's own names are known: until then nothing may be shown on either side. */
  #isRelayKnown = false;
  #isStopping = false;
  #onIdle: () => void = () => {};

  constructor(relay: RelayNames, options: CrossingsOptions) {
    const { prefix, names } = options;
    const { runtime, log } = names;
    this.#options = options;
    this.#relay = relay;
    this.#refusedAnnouncements = new Refusals(runtime, "to-cloudflare");
    this.#refusedRows = new Refusals(runtime, "to-relay");
    this.#prefixLane = new PathLane({ runtime, log, onIdle: () => this.#checkIdle() });
    if (prefix === undefined || !options.toCloudflare) return;
    this.#prefix = new PublishedName({
      ...names,
      path: prefix,
      publish: (session) => session.publishPrefix(prefix, (path) => this.#served(path)),
    });
    this.#prefixLane.set(this.#prefix);
  }

  /** Paths that did not cross, by reason. */
  get refused(): Partial<Record<Refusal, number>> {
    const sum = { ...this.#refusedAnnouncements.counts };
    for (const [reason, count] of Object.entries(this.#refusedRows.counts)) {
      const key = reason as Refusal;
      sum[key] = (sum[key] ?? 0) + count;
    }
    return sum;
  }

  /** Whether the registry lists a stream that is shown on the relay by this name. */
  isListed(path: Path): boolean {
    const name = this.#options.toRelay.inverse(path);
    if (name === undefined) return false;
    return this.#listed.has(name) || this.#crossings.get(name)?.row !== undefined;
  }

  /** The relay has told all it has: from now on something may be shown. */
  handleRelayKnown(): void {
    this.#isRelayKnown = true;
    for (const [name, crossing] of this.#crossings) this.#reconcile(name, crossing);
  }

  /** The relay announced a path, anew, or ended it, or it turned out whose it is. */
  handleAnnouncement(path: Path): void {
    const { toCloudflare, toRelay, reporter } = this.#options;
    const own = this.#relay.own(path);
    if (toCloudflare) {
      const mapped = toCloudflare.map(path);
      if (own && "path" in mapped) reporter?.show(path);
      else reporter?.hide(path);
      if ("path" in mapped) this.#handleNative(mapped.path, own);
      else if (own) this.#refusedAnnouncements.add(path, mapped.refusal);
      else this.#refusedAnnouncements.delete(path);
    }
    const listed = toRelay.inverse(path);
    const crossing = listed === undefined ? undefined : this.#crossings.get(listed);
    if (listed !== undefined && crossing) this.#reconcile(listed, crossing);
  }

  /** Everything that is live on Cloudflare's side. */
  handleRows(entries: readonly RegistryEntry[]): void {
    if (!this.#options.showsOnRelay) {
      this.#listed = new Set(entries.map(({ streamId }) => streamId));
      return;
    }
    const rows = new Map(entries.map((row) => [row.streamId, row]));
    this.#refusedRows.keep(rows);
    for (const [name, row] of rows) {
      const refusal = this.#rowRefusal(name);
      if (refusal) this.#refusedRows.add(name, refusal);
      else this.#crossing(name).row = row;
    }
    for (const [name, crossing] of this.#crossings) {
      if (crossing.row) crossing.row = rows.get(name);
      this.#reconcile(name, crossing);
    }
  }

  /** Somebody on the relay asks for a track of a name on Cloudflare's side. */
  handleRequest(request: TrackRequest): void {
    const activity = this.#crossings.get(request.path)?.lane.activity;
    if (activity instanceof RegistryStream) activity.handleRequest(request);
    else {
      const message = `${request.path} is not bridged`;
      request.reject(new MoqError("track_not_found", message, { scope: "subscription" }));
    }
  }

  status(): BroadcastStatus[] {
    const list: BroadcastStatus[] = [];
    for (const [name, crossing] of this.#crossings) {
      const { lane, row } = crossing;
      const activity = lane.running;
      if (activity) {
        const { direction } = activity;
        list.push({ ...this.#labels(name, direction), direction, ...activity.state });
      }
      if (!row || activity?.direction === "to-relay") continue;
      const direction = "to-relay";
      const why = this.#obstacle(name, crossing);
      list.push({
        ...this.#labels(name, direction),
        direction,
        state: why === undefined ? "waiting" : "conflict",
        reason: why ?? "the relay has not told yet what it has",
        since: row.firstSeen,
      });
    }
    return [
      ...list,
      ...this.#doubted(),
      ...this.#refusedAnnouncements.status(),
      ...this.#refusedRows.status(),
    ];
  }

  /** Ends everything, and resolves when nothing of it is left on the wire. */
  async withdrawAll(): Promise<void> {
    this.#isStopping = true;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    this.#prefixLane.set(undefined);
    for (const [name, crossing] of this.#crossings) {
      crossing.native = undefined;
      crossing.row = undefined;
      if (crossing.lane.running instanceof RegistryStream) crossing.lane.running.handOver();
      crossing.lane.set(undefined);
      this.#forget(name);
    }
    this.#checkIdle();
    await idle;
  }

  #handleNative(name: Path, native: BroadcastConsumer | undefined): void {
    if (!native && !this.#crossings.has(name)) return;
    const crossing = this.#crossing(name);
    crossing.native = native;
    this.#reconcile(name, crossing);
  }

  #rowRefusal(name: Path): Refusal | undefined {
    const mapped = this.#options.toRelay.map(name);
    if ("refusal" in mapped) return mapped.refusal;
    return this.#isBelowPrefix(name) ? "own_prefix" : undefined;
  }

  #isBelowPrefix(name: Path): boolean {
    const { prefix } = this.#options;
    return this.#prefix !== undefined && prefix !== undefined && hasPathPrefix(name, prefix);
  }

  #crossing(name: Path): Crossing {
    let crossing = this.#crossings.get(name);
    if (!crossing) {
      const { runtime, log } = this.#options.names;
      const lane = new PathLane<CarriedName | RegistryStream>({
        runtime,
        log,
        onIdle: () => this.#forget(name),
      });
      crossing = { lane, native: undefined, row: undefined };
      this.#crossings.set(name, crossing);
    }
    return crossing;
  }

  #forget(name: Path): void {
    const crossing = this.#crossings.get(name);
    if (!crossing) return;
    const { lane, native, row } = crossing;
    if (!lane.running && !lane.activity && !native && !row) this.#crossings.delete(name);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#isStopping && this.#crossings.size === 0 && !this.#prefixLane.running) this.#onIdle();
  }

  /** Makes the name's lane do what is known of it. */
  #reconcile(name: Path, crossing: Crossing): void {
    if (this.#isStopping) return;
    if (!this.#isRelayKnown) {
      this.#forget(name);
      return;
    }
    const { native, row, lane } = crossing;
    if (native) this.#showOnCloudflare(name, lane, native);
    else if (row && this.#obstacle(name, crossing) === undefined)
      this.#showOnRelay(name, lane, row);
    else {
      lane.set(undefined);
      this.#forget(name);
    }
  }

  /** Why a listed stream is not shown on the relay. */
  #obstacle(name: Path, { native, lane }: Crossing): string | undefined {
    const { path, shownAs } = this.#places(name, "to-relay");
    if (this.#relay.own(shownAs)) {
      return "the registry lists it on Cloudflare, but the relay has its own publisher";
    }
    if (native)
      return `the relay's ${this.#places(path, "to-cloudflare").path} has this name there`;
    // What is shown already stays: another bridge may have come second.
    if (this.#relay.isDoubted(shownAs) && !(lane.activity instanceof RegistryStream)) {
      return "the relay has it already, from another bridge or from its own publisher";
    }
    return undefined;
  }

  #showOnCloudflare(name: Path, lane: Crossing["lane"], native: BroadcastConsumer): void {
    const current = lane.activity;
    if (current instanceof CarriedName && current.broadcast === native) return;
    const prefix = this.#isBelowPrefix(name) ? this.#prefix : undefined;
    lane.set(new CarriedName(name, native, this.#options.names, prefix));
  }

  #showOnRelay(name: Path, lane: Crossing["lane"], row: RegistryEntry): void {
    const current = lane.activity;
    const instance = row.instance ?? "";
    if (current instanceof RegistryStream && current.instance === instance) return;
    const { path, shownAs } = this.#places(name, "to-relay");
    lane.set(new RegistryStream({ path, shownAs, instance }, this.#options.streams));
  }

  /** What is served below the announced prefix. */
  #served(name: Path): BroadcastConsumer | undefined {
    const activity = this.#crossings.get(name)?.lane.activity;
    const broadcast = activity instanceof CarriedName ? activity.broadcast : undefined;
    const { prefix, names } = this.#options;
    return name === prefix ? names.checks.answering(name, broadcast) : broadcast;
  }

  /** The two names of what goes one way under a name on Cloudflare's side. */
  #places(name: Path, direction: BroadcastStatus["direction"]): { path: Path; shownAs: Path } {
    const { toCloudflare, toRelay } = this.#options;
    if (direction === "to-cloudflare") {
      return { path: toCloudflare?.inverse(name) ?? name, shownAs: name };
    }
    const mapped = toRelay.map(name);
    return { path: name, shownAs: "path" in mapped ? mapped.path : name };
  }

  #labels(
    name: Path,
    direction: BroadcastStatus["direction"],
  ): Pick<BroadcastStatus, "path" | "shownAs"> {
    const { path, shownAs } = this.#places(name, direction);
    return path === shownAs ? { path } : { path, shownAs };
  }

  #doubted(): BroadcastStatus[] {
    if (!this.#options.toCloudflare) return [];
    return this.#relay.doubted().map(({ path, isListed, since }) => ({
      path,
      direction: "to-cloudflare",
      state: isListed ? "conflict" : "waiting",
      reason: isListed ? LISTED : UNSETTLED,
      since,
    }));
  }
}
