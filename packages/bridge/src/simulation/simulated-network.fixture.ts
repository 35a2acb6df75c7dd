import type { EmbeddedRelay } from "@moq-bridge/relay";
import { MoqError, type Runtime } from "@moq-bridge/runtime";
import { type MemoryPair, memoryPair, type TransportSession } from "@moq-bridge/transport";

/** The way to one relay: connections that can be cut, and refused while the relay is down. */
export class SimulatedNetwork {
  relay: EmbeddedRelay;
  up = true;
  readonly #runtime: Runtime;
  readonly #protocol: string;
  readonly #pairs = new Map<MemoryPair, unknown>();
  readonly #latencyMs: number;
  #seed: number;

  constructor(options: {
    runtime: Runtime;
    relay: EmbeddedRelay;
    protocol: string;
    seed: number;
    latencyMs: number;
  }) {
    this.#runtime = options.runtime;
    this.relay = options.relay;
    this.#protocol = options.protocol;
    this.#seed = options.seed;
    this.#latencyMs = options.latencyMs;
  }

  /** Connections there are now. */
  get size(): number {
    return this.#pairs.size;
  }

  /** Connects for `owner`. @throws {MoqError} `connect_refused` */
  connect(owner: unknown): TransportSession {
    if (!this.up) {
      throw new MoqError("connect_refused", "connection refused", { scope: "session" });
    }
    const pair = memoryPair({
      runtime: this.#runtime,
      protocol: this.#protocol,
      seed: this.#seed++,
      latencyMs: this.#latencyMs,
      ...(this.relay.maxUniStreams === undefined
        ? {}
        : { maxUniStreams: this.relay.maxUniStreams }),
    });
    this.#pairs.set(pair, owner);
    void this.relay.serve(pair.server);
    void pair.client.closed.then(() => this.#pairs.delete(pair));
    return pair.client;
  }

  /** Loses the connections of `owner`, or one of them that `pick` chooses. */
  cut(owner: unknown, pick?: (count: number) => number): void {
    const own = [...this.#pairs].filter(([, of]) => of === owner).map(([pair]) => pair);
    const chosen = pick ? own.slice(pick(own.length)).slice(0, 1) : own;
    for (const pair of chosen) pair.cut();
  }

  /** Loses every connection. */
  cutAll(): void {
    for (const pair of [...this.#pairs.keys()]) pair.cut();
  }
}
