import {
  type AnswerSource,
  type RegistryEntry,
  type RegistryHealth,
  type RegistryMapping,
  RegistryPoller,
} from "@moq-bridge/registry";
import type { MoqError, Runtime } from "@moq-bridge/runtime";
import type { Logger } from "./logger.js";

/** One registry that names streams on Cloudflare. */
export interface RegistryOptions {
  readonly source: AnswerSource;
  /** The longest time between two polls, in milliseconds. */
  readonly pollIntervalMs: number;
  /** How its rows are read. Default: as the reference service gives them. */
  readonly mapping?: RegistryMapping;
}

/** How one registry is doing. */
export interface RegistryStatus extends RegistryHealth {
  /** Its web origin or file. */
  readonly label: string;
}

/** What a path's row was taken from. */
interface Choice {
  /** The registry's place in the configuration. */
  readonly source: number;
  /** The row's instance there. */
  readonly instance: string | undefined;
  /** What is shown: another registry's row of the same stream is no other instance. */
  readonly shown: string | undefined;
}

type Rows = ReadonlyMap<string, RegistryEntry>;

/**
 * Everything that is live on Cloudflare by any registry or the configuration.
 * A stream that two registries list ends when neither lists it any more.
 */
export class StreamSources {
  readonly #log: Logger;
  readonly #onRows: (rows: readonly RegistryEntry[]) => void;
  readonly #pollers: readonly RegistryPoller[];
  readonly #labels: readonly string[];
  readonly #rows: Rows[];
  readonly #troubles: (string | undefined)[] = [];
  #choices: ReadonlyMap<string, Choice> = new Map();

  /** @param onRows called with everything that is live, after each good answer */
  constructor(options: {
    readonly runtime: Runtime;
    readonly log: Logger;
    readonly registries: readonly RegistryOptions[];
    /** Paths that are always live. */
    readonly streams: readonly string[];
    readonly onRows: (rows: readonly RegistryEntry[]) => void;
    /** Called after each good answer, with content or without. */
    readonly onRead?: () => void;
  }) {
    const { runtime, registries, streams } = options;
    this.#log = options.log;
    this.#onRows = options.onRows;
    this.#labels = registries.map(({ source }) => source.label);
    this.#pollers = registries.map(
      ({ source, pollIntervalMs, mapping }, index) =>
        new RegistryPoller({
          runtime,
          source,
          intervalMs: pollIntervalMs,
          ...(mapping ? { mapping } : {}),
          onEntries: (entries) => this.#handleEntries(index, entries),
          onRead: () => options.onRead?.(),
          onError: (error) => this.#handleTrouble(index, error),
        }),
    );
    const configured = streams.map((streamId): [string, RegistryEntry] => [
      streamId,
      {
        streamId,
        origin: "cloudflare",
        instance: undefined,
        viewerCount: undefined,
        firstSeen: runtime.wallClock(),
      },
    ]);
    this.#rows = [...registries.map((): Rows => new Map()), new Map(configured)];
  }

  start(): void {
    this.#emit();
    for (const poller of this.#pollers) poller.start();
  }

  stop(): void {
    for (const poller of this.#pollers) poller.stop();
  }

  /** Asks every registry at once, and resolves when each has answered or failed. */
  async pollNow(): Promise<void> {
    await Promise.all(this.#pollers.map((poller) => poller.pollNow()));
  }

  /**
   * The last complete reading was asked for then, on the runtime's clock: the
   * oldest of the registries' last good requests. `undefined` before each
   * answered; without registries all is known at any time.
   */
  get readAt(): number | undefined {
    const times = this.#pollers.map((poller) => poller.readAt);
    if (times.includes(undefined)) return undefined;
    return Math.min(...times.map((time) => time ?? 0), Number.POSITIVE_INFINITY);
  }

  /** How each registry is doing, in the order of the configuration. */
  status(): RegistryStatus[] {
    return this.#pollers.map((poller, index) => ({
      label: this.#labels[index] ?? "",
      ...poller.health(),
    }));
  }

  #handleEntries(index: number, entries: readonly RegistryEntry[]): void {
    this.#troubles[index] = undefined;
    this.#rows[index] = new Map(entries.map((row) => [row.streamId, row]));
    this.#emit();
  }

  /** An outage is said once; it ends nothing. */
  #handleTrouble(index: number, error: MoqError): void {
    if (this.#troubles[index] === error.message) this.#log.debug(error.message);
    else this.#log.warn(`registry: ${error.message}; what was known stays`);
    this.#troubles[index] = error.message;
  }

  #emit(): void {
    const choices = new Map<string, Choice>();
    const rows: RegistryEntry[] = [];
    for (const [index, own] of this.#rows.entries()) {
      for (const path of own.keys()) {
        if (choices.has(path)) continue;
        const before = this.#choices.get(path);
        const source = before && this.#rows[before.source]?.has(path) ? before.source : index;
        const row = this.#rows[source]?.get(path);
        if (row === undefined) continue;
        const changed = before?.source === source && before.instance !== row.instance;
        const shown = before && !changed ? before.shown : row.instance;
        choices.set(path, { source, instance: row.instance, shown });
        rows.push(shown === row.instance ? row : { ...row, instance: shown });
      }
    }
    this.#choices = choices;
    this.#onRows(rows);
  }
}

/** How the registries are doing together: the oldest answer, the most failures, all rows. */
export function combinedHealth(registries: readonly RegistryHealth[]): RegistryHealth | undefined {
  const [first, ...others] = registries;
  if (first === undefined) return undefined;
  return others.reduce((sum, each) => {
    const skipped: Record<string, number> = { ...sum.skipped };
    for (const [reason, count] of Object.entries(each.skipped)) {
      skipped[reason] = (skipped[reason] ?? 0) + count;
    }
    const bothAnswered = sum.ageMs !== undefined && each.ageMs !== undefined;
    const older = bothAnswered && (each.ageMs ?? 0) > (sum.ageMs ?? 0) ? each : sum;
    return {
      lastSuccess: bothAnswered ? older.lastSuccess : undefined,
      ageMs: bothAnswered ? older.ageMs : undefined,
      polls: sum.polls + each.polls,
      failedPolls: sum.failedPolls + each.failedPolls,
      failures: Math.max(sum.failures, each.failures),
      lastError: sum.lastError ?? each.lastError,
      live: sum.live + each.live,
      unconfirmed: sum.unconfirmed + each.unconfirmed,
      rows: sum.rows + each.rows,
      duplicates: sum.duplicates + each.duplicates,
      skipped,
    };
  }, first);
}
