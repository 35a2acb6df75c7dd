import type { Ietf14Session, NamespacePublication } from "@moq-bridge/moq-ietf14-session";
import type { Path } from "@moq-bridge/origin";
import { type MoqError, type Runtime, toMoqError } from "@moq-bridge/runtime";
import { untilAborted } from "./abort.js";
import { backoff } from "./backoff.js";
import type { HeldNames } from "./held-names.js";
import type { Logger } from "./logger.js";
import type { LostNames } from "./lost-names.js";
import type { NameChecks } from "./name-checks.js";
import type { Activity } from "./path-lane.js";
import type { SessionPool } from "./session-pool.js";
import { ActivityState, type StateStatus } from "./status.js";

/** After DONE a name is not used again before its CANCEL, or this long. */
const REST_MS = 15_000;
/** A name whose session was lost before it was accepted is announced again after about this long. */
const RETRY = { baseMs: 1_000, capMs: 3_000 };
/** One that is accepted and cancelled time after time, ever more slowly: each costs a request. */
const CANCELLED_RETRY = { baseMs: 1_000, capMs: 30_000 };
/** A CANCEL this long after the OK is a first one, in milliseconds. */
const STOOD_MS = 60_000;
const RENEWED = "withdrawn, to be announced again";

/**
 * Keeps one name announced on Cloudflare's side with PUBLISH_NAMESPACE: on each
 * new session, after a CANCEL, and again and again while another publisher
 * holds it.
 */
export class PublishedName implements Activity {
  readonly #state: ActivityState;
  readonly #path: Path;
  readonly #publish: (session: Ietf14Session) => NamespacePublication;
  readonly #sessions: SessionPool<Ietf14Session>;
  readonly #runtime: Runtime;
  readonly #log: Logger;
  readonly #lost: LostNames;
  readonly #checks: NameChecks;
  readonly #held: HeldNames;
  #isHeld = false;
  #failures = 0;
  /** CANCELs in a row. */
  #cancels = 0;

  constructor(options: {
    path: Path;
    /** Sends PUBLISH_NAMESPACE for `path`. */
    publish: (session: Ietf14Session) => NamespacePublication;
    sessions: SessionPool<Ietf14Session>;
    runtime: Runtime;
    log: Logger;
    lost: LostNames;
    checks: NameChecks;
    held: HeldNames;
  }) {
    this.#path = options.path;
    this.#publish = options.publish;
    this.#sessions = options.sessions;
    this.#runtime = options.runtime;
    this.#log = options.log;
    this.#lost = options.lost;
    this.#checks = options.checks;
    this.#held = options.held;
    this.#state = new ActivityState(options.runtime, "waiting");
  }

  get state(): StateStatus {
    const { now } = this.#state;
    return now.state === "waiting" ? { ...now, reason: this.#sessions.shortage } : now;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#sessions.hasRoom("name")) this.#state.set("waiting");
      try {
        const lease = await this.#sessions.lease("name", signal);
        await this.#publishOn(lease.session, signal).finally(lease.release);
        if (this.#isHeld) await this.#held.turn(signal);
        else if (this.#cancels > 0) {
          await backoff(this.#runtime, this.#cancels, CANCELLED_RETRY, signal);
        } else await backoff(this.#runtime, this.#failures, RETRY, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
  }

  /** One PUBLISH_NAMESPACE and its life, until it ended or the signal aborts. */
  async #publishOn(session: Ietf14Session, signal: AbortSignal): Promise<void> {
    if (this.#failures === 0) this.#state.set("announcing", "PUBLISH_NAMESPACE not answered yet");
    let publication: NamespacePublication | undefined;
    try {
      publication = this.#publish(session);
      await untilAborted(publication.accepted, signal);
      this.#failures = 0;
      if (this.#isHeld) this.#held.handleFreed();
      this.#isHeld = false;
      this.#state.set("announced");
      this.#log.info("shown on Cloudflare", { path: this.#path });
      const acceptedAt = this.#runtime.now();
      const release = this.#lookAfter(publication);
      const end = await untilAborted(publication.ended, signal).finally(release);
      if (end.type === "cancelled") this.#handleCancelled(acceptedAt);
      else this.#cancels = 0;
      if (end.type === "session_closed") await this.#handleLoss(session);
    } catch (error) {
      const failure = toMoqError(error, "publish_failed", "subscription");
      if (!signal.aborted) this.#refused(failure);
      if (failure.scope === "session") await this.#handleLoss(session);
      // Refused names leave a trace in the peer's session: without DONE the next attempt would end it.
      publication?.withdraw();
      if (signal.aborted && publication) await this.#rest(publication, session);
    }
  }

  #handleCancelled(acceptedAt: number): void {
    const stood = this.#runtime.now() - acceptedAt >= STOOD_MS;
    this.#cancels = stood ? 1 : this.#cancels + 1;
    this.#state.set("announcing", "Cloudflare cancelled the name; it is announced again");
    this.#log.info("Cloudflare cancelled the name; announcing it again", { path: this.#path });
  }

  async #handleLoss(session: Ietf14Session): Promise<void> {
    const { by } = await session.closed;
    if (by === "transport") this.#lost.add(this.#path);
  }

  /** A name may be lost without a word: then it is withdrawn, after which it is announced again. Returns how to let go. */
  #lookAfter(publication: NamespacePublication): () => void {
    const stay = this.#announceOnceMore(publication);
    const unwatch = this.#checks.watch(this.#path, () => {
      this.#log.warn("Cloudflare lost a name; announcing it again", { path: this.#path });
      this.#state.set("resting", RENEWED);
      publication.withdraw();
    });
    return () => {
      stay();
      unwatch();
    };
  }

  /** Withdraws a name of a lost session when nothing can take it away any more, after which it is announced again. Returns how not to. */
  #announceOnceMore(publication: NamespacePublication): () => void {
    const left = this.#lost.remaining(this.#path);
    if (left === 0) return () => {};
    return this.#runtime.setTimer(left, () => {
      this.#log.info("announcing a name again that a lost session may have taken away", {
        path: this.#path,
      });
      this.#state.set("resting", RENEWED);
      publication.withdraw();
    });
  }

  #refused(error: MoqError): void {
    this.#failures++;
    this.#cancels = 0;
    if (error.scope === "session") return;
    this.#isHeld = true;
    this.#lost.delete(this.#path);
    if (this.#state.now.state !== "conflict") {
      this.#log.warn("Cloudflare refused a name", { path: this.#path, why: error.message });
    }
    this.#state.set("conflict", `Cloudflare refused the name: ${error.message}`);
  }

  async #rest({ ended }: NamespacePublication, session: Ietf14Session): Promise<void> {
    this.#state.set("resting", "withdrawn, waiting for Cloudflare to let the name go");
    let cancel = () => {};
    const limit = new Promise<undefined>((resolve) => {
      cancel = this.#runtime.setTimer(REST_MS, () => resolve(undefined));
    });
    const end = await Promise.race([ended, limit]);
    cancel();
    // DONE may not have arrived.
    if (end?.type === "session_closed") await this.#handleLoss(session);
  }
}
