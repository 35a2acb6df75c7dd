import type { Path } from "@moq-bridge/origin";
import type { Runtime } from "@moq-bridge/runtime";
import type { Refusal } from "./path-policy.js";
import type { BroadcastStatus, CarriedDirection } from "./status.js";

/** In words: why a broadcast does not cross. */
const WORDS: Readonly<Record<Refusal, string>> = {
  empty_path: "its name is empty",
  empty_segment: "a part of its name is empty",
  dot_segment: "a part of its name begins with a dot",
  internal: "names below internal/ never cross",
  control_character: "its name has control characters",
  too_many_parts: "its name has too many parts",
  too_long: "its name is too long",
  not_allowed: "no allow pattern matches it",
  denied: "a deny pattern matches it",
  outside_prefix: "it is not below the prefix that is stripped",
  own_prefix: "it is below the prefix that the bridge announces as its own",
};

/** What is live on one side and does not cross: counted once for as long as it is live. */
export class Refusals {
  readonly #runtime: Runtime;
  readonly #direction: CarriedDirection;
  readonly #current = new Map<Path, { readonly refusal: Refusal; readonly since: number }>();
  readonly counts: Partial<Record<Refusal, number>> = {};

  constructor(runtime: Runtime, direction: CarriedDirection) {
    this.#runtime = runtime;
    this.#direction = direction;
  }

  add(path: Path, refusal: Refusal): void {
    if (this.#current.has(path)) return;
    this.#current.set(path, { refusal, since: this.#runtime.wallClock() });
    this.counts[refusal] = (this.counts[refusal] ?? 0) + 1;
  }

  delete(path: Path): void {
    this.#current.delete(path);
  }

  /** Forgets what is not among these any more. */
  keep(live: { has(path: Path): boolean }): void {
    for (const path of this.#current.keys()) if (!live.has(path)) this.#current.delete(path);
  }

  status(): BroadcastStatus[] {
    return [...this.#current].map(([path, { refusal, since }]) => ({
      path,
      direction: this.#direction,
      state: "refused",
      reason: WORDS[refusal],
      since,
    }));
  }
}
