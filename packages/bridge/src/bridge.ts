import type { Ietf14Session } from "@moq-bridge/moq-ietf14-session";
import type { LiteSession } from "@moq-bridge/moq-lite-session";
import { type Announcements, Origin, type Path } from "@moq-bridge/origin";
import type { Runtime } from "@moq-bridge/runtime";
import { connectRelay } from "@moq-bridge/transport";
import { type CloudflareOptions, cloudflareConnector } from "./cloudflare-connection.js";
import { Crossings } from "./crossings.js";
import { DEFAULT_HOLD_MS, DEFAULT_MAX_SESSIONS } from "./defaults.js";
import { HeldNames } from "./held-names.js";
import { stableId } from "./instance-id.js";
import type { Logger } from "./logger.js";
import { LostNames } from "./lost-names.js";
import { NameChecks } from "./name-checks.js";
import { type MapOptions, PathMap } from "./path-map.js";
import { RegistryReporter, type ReportOptions } from "./registry-reporter.js";
import { type RelayOptions, readerConnector, relayConnector } from "./relay-connection.js";
import { RelayNames } from "./relay-names.js";
import { RelayReaders } from "./relay-readers.js";
import { RelayToken } from "./relay-token.js";
import { SessionPool } from "./session-pool.js";
import type { BridgeStatus } from "./status.js";
import { combinedHealth, type RegistryOptions, StreamSources } from "./stream-sources.js";
import { Supervisor } from "./supervisor.js";
import { ietf14Traffic, liteTraffic, TrafficMeter } from "./traffic.js";

/** What to bridge, and how. */
export interface BridgeOptions {
  readonly runtime: Runtime;
  readonly log: Logger;
  readonly relay: RelayOptions;
  readonly cloudflare: CloudflareOptions;
  /** Name the streams that are live on Cloudflare, which are never taken for the relay's own. */
  readonly registries?: readonly RegistryOptions[];
  /** Paths that are always taken for live on Cloudflare. */
  readonly streams?: readonly string[];
  /** Where the relay's streams are listed. */
  readonly report?: ReportOptions;
  /** Which way broadcasts are carried. */
  readonly direction: "both" | "to-cloudflare" | "to-relay";
  /** Patterns of paths to carry in either direction, see {@link PathPolicy}; none means all. */
  readonly allow: readonly string[];
  /** Patterns of paths not to carry in either direction. */
  readonly deny: readonly string[];
  /** What further holds for the relay's broadcasts. */
  readonly toCloudflare?: MapOptions;
  /** What further holds for streams on Cloudflare. */
  readonly toRelay?: MapOptions;
  /** How long a viewer is held while Cloudflare does not have its track yet, in milliseconds; default 10,000. */
  readonly holdMs?: number | undefined;
  /** The track by which streams that nobody watches are looked for, at one request a look; absent: they are not. */
  readonly probeTrack?: string | undefined;
  /** How transport sessions are opened; by default over the network, see `connectRelay`. */
  readonly connect?: typeof connectRelay;
}

/** What one session with Cloudflare carries: names as one operator counted, streams as moq-relay-ietf allows. */
const CLOUDFLARE_LIMITS = { names: 20, streams: 99 };

/** How long `stop` waits for names to be withdrawn, and streams to be handed over, before it closes the sessions, in milliseconds. */
const WITHDRAW_MS = 1_500;

/**
 * Carries live streams both ways between a moq-lite relay and Cloudflare's
 * draft-14 network: what the relay announces is announced on Cloudflare, what
 * the registry names is announced on the relay; media crosses when somebody asks.
 */
export class Bridge {
  readonly #options: BridgeOptions;
  readonly #relayOrigin: Origin;
  readonly #cdn: Origin;
  readonly #toRelay: Origin;
  readonly #token: RelayToken;
  readonly #relayMeter = new TrafficMeter(liteTraffic);
  readonly #cloudflareMeter = new TrafficMeter(ietf14Traffic);
  readonly #relay: Supervisor<LiteSession>;
  readonly #readers: RelayReaders;
  readonly #cloudflare: SessionPool<Ietf14Session>;
  readonly #sources: StreamSources;
  readonly #reporter: RegistryReporter | undefined;
  readonly #relayNames: RelayNames;
  readonly #crossings: Crossings;
  readonly #announcements: Announcements;
  #stopping = false;

