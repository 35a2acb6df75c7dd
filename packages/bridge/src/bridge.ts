import type { Ietf14Session } from "@moq-bridge/moq-ietf14-session";
import type { LiteSession } from "@moq-bridge/moq-lite-session";
import { type Announcements, type BroadcastConsumer, Origin, type Path } from "@moq-bridge/origin";
import type { RegistryEntry } from "@moq-bridge/registry";
import { MoqError, type Runtime } from "@moq-bridge/runtime";
import { connectRelay } from "@moq-bridge/transport";
import { type CloudflareOptions, cloudflareConnector } from "./cloudflare-connection.js";
import { stableId } from "./instance-id.js";
import type { Logger } from "./logger.js";
import { LostNames } from "./lost-names.js";
import { PathLane } from "./path-lane.js";
import { PathPolicy, type Refusal } from "./path-policy.js";
import { PublishedName } from "./published-name.js";
import { RegistryReporter, type ReportOptions } from "./registry-reporter.js";
import { RegistryStream } from "./registry-stream.js";
import { type RelayOptions, relayConnector } from "./relay-connection.js";
import { RelayToken } from "./relay-token.js";
import { SessionPool } from "./session-pool.js";
import type { BridgeStatus, BroadcastStatus } from "./status.js";
import { combinedHealth, type RegistryOptions, StreamSources } from "./stream-sources.js";
import { Supervisor } from "./supervisor.js";
import { ietf14Traffic, liteTraffic, TrafficMeter } from "./traffic.js";

/** What to bridge, and how. */
export interface BridgeOptions {
  readonly runtime: Runtime;
  readonly log: Logger;
  readonly relay: RelayOptions;
  readonly cloudflare: CloudflareOptions;
  /** Name the streams that are live on Cloudflare. */
  readonly registries?: readonly RegistryOptions[];
  /** Paths that are always taken for live on Cloudflare. */
  readonly streams?: readonly string[];
  /** Where the relay's streams are listed. */
  readonly report?: ReportOptions;
  /** Which way broadcasts are carried. */
  readonly direction: "both" | "to-cloudflare" | "to-relay";
  /** Patterns of paths to carry, see {@link PathPolicy}; none means all. */
  readonly allow: readonly string[];
  /** Patterns of paths not to carry. */
  readonly deny: readonly string[];
  /** How transport sessions are opened; by default over the network, see `connectRelay`. */
  readonly connect?: typeof connectRelay;
}

/** Everything known of one path. */
interface PathEntry {
  readonly lane: PathLane;
  /** Live on the relay, from a publisher of its own. */
  native: BroadcastConsumer | undefined;
  /** Listed as live on Cloudflare. */
  row: RegistryEntry | undefined;
}

/** Sessions with Cloudflare at once. */
const DEFAULT_MAX_SESSIONS = 32;
/** What one session with Cloudflare carries: names as one operator counted, streams as moq-relay-ietf allows. */
const CLOUDFLARE_LIMITS = { names: 20, streams: 99 };

/** How long `stop` waits for names to be withdrawn before it closes the sessions, in milliseconds. */
const WITHDRAW_MS = 1_000;

/**
 * Carries live streams both ways between a moq-lite relay and Cloudflare's
 * draft-14 network: what the relay announces is announced on Cloudflare, what
 * the registry names is announced on the relay; media crosses when somebody asks.
 */
export class Bridge {
  readonly #options: BridgeOptions;
  readonly #policy: PathPolicy;
  readonly #relayOrigin: Origin;
  readonly #cdn: Origin;
  readonly #toRelay: Origin;
  readonly #token: RelayToken;
  readonly #relayMeter = new TrafficMeter(liteTraffic);
  readonly #cloudflareMeter = new TrafficMeter(ietf14Traffic);
  readonly #relay: Supervisor<LiteSession>;
  readonly #cloudflare: SessionPool<Ietf14Session>;
  readonly #sources: StreamSources;
  readonly #reporter: RegistryReporter | undefined;
  readonly #lost: LostNames;
  readonly #paths = new Map<Path, PathEntry>();
  readonly #refused: Partial<Record<Refusal, number>> = {};
  /** Rows that do not cross: counted once for as long as the registry lists them. */
  readonly #refusedRows = new Set<Path>();
  readonly #announcements: Announcements;
  /** The relay's own names are known: until then nothing may be shown there. */
  #relayKnown = false;
  #stopping = false;
  #onIdle: () => void = () => {};

