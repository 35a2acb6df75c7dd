import type { Path } from "@moq-bridge/origin";
import type { Runtime } from "@moq-bridge/runtime";

/** How long the network holds the names of a session lost without a close, and some more. */
const HOLD_MS = 45_000;

/**
 * Names of sessions that were lost without a close. The network may hold them
 * for 40 s; where it accepts a second claim meanwhile, the end of the first
 * takes the name from both and tells nobody. So a name that was accepted in
 * that time has to be announced once more after it.
 */
export class LostNames {
  readonly #runtime: Runtime;
  readonly #until = new Map<Path, number>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A session was lost with this name. */
  add(path: Path): void {
    const now = this.#runtime.now();
    for (const [other, until] of this.#until) if (until <= now) this.#until.delete(other);
    this.#until.set(path, now + HOLD_MS);
  }

  /** The network knows of the earlier claim: what it accepts from now on it does not take away. */
  delete(path: Path): void {
    this.#until.delete(path);
  }

  /** For how long the name may still be taken away, in milliseconds; 0 when it cannot. */
  remaining(path: Path): number {
    return Math.max(0, (this.#until.get(path) ?? 0) - this.#runtime.now());
  }
}
