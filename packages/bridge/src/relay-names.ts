import type { BroadcastConsumer, OriginConsumer, Path } from "@moq-bridge/origin";
import type { Runtime } from "@moq-bridge/runtime";

/** A name that was listed as Cloudflare's is not the relay's own before it was gone from the registry this long, in milliseconds. */
const LISTED_MS = 60_000;
/** The registry is asked about new names at once, but at most this often, in milliseconds. */
const ASK_MS = 1_000;

/** What is known of the registry. */
export interface ListedNames {
  /** Whether a stream that is shown on the relay by this name is listed as live on Cloudflare. */
  isListed(path: Path): boolean;
  /** When the last complete reading was asked for, on the runtime's clock; `undefined` before there was one. */
  readonly readAt: number | undefined;
  /** Asks at once; its answer is followed by {@link RelayNames.handleReading}. */
  askNow(): void;
}

/** An announcement that may be another bridge's. */
interface Doubt {
  readonly broadcast: BroadcastConsumer;
  readonly since: number;
  /** Wall-clock milliseconds, for the status. */
  readonly sinceWall: number;
  listedAt: number | undefined;
}

/** A name in doubt, for the status. */
export interface DoubtedName {
  readonly path: Path;
  /** The registry lists it as Cloudflare's. */
  readonly isListed: boolean;
  /** Wall-clock milliseconds. */
  readonly since: number;
}

/**
 * Which names on the relay belong to publishers of its own. Where announcements
 * carry origin ids, all that are heard do: bridges declare one id and are not
 * told of each other. Where they carry none, what is announced may be another
 * bridge's: it counts as the relay's own only once the registry, read after the
 * announcement, does not list it as live on Cloudflare.
 */
export class RelayNames {
  readonly #runtime: Runtime;
  readonly #relay: OriginConsumer;
  readonly #listed: ListedNames;
  readonly #onChange: (path: Path) => void;
  readonly #doubts = new Map<Path, Doubt>();
  readonly #settled = new WeakSet<BroadcastConsumer>();
  #hasOrigins = true;
  #mayAskAt = 0;
  #cancelAsk: (() => void) | undefined;

  /** @param onChange called with each name that may have become the relay's own, or ceased to be */
  constructor(options: {
    runtime: Runtime;
    relay: OriginConsumer;
    listed: ListedNames;
    onChange: (path: Path) => void;
  }) {
    this.#runtime = options.runtime;
    this.#relay = options.relay;
    this.#listed = options.listed;
    this.#onChange = options.onChange;
  }

  /** A session with the relay is up. `hasOrigins`: it tells other bridges' names from the relay's own. */
  handleSession(hasOrigins: boolean): void {
    this.#hasOrigins = hasOrigins;
    const announcements = this.#relay.announced();
    for (let next = announcements.tryNext(); next; next = announcements.tryNext()) {
      this.handleAnnouncement(next.path);
      this.#onChange(next.path);
    }
    announcements.close();
  }

  /** The relay's own broadcast by this name. */
  own(path: Path): BroadcastConsumer | undefined {
    return this.#doubts.has(path) ? undefined : this.#relay.broadcast(path);
  }

  isDoubted(path: Path): boolean {
    return this.#doubts.has(path);
  }

  doubted(): DoubtedName[] {
    return [...this.#doubts].map(([path, { listedAt, sinceWall }]) => ({
      path,
      isListed: listedAt !== undefined,
      since: sinceWall,
    }));
  }

  /** The relay announced the name, anew, or ended it. Call it before {@link own}. */
  handleAnnouncement(path: Path): void {
    const broadcast = this.#relay.broadcast(path);
    if (broadcast === undefined || this.#hasOrigins || this.#settled.has(broadcast)) {
      this.#doubts.delete(path);
      return;
    }
    if (this.#doubts.get(path)?.broadcast === broadcast) return;
    const doubt: Doubt = {
      broadcast,
      since: this.#runtime.now(),
      sinceWall: this.#runtime.wallClock(),
      listedAt: undefined,
    };
    this.#doubts.set(path, doubt);
    if (!this.#settle(path, doubt)) this.#askSoon();
  }

  /** The registry was read. */
  handleReading(): void {
    for (const [path, doubt] of this.#doubts) {
      if (this.#settle(path, doubt)) this.#onChange(path);
    }
  }

  stop(): void {
    this.#cancelAsk?.();
  }

  #settle(path: Path, doubt: Doubt): boolean {
    const now = this.#runtime.now();
    if (this.#listed.isListed(path)) {
      doubt.listedAt = now;
      return false;
    }
    const { readAt } = this.#listed;
    if (readAt === undefined || readAt < doubt.since) return false;
    if (doubt.listedAt !== undefined && now - doubt.listedAt < LISTED_MS) return false;
    this.#doubts.delete(path);
    this.#settled.add(doubt.broadcast);
    return true;
  }

  #askSoon(): void {
    if (this.#cancelAsk) return;
    const wait = Math.max(0, this.#mayAskAt - this.#runtime.now());
    this.#cancelAsk = this.#runtime.setTimer(wait, () => {
      this.#cancelAsk = undefined;
      this.#mayAskAt = this.#runtime.now() + ASK_MS;
      this.#listed.askNow();
    });
  }
}
