import type { Runtime } from "@moq-bridge/runtime";
import { untilAborted } from "./abort.js";

/** A single name is tried again after this long, in milliseconds. */
const ALONE_MS = 1_000;
/** Several are tried one after the other, this far apart at least, in milliseconds. */
const APART_MS = 500;

/**
 * Names that somebody else holds on Cloudflare's side. Each attempt costs a
 * request of a session that has few, so they are tried in turn. When one is had
 * all are tried at once: a bridge that leaves lets go of all of its names.
 */
export class HeldNames {
  readonly #runtime: Runtime;
  /** The next first. */
  readonly #waiting = new Set<() => void>();
  #cancel: (() => void) | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Resolves when the caller's name may be tried again. Rejects with the signal's reason. */
  async turn(signal: AbortSignal): Promise<void> {
    let go = () => {};
    const turn = new Promise<void>((resolve) => {
      go = resolve;
    });
    this.#waiting.add(go);
    this.#schedule();
    try {
      await untilAborted(turn, signal);
    } finally {
      this.#waiting.delete(go);
      if (this.#waiting.size === 0) this.#stop();
    }
  }

  /** A name that was held was accepted. */
  handleFreed(): void {
    for (const go of this.#waiting) go();
    this.#waiting.clear();
    this.#stop();
  }

  #schedule(): void {
    if (this.#cancel || this.#waiting.size === 0) return;
    const wait = Math.max(APART_MS, ALONE_MS / this.#waiting.size);
    this.#cancel = this.#runtime.setTimer(wait, () => {
      this.#cancel = undefined;
      const [next] = this.#waiting;
      if (next) this.#waiting.delete(next);
      next?.();
      this.#schedule();
    });
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
