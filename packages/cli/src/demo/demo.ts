import type { Logger } from "@moq-bridge/bridge";
import { BROADCASTS } from "./content.js";
import { DemoStream } from "./demo-stream.js";
import { DemoWorld } from "./demo-world.js";
import { Ietf14Client } from "./ietf14-client.js";
import { LiteClient } from "./lite-client.js";
import { pause } from "./redial.js";
import { PARTS, type Part, restart, type World } from "./world.js";

/** How a demo is set up. */
export interface DemoOptions {
  readonly log: Logger;
  /** False: WebSocket on both sides even where QUIC loads. Default true. */
  readonly quic?: boolean;
}

/** Groups that ended this long ago are counted, in milliseconds. */
const SETTLE_AFTER_MS = 5_000;
/** How long the last frames may take once publishers have stopped, in milliseconds. */
const DRAIN_MS = 5_000;
/** How long it may take until every stream is back, in milliseconds. */
const RECOVERY_MS = 15_000;
const POLL_MS = 20;
const KEEP_LISTED_MS = 10_000;

/** Publishers and viewers on both sides of a bridge, which check everything that comes through. */
export class Demo<W extends World = World> {
  readonly world: W;
  readonly streams: readonly DemoStream[];
  readonly #publishers: { readonly lite: LiteClient; readonly ietf: Ietf14Client };
  readonly #viewers: { readonly lite: LiteClient; readonly ietf: Ietf14Client };
  readonly #startedAt = performance.now();
  #keepListed: NodeJS.Timeout | undefined;

  private constructor(world: W) {
    this.world = world;
    const client = (originId: bigint) => ({
      lite: new LiteClient(world.relayForClients, originId),
      ietf: new Ietf14Client(world.cloudflareForClients),
    });
    this.#publishers = client(1n);
    this.#viewers = client(2n);
    const { lite, ietf } = this.#publishers;
    this.streams = [
      ...BROADCASTS.map((spec) => new DemoStream(spec, "to-cloudflare", lite.publish)),
      ...BROADCASTS.map((spec) => new DemoStream(spec, "to-relay", ietf.publish)),
    ];
  }

  /** Starts relays, registry, bridge, publishers and viewers in this process. @throws {MoqError} `listen_failed` */
  static async start({ log, quic = true }: DemoOptions): Promise<Demo<DemoWorld>> {
    const world = new DemoWorld({ log, quic });
    await world.start();
    return Demo.within(world);
  }

  /** Starts publishers and viewers in a world that runs. */
  static async within<W extends World>(world: W): Promise<Demo<W>> {
    const demo = new Demo(world);
    await demo.#start();
    return demo;
  }

  /** Frames of every track come through. */
  get well(): boolean {
    return this.streams.every((stream) => stream.tracksWell === stream.tracks.length);
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  /** Kills a part and starts it again. */
  async restart(part: Part): Promise<void> {
    this.expectOutage();
    await restart(this.world, part);
  }

  /** Something is about to be taken down: what does not come until all is back is missed, not lost. */
  expectOutage(): void {
    for (const stream of this.streams) stream.expectOutage();
  }

  /** Kills each part and starts it again, spread over a time, each when all had come back from the one before. */
  async restartAll(durationMs: number): Promise<void> {
    for (const part of PARTS) {
      await pause(durationMs / (PARTS.length + 1.5));
      await this.#recovery();
      await this.restart(part);
    }
    await this.#recovery();
  }

  /** Counts what should have arrived by now. */
  settle(): void {
    for (const stream of this.streams) stream.settle(performance.now() - SETTLE_AFTER_MS);
  }

  /** Stops the publishers, lets the last frames arrive, counts, and ends everything. */
  async stop(): Promise<void> {
    clearInterval(this.#keepListed);
    for (const stream of this.streams) stream.stop();
    const deadline = performance.now() + DRAIN_MS;
    while (performance.now() < deadline && !this.streams.every((stream) => stream.complete)) {
      await pause(POLL_MS);
    }
    for (const stream of this.streams) stream.settle(Infinity);
    for (const { lite, ietf } of [this.#viewers, this.#publishers]) {
      lite.stop();
      ietf.stop();
    }
    await this.world.stop();
  }

  async #start(): Promise<void> {
    for (const { lite, ietf } of [this.#publishers, this.#viewers]) {
      lite.start();
      ietf.start();
    }
    const { lite, ietf } = this.#viewers;
    for (const { path, direction, tracks } of this.streams) {
      const [near, far] = direction === "to-cloudflare" ? [lite, ietf] : [ietf, lite];
      for (const track of tracks) {
        void near.watch(path, track.near);
        void far.watch(path, track.far);
      }
    }
    for (const stream of this.streams) stream.start();
    await this.#list();
    this.#keepListed = setInterval(() => void this.#list(), KEEP_LISTED_MS);
  }

  /** Resolves when frames of every track come through, or have not for too long. */
  async #recovery(): Promise<void> {
    const deadline = performance.now() + RECOVERY_MS;
    while (performance.now() < deadline && !this.well) await pause(POLL_MS);
  }

  /** The publishers on Cloudflare's side keep their rows in the registry, as an application would. */
  async #list(): Promise<void> {
    for (const { path, direction } of this.streams) {
      if (direction === "to-relay") await this.world.list(path);
    }
  }
}
