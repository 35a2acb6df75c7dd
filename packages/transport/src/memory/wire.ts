import { type CancelTimer, inNextTurn, type Runtime } from "@moq-bridge/runtime";
import { Fifo } from "../fifo.js";

/** Deliveries between which other work of the process gets a turn. */
const DELIVERIES_PER_TURN = 10_000;
/** With a seed, a delivery waits for up to this many microtasks, so that others gather beside it. */
const MOST_HOPS = 8;

type Delivery = () => void;

/** What must stay in order: deliveries of one lane never overtake each other. */
export class Lane {
  readonly queue = new Fifo<Delivery>();
}

/** How a {@link Wire} carries. */
export interface WireOptions {
  readonly runtime: Runtime;
  /** Decides which lane is next. Without it everything arrives in the order it was sent. */
  readonly random?: (() => number) | undefined;
  /** Time on the way, in milliseconds of the runtime; 0 uses no timer. */
  readonly latencyMs: number;
}

/**
 * Carries deliveries in microtasks, one at a time, so that everything sent has
 * arrived once the promises have settled.
 */
export class Wire {
  readonly random: (() => number) | undefined;
  readonly #runtime: Runtime;
  readonly #latencyMs: number;
  readonly #everything = new Lane();
  readonly #timers = new Set<CancelTimer>();
  #ready: Lane[] = [];
  #scheduled = false;
  #cut = false;
  #delivered = 0;
  #cutAt = Number.POSITIVE_INFINITY;
  #onCut: () => void = () => {};

  constructor(options: WireOptions) {
    this.#runtime = options.runtime;
    this.random = options.random;
    this.#latencyMs = options.latencyMs;
  }

  /** Sends on a lane; nothing arrives any more after {@link cut}. */
  send(lane: Lane, delivery: Delivery): void {
    if (this.#cut) return;
    if (this.#latencyMs === 0) {
      this.#arrive(lane, delivery);
      return;
    }
    const cancel = this.#runtime.setTimer(this.#latencyMs, () => {
      this.#timers.delete(cancel);
      this.#arrive(lane, delivery);
    });
    this.#timers.add(cancel);
  }

  /** A loss: what is under way on the lane may never arrive. The seed decides; without one it does. */
  mayLose(lane: Lane): void {
    if (!this.random || this.random() < 0.5) return;
    lane.queue.clear();
    this.#ready = this.#ready.filter((ready) => ready !== lane);
  }

  /** Drops everything under way and all that is sent later. */
  cut(): void {
    this.#cut = true;
    this.#ready = [];
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** Calls `then` once `deliveries` more were made. */
  after(deliveries: number, then: () => void): void {
    this.#cutAt = this.#delivered + deliveries;
    this.#onCut = then;
  }

  #arrive(lane: Lane, delivery: Delivery): void {
    const order = this.random ? lane : this.#everything;
    if (order.queue.size === 0) this.#ready.push(order);
    order.queue.push(delivery);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#ready.length === 0) return;
    this.#scheduled = true;
    const hops = this.random ? Math.floor(this.random() * MOST_HOPS) : 0;
    if ((this.#delivered + 1) % DELIVERIES_PER_TURN === 0) inNextTurn(() => this.#deliver());
    else this.#deliverAfter(hops);
  }

  #deliverAfter(hops: number): void {
    queueMicrotask(() => (hops > 0 ? this.#deliverAfter(hops - 1) : this.#deliver()));
  }

  #deliver(): void {
    this.#scheduled = false;
    const index = this.random ? Math.floor(this.random() * this.#ready.length) : 0;
    const lane = this.#ready[index];
    const delivery = lane?.queue.shift();
    if (lane?.queue.size === 0) {
      const last = this.#ready.pop();
      if (last && last !== lane) this.#ready[index] = last;
    }
    delivery?.();
    this.#delivered += 1;
    if (this.#delivered >= this.#cutAt) this.#onCut();
    this.#schedule();
  }
}

/** mulberry32: a number in [0, 1), the same sequence for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
