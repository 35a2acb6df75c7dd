import { type Runtime, sleep } from "@moq-bridge/runtime";
import type { Logger } from "./logger.js";

/** Something done for one path until its signal aborts. It ends only when nothing of it is left on the wire. */
export interface Activity {
  run(signal: AbortSignal): Promise<void>;
}

/** An activity that failed by itself is a defect of ours; the path is taken up again after this long. */
const RESTART_MS = 1_000;

/**
 * What happens with one path: one activity at a time, so that a name changes
 * hands only after its previous owner let go. Of several changes made while
 * one ends, the last counts.
 */
export class PathLane<A extends Activity = Activity> {
  readonly #runtime: Runtime;
  readonly #log: Logger;
  readonly #onIdle: () => void;
  #wanted: A | undefined;
  #running: A | undefined;
  #controller: AbortController | undefined;

  /** @param onIdle called each time the last activity has ended and no other follows */
  constructor(options: { runtime: Runtime; log: Logger; onIdle: () => void }) {
    this.#runtime = options.runtime;
    this.#log = options.log;
    this.#onIdle = options.onIdle;
  }

  /** What the path is used for, or will be when its predecessor has ended. */
  get activity(): A | undefined {
    return this.#wanted;
  }

  /** What is on the wire now: `activity`, or its predecessor still ending. */
  get running(): A | undefined {
    return this.#running;
  }

  /** Ends what is running and starts `activity`, or nothing. */
  set(activity: A | undefined): void {
    if (activity === this.#wanted) return;
    this.#wanted = activity;
    if (this.#controller) this.#controller.abort();
    else void this.#run();
  }

  async #run(): Promise<void> {
    while (this.#wanted) {
      const activity = this.#wanted;
      this.#running = activity;
      this.#controller = new AbortController();
      const { signal } = this.#controller;
      try {
        await activity.run(signal);
        if (this.#wanted === activity) this.#wanted = undefined;
      } catch (error) {
        if (signal.aborted) continue;
        this.#log.error(`internal error: ${error instanceof Error ? error.message : error}`);
        await sleep(this.#runtime, RESTART_MS, signal).catch(() => undefined);
      }
    }
    this.#running = undefined;
    this.#controller = undefined;
    this.#onIdle();
  }
}