  constructor(options: BridgeOptions) {
    const { runtime, log, connect = connectRelay } = options;
    this.#options = options;
    this.#lost = new LostNames(runtime);
    this.#policy = new PathPolicy(options.allow, options.deny);
    this.#relayOrigin = new Origin({ runtime });
    this.#cdn = new Origin({ runtime });
    this.#toRelay = new Origin({ runtime });
    this.#token = new RelayToken({ runtime, log, read: () => relayTokenOf(options.relay) });
    this.#relay = new Supervisor({
      runtime,
      log,
      name: "relay",
      connect: this.#relayMeter.counting(
        relayConnector({
          runtime,
          log,
          relay: options.relay,
          token: this.#token,
          connect,
          origin: this.#relayOrigin,
          toRelay: this.#toRelay,
          originId: originIdOf(options.cloudflare.url),
          onAnnounced: () => this.#handleRelayKnown(),
        }),
      ),
      renewal: (_session, signal) => this.#token.renewed(signal),
    });
    const { requestLimit, maxSessions = DEFAULT_MAX_SESSIONS } = options.cloudflare;
    this.#cloudflare = new SessionPool({
      runtime,
      log,
      name: "cloudflare",
      limits: { ...CLOUDFLARE_LIMITS, requests: requestLimit },
      maxSessions,
      connect: this.#cloudflareMeter.counting(
        cloudflareConnector({ runtime, cloudflare: options.cloudflare, connect }),
      ),
    });
    this.#announcements = this.#relayOrigin.announced();
    const { direction, report, registries = [], streams = [] } = options;
    const named =
      direction === "to-cloudflare" ? { registries: [], streams: [] } : { registries, streams };
    this.#sources = new StreamSources({
      runtime,
      log,
      ...named,
      onRows: (rows) => this.#handleRows(rows),
    });
    if (report && direction !== "to-relay") {
      this.#reporter = new RegistryReporter({ ...report, runtime, log });
    }
    this.#cdn.dynamic((request) => {
      const activity = this.#paths.get(request.path)?.lane.activity;
      if (activity instanceof RegistryStream) activity.handleRequest(request);
      else {
        request.reject(
          new MoqError("track_not_found", `${request.path} is not bridged`, {
            scope: "subscription",
          }),
        );
      }
    });
  }

  /** Starts both sides; each comes up, and stays up, on its own. */
  start(): void {
    this.#relay.start();
    this.#cloudflare.start();
    this.#sources.start();
    void this.#followRelay();
  }

  /** Withdraws what was announced, closes both sides and resolves when nothing is left running. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#sources.stop();
    this.#announcements.close();
    await Promise.all([this.#withdrawAll(), this.#reporter?.stop()]);
    await Promise.all([this.#relay.stop(), this.#cloudflare.stop()]);
  }

  /** Asks every registry at once, and resolves when each answered or failed. */
  pollNow(): Promise<void> {
    return this.#sources.pollNow();
  }

  /** What the bridge does right now. */
  status(): BridgeStatus {
    const broadcasts: BroadcastStatus[] = [];
    for (const [path, entry] of this.#paths) {
      const activity = entry.lane.running;
      if (activity instanceof PublishedName || activity instanceof RegistryStream) {
        const { state, reason, since } = activity.state;
        broadcasts.push({ path, direction: activity.direction, state, reason, since });
      }
      if (entry.native && entry.row) {
        broadcasts.push({
          path,
          direction: "to-relay",
          state: "conflict",
          reason: "the registry lists it on Cloudflare, but the relay has its own publisher",
          since: entry.row.firstSeen,
        });
      }
    }
    const registries = this.#sources.status();
    return {
      relay: this.#relay.status(),
      cloudflare: this.#cloudflare.status(),
      registry: combinedHealth(registries),
      registries,
      report: this.#reporter?.status(),
      traffic: { relay: this.#relayMeter.total(), cloudflare: this.#cloudflareMeter.total() },
      relayTokenExpiresAt: this.#token.expiresAt,
      broadcasts,
      refused: { ...this.#refused },
    };
  }

  /** A session with the relay has told what is there: take it in before anything of ours is shown. */
  #handleRelayKnown(): void {
    for (let next = this.#announcements.tryNext(); next; next = this.#announcements.tryNext()) {
      this.#handleAnnouncement(next.path);
    }
    this.#relayKnown = true;
    for (const [path, entry] of this.#paths) this.#reconcile(path, entry);
  }

  async #followRelay(): Promise<void> {
    for await (const { path } of this.#announcements) this.#handleAnnouncement(path);
  }

  /** Asks what is so now: announcements are read in two places and may be handled out of order. */
  #handleAnnouncement(path: Path): void {
    const native = this.#relayOrigin.broadcast(path);
    if (!this.#paths.get(path)?.native && !(native && this.#admits(path))) return;
    const entry = this.#entry(path);
    entry.native = native;
    this.#reconcile(path, entry);
  }

  #handleRows(entries: readonly RegistryEntry[]): void {
    const rows = new Map(entries.map((row) => [row.streamId, row]));
    for (const path of this.#refusedRows) if (!rows.has(path)) this.#refusedRows.delete(path);
    for (const [path, row] of rows) {
      if (this.#refusedRows.has(path)) continue;
      if (this.#admits(path)) this.#entry(path).row = row;
      else this.#refusedRows.add(path);
    }
    for (const [path, entry] of this.#paths) {
      if (entry.row) entry.row = rows.get(path);
      this.#reconcile(path, entry);
    }
  }

  #admits(path: Path): boolean {
    const refusal = this.#policy.refusal(path);
    if (refusal) this.#refused[refusal] = (this.#refused[refusal] ?? 0) + 1;
    return refusal === undefined;
  }

  #entry(path: Path): PathEntry {
    let entry = this.#paths.get(path);
    if (!entry) {
      const { runtime, log } = this.#options;
      entry = {
        lane: new PathLane({ runtime, log, onIdle: () => this.#forget(path) }),
        native: undefined,
        row: undefined,
      };
      this.#paths.set(path, entry);
    }
    return entry;
  }

  #forget(path: Path): void {
    const entry = this.#paths.get(path);
    if (entry && !entry.lane.running && !entry.lane.activity && !entry.native && !entry.row) {
      this.#paths.delete(path);
    }
    if (this.#stopping && this.#paths.size === 0) this.#onIdle();
  }

  /** Makes the path's lane do what is known of it; its own relay's publishers come before the registry. */
  #reconcile(path: Path, entry: PathEntry): void {
    if (this.#stopping) return;
    if (entry.native) this.#reporter?.show(path);
    else this.#reporter?.hide(path);
    if (entry.native) this.#showOnCloudflare(path, entry, entry.native);
    else if (entry.row) this.#showOnRelay(path, entry, entry.row);
    else {
      entry.lane.set(undefined);
      this.#forget(path);
    }
  }

  #showOnCloudflare(path: Path, entry: PathEntry, broadcast: BroadcastConsumer): void {
    if (this.#options.direction === "to-relay") {
      entry.lane.set(undefined);
      return;
    }
    const current = entry.lane.activity;
    if (current instanceof PublishedName && current.broadcast === broadcast) return;
    const { runtime, log } = this.#options;
    entry.lane.set(
      new PublishedName({
        path,
        broadcast,
        sessions: this.#cloudflare,
        lost: this.#lost,
        runtime,
        log,
      }),
    );
  }

  #showOnRelay(path: Path, entry: PathEntry, row: RegistryEntry): void {
    if (!this.#relayKnown) return;
    const current = entry.lane.activity;
    const instance = row.instance ?? "";
    if (current instanceof RegistryStream && current.instance === instance) return;
    const { runtime, log } = this.#options;
    entry.lane.set(
      new RegistryStream({
        path,
        instance,
        cdn: this.#cdn,
        toRelay: this.#toRelay,
        sessions: this.#cloudflare,
        runtime,
        log,
      }),
    );
  }

  /** Ends every lane; names that rest on Cloudflare's side are not waited for beyond the limit. */
  async #withdrawAll(): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    for (const [path, entry] of this.#paths) {
      entry.native = undefined;
      entry.row = undefined;
      entry.lane.set(undefined);
      this.#forget(path);
    }
    if (this.#paths.size === 0) return;
    let cancel = () => {};
    const limit = new Promise<void>((resolve) => {
      cancel = this.#options.runtime.setTimer(WITHDRAW_MS, resolve);
    });
    await Promise.race([idle, limit]);
    cancel();
  }
}

/** The token sent to the relay: its own setting, or part of the URL. */
async function relayTokenOf(relay: RelayOptions): Promise<string | undefined> {
  return (await relay.token()) ?? new URL(relay.url).searchParams.get("jwt") ?? undefined;
}

/** All bridges of one CDN scope declare the same id, so that none takes another's streams for the relay's own. */
function originIdOf(cloudflareUrl: string): bigint {
  const { host, pathname } = new URL(cloudflareUrl);
  return stableId("moq-bridge", host, pathname);
}
