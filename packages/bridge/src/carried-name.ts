import type { Ietf14Session } from "@moq-bridge/moq-ietf14-session";
import type { BroadcastConsumer, Path } from "@moq-bridge/origin";
import type { Runtime } from "@moq-bridge/runtime";
import { whenAborted } from "./abort.js";
import type { HeldNames } from "./held-names.js";
import type { Logger } from "./logger.js";
import type { LostNames } from "./lost-names.js";
import type { NameChecks } from "./name-checks.js";
import type { Activity } from "./path-lane.js";
import { PublishedName } from "./published-name.js";
import type { SessionPool } from "./session-pool.js";
import type { StateStatus } from "./status.js";

/** What shows a name on Cloudflare's side. */
export interface NameOptions {
  readonly sessions: SessionPool<Ietf14Session>;
  readonly runtime: Runtime;
  readonly log: Logger;
  readonly lost: LostNames;
  readonly checks: NameChecks;
  readonly held: HeldNames;
}

/** One of the relay's broadcasts, shown on Cloudflare's side: by a name of its own, or below the announced prefix. */
export class CarriedName implements Activity {
  readonly direction = "to-cloudflare";
  readonly broadcast: BroadcastConsumer;
  readonly #name: PublishedName;
  readonly #isBelowPrefix: boolean;
  readonly #startedAt: number;

  /** @param prefix the announced prefix that `path` is below; absent: it is announced itself */
  constructor(
    path: Path,
    broadcast: BroadcastConsumer,
    options: NameOptions,
    prefix: PublishedName | undefined,
  ) {
    this.broadcast = broadcast;
    this.#isBelowPrefix = prefix !== undefined;
    this.#startedAt = options.runtime.wallClock();
    const served = options.checks.answering(path, broadcast);
    const publish = (session: Ietf14Session) => session.publishNamespace(path, served);
    this.#name = prefix ?? new PublishedName({ ...options, path, publish });
  }

  get state(): StateStatus {
    const { state } = this.#name;
    return { ...state, since: Math.max(state.since, this.#startedAt) };
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#isBelowPrefix ? whenAborted(signal) : this.#name.run(signal);
  }
}
