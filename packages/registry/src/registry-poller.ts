import { type CancelTimer, MoqError, type Runtime, toMoqError } from "@moq-bridge/runtime";
import debug from "debug";
import type { AnswerSource } from "./answer-source.js";
import type { RegistryEntry, SkipReason } from "./entry.js";
import type { RegistryMapping } from "./mapping.js";
import { parseAnswer } from "./parse-answer.js";
import { type PollEvent, PollMachine, type PollRequest } from "./poll-machine.js";
import { readRetryAfter } from "./retry-after.js";

const log = debug("moq:registry");

/** Longest ETag sent back, in characters; a longer one is not used. */
const MAX_ETAG_LENGTH = 1024;
/** The origin whose entries are wanted. */
const WANTED = "cloudflare";

/** What a {@link RegistryPoller} is set up with. */
export interface RegistryPollerOptions {
  readonly runtime: Runtime;
  readonly source: AnswerSource;
  /** The longest time between two polls of a registry in good health, in milliseconds, above 0. */
  readonly intervalMs: number;
  /** Time for one answer, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  /** Largest answer, in bytes. Default 4 MiB. */
  readonly maxBytes?: number;
  /** How rows are read. Default: as the reference service gives them. */
  readonly mapping?: RegistryMapping;
  /** Called with everything live, and with the other origins' streams, after each good answer with content, changed or not. */
  readonly onEntries: (
    entries: readonly RegistryEntry[],
    others: ReadonlyMap<string, readonly RegistryEntry[]>,
  ) => void;
  /** Called after each good answer, also one without content, when `onEntries` was. */
  readonly onRead?: () => void;
  /**
   * Called after each poll that gave nothing; what was known stays. The code
   * is one of `Runtime.httpGet`'s, `registry_status`, `registry_html`,
   * `registry_bad_json` or `registry_shape`; the message is one plain line.
   */
  readonly onError?: (error: MoqError, retryInMs: number) => void;
}

/** How a registry is doing. */
export interface RegistryHealth {
  /** When it last answered well, in milliseconds since the Unix epoch. */
  readonly lastSuccess: number | undefined;
  /** How long ago that was, in milliseconds. */
  readonly ageMs: number | undefined;
  /** Requests made so far, and those of them that gave nothing. */
  readonly polls: number;
  readonly failedPolls: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Why the last poll failed: one plain line; `undefined` when it did not. */
  readonly lastError: string | undefined;
  /** Live streams of the wanted origin. */
  readonly live: number;
  /** Live streams that the last answer left out and that wait for another answer. */
  readonly unconfirmed: number;
  /** Rows of the last good answer. */
  readonly rows: number;
  /** Rows of it that repeated a stream. */
  readonly duplicates: number;
  /** Rows of it that were skipped, by reason. */
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
}

/**
 * Asks a stream registry over and over what is live. An outage ends nothing,
 * however long; neither does a single answer that would end almost everything.
 */
export class RegistryPoller {
  readonly #options: RegistryPollerOptions;
  readonly #machine: PollMachine;
  readonly #stopped = new AbortController();
  #cancelTimer: CancelTimer | undefined;
  #unwatch: (() => void) | undefined;
  #request: AbortController | undefined;
  #started = false;
  #polls = 0;
  #failedPolls = 0;
  #nextWaiters: (() => void)[] = [];
  #waiters: (() => void)[] = [];

