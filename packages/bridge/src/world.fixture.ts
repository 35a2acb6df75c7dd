import {
  acceptIetf14,
  cloudflare,
  type Ietf14Session,
  type PeerNamespace,
} from "@moq-bridge/moq-ietf14-session";
import { acceptLite, type LiteSession } from "@moq-bridge/moq-lite-session";
import {
  type BroadcastProducer,
  Origin,
  type TrackProducer,
  type TrackRequest,
} from "@moq-bridge/origin";
import { httpSource } from "@moq-bridge/registry";
import { type HttpHandler, type HttpResponse, MoqError, VirtualRuntime } from "@moq-bridge/runtime";
import { type connectRelay, type MemoryPair, memoryPair } from "@moq-bridge/transport";
import { Bridge, type BridgeOptions } from "./bridge.js";

const RELAY = "https://relay.example/";
const CLOUDFLARE = "https://cdn.example/";
const INFO = { priority: 128, maxLatencyMs: 5_000 };

/** A publisher of tracks on demand, which counts who asks. */
export class Publisher {
  readonly broadcast: BroadcastProducer;
  readonly requests: TrackRequest[] = [];
  readonly tracks = new Map<string, TrackProducer>();

  constructor(origin: Origin, path: string, hops: readonly bigint[] = []) {
    this.broadcast = origin.createBroadcast(path, {
      hops,
      onTrack: (request) => {
        this.requests.push(request);
        this.tracks.set(request.name, request.accept(INFO));
      },
    });
  }
}

/** One side of the world: whoever connects is served and listened to. */
abstract class Side<S extends { close(): void }> {
  /** What this side's own publishers announce. */
  readonly native: Origin;
  readonly sessions: S[] = [];
  readonly #runtime: VirtualRuntime;
  readonly #pairs: MemoryPair[] = [];
  up = true;
  /** Streams this side admits at once, each way. */
  streams = 10_000;
  /** What the transport says it is. */
  kind: MemoryPair["client"]["kind"] = "memory";

  constructor(runtime: VirtualRuntime) {
    this.#runtime = runtime;
    this.native = new Origin({ runtime });
  }

  connect(protocol: string, seed: number): MemoryPair["client"] {
    const pair = memoryPair({
      runtime: this.#runtime,
      seed,
      protocol,
      maxUniStreams: this.streams,
      maxBidiStreams: this.streams,
    });
    Object.defineProperty(pair.client, "kind", { value: this.kind });
    this.#pairs.push(pair);
    void this.accept(pair.server, this.#runtime).then(
      (session) => this.sessions.push(session),
      () => undefined,
    );
    return pair.client;
  }

  /** Loses every connection. */
  cut(): void {
    for (const pair of this.#pairs.splice(0)) pair.cut();
  }

  protected abstract accept(transport: MemoryPair["server"], runtime: VirtualRuntime): Promise<S>;
}

/** A moq-lite relay with no viewers but the test. */
export class FakeRelay extends Side<LiteSession> {
  /** What the bridge announces here. */
  bridged: Origin;

  constructor(runtime: VirtualRuntime) {
    super(runtime);
    this.bridged = new Origin({ runtime });
  }

  protected accept(transport: MemoryPair["server"], runtime: VirtualRuntime): Promise<LiteSession> {
    const { native: publish, bridged: subscribe } = this;
    return acceptLite(transport, { runtime, publish, subscribe, originId: 77n });
  }
}

/** Not that a name is unknown: it is not passed on to who has it. */
function refuseToForward(request: TrackRequest): void {
  const message = "nothing is forwarded here";
  request.reject(new MoqError("not_forwarded", message, { scope: "subscription" }));
}

/** A draft-14 relay as Cloudflare's: it announces nothing and serves names it is asked for. */
export class FakeCloudflare extends Side<Ietf14Session> {
  /** Names the bridge holds here. */
  readonly names = new Map<string, { namespace: PeerNamespace; session: Ietf14Session }>();
  /** Names some other publisher holds. */
  readonly held = new Set<string>();
  /** First request ID refused: a session that goes beyond is ended. */
  grant = cloudflare.grantedRequests;

