import type { MoqError } from "@moq-bridge/runtime";
import type { RegistryList, SkipReason } from "./entry.js";
import { LiveList } from "./live-list.js";
import type { ParsedAnswer } from "./parse-answer.js";

/** A doubted answer is asked for again after this long, in milliseconds. */
export const CONFIRM_AFTER_MS = 1000;
/** After the first failure the wait is up to this long, then up to twice as long each time, in milliseconds. */
export const BACKOFF_BASE_MS = 1000;
/** The longest wait after a failure, in milliseconds. */
export const BACKOFF_CAP_MS = 30_000;
/** The longest wait that a registry's own Retry-After can ask for, in milliseconds. */
export const RETRY_AFTER_CAP_MS = 300_000;
/**
 * Polls start after 80 to 95 % of the interval: spread out, and early enough
 * that an end which needs confirming is still seen within interval + 1 s.
 */
const JITTER = { least: 0.8, spread: 0.15 };
/** Between an answer and the next request, as a part of the interval: a slow registry is not asked without pause. */
const LEAST_PAUSE = 0.2;

/** What the poller should ask now. */
export interface PollRequest {
  /** Ask conditionally (If-None-Match). `undefined`: unconditionally. */
  readonly etag: string | undefined;
  /** The answer confirms or contradicts the last one, so no cache may give it. */
  readonly fresh: boolean;
}

/** What came of a poll. */
export type PollEvent =
  | { readonly type: "list"; readonly list: RegistryList }
  | {
      readonly type: "failure";
      readonly error: MoqError;
      /** Failures in a row, this one included. */
      readonly failures: number;
      /** Until the next attempt, in milliseconds. */
      readonly retryInMs: number;
    };

/** Where the machine stands; times on the clock it is given. */
export interface PollState {
  readonly lastSuccess: number | undefined;
  /** When the request of the last success was made. */
  readonly readAt: number | undefined;
  readonly failures: number;
  readonly lastError: MoqError | undefined;
  readonly live: number;
  readonly unconfirmed: number;
  readonly rows: number;
  readonly duplicates: number;
  readonly skipped: ReadonlyMap<SkipReason, number>;
}

/** What a {@link PollMachine} is set up with. */
export interface PollMachineOptions {
  readonly intervalMs: number;
  /** The origin whose entries are wanted. */
  readonly origin: string;
  /** Numbers in [0, 1). */
  readonly random: () => number;
}

/**
 * When to ask a registry, and what its answers mean. No I/O and no clock.
 *
 * Order: `pollRequest` when `pollTimeout` has come; then exactly one
 * `handleAnswer`, `handleNotModified` or `handleFailure`; then `pollEvent`
 * until it gives nothing.
 *
 * ```
 * state     pollRequest  answer        doubted answer  failure      handlePollNow
 * due(at)   → asking     –             –               –            due(now), unless confirming
 * asking    –            → due(later)  → due(+1 s)     → due(back-off)  asked again at once
 * ```
 */
export class PollMachine {
  readonly #options: PollMachineOptions;
  readonly #live: LiveList;
  readonly #events: PollEvent[] = [];
  #due: number | undefined = Number.NEGATIVE_INFINITY;
  #askedAt = 0;
  #askAgain = false;
  #confirming = false;
  #etag: string | undefined;
  #failures = 0;
  #lastError: MoqError | undefined;
  #lastSuccess: number | undefined;
  #readAt: number | undefined;
  #answer: Pick<ParsedAnswer, "rows" | "duplicates" | "skipped"> = {
    rows: 0,
    duplicates: 0,
    skipped: new Map(),
  };

  constructor(options: PollMachineOptions) {
    this.#options = options;
    this.#live = new LiveList(options.origin);
  }

  get state(): PollState {
    return {
      lastSuccess: this.#lastSuccess,
      readAt: this.#readAt,
      failures: this.#failures,
      lastError: this.#lastError,
      live: this.#live.size,
      unconfirmed: this.#live.unconfirmed,
      ...this.#answer,
    };
  }

  /** When `pollRequest` will next give a request; `undefined` while one is being answered. */
  pollTimeout(): number | undefined {
    return this.#due;
  }

  /** The request to send now, if it is time. */
  pollRequest(now: number): PollRequest | undefined {
    if (this.#due === undefined || now < this.#due) return undefined;
    this.#due = undefined;
    this.#askedAt = now;
    const fresh = this.#confirming;
    return { etag: fresh ? undefined : this.#etag, fresh };
  }

  /** The next thing that came of a poll. */
  pollEvent(): PollEvent | undefined {
    return this.#events.shift();
  }

  /** An answer that could be read, with its ETag, and the time in milliseconds since the Unix epoch. */
  handleAnswer(
    now: number,
    answer: ParsedAnswer,
    etag: string | undefined,
    wallClock: number,
  ): void {
    this.#confirming = this.#live.apply(answer, wallClock);
    // A doubted answer must not be answered by "not modified" next time.
    if (!this.#confirming) this.#etag = etag;
    this.#answer = answer;
    this.#events.push({ type: "list", list: this.#live.list() });
    this.#succeed(now);
  }

  /** The registry says that nothing changed since the answer whose ETag it was given. */
  handleNotModified(now: number): void {
    this.#succeed(now);
  }

  /** No answer, or none that could be read. What was known stays. */
  handleFailure(now: number, error: MoqError, retryAfterMs: number | undefined): void {
    this.#failures++;
    this.#lastError = error;
    this.#confirming = false;
    this.#live.dropDoubt();
    const retryInMs = this.#askAgain ? 0 : this.#backoff(retryAfterMs);
    this.#askAgain = false;
    this.#due = now + retryInMs;
    this.#events.push({ type: "failure", error, failures: this.#failures, retryInMs });
  }

  /** Somebody knows that the registry changed: ask at once, or right after the request under way. */
  handlePollNow(now: number): void {
    if (this.#due === undefined) this.#askAgain = true;
    else if (!this.#confirming) this.#due = Math.min(this.#due, now);
  }

  #succeed(now: number): void {
    this.#failures = 0;
    this.#lastError = undefined;
    this.#lastSuccess = now;
    this.#readAt = this.#askedAt;
    this.#due = this.#nextPoll(now);
    this.#askAgain = false;
  }

  #nextPoll(now: number): number {
    if (this.#confirming) return now + CONFIRM_AFTER_MS;
    if (this.#askAgain) return now;
    const { intervalMs, random } = this.#options;
    const regular = this.#askedAt + intervalMs * (JITTER.least + JITTER.spread * random());
    return Math.max(regular, now + intervalMs * LEAST_PAUSE);
  }

  #backoff(retryAfterMs: number | undefined): number {
    const whole = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(this.#failures - 1, 10));
    const own = whole * (0.5 + this.#options.random() / 2);
    return Math.max(own, Math.min(retryAfterMs ?? 0, RETRY_AFTER_CAP_MS));
  }
}
