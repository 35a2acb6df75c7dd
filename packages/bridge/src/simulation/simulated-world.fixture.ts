import { httpSource } from "@moq-bridge/registry";
import { Ietf14Relay, type Ietf14Rules, LiteRelay } from "@moq-bridge/relay";
import { MoqError, VirtualRuntime } from "@moq-bridge/runtime";
import type { connectRelay } from "@moq-bridge/transport";
import { Bridge, type BridgeOptions } from "../bridge.js";
import type { CloudflareOptions } from "../cloudflare-connection.js";
import { SimulatedNetwork } from "./simulated-network.fixture.js";
import { CdnPublisher, NameRest, RelayPublisher, type Run } from "./simulated-publisher.fixture.js";
import { SimulatedRegistry } from "./simulated-registry.fixture.js";
import { CdnViewer, RelayViewer } from "./simulated-viewer.fixture.js";

const RELAY = "https://relay.example/";
const CLOUDFLARE = "https://cdn.example/";
/** Unless told otherwise every publisher writes a frame this often. */
const FRAME_MS = 500;

/** A virtual clock whose wall clock can be put wrong. */
class JumpingRuntime extends VirtualRuntime {
  jumpMs = 0;

  override wallClock(): number {
    return super.wallClock() + this.jumpMs;
  }
}

/** What a world is made with. */
export interface SimulatedWorldOptions {
  readonly seed: number;
  readonly rules: Ietf14Rules;
  readonly bridges: number;
  readonly latencyMs: number;
  /** What the transport to the relay agrees on; `undefined`: nothing, as old relays do. */
  readonly protocol: string | undefined;
  readonly frameMs?: number;
  /** What further holds for the bridges' side of Cloudflare. */
  readonly cloudflare?: Partial<CloudflareOptions>;
  /** Which way each bridge carries; default both. */
  readonly directions?: readonly BridgeOptions["direction"][];
}

/** One bridge that can be killed. */
interface RunningBridge {
  bridge: Bridge;
  alive: boolean;
  /** The owner of its connections. */
  owner: object;
}

/** Two relays, a registry, bridges between them, publishers and viewers; all in memory, on a virtual clock. */
export class SimulatedWorld {
  readonly runtime: JumpingRuntime;
  readonly cdn: Ietf14Relay;
  readonly cdnNetwork: SimulatedNetwork;
  readonly relayNetwork: SimulatedNetwork;
  lite: LiteRelay;
  readonly bridges: RunningBridge[] = [];
  readonly lines: string[] = [];
  readonly relayPublishers = new Map<string, RelayPublisher>();
  readonly cdnPublishers = new Map<string, CdnPublisher>();
  readonly relayViewers: RelayViewer[] = [];
  readonly cdnViewers: CdnViewer[] = [];
  readonly registry: SimulatedRegistry;
  readonly faults: string[] = [];
  readonly #rest: NameRest;
  /** Names that a publisher on Cloudflare was lost with. */
  readonly #lostNames = new Set<string>();
  readonly #frameMs: number;
  readonly #cloudflare: CloudflareOptions;
  readonly #directions: readonly BridgeOptions["direction"][];
  #runs = 0;
  #ticking = true;
  readonly #stopped: Promise<void>[] = [];

  constructor(options: SimulatedWorldOptions) {
    const { seed, rules, latencyMs, directions = [] } = options;
    this.runtime = new JumpingRuntime({ seed, http: () => this.registry.answer() });
    const { runtime } = this;
    this.#frameMs = options.frameMs ?? FRAME_MS;
    this.#directions = directions;
    this.#cloudflare = { url: CLOUDFLARE, tls: {}, ...options.cloudflare };
    this.registry = new SimulatedRegistry(runtime);
    this.cdn = new Ietf14Relay({ runtime, rules });
    this.lite = new LiteRelay({ runtime });
    this.#rest = new NameRest(
      runtime,
      rules.duplicatesAccepted ? rules.heldAfterLossMs + 1_000 : 0,
    );
    const network = { runtime, latencyMs, seed };
    this.cdnNetwork = new SimulatedNetwork({
      ...network,
      relay: this.cdn,
      protocol: "moq-00",
      onLost: (owner) => {
        if (owner instanceof CdnPublisher) this.#lostNames.add(owner.path);
      },
    });
    this.relayNetwork = new SimulatedNetwork({
      ...network,
      relay: this.lite,
      protocol: options.protocol,
    });
    for (let index = 0; index < options.bridges; index++) {
      this.bridges.push(this.#startBridge(index));
    }
    this.#tick();
  }