  /** @throws {MoqError} `registry_interval` */
  constructor(options: RegistryPollerOptions) {
    if (!(options.intervalMs > 0)) {
      throw new MoqError("registry_interval", "the registry's poll interval must be above 0", {
        scope: "process",
      });
    }
    this.#options = options;
    this.#machine = new PollMachine({
      intervalMs: options.intervalMs,
      origin: WANTED,
      random: () => options.runtime.random(),
    });
  }

  /** Asks for the first time, and from then on until `stop`. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#unwatch = this.#options.source.watch?.(() => void this.pollNow());
    this.#advance();
  }

  /** Ends polling at once. Nothing is called afterwards. */
  stop(): void {
    this.#stopped.abort();
    this.#unwatch?.();
    this.#cancelTimer?.();
    this.#request?.abort();
    this.#release(this.#waiters);
    this.#release(this.#nextWaiters);
  }

  /** Asks at once, and resolves when a request sent after this call was answered or failed, or after `stop`. */
  async pollNow(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const answered = new Promise<void>((resolve) => this.#nextWaiters.push(resolve));
    this.#machine.handlePollNow(this.#options.runtime.now());
    if (this.#started) this.#advance();
    await answered;
  }

  /** When the last good answer was asked for, on the runtime's clock: what was listed before is in it, or gone. */
  get readAt(): number | undefined {
    return this.#machine.state.readAt;
  }

  /** How the registry is doing now. */
  health(): RegistryHealth {
    const { runtime } = this.#options;
    const { lastSuccess, lastError, skipped, readAt: _, ...state } = this.#machine.state;
    const ageMs = lastSuccess === undefined ? undefined : runtime.now() - lastSuccess;
    return {
      ...state,
      polls: this.#polls,
      failedPolls: this.#failedPolls,
      ageMs,
      lastSuccess: ageMs === undefined ? undefined : runtime.wallClock() - ageMs,
      lastError: lastError?.message,
      skipped: Object.fromEntries(skipped),
    };
  }

  #advance(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#stopped.signal.aborted) return;
    const { runtime } = this.#options;
    const request = this.#machine.pollRequest(runtime.now());
    if (request) {
      this.#waiters = this.#nextWaiters;
      this.#nextWaiters = [];
      void this.#ask(request);
      return;
    }
    const due = this.#machine.pollTimeout();
    if (due === undefined) return;
    this.#cancelTimer = runtime.setTimer(due - runtime.now(), () => this.#advance());
  }

  async #ask(request: PollRequest): Promise<void> {
    const controller = new AbortController();
    this.#request = controller;
    this.#polls++;
    const give = await this.#get(request, controller.signal);
    if (this.#stopped.signal.aborted) return;
    give();
    this.#request = undefined;
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#drain();
    if (this.#machine.state.failures === 0) this.#options.onRead?.();
    this.#release(waiters);
    this.#advance();
  }

  /** Asks, and returns how to tell the machine what came of it. */
  async #get(request: PollRequest, signal: AbortSignal): Promise<() => void> {
    const { runtime, source, mapping } = this.#options;
    const { timeoutMs = 10_000, maxBytes = 4 * 1024 * 1024 } = this.#options;
    let retryAfterMs: number | undefined;
    try {
      const headers = conditions(request);
      const response = await source.get({ timeoutMs, maxBytes, headers, signal });
      if (response.status === 304 && request.etag !== undefined) {
        return () => this.#machine.handleNotModified(runtime.now());
      }
      if (response.status !== 200) {
        retryAfterMs = readRetryAfter(response.headers["retry-after"], runtime.wallClock());
        throw new MoqError("registry_status", `answered with status ${response.status}`, {
          scope: "process",
          wireCode: response.status,
        });
      }
      const answer = parseAnswer(response.body, response.headers["content-type"], mapping);
      const { etag } = response.headers;
      return () =>
        this.#machine.handleAnswer(runtime.now(), answer, usableEtag(etag), runtime.wallClock());
    } catch (thrown) {
      this.#failedPolls++;
      const error = this.#withLabel(toMoqError(thrown, "registry_internal", "process"));
      return () => this.#machine.handleFailure(runtime.now(), error, retryAfterMs);
    }
  }

  #drain(): void {
    for (let event = this.#machine.pollEvent(); event; event = this.#machine.pollEvent()) {
      if (this.#stopped.signal.aborted) return;
      this.#emit(event);
    }
  }

  #emit(event: PollEvent): void {
    if (event.type === "list") {
      log("%s: %d live", this.#options.source.label, event.list.entries.length);
      this.#options.onEntries(event.list.entries, event.list.others);
    } else {
      log("%s", event.error.message);
      this.#options.onError?.(event.error, event.retryInMs);
    }
  }

  #withLabel(error: MoqError): MoqError {
    return new MoqError(error.code, `${this.#options.source.label}: ${error.message}`, {
      scope: error.scope,
      cause: error,
      ...(error.wireCode === undefined ? {} : { wireCode: error.wireCode }),
    });
  }

  #release(waiters: (() => void)[]): void {
    for (const resolve of waiters.splice(0)) resolve();
  }
}

function conditions(request: PollRequest): Readonly<Record<string, string>> {
  if (request.etag !== undefined) return { "if-none-match": request.etag };
  return request.fresh ? { "cache-control": "no-cache" } : {};
}

function usableEtag(etag: string | undefined): string | undefined {
  return etag !== undefined && etag.length <= MAX_ETAG_LENGTH ? etag : undefined;
}
