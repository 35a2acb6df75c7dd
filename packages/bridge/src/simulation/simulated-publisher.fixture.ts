import {
  cloudflare,
  connectIetf14,
  type Ietf14Session,
  type NamespacePublication,
} from "@moq-bridge/moq-ietf14-session";
import {
  type BroadcastProducer,
  type GroupProducer,
  Origin,
  type TrackProducer,
} from "@moq-bridge/origin";
import { type Runtime, sleep } from "@moq-bridge/runtime";
import { encodeLabel } from "./observed-frames.fixture.js";
import type { SimulatedNetwork } from "./simulated-network.fixture.js";

const INFO = { priority: 128, maxLatencyMs: 5_000 };
export const FRAMES_PER_GROUP = 3;

/** One run of a publisher: what its frames say, and the first hop that tells it from others. */
export interface Run {
  readonly label: string;
  readonly hop: bigint;
}

/** Writes one track of labelled frames, for as long as it lives, whoever asks for it. */
class Content {
  readonly label: string;
  readonly #tracks = new Map<TrackProducer, GroupProducer | undefined>();
  readonly #hop: bigint;
  #group = 0;
  #frame = 0;

  constructor({ label, hop }: Run) {
    this.label = label;
    this.#hop = hop;
  }

  announceOn(origin: Origin, path: string): BroadcastProducer {
    return origin.createBroadcast(path, {
      hops: [this.#hop],
      onTrack: (request) => {
        const track = request.accept(INFO);
        this.#tracks.set(track, undefined);
        void track.closed.then(() => this.#tracks.delete(track));
      },
    });
  }

  /** Writes the next frame; a track that comes in the middle of a group begins with the next. */
  tick(): void {
    for (const [track, open] of this.#tracks) {
      const group = this.#frame === 0 ? track.openGroup(this.#group) : open;
      group?.writeFrame(
        encodeLabel({ publisher: this.label, group: this.#group, frame: this.#frame }),
      );
      if (this.#frame === FRAMES_PER_GROUP - 1) group?.finish();
      this.#tracks.set(track, group);
    }
    this.#frame = (this.#frame + 1) % FRAMES_PER_GROUP;
    if (this.#frame === 0) this.#group++;
  }

  finish(): void {
    for (const track of this.#tracks.keys()) track.finish();
  }
}

/** One run of a publisher on the relay. */
export class RelayPublisher {
  readonly content: Content;
  readonly #path: string;
  #broadcast: BroadcastProducer;

  constructor(origin: Origin, path: string, run: Run) {
    this.content = new Content(run);
    this.#path = path;
    this.#broadcast = this.content.announceOn(origin, path);
  }

  /** The relay was restarted: the publisher comes back to it. */
  rejoin(origin: Origin): void {
    this.content.finish();
    this.#broadcast = this.content.announceOn(origin, this.#path);
  }

  stop(): void {
    this.content.finish();
    this.#broadcast.finish();
  }
}

/** How long a name rests after its publisher fell silent: one that comes sooner may lose it unknowingly. */
export class NameRest {
  readonly #runtime: Runtime;
  readonly #restMs: number;
  readonly #until = new Map<string, number>();

  constructor(runtime: Runtime, restMs: number) {
    this.#runtime = runtime;
    this.#restMs = restMs;
  }

  begin(path: string): void {
    this.#until.set(path, this.#runtime.now() + this.#restMs);
  }

  /** Milliseconds left. */
  of(path: string): number {
    return Math.max(0, (this.#until.get(path) ?? 0) - this.#runtime.now());
  }
}

/** One run of a publisher on Cloudflare's network: it announces its name until it has it, and again when it lost it. */
export class CdnPublisher {
  readonly content: Content;
  readonly #runtime: Runtime;
  readonly #network: SimulatedNetwork;
  readonly path: string;
  readonly #origin: Origin;
  readonly #broadcast: BroadcastProducer;
  readonly #stop = new AbortController();
  #session: Ietf14Session | undefined;
  #publication: NamespacePublication | undefined;
  #killed = false;
  readonly #rest: NameRest;

  constructor(options: {
    runtime: Runtime;
    network: SimulatedNetwork;
    rest: NameRest;
    path: string;
    run: Run;
  }) {
    const { runtime, network, rest, path, run } = options;
    this.#runtime = runtime;
    this.#network = network;
    this.#rest = rest;
    this.path = path;
    this.content = new Content(run);
    this.#origin = new Origin({ runtime });
    this.#broadcast = this.content.announceOn(this.#origin, path);
    void this.#run();
  }

  /** Withdraws the name and closes the session. */
  stop(): void {
    this.#end();
    this.#publication?.withdraw();
    this.#session?.close();
  }

  /** Falls silent: nobody is told. */
  kill(): void {
    this.#killed = true;
    if (this.#session) this.#rest.begin(this.path);
    this.#network.cut(this);
    this.#end();
    this.#session?.close();
  }

  #end(): void {
    this.#stop.abort();
    this.content.finish();
    this.#broadcast.finish();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const broadcast = this.#origin.broadcast(this.path);
    if (!broadcast) throw new Error("the broadcast is there");
    await sleep(this.#runtime, this.#rest.of(this.path), signal).catch(() => undefined);
    while (!signal.aborted) {
      await this.#once(broadcast).catch(() => undefined);
      const pause = Math.max(1_000, this.#rest.of(this.path));
      await sleep(this.#runtime, pause, signal).catch(() => undefined);
    }
    if (this.#killed) this.#network.cut(this);
  }

  async #once(broadcast: Parameters<Ietf14Session["publishNamespace"]>[1]): Promise<void> {
    const session = await connectIetf14(this.#network.connect(this), {
      runtime: this.#runtime,
      profile: cloudflare,
    });
    this.#session = session;
    if (this.#stop.signal.aborted) session.close();
    try {
      this.#publication = session.publishNamespace(this.path, broadcast);
      await this.#publication.accepted;
      await this.#publication.ended;
    } finally {
      const { by } = await Promise.race([session.closed, { by: "local" }]);
      if (by === "transport") this.#rest.begin(this.path);
      this.#publication?.withdraw();
      session.close();
    }
  }
}
