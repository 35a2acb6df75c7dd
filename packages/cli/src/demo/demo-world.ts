import { randomBytes } from "node:crypto";
import { Bridge, type Logger } from "@moq-bridge/bridge";
import { httpSource } from "@moq-bridge/registry";
import { serveRegistry } from "@moq-bridge/registry/node";
import {
  createRegistryService,
  type FetchHandler,
  MemoryStore,
} from "@moq-bridge/registry/service";
import {
  CLOUDFLARE_OSS,
  Ietf14Relay,
  type ListeningRelay,
  LiteRelay,
  listen,
  type RelayLog,
  type SelfSigned,
  selfSigned,
  signToken,
} from "@moq-bridge/relay";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { connectRelay, type TransportSession } from "@moq-bridge/transport";
import type { Endpoint } from "./endpoint.js";
import type { Part, World } from "./world.js";

/** What the demo's parts are made with. */
export interface DemoWorldOptions {
  readonly log: Logger;
  /** False: WebSocket on both sides even where QUIC loads. */
  readonly quic: boolean;
}

const HOST = "127.0.0.1";
const POLL_MS = 1_000;
const LEASE_MS = 60_000;
const EVERYTHING = { root: "", put: [""], get: [""] };

/** A registry, two relays and the bridge between them, on this machine's loopback. */
export class DemoWorld implements World {
  readonly #options: DemoWorldOptions;
  readonly #key = new Uint8Array(randomBytes(32));
  readonly #store = new MemoryStore();
  /** Answers for the registry, for pages that want it below their own address. */
  readonly registryService: FetchHandler = createRegistryService({
    store: this.#store,
    now: () => runtime.wallClock(),
    writing: "open",
    reading: "open",
    pages: [],
    leaseMs: LEASE_MS,
  });
  #registry: Awaited<ReturnType<typeof serveRegistry>> | undefined;
  #relay: ListeningRelay | undefined;
  #cloudflare: ListeningRelay | undefined;
  /** One for both relays and all their lives. */
  #certificate: SelfSigned | undefined;
  #clientToken = "";
  #nodeToken = "";
  #bridge: Bridge | undefined;
  /** The bridge's connections, so that it can be cut off as by kill -9. */
  #connections = new Set<TransportSession>();

  constructor(options: DemoWorldOptions) {
    this.#options = options;
  }

