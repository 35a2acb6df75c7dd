import type { Path } from "@moq-bridge/origin";
import type { RegistryHealth } from "@moq-bridge/registry";
import type { Runtime } from "@moq-bridge/runtime";
import type { Refusal } from "./path-policy.js";
import type { ReportStatus } from "./registry-reporter.js";
import type { PoolStatus } from "./session-pool.js";
import type { RegistryStatus } from "./stream-sources.js";
import type { SupervisorStatus } from "./supervisor.js";
import type { SideTraffic } from "./traffic.js";

/**
 * What a broadcast is doing on its way to the other side:
 *
 * - `waiting`: for a session, for capacity, or for the registry
 * - `announcing`: the name was sent, no answer yet
 * - `announced`: shown on the other side
 * - `silent`: shown, and watched, but nothing comes
 * - `conflict`: the name is live there by somebody else, or was refused
 * - `gone`: the registry lists it, the CDN does not know it (any more)
 * - `resting`: withdrawn, until the CDN has let the name go
 * - `refused`: it does not cross
 */
export type BroadcastState =
  | "waiting"
  | "announcing"
  | "announced"
  | "silent"
  | "conflict"
  | "gone"
  | "resting"
  | "refused";

/** Which way a broadcast goes: away from where it is live. */
export type CarriedDirection = "to-cloudflare" | "to-relay";

/** A state, why it is so, and since when. */
export interface StateStatus {
  readonly state: BroadcastState;
  /** Why it is in this state, in one line, where that is not plain. */
  readonly reason: string | undefined;
  /** Wall-clock milliseconds of the last change of state; of `silent`, when the last frame came. */
  readonly since: number;
}

/** One broadcast, for the status. */
export interface BroadcastStatus extends StateStatus {
  /** Its name where it is live. */
  readonly path: Path;
  /** Its name on the other side, where that is another one. */
  readonly shownAs?: Path;
  readonly direction: CarriedDirection;
}

/** A snapshot of what the bridge does. */
export interface BridgeStatus {
  readonly relay: SupervisorStatus;
  readonly cloudflare: PoolStatus;
  /** All registries together; absent when there is none. */
  readonly registry: RegistryHealth | undefined;
  /** Each registry, in the order of the configuration. */
  readonly registries: readonly RegistryStatus[];
  /** How listing the relay's streams goes; absent when it is not asked for. */
  readonly report: ReportStatus | undefined;
  /** What the sessions with each side did since the start. */
  readonly traffic: { readonly relay: SideTraffic; readonly cloudflare: SideTraffic };
  /** Wall-clock milliseconds; `undefined` for no token, or one that does not say. */
  readonly relayTokenExpiresAt: number | undefined;
  readonly broadcasts: readonly BroadcastStatus[];
  /** Paths that did not cross, counted by reason. */
  readonly refused: Readonly<Partial<Record<Refusal, number>>>;
}

/** The state of one broadcast as it changes. */
export class ActivityState {
  readonly #runtime: Runtime;
  #state: BroadcastState;
  #reason: string | undefined;
  #since: number;

  constructor(runtime: Runtime, state: BroadcastState, reason?: string) {
    this.#runtime = runtime;
    this.#state = state;
    this.#reason = reason;
    this.#since = runtime.wallClock();
  }

  get now(): StateStatus {
    return { state: this.#state, reason: this.#reason, since: this.#since };
  }

  /** @param agoMs how long it has been so already, in milliseconds */
  set(state: BroadcastState, reason?: string, agoMs = 0): void {
    if (state !== this.#state) this.#since = this.#runtime.wallClock() - agoMs;
    this.#state = state;
    this.#reason = reason;
  }
}
