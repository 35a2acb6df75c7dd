import type { Path } from "@moq-bridge/origin";
import {
  idOfPath,
  REFERENCE_MAPPING,
  RegistryWriteError,
  RegistryWriter,
} from "@moq-bridge/registry";
import { type CancelTimer, type Runtime, toMoqError } from "@moq-bridge/runtime";
import type { Logger } from "./logger.js";

/** Where the relay's streams are written to. */
export interface ReportOptions {
  /** The registry's address that lists what is live. */
  readonly url: string;
  /** The token that permits writing, asked for before each request. */
  readonly token: () => Promise<string>;
  /** The mapping's template of paths, from which the stream id is read back. */
  readonly path?: string;
}

/** How writing to the registry goes. */
export interface ReportStatus {
  /** The registry's web origin. */
  readonly label: string;
  /** Streams that the registry shows as the relay's. */
  readonly live: number;
  /** Streams that somebody else holds there. */
  readonly conflicts: number;
  /** Streams whose last write failed. */
  readonly failing: number;
  /** Why the last write failed; `undefined` when it did not. */
  readonly lastError: string | undefined;
}

/** One stream on its way to the registry. */
interface Report {
  readonly streamId: string;
  /** It is live on the relay. */
  wanted: boolean;
  /** The registry may show it, by a write of ours. */
  held: boolean;
  state: "new" | "live" | "conflict" | "failing";
  failures: number;
  busy: boolean;
  cancelTimer: CancelTimer | undefined;
}

/** Writes under way at once. */
const MAX_WRITES = 8;
/** A lease is extended after this part of it: two more attempts fit in. */
const REFRESH = { least: 0.28, spread: 0.05 };
/** After a failure the wait is up to `baseMs`, then up to twice as long each time. */
const RETRY = { baseMs: 1_000, capMs: 30_000, retryAfterCapMs: 300_000 };
/** A stream is ended this long after it left: a relay that reconnects shows it again in that time. */
const LINGER_MS = 5_000;
/** An end that was not accepted this often is left to the lease. */
const MAX_END_ATTEMPTS = 3;
/** How long `stop` waits for the registry to take the ends, in milliseconds. */
const STOP_MS = 1_000;

/**
 * Writes the relay's streams into a registry, as `earthseed`, and keeps their
 * leases: so one list shows both networks. What it writes never comes back as
 * a stream on Cloudflare.
 */
export class RegistryReporter {
  readonly #runtime: Runtime;
  readonly #log: Logger;
  readonly #writer: RegistryWriter;
  readonly #template: string;
  readonly #reports = new Map<Path, Report>();
  readonly #ready = new Set<Path>();
  readonly #controller = new AbortController();
  #writes = 0;
  #stopping = false;
  #lastError: string | undefined;
  #onIdle: () => void = () => {};

  constructor(options: ReportOptions & { readonly runtime: Runtime; readonly log: Logger }) {
    this.#runtime = options.runtime;
    this.#log = options.log;
    this.#writer = new RegistryWriter(options);
    this.#template = options.path ?? REFERENCE_MAPPING.path;
  }

