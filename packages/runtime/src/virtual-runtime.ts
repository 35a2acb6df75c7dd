import { MoqError } from "./error.js";
import { inNextTurn } from "./next-turn.js";
import type {
  CancelTimer,
  HttpGetOptions,
  HttpPostOptions,
  HttpResponse,
  Runtime,
} from "./runtime.js";
import { answerWithinLimits, type HttpHandler } from "./virtual-http.js";

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A {@link Runtime} whose time moves only when told to, with seeded
 * randomness: the same seed and calls give the same run.
 */
export class VirtualRuntime implements Runtime {
  #now = 0;
  #order = 0;
  #seed: number;
  readonly #timers = new Set<Timer>();
  readonly #http: HttpHandler;

  constructor(options: { readonly seed?: number; readonly http?: HttpHandler } = {}) {
    this.#seed = (options.seed ?? 1) >>> 0;
    this.#http =
      options.http ??
      ((url) =>
        Promise.reject(
          new MoqError("http_unreachable", `nothing answers at ${url}`, { scope: "process" }),
        ));
  }

  /** How many timers are set: what a test checks to find one left behind. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  wallClock(): number {
    return Date.UTC(2026, 0, 1) + this.#now;
  }

  setTimer(delayMs: number, callback: () => void): CancelTimer {
    const timer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** mulberry32 */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) >>> 0;
    let t = this.#seed;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  httpGet(url: string, options: HttpGetOptions): Promise<HttpResponse> {
    return answerWithinLimits(this, this.#http, url, options);
  }

  httpPost(url: string, options: HttpPostOptions): Promise<HttpResponse> {
    return answerWithinLimits(this, this.#http, url, options);
  }

  /**
   * Moves time forward by `ms`, firing timers in order and letting promises
   * settle before, between and after them.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#earliest(end); next; next = this.#earliest(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  #earliest(end: number): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (!best || timer.at < best.at || (timer.at === best.at && timer.order < best.order)) {
        best = timer;
      }
    }
    return best;
  }
}

/** Lets every promise chain that is ready run to its end. */
export async function settle(): Promise<void> {
  // What ends in one turn may start a chain that goes on in the next.
  for (let turn = 0; turn < 3; turn++) await new Promise<void>(inNextTurn);
}