  /** @throws {MoqError} `path_invalid` for a prefix that never crosses */
  constructor(options: BridgeOptions) {
    const { runtime, log } = options;
    this.#options = options;
    this.#relayOrigin = new Origin({ runtime });
    this.#cdn = new Origin({ runtime });
    this.#toRelay = new Origin({ runtime });
    this.#token = new RelayToken({ runtime, log, read: () => relayTokenOf(options.relay) });
    const { relay, readers } = this.#createRelay();
    this.#relay = relay;
    this.#readers = readers;
    this.#cloudflare = this.#createCloudflare();
    this.#announcements = this.#relayOrigin.announced();
    const { direction, report, registries = [], streams = [] } = options;
    this.#sources = new StreamSources({
      runtime,
      log,
      registries,
      streams,
      onRows: (rows) => this.#crossings.handleRows(rows),
      onRead: () => this.#relayNames.handleReading(),
    });
    if (report && direction !== "to-relay") {
      this.#reporter = new RegistryReporter({ ...report, runtime, log });
    }
    const sources = this.#sources;
    this.#relayNames = new RelayNames({
      runtime,
      relay: this.#relayOrigin,
      listed: {
        isListed: (path) => this.#crossings.isListed(path),
        get readAt() {
          return sources.readAt;
        },
        askNow: () => void sources.pollNow(),
      },
      onChange: (path) => this.#crossings.handleAnnouncement(path),
    });
    this.#crossings = this.#createCrossings();
    this.#cdn.dynamic((request) => this.#crossings.handleRequest(request));
  }

  /** Starts both sides; each comes up, and stays up, on its own. */
  start(): void {
    this.#relay.start();
    this.#cloudflare.start();
    this.#sources.start();
    void this.#followRelay();
  }

  /** Withdraws what was announced, hands over what is read, closes both sides and resolves when nothing is left running. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#sources.stop();
    this.#relayNames.stop();
    this.#announcements.close();
    await Promise.all([this.#withdrawAll(), this.#reporter?.stop()]);
    this.#readers.stop();
    await Promise.all([this.#relay.stop(), this.#cloudflare.stop()]);
  }

  /** Asks every registry at once, and resolves when each answered or failed. */
  pollNow(): Promise<void> {
    return this.#sources.pollNow();
  }

  /** What the bridge does right now. */
  status(): BridgeStatus {
    const registries = this.#sources.status();
    return {
      relay: this.#relay.status(),
      cloudflare: this.#cloudflare.status(),
      registry: combinedHealth(registries),
      registries,
      report: this.#reporter?.status(),
      traffic: { relay: this.#relayMeter.total(), cloudflare: this.#cloudflareMeter.total() },
      relayTokenExpiresAt: this.#token.expiresAt,
      broadcasts: this.#crossings.status(),
      refused: this.#crossings.refused,
    };
  }

  #createRelay(): { relay: Supervisor<LiteSession>; readers: RelayReaders } {
    const { runtime, log, cloudflare, connect = connectRelay } = this.#options;
    const parts = {
      runtime,
      log,
      relay: this.#options.relay,
      token: this.#token,
      connect,
      origin: this.#relayOrigin,
      toRelay: this.#toRelay,
      originId: originIdOf(cloudflare.url),
      onSession: (tellsBridges: boolean) => {
        if (!tellsBridges) this.#warnOfEchoes();
        this.#relayNames.handleSession(tellsBridges);
      },
      onAnnounced: () => this.#handleRelayKnown(),
    };
    const meter = this.#relayMeter;
    const read = readerConnector(parts);
    const readers = new RelayReaders({
      runtime,
      log,
      connect: (subscribe, stop) => meter.counting((signal) => read(subscribe, signal))(stop),
    });
    const relay = new Supervisor({
      runtime,
      log,
      name: "relay",
      connect: meter.counting(relayConnector({ ...parts, readers })),
      renewal: (_session, signal) => this.#token.renewed(signal),
    });
    return { relay, readers };
  }

  #createCloudflare(): SessionPool<Ietf14Session> {
    const { runtime, log, cloudflare, connect = connectRelay } = this.#options;
    const { requestLimit, maxSessions = DEFAULT_MAX_SESSIONS } = cloudflare;
    return new SessionPool({
      runtime,
      log,
      name: "cloudflare",
      limits: { ...CLOUDFLARE_LIMITS, requests: requestLimit },
      maxSessions,
      connect: this.#cloudflareMeter.counting(
        cloudflareConnector({ runtime, cloudflare, connect }),
      ),
    });
  }

  #createCrossings(): Crossings {
    const { runtime, log, direction, holdMs = DEFAULT_HOLD_MS, probeTrack } = this.#options;
    const { allow, deny, toCloudflare = {}, toRelay = {}, cloudflare } = this.#options;
    const sessions = this.#cloudflare;
    const both = { allow, deny };
    return new Crossings(this.#relayNames, {
      toCloudflare: direction === "to-relay" ? undefined : new PathMap(toCloudflare, both),
      toRelay: new PathMap(toRelay, both),
      showsOnRelay: direction !== "to-cloudflare",
      prefix: cloudflare.announcePrefix,
      names: {
        runtime,
        log,
        sessions,
        lost: new LostNames(runtime),
        checks: new NameChecks({ runtime, sessions }),
        held: new HeldNames(runtime),
      },
      streams: {
        runtime,
        log,
        sessions,
        cdn: this.#cdn,
        toRelay: this.#toRelay,
        holdMs,
        probeTrack,
      },
      reporter: this.#reporter,
    });
  }

  /** A session with the relay has told what is there: take it in before anything of ours is shown. */
  #handleRelayKnown(): void {
    for (let next = this.#announcements.tryNext(); next; next = this.#announcements.tryNext()) {
      this.#handleAnnouncement(next.path);
    }
    this.#crossings.handleRelayKnown();
  }

  #warnOfEchoes(): void {
    const { direction, registries = [], log } = this.#options;
    if (direction === "to-relay" || registries.length > 0) return;
    log.warn(
      "relay: its announcements do not say who made them, and there is no registry: what another bridge shows there is carried back to Cloudflare",
    );
  }

  async #followRelay(): Promise<void> {
    for await (const { path } of this.#announcements) this.#handleAnnouncement(path);
  }

  /** Asks what is so now: announcements are read in two places and may be handled out of order. */
  #handleAnnouncement(path: Path): void {
    this.#relayNames.handleAnnouncement(path);
    this.#crossings.handleAnnouncement(path);
  }

  /** Names that rest on Cloudflare's side are not waited for beyond the limit. */
  async #withdrawAll(): Promise<void> {
    let cancel = () => {};
    const limit = new Promise<void>((resolve) => {
      cancel = this.#options.runtime.setTimer(WITHDRAW_MS, resolve);
    });
    await Promise.race([this.#crossings.withdrawAll(), limit]);
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