  startRelayPublisher(path: string): void {
    this.stopRelayPublisher(path);
    const publisher = new RelayPublisher(this.lite.primary, path, this.#run("relay", path));
    this.relayPublishers.set(path, publisher);
  }

  stopRelayPublisher(path: string): void {
    this.relayPublishers.get(path)?.stop();
    this.relayPublishers.delete(path);
  }

  startCdnPublisher(path: string): void {
    const run = this.#run("cdn", path);
    const { runtime, cdnNetwork: network } = this;
    const rest = this.#rest;
    this.cdnPublishers.set(path, new CdnPublisher({ runtime, network, rest, path, run }));
  }

  endCdnPublisher(path: string, how: "stop" | "kill"): void {
    this.cdnPublishers.get(path)?.[how]();
    this.cdnPublishers.delete(path);
  }

  /** Publishers whose name had another claim besides leave, and come back once nothing can take it away. */
  renewCdnPublishers(shared: readonly string[]): void {
    for (const path of [...this.cdnPublishers.keys()]) {
      if (!shared.includes(path) && !this.#lostNames.has(path)) continue;
      this.endCdnPublisher(path, "stop");
      this.#rest.begin(path);
      this.startCdnPublisher(path);
    }
  }

  /** The relay's process ends, and so does what it knew. */
  crashRelay(): void {
    this.relayNetwork.up = false;
    this.relayNetwork.cutAll();
    this.lite.close();
    for (const viewer of this.relayViewers.splice(0)) this.#leave(viewer);
  }

  restartRelay(): void {
    this.lite = new LiteRelay({ runtime: this.runtime });
    this.relayNetwork.relay = this.lite;
    this.relayNetwork.up = true;
    for (const publisher of this.relayPublishers.values()) publisher.rejoin(this.lite.primary);
  }

  /** SIGKILL: nobody is told. */
  killBridge(index: number): void {
    const running = this.bridges[index];
    if (!running?.alive) return;
    running.alive = false;
    this.relayNetwork.cut(running.owner);
    this.cdnNetwork.cut(running.owner);
    this.#stopped.push(running.bridge.stop());
  }

  /** SIGTERM. */
  stopBridge(index: number): void {
    const running = this.bridges[index];
    if (!running?.alive) return;
    const stopped = running.bridge.stop();
    this.#stopped.push(stopped);
    running.alive = false;
  }

  restartBridge(index: number): void {
    if (this.bridges[index]?.alive === false) this.bridges[index] = this.#startBridge(index);
  }

  joinRelay(path: string, track = "t"): RelayViewer | undefined {
    const viewer = RelayViewer.join(this.lite.combined, path, track);
    if (viewer) this.relayViewers.push(viewer);
    return viewer;
  }

  joinCdn(path: string, track = "t"): CdnViewer {
    const viewer = new CdnViewer(this.runtime, this.cdnNetwork, path, track);
    this.cdnViewers.push(viewer);
    return viewer;
  }

  leaveRelay(index: number): void {
    for (const viewer of this.relayViewers.splice(index, 1)) this.#leave(viewer);
  }

  leaveCdn(index: number): void {
    for (const viewer of this.cdnViewers.splice(index, 1)) {
      this.faults.push(...viewer.faults);
      viewer.leave();
    }
  }

  /** What the relay announces to its viewers. */
  announcedOnRelay(): string[] {
    const announcements = this.lite.combined.announced();
    const paths: string[] = [];
    for (let next = announcements.tryNext(); next; next = announcements.tryNext()) {
      if (next.type === "active") paths.push(next.path);
    }
    announcements.close();
    return paths.sort();
  }

  /** The faults end. */
  calm(): void {
    this.registry.trouble = undefined;
    this.cdnNetwork.calm();
    if (!this.relayNetwork.up) this.restartRelay();
    this.relayNetwork.calm();
    for (const index of this.bridges.keys()) this.restartBridge(index);
  }

  /** Directions of streams that are open on the connections of the bridges. */
  get bridgeStreams(): number {
    const owners = this.bridges.map(({ owner }) => owner);
    return owners.reduce(
      (sum: number, owner) =>
        sum + this.cdnNetwork.openStreams(owner) + this.relayNetwork.openStreams(owner),
      0,
    );
  }

  /** Publishers and viewers leave. */
  leaveAll(): void {
    for (const path of [...this.relayPublishers.keys()]) this.stopRelayPublisher(path);
    for (const path of [...this.cdnPublishers.keys()]) this.endCdnPublisher(path, "stop");
    this.registry.rows.clear();
    while (this.relayViewers.length > 0) this.leaveRelay(0);
    while (this.cdnViewers.length > 0) this.leaveCdn(0);
  }

  /** Ends everything and says what is left over. */
  async end(): Promise<string[]> {
    this.leaveAll();
    for (const { bridge } of this.bridges) this.#stopped.push(bridge.stop());
    this.#ticking = false;
    let stopped = false;
    void Promise.all(this.#stopped).then(() => {
      stopped = true;
    });
    await this.runtime.advance(60_000);
    const left: string[] = [];
    if (!stopped) left.push("a bridge does not stop");
    if (this.cdn.names.length > 0) left.push(`on Cloudflare: ${this.cdn.names}`);
    if (this.cdn.sessions > 0) left.push(`${this.cdn.sessions} sessions with Cloudflare`);
    if (this.lite.sessions > 0) left.push(`${this.lite.sessions} sessions with the relay`);
    this.lite.close();
    this.cdn.close();
    await this.runtime.advance(60_000);
    const connections = this.cdnNetwork.size + this.relayNetwork.size;
    if (connections > 0) left.push(`${connections} connections`);
    if (this.runtime.pendingTimers > 0) left.push(`${this.runtime.pendingTimers} timers`);
    return left;
  }

  #leave(viewer: RelayViewer): void {
    this.faults.push(...viewer.frames.faults);
    viewer.leave();
  }

