import { type MoqError, type Runtime, toMoqError } from "@moq-bridge/runtime";
import { childController, untilAborted } from "./abort.js";
import { backoff } from "./backoff.js";
import type { Logger } from "./logger.js";

/** How a session ended. */
export interface SupervisedEnd {
  readonly error?: MoqError | undefined;
}

/** What a supervisor needs of a session. */
export interface Supervised {
  /** Resolves when the session has ended; never rejects. */
  readonly closed: Promise<SupervisedEnd>;
  /** Resolves if the peer asks to go elsewhere (GOAWAY). */
  readonly goaway: Promise<string>;
  close(): void;
}

/** What to keep up, and how to speak of it. */
export interface SupervisorOptions<S extends Supervised> {
  readonly runtime: Runtime;
  readonly log: Logger;
  /** For people: `relay` or `cloudflare`. */
  readonly name: string;
  /** Opens a session that is ready for use. Rejects with an error whose message is one plain line. */
  connect(signal: AbortSignal): Promise<S>;
  /** Resolves when a session should be replaced by a new one, which is opened before the old one is left. Aborted with the session. */
  renewal?(session: S, signal: AbortSignal): Promise<void>;
  /** Called with each session that comes into use, and with none when it is lost. */
  onChange?(session: S | undefined): void;
}

/** One side's connection, for the status. */
export interface SupervisorStatus {
  readonly connected: boolean;
  /** Wall-clock milliseconds of the last change of `connected`. */
  readonly since: number;
  /** Sessions opened so far. */
  readonly sessions: number;
  /** Attempts that failed in a row. */
  readonly failures: number;
  /** Why the last attempt failed or the session was lost, one line; beside an open session, why its successor is not up. */
  readonly lastError: string | undefined;
  /** The last session that was lost: when, in wall-clock milliseconds, and why. */
  readonly lastLoss: { readonly at: number; readonly reason: string } | undefined;
}

/** A session that lived this long was a good one: the next attempt is made at once. */
const STABLE_MS = 5_000;
/** How long an old session may finish its groups after GOAWAY. */
const DRAIN_MS = 4_000;
const RECONNECT = { baseMs: 250, capMs: 5_000 };

/**
 * Keeps one session up: the first retry comes at once, further ones with
 * exponential back-off and jitter. After GOAWAY, and when a session is due for
 * renewal, the new session is opened before the old one is left.
 */
export class Supervisor<S extends Supervised> {
  readonly #options: SupervisorOptions<S>;
  readonly #stop = new AbortController();
  readonly #waiters = new Set<(session: S) => void>();
  readonly #draining = new Set<S>();
  /** In use until its successor is up. */
  #outgoing: S | undefined;
  #running: Promise<void> | undefined;
  #current: S | undefined;
  #since: number;
  #sessions = 0;
  #failures = 0;
  #lastError: string | undefined;
  #lastLoss: SupervisorStatus["lastLoss"];

  constructor(options: SupervisorOptions<S>) {
    this.#options = options;
    this.#since = options.runtime.wallClock();
  }

  /** The session in use, if one is up. */
  get current(): S | undefined {
    return this.#current;
  }

  status(): SupervisorStatus {
    return {
      connected: this.#current !== undefined,
      since: this.#since,
      sessions: this.#sessions,
      failures: this.#failures,
      lastError: this.#lastError,
      lastLoss: this.#lastLoss,
    };
  }

  start(): void {
    this.#running ??= this.#run(this.#stop.signal);
  }