  /** The bridge that runs now. */
  get bridge(): Bridge {
    if (!this.#bridge) throw new Error("the demo has not started");
    return this.#bridge;
  }

  /** Where ordinary clients reach the moq-lite relay: over WebSocket, as Safari does. */
  get relayForClients(): Endpoint {
    return { url: `${this.#listening("relay").webSocketUrl}/?jwt=${this.#clientToken}`, tls: {} };
  }

  /** Where everybody reaches the draft-14 relay: over WebTransport where QUIC loads. */
  get cloudflareForClients(): Endpoint {
    return endpointOf(this.#listening("cloudflare"));
  }

  /** The draft-14 relay over WebSocket, for browsers without WebTransport. */
  get cloudflareWebSocketUrl(): string {
    return `${this.#listening("cloudflare").webSocketUrl}/`;
  }

  /** Where the bridge reaches the moq-lite relay: over WebTransport where QUIC loads. */
  get relayForBridge(): Endpoint {
    return endpointOf(this.#listening("relay"));
  }

  /** Why there is no WebTransport, if there is none. */
  get withoutWebTransport(): string | undefined {
    return this.#listening("cloudflare").withoutWebTransport;
  }

  get registryUrl(): string {
    return `${this.#registry?.url}/api/stats/greet`;
  }

  /** Starts everything. @throws {MoqError} `listen_failed` */
  async start(): Promise<void> {
    this.#registry = await serveRegistry(this.registryService);
    this.#certificate = await selfSigned([HOST], runtime);
    this.#clientToken = await signToken(this.#key, EVERYTHING);
    this.#nodeToken = await signToken(this.#key, { ...EVERYTHING, cluster: true });
    this.#relay = await this.#startRelay(0);
    this.#cloudflare = await this.#startCloudflare(0);
    this.#startBridge();
  }

  /** Lists a stream in the registry as live on Cloudflare, or keeps it there. */
  async list(streamId: string): Promise<void> {
    const now = runtime.wallClock();
    await this.#store.claim({
      streamId,
      origin: "cloudflare",
      holder: "demo",
      now,
      leaseEndsAt: now + LEASE_MS,
    });
  }

  async kill(part: Part): Promise<void> {
    this.#options.log.warn(`the demo kills the ${NAMES[part]}`);
    if (part === "bridge") await this.#killBridge();
    else await this.#listening(part).close();
  }

  async revive(part: Part): Promise<void> {
    if (part === "bridge") this.#startBridge();
    else if (part === "relay") this.#relay = await this.#startRelay(this.#listening(part).port);
    else this.#cloudflare = await this.#startCloudflare(this.#listening(part).port);
    this.#options.log.warn(`the ${NAMES[part]} runs again`);
  }

  async stop(): Promise<void> {
    await this.#bridge?.stop();
    await Promise.all([this.#relay?.close(), this.#cloudflare?.close(), this.#registry?.close()]);
  }

  #listening(part: "relay" | "cloudflare"): ListeningRelay {
    const listening = part === "relay" ? this.#relay : this.#cloudflare;
    if (!listening) throw new Error("the demo has not started");
    return listening;
  }

  #startRelay(port: number): Promise<ListeningRelay> {
    const log = this.#logAs("moq-lite relay");
    return this.#listen(new LiteRelay({ runtime, key: this.#key, log }), port);
  }

  #startCloudflare(port: number): Promise<ListeningRelay> {
    const log = this.#logAs("draft-14 relay");
    return this.#listen(new Ietf14Relay({ runtime, rules: CLOUDFLARE_OSS, log }), port);
  }

  #listen(relay: LiteRelay | Ietf14Relay, port: number): Promise<ListeningRelay> {
    const webTransport = this.#options.quic ? "auto" : "off";
    const certificate = this.#certificate;
    return listen(relay, {
      runtime,
      host: HOST,
      port,
      webTransport,
      ...(certificate ? { certificate } : {}),
    });
  }

  #logAs(name: string): RelayLog {
    return (line) => this.#options.log.debug(`${name}: ${line}`);
  }

  #startBridge(): void {
    const connections = new Set<TransportSession>();
    this.#connections = connections;
    const relay = this.relayForBridge;
    this.#bridge = new Bridge({
      runtime,
      log: this.#options.log,
      relay: { ...relay, token: async () => this.#nodeToken, insecureWs: false },
      cloudflare: this.cloudflareForClients,
      registries: [
        { source: httpSource({ runtime, url: this.registryUrl }), pollIntervalMs: POLL_MS },
      ],
      direction: "both",
      allow: [],
      deny: [],
      connect: async (url, options) => {
        if (this.#connections !== connections) throw new Error("the bridge was killed");
        const connection = await connectRelay(url, options);
        connections.add(connection.session);
        void connection.session.closed.then(() => connections.delete(connection.session));
        return connection;
      },
    });
    this.#bridge.start();
  }

  async #killBridge(): Promise<void> {
    const killed = this.#connections;
    this.#connections = new Set();
    for (const session of killed) session.close(1, "killed");
    await this.#bridge?.stop();
  }
}

const NAMES: Readonly<Record<Part, string>> = {
  relay: "moq-lite relay",
  cloudflare: "draft-14 relay",
  bridge: "bridge",
};

function endpointOf({ webTransportUrl, webSocketUrl, fingerprint }: ListeningRelay): Endpoint {
  if (webTransportUrl === undefined || fingerprint === undefined) {
    return { url: `${webSocketUrl}/`, tls: {} };
  }
  return { url: `${webTransportUrl}/`, tls: { fingerprints: [fingerprint] } };
}