  #run(side: string, path: string): Run {
    const label = `${side}:${path}#${++this.#runs}`.replaceAll("/", ".");
    return { label, hop: BigInt(this.#runs) };
  }

  #tick(): void {
    this.runtime.setTimer(this.#frameMs, () => {
      for (const { content } of this.relayPublishers.values()) content.tick();
      for (const { content } of this.cdnPublishers.values()) content.tick();
      if (this.#ticking) this.#tick();
    });
  }

  #startBridge(index: number): RunningBridge {
    const owner = {};
    const connect: typeof connectRelay = async (url) => {
      const network = url.startsWith(RELAY) ? this.relayNetwork : this.cdnNetwork;
      if (!running.alive) {
        throw new MoqError("connect_refused", "connection refused", { scope: "session" });
      }
      return { session: network.connect(owner), transport: "webtransport", fellBack: undefined };
    };
    const { runtime } = this;
    const name = `bridge ${this.#runs++}`;
    const say = (line: string, fields?: object) =>
      this.lines.push(`${runtime.now()} ${name}: ${line} ${JSON.stringify(fields ?? {})}`);
    const bridge = new Bridge({
      runtime,
      log: { debug() {}, info: say, warn: say, error: say },
      relay: { url: RELAY, token: async () => undefined, tls: {}, insecureWs: false },
      cloudflare: this.#cloudflare,
      registries: [
        {
          source: httpSource({ runtime, url: "https://registry.example/live" }),
          pollIntervalMs: 1_000,
        },
      ],
      direction: this.#directions[index] ?? "both",
      allow: [],
      deny: [],
      connect,
    });
    const running: RunningBridge = { bridge, alive: true, owner };
    bridge.start();
    return running;
  }
}
