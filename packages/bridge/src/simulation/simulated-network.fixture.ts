import type { EmbeddedRelay } from "@moq-bridge/relay";
import { MoqError, type Runtime } from "@moq-bridge/runtime";
import {
  type MemoryPair,
  memoryPair,
  type SendStream,
  type TransportSession,
} from "@moq-bridge/transport";

/** A draft-14 GOAWAY without a URI. */
const GOAWAY = Uint8Array.of(0x10, 0, 1, 0);

/** The way to one relay: connections that can be cut, and refused while the relay is down. */
export class SimulatedNetwork {
  relay: EmbeddedRelay;
  up = true;
  /** Connections that were lost in the middle of a message, or between two. */
  cutAtMessage = 0;
  readonly #runtime: Runtime;
  readonly #protocol: string | undefined;
  readonly #pairs = new Map<MemoryPair, unknown>();
  /** Connections that are to be lost after so many deliveries. */
  readonly #doomed = new Set<MemoryPair>();
  /** The streams on which clients of draft-14 send their control messages. */
  readonly #controls = new Map<MemoryPair, SendStream>();
  readonly #latencyMs: number;
  readonly #onLost: (owner: unknown) => void;
  #seed: number;
  #nextIsCutAfter: number | undefined;

  constructor(options: {
    runtime: Runtime;
    relay: EmbeddedRelay;
    protocol: string | undefined;
    seed: number;
    latencyMs: number;
    /** The relay lost a connection that nobody had closed. */
    onLost?: (owner: unknown) => void;
  }) {
    this.#runtime = options.runtime;
    this.relay = options.relay;
    this.#protocol = options.protocol;
    this.#seed = options.seed;
    this.#latencyMs = options.latencyMs;
    this.#onLost = options.onLost ?? (() => {});
  }

  /** Connections there are now. */
  get size(): number {
    return this.#pairs.size;
  }

  /** Directions of streams that are open on the connections of `owner`. */
  openStreams(owner: unknown): number {
    return this.#of(owner).reduce((sum, pair) => sum + pair.openStreams, 0);
  }

  /**
   * Connects for `owner`.
   *
   * @param bytesPerSecond what the connection carries each way; absent: everything at once
   * @throws {MoqError} `connect_refused`
   */
  connect(owner: unknown, bytesPerSecond?: number): TransportSession {
    if (!this.up) {
      throw new MoqError("connect_refused", "connection refused", { scope: "session" });
    }
    const { maxUniStreams } = this.relay;
    const pair = memoryPair({
      runtime: this.#runtime,
      seed: this.#seed++,
      latencyMs: this.#latencyMs,
      ...(this.#protocol === undefined ? {} : { protocol: this.#protocol }),
      ...(maxUniStreams === undefined ? {} : { maxUniStreams }),
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    });
    this.#pairs.set(pair, owner);
    this.#noteControl(pair);
    void this.relay.serve(pair.server);
    void pair.server.closed.then(({ by }) => {
      if (by === "transport") this.#onLost(owner);
    });
    void pair.client.closed.then(({ by }) => {
      if (this.#doomed.delete(pair) && by === "transport") this.cutAtMessage++;
      this.#pairs.delete(pair);
      this.#controls.delete(pair);
    });
    if (this.#nextIsCutAfter !== undefined) this.#doom(pair, this.#nextIsCutAfter);
    this.#nextIsCutAfter = undefined;
    return pair.client;
  }

  /** Loses the connections of `owner`, or one of them that `pick` chooses. Returns whether there was any. */
  cut(owner: unknown, pick?: (count: number) => number): boolean {
    const own = this.#of(owner);
    const chosen = pick ? own.slice(pick(own.length)).slice(0, 1) : own;
    for (const pair of chosen) pair.cut();
    return chosen.length > 0;
  }

  /** Sends GOAWAY on the draft-14 connections of `owner`, as their user never does. */
  async offend(owner: unknown): Promise<void> {
    await Promise.all(this.#of(owner).map((pair) => this.#controls.get(pair)?.write(GOAWAY)));
  }

  /** Loses one connection, whoever's, when so many deliveries more were made on it. */
  cutAfter(deliveries: number, pick: (count: number) => number): boolean {
    const [pair] = [...this.#pairs.keys()].slice(pick(this.#pairs.size));
    if (pair) this.#doom(pair, deliveries);
    return pair !== undefined;
  }

  /** Loses the next connection that is opened after so many deliveries. */
  cutNextAfter(deliveries: number): void {
    this.#nextIsCutAfter = deliveries;
  }

  /** Loses every connection. */
  cutAll(): void {
    for (const pair of [...this.#pairs.keys()]) pair.cut();
  }

  /** From now on nothing is lost any more: what was to be lost is lost now. */
  calm(): void {
    this.up = true;
    this.#nextIsCutAfter = undefined;
    for (const pair of [...this.#doomed]) {
      this.#doomed.delete(pair);
      pair.cut();
    }
  }

  #of(owner: unknown): MemoryPair[] {
    return [...this.#pairs].filter(([, of]) => of === owner).map(([pair]) => pair);
  }

  #noteControl(pair: MemoryPair): void {
    const { client } = pair;
    const openBidi = client.openBidi.bind(client);
    client.openBidi = async () => {
      const stream = await openBidi();
      this.#controls.set(pair, stream.send);
      return stream;
    };
  }

  #doom(pair: MemoryPair, deliveries: number): void {
    this.#doomed.add(pair);
    pair.cut(deliveries);
  }
}