  /** The stream is live on the relay. Saying so again changes nothing. */
  show(path: Path): void {
    const known = this.#reports.get(path);
    if (known?.wanted) return;
    const streamId = idOfPath(this.#template, path);
    if (streamId === undefined) return;
    const report: Report = known ?? {
      streamId,
      wanted: true,
      held: false,
      state: "new",
      failures: 0,
      busy: false,
      cancelTimer: undefined,
    };
    report.wanted = true;
    report.failures = 0;
    this.#reports.set(path, report);
    this.#due(path, report, 0);
  }

  /** The stream is not live on the relay any more, if it ever was. */
  hide(path: Path): void {
    const report = this.#reports.get(path);
    if (!report?.wanted) return;
    report.wanted = false;
    report.failures = 0;
    this.#due(path, report, LINGER_MS);
  }

  status(): ReportStatus {
    const count = (state: Report["state"]) =>
      [...this.#reports.values()].filter((report) => report.wanted && report.state === state)
        .length;
    return {
      label: this.#writer.label,
      live: count("live"),
      conflicts: count("conflict"),
      failing: count("failing"),
      lastError: this.#lastError,
    };
  }

  /** Ends every stream that was written, as far as the registry answers in a second. */
  async stop(): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    this.#stopping = true;
    for (const [path, report] of this.#reports) {
      report.wanted = false;
      this.#due(path, report, 0);
    }
    if (this.#reports.size > 0) {
      let cancel = () => {};
      const limit = new Promise<void>((resolve) => {
        cancel = this.#runtime.setTimer(STOP_MS, resolve);
      });
      await Promise.race([idle, limit]);
      cancel();
    }
    this.#controller.abort();
    for (const report of this.#reports.values()) report.cancelTimer?.();
    this.#reports.clear();
    this.#ready.clear();
  }

  /** Has the stream written after `delayMs`; a write under way is followed by its next by itself. */
  #due(path: Path, report: Report, delayMs: number): void {
    report.cancelTimer?.();
    report.cancelTimer = undefined;
    if (report.busy) return;
    if (delayMs > 0) {
      report.cancelTimer = this.#runtime.setTimer(delayMs, () => this.#due(path, report, 0));
      return;
    }
    this.#ready.add(path);
    this.#pump();
  }

  #pump(): void {
    for (const path of this.#ready) {
      if (this.#writes >= MAX_WRITES) return;
      this.#ready.delete(path);
      const report = this.#reports.get(path);
      if (report) void this.#write(path, report);
    }
  }

  async #write(path: Path, report: Report): Promise<void> {
    const { wanted } = report;
    report.busy = true;
    this.#writes++;
    const delayMs = wanted ? await this.#claim(path, report) : await this.#end(report);
    this.#writes--;
    report.busy = false;
    if (this.#controller.signal.aborted) return;
    const linger = report.wanted || this.#stopping ? 0 : LINGER_MS;
    if (report.wanted !== wanted) this.#due(path, report, linger);
    else if (delayMs !== undefined) this.#due(path, report, delayMs);
    else this.#forget(path);
    this.#pump();
  }

  /** Gives how long to wait before the next claim. */
  async #claim(path: Path, report: Report): Promise<number> {
    // Set before the answer: a write that is never answered may have been carried out.
    report.held = true;
    try {
      const { leaseMs } = await this.#writer.claim(report.streamId, this.#controller.signal);
      report.state = "live";
      report.failures = 0;
      this.#lastError = undefined;
      return leaseMs * (REFRESH.least + REFRESH.spread * this.#runtime.random());
    } catch (error) {
      return this.#failed(path, report, error);
    }
  }

  /** Gives how long to wait before trying again, or `undefined` when there is nothing left to do. */
  async #end(report: Report): Promise<number | undefined> {
    if (!report.held) return undefined;
    try {
      await this.#writer.end(report.streamId, this.#controller.signal);
      return undefined;
    } catch (error) {
      const held = error instanceof RegistryWriteError && error.code === "registry_held";
      report.failures++;
      if (held || report.failures >= MAX_END_ATTEMPTS) return undefined;
      return this.#backoff(report, error);
    }
  }

  #failed(path: Path, report: Report, error: unknown): number {
    const failure = toMoqError(error, "registry_write", "process");
    const conflict = failure.code === "registry_held";
    const state = conflict ? "conflict" : "failing";
    if (conflict) {
      report.held = false;
      if (report.state !== state) {
        this.#log.warn("the registry holds the relay's name for somebody else", { path });
      }
    } else if (this.#lastError !== failure.message && !this.#controller.signal.aborted) {
      this.#log.warn(`registry: ${failure.message}; the relay's streams are not listed there`);
    }
    report.state = state;
    report.failures++;
    if (!conflict) this.#lastError = failure.message;
    return this.#backoff(report, error);
  }

  #backoff(report: Report, error: unknown): number {
    const whole = Math.min(RETRY.capMs, RETRY.baseMs * 2 ** Math.min(report.failures - 1, 10));
    const own = whole * (0.5 + this.#runtime.random() / 2);
    if (!(error instanceof RegistryWriteError) || error.code === "registry_held") return own;
    return Math.max(own, Math.min(error.retryAfterMs ?? 0, RETRY.retryAfterCapMs));
  }

  #forget(path: Path): void {
    this.#reports.delete(path);
    if (this.#reports.size === 0) this.#onIdle();
  }
}