  /** Closes the session and resolves when nothing is left running. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const session of this.#draining) session.close();
    await this.#running;
  }

  /** The session in use, or the next one. Rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<S> {
    if (this.#current && !signal.aborted) return this.#current;
    let waiter: ((session: S) => void) | undefined;
    try {
      return await untilAborted(
        new Promise<S>((resolve) => {
          waiter = resolve;
          this.#waiters.add(resolve);
        }),
        signal,
      );
    } finally {
      if (waiter) this.#waiters.delete(waiter);
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await backoff(this.#options.runtime, this.#failures, RECONNECT, signal);
        await this.#oneSession(signal);
      } catch (error) {
        if (!signal.aborted) this.#failed(toMoqError(error, "connect_failed", "session"));
      }
    }
    this.#current?.close();
    this.#down(this.#current);
  }

  async #oneSession(signal: AbortSignal): Promise<void> {
    const { runtime } = this.#options;
    const session = await this.#connect(signal);
    const upAt = runtime.now();
    this.#up(session);
    const end = await this.#endOf(session, signal);
    const isGood = end === "renewal" || runtime.now() - upAt >= STABLE_MS;
    this.#failures = isGood ? 0 : this.#failures + 1;
    if (end === "goaway") this.#leave(session, "asked to reconnect (GOAWAY)");
    else if (end === "renewal") {
      this.#leave(session, "opening a new session before the token of this one expires");
    } else this.#lost(session, end);
  }

  /** What comes first in a session's life that calls for another one. */
  async #endOf(session: S, signal: AbortSignal): Promise<SupervisedEnd | "goaway" | "renewal"> {
    const { renewal } = this.#options;
    const { controller, release } = childController(signal);
    const events: Promise<SupervisedEnd | "goaway" | "renewal">[] = [
      session.closed,
      session.goaway.then(() => "goaway"),
    ];
    if (renewal) events.push(renewal(session, controller.signal).then(() => "renewal"));
    try {
      return await untilAborted(Promise.race(events), signal);
    } finally {
      release();
      controller.abort();
    }
  }

  /** The session stays in use until a new one is up, however long that takes, unless it ends. */
  #leave(session: S, why: string): void {
    const { log, name } = this.#options;
    log.info(`${name}: ${why}`);
    this.#outgoing = session;
    void session.closed.then((end) => {
      if (this.#outgoing !== session) return;
      this.#outgoing = undefined;
      this.#lost(session, end);
    });
  }

  #lost(session: S, { error }: SupervisedEnd): void {
    const { log, name, runtime } = this.#options;
    const reason = error?.message ?? "closed by the peer";
    log.warn(`${name}: session ended: ${reason}`);
    this.#lastError = reason;
    this.#lastLoss = { at: runtime.wallClock(), reason };
    this.#down(session);
  }

  async #connect(signal: AbortSignal): Promise<S> {
    const connecting = this.#options.connect(signal);
    try {
      return await untilAborted(connecting, signal);
    } catch (error) {
      // A session that comes up after we stopped belongs to nobody.
      connecting.then(
        (late) => late.close(),
        () => undefined,
      );
      throw error;
    }
  }

  #up(session: S): void {
    const outgoing = this.#outgoing;
    this.#outgoing = undefined;
    if (outgoing) this.#drain(outgoing);
    this.#current = session;
    this.#sessions++;
    this.#since = this.#options.runtime.wallClock();
    this.#lastError = undefined;
    this.#options.log.info(`${this.#options.name}: connected`);
    for (const waiter of this.#waiters) waiter(session);
    this.#waiters.clear();
    this.#options.onChange?.(session);
  }

  #down(session: S | undefined): void {
    if (this.#current !== session || !session) return;
    this.#current = undefined;
    this.#since = this.#options.runtime.wallClock();
    this.#options.onChange?.(undefined);
  }

  /** The old session may finish its open groups; a new one is in use. */
  #drain(session: S): void {
    this.#draining.add(session);
    const cancel = this.#options.runtime.setTimer(DRAIN_MS, () => session.close());
    void session.closed.then(() => {
      cancel();
      this.#draining.delete(session);
      this.#down(session);
    });
  }

  #failed(error: MoqError): void {
    const { log, name } = this.#options;
    this.#failures++;
    const line = `${name}: ${error.message}`;
    if (this.#lastError === error.message) log.debug(line, { failures: this.#failures });
    else log.warn(`${line}; trying again`);
    this.#lastError = error.message;
  }
}
