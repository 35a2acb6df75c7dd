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
 * - `waiting`: for a session with room
 * - `announcing`: the name was sent, no answer yet
 * - `announced`: shown on the other side
 * - `conflict`: the name is live there by somebody else, or was refused
 * - `gone`: the registry lists it, the CDN does not know it (any more)
 * - `resting`: withdrawn, until the CDN has let the name go
 */
export type BroadcastState =
  | "waiting"
  | "announcing"
  | "announced"
  | "conflict"
  | "gone"
  | "resting";

/** One broadcast, for the status. */
export interface BroadcastStatus {
  readonly path: Path;
  readonly direction: "to-cloudflare" | "to-relay";
  readonly state: BroadcastState;
  /** Why it is in this state, where that is not plain. */
  readonly reason: string | undefined;
  /** Wall-clock milliseconds of the last change of state. */
  readonly since: number;
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

  get state(): BroadcastState {
    return this.#state;
  }

  get reason(): string | undefined {
    return this.#reason;
  }

  get since(): number {
    return this.#since;
  }

  set(state: BroadcastState, reason?: string): void {
    if (state !== this.#state) this.#since = this.#runtime.wallClock();
    this.#state = state;
    this.#reason = reason;
  }
}
