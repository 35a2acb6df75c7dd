import { cloudflare, connectIetf14, type Ietf14Session } from "@moq-bridge/moq-ietf14-session";
import { Origin, type OriginConsumer, type TrackConsumer } from "@moq-bridge/origin";
import { type Runtime, sleep } from "@moq-bridge/runtime";
import { ObservedFrames } from "./observed-frames.fixture.js";
import type { SimulatedNetwork } from "./simulated-network.fixture.js";

/** A viewer of the relay: one subscription to the broadcast that is announced now. */
export class RelayViewer {
  readonly path: string;
  readonly frames: ObservedFrames;
  readonly #track: TrackConsumer;

  /** `undefined` when nothing of that path is announced. */
  static join(origin: OriginConsumer, path: string, name: string): RelayViewer | undefined {
    const track = origin.broadcast(path)?.subscribe(name);
    return track && new RelayViewer(path, track);
  }

  private constructor(path: string, track: TrackConsumer) {
    this.path = path;
    this.#track = track;
    this.frames = new ObservedFrames(`a viewer of ${path} on the relay`, track);
  }

  leave(): void {
    this.#track.close();
  }
}

/** A viewer on Cloudflare's network: asks for a name again and again, each time anew. */
export class CdnViewer {
  readonly path: string;
  /** One for each SUBSCRIBE that was accepted. */
  readonly views: ObservedFrames[] = [];
  /** Refusals, by their code. */
  readonly refusals: number[] = [];
  readonly #runtime: Runtime;
  readonly #network: SimulatedNetwork;
  readonly #track: string;
  readonly #stop = new AbortController();
  #session: Ietf14Session | undefined;

  constructor(runtime: Runtime, network: SimulatedNetwork, path: string, track: string) {
    this.#runtime = runtime;
    this.#network = network;
    this.path = path;
    this.#track = track;
    void this.#run();
  }

  get faults(): string[] {
    return this.views.flatMap((view) => view.faults);
  }

  /** Frames of each publisher's run. */
  get counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const view of this.views) {
      for (const [label, count] of view.counts) counts.set(label, (counts.get(label) ?? 0) + count);
    }
    return counts;
  }

  leave(): void {
    this.#stop.abort();
    this.#session?.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#view().catch(() => undefined);
      await sleep(this.#runtime, 1_000, signal).catch(() => undefined);
    }
  }

  async #view(): Promise<void> {
    const runtime = this.#runtime;
    const session = await connectIetf14(this.#network.connect(this), {
      runtime,
      profile: cloudflare,
    });
    this.#session = session;
    if (this.#stop.signal.aborted) session.close();
    try {
      const subscription = session.subscribe(this.path, this.#track);
      await subscription.accepted.catch((error) => {
        this.refusals.push(error.wireCode ?? -1);
        throw error;
      });
      const origin = new Origin({ runtime });
      const sink = origin.createBroadcast("sink").createTrack("t");
      const reader = origin.broadcast("sink")?.subscribe("t");
      if (!reader) throw new Error("the sink is there");
      this.views.push(new ObservedFrames(`a viewer of ${this.path} on Cloudflare`, reader));
      subscription.fill(sink);
      await subscription.done;
      sink.finish();
      reader.close();
    } finally {
      session.close();
    }
  }
}