  protected accept(
    transport: MemoryPair["server"],
    runtime: VirtualRuntime,
  ): Promise<Ietf14Session> {
    return acceptIetf14(transport, {
      runtime,
      profile: { ...cloudflare, grantedRequests: this.grant },
      serve: this.native,
      onPublishNamespace: (namespace, session) => {
        const { path } = namespace;
        if (this.held.has(path) || this.names.has(path)) {
          namespace.reject("done", 0);
          return;
        }
        const entry = { namespace, session };
        this.names.set(path, entry);
        namespace.accept();
        const known = this.native.createBroadcast(path, { onTrack: refuseToForward });
        void namespace.ended.then(() => {
          known.finish();
          if (this.names.get(path) === entry) this.names.delete(path);
        });
      },
    });
  }
}

/** A bridge between a relay, a CDN and a registry, all in memory on a virtual clock. */
export class World {
  readonly runtime: VirtualRuntime;
  readonly relay: FakeRelay;
  readonly cdn: FakeCloudflare;
  readonly bridge: Bridge;
  readonly lines: string[] = [];
  /** What the registry lists. */
  rows: { stream_id: string; origin: string; started_at?: string }[] = [];
  registryUp = true;
  /** Answers every request; by default the list of `rows`. */
  http: HttpHandler = () => this.#answer();
  #connections = 0;

  constructor(options: { seed?: number; protocol?: string } & Partial<BridgeOptions> = {}) {
    const seed = options.seed ?? 1;
    this.runtime = new VirtualRuntime({ seed, http: (url, request) => this.http(url, request) });
    this.relay = new FakeRelay(this.runtime);
    this.cdn = new FakeCloudflare(this.runtime);
    const connect: typeof connectRelay = async (url) => {
      const isRelay = url.startsWith(RELAY);
      const side = isRelay ? this.relay : this.cdn;
      if (!side.up) {
        throw new MoqError("connect_refused", "connection refused", { scope: "session" });
      }
      const protocol = isRelay ? (options.protocol ?? "moq-lite-05") : "moq-00";
      const session = side.connect(protocol, seed + ++this.#connections);
      return { session, transport: "webtransport", fellBack: undefined };
    };
    const say = (line: string) => this.lines.push(line);
    this.bridge = new Bridge({
      runtime: this.runtime,
      log: { debug() {}, info: say, warn: say, error: say },
      relay: { url: RELAY, token: async () => undefined, tls: {}, insecureWs: false },
      cloudflare: { url: CLOUDFLARE, tls: {} },
      registries: [
        {
          source: httpSource({ runtime: this.runtime, url: "https://registry.example/live" }),
          pollIntervalMs: 1_000,
        },
      ],
      direction: "both",
      allow: [],
      deny: [],
      connect,
      ...options,
    });
  }

  /** Starts the bridge and lets both sides come up. */
  async start(): Promise<void> {
    this.bridge.start();
    await this.runtime.advance(2_000);
  }

  list(path: string, startedAt?: string): void {
    this.rows.push({
      stream_id: path,
      origin: "cloudflare",
      ...(startedAt === undefined ? {} : { started_at: startedAt }),
    });
  }

  /** What is announced on an Origin, in order. */
  announced(origin: Origin): string[] {
    const announcements = origin.announced();
    const paths: string[] = [];
    for (let next = announcements.tryNext(); next; next = announcements.tryNext()) {
      paths.push(next.path);
    }
    announcements.close();
    return paths.sort();
  }

  async #answer(): Promise<HttpResponse> {
    if (!this.registryUp) {
      throw new MoqError("http_unreachable", "nothing answers", { scope: "process" });
    }
    return {
      status: 200,
      headers: { "content-type": "application/json" },
      body: new TextEncoder().encode(JSON.stringify({ broadcasts: this.rows })),
      url: "https://registry.example/live",
    };
  }
}
