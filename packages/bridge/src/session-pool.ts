import { type CancelTimer, type Runtime, sleep } from "@moq-bridge/runtime";
import { untilAborted } from "./abort.js";
import type { Logger } from "./logger.js";
import { type Supervised, Supervisor, type SupervisorStatus } from "./supervisor.js";

/** A session whose peer grants only so much. */
export interface Metered extends Supervised {
  /** Requests the peer grants in all, as it stands now. */
  readonly requestLimit: number;
  /** Data streams open at present toward the peer. */
  readonly openSendStreams: number;
}

/** What a session may spend; the peer's own grant of requests counts beside it. */
export interface SessionLimits {
  /** Requests in a session's life; absent: what the peer grants. */
  readonly requests?: number | undefined;
  /** Names published at once. */
  readonly names: number;
  /** Streams unfinished at once. */
  readonly streams: number;
}

/** What is done on a session: a name published, or a track read. */
export type Work = "name" | "track";

/** The right to make one request on a session, and to keep what comes of it there until `release`. */
export interface Lease<S> {
  readonly session: S;
  release(): void;
}

/** One session of a pool, for the status. */
export interface PooledStatus extends SupervisorStatus {
  /** Requests made, and how many may be made in all. */
  readonly requests: number;
  readonly requestLimit: number;
  /** Names published and tracks read on it now. */
  readonly names: number;
  readonly tracks: number;
  /** Data streams open on it toward the peer now. */
  readonly openStreams: number;
}

/** A pool, for the status. */
export interface PoolStatus {
  readonly sessions: readonly PooledStatus[];
  /** How much work waits for a session with room. */
  readonly waiting: number;
}

/** From this share of its credit on a session gets a successor. */
const SPENT_SHARE = 0.8;

/** How often whoever waits looks for what nobody tells: a raised grant, streams that were finished; in milliseconds. */
const LOOK_MS = 1_000;

/** What one session has spent. */
class Account {
  requests = 0;
  names = 0;
  tracks = 0;
}

/** A place in the pool: a supervisor, and the account of its present session. */
interface Slot<S extends Metered> {
  readonly supervisor: Supervisor<S>;
  account: Account;
  session: S | undefined;
}

function isEmpty<S extends Metered>({ account }: Slot<S>): boolean {
  return account.names === 0 && account.tracks === 0;
}

/**
 * Sessions with one peer that grants each of them only so much. Before the
 * newest has spent its credit another is opened; new work goes there, old work
 * stays where it is, and a session left without work is closed.
 */
export class SessionPool<S extends Metered> {
  readonly #options: {
    readonly runtime: Runtime;
    readonly log: Logger;
    readonly name: string;
    readonly limits: SessionLimits;
    readonly maxSessions: number;
    connect(signal: AbortSignal): Promise<S>;
  };
  /** The newest last. */
  #slots: Slot<S>[] = [];
  readonly #waiters = new Set<() => void>();
  #cancelLook: CancelTimer | undefined;
  #opened = 0;
  #stopping: Promise<unknown>[] = [];
  #stopped = false;

  constructor(options: {
    runtime: Runtime;
    log: Logger;
    /** For people. */
    name: string;
    limits: SessionLimits;
    /** Sessions at once, at most. */
    maxSessions: number;
    connect(signal: AbortSignal): Promise<S>;
  }) {
    this.#options = options;
  }

  /** Opens the first session; further ones follow as they are needed. */
  start(): void {
    if (this.#slots.length === 0) this.#addSlot();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const slot of this.#slots.splice(0)) this.#retire(slot);
    await Promise.all(this.#stopping);
  }

  status(): PoolStatus {
    return {
      sessions: this.#slots.map(({ supervisor, account, session }) => ({
        ...supervisor.status(),
        requests: account.requests,
        requestLimit: session ? this.#requestLimit(session) : 0,
        names: account.names,
        tracks: account.tracks,
        openStreams: session?.openSendStreams ?? 0,
      })),
      waiting: this.#waiters.size,
    };
  }

  /** Why work waits, if it does. */
  get shortage(): string {
    const connected = this.#slots.some(({ session }) => session !== undefined);
    if (!connected) return "no session with Cloudflare";
    return `waiting for capacity: all ${this.#slots.length} sessions with Cloudflare are full`;
  }

  /** Whether work would find a session with room now. */
  hasRoom(work: Work): boolean {
    return this.#slots.some((slot) => this.#fits(slot, work));
  }

  /** Waits for a session with room and takes it. Rejects with the signal's reason. */
  async lease(work: Work, signal: AbortSignal): Promise<Lease<S>> {
    for (;;) {
      signal.throwIfAborted();
      const slot = this.#slots.findLast((candidate) => this.#fits(candidate, work));
      if (slot?.session) return this.#take(slot, slot.session, work);
      this.#growIfUseful();
      await this.#change(signal);
    }
  }

  /**
   * Waits for a track's request that can be done without: none of the last of
   * a session, nor of one in use where no other may be opened. Rejects with
   * the signal's reason.
   */
  async leaseSpare(signal: AbortSignal): Promise<Lease<S>> {
    for (;;) {
      signal.throwIfAborted();
      const slot = this.#slots.findLast((candidate) => this.#isSpare(candidate));
      if (slot?.session) return this.#take(slot, slot.session, "track");
      await sleep(this.#options.runtime, LOOK_MS, signal);
    }
  }

  #isSpare(slot: Slot<S>): boolean {
    if (!this.#fits(slot, "track") || this.#spent(slot)) return false;
    return this.#slots.length < this.#options.maxSessions || isEmpty(slot);
  }

  #take(slot: Slot<S>, session: S, work: Work): Lease<S> {
    const { account } = slot;
    const place = work === "name" ? "names" : "tracks";
    account.requests++;
    account[place]++;
    if (this.#spent(slot)) this.#growIfUseful();
    let released = false;
    return {
      session,
      release: () => {
        if (released) return;
        released = true;
        account[place]--;
        if (this.#spent(slot)) this.#growIfUseful();
        this.#dropEmptied();
        this.#notify();
      },
    };
  }

  #fits({ session, account }: Slot<S>, work: Work): boolean {
    if (!session) return false;
    const { names, streams } = this.#options.limits;
    if (account.requests >= this.#requestLimit(session)) return false;
    if (work === "track") return true;
    return account.names < names && session.openSendStreams < streams;
  }

  #spent({ session, account }: Slot<S>): boolean {
    // One that has spent nothing and yet has no room waits for its grant: another would, too.
    if (!session || account.requests === 0) return false;
    const { names, streams } = this.#options.limits;
    return (
      account.requests >= SPENT_SHARE * this.#requestLimit(session) ||
      account.names >= SPENT_SHARE * names ||
      session.openSendStreams >= SPENT_SHARE * streams
    );
  }

  #requestLimit(session: S): number {
    return this.#options.limits.requests ?? session.requestLimit;
  }

  /** Opens another session unless one with room is there or on its way. */
  #growIfUseful(): void {
    if (this.#stopped || this.#slots.some((slot) => !slot.session || !this.#spent(slot))) return;
    if (this.#slots.length >= this.#options.maxSessions) {
      const useless = this.#slots.findIndex(isEmpty);
      if (useless < 0) return;
      for (const slot of this.#slots.splice(useless, 1)) this.#retire(slot);
    }
    this.#addSlot();
  }

  #addSlot(): void {
    const { runtime, log, connect } = this.#options;
    this.#opened++;
    const name =
      this.#opened === 1 ? this.#options.name : `${this.#options.name} (${this.#opened})`;
    const slot: Slot<S> = {
      account: new Account(),
      session: undefined,
      supervisor: new Supervisor({
        runtime,
        log,
        name,
        connect,
        onChange: (session) => this.#handleChange(slot, session),
      }),
    };
    this.#slots.push(slot);
    slot.supervisor.start();
  }

  #handleChange(slot: Slot<S>, session: S | undefined): void {
    slot.session = session;
    slot.account = new Account();
    this.#dropEmptied();
    this.#notify();
  }

  /** Sessions with nothing left on them go, once a newer one is up. */
  #dropEmptied(): void {
    if (!this.#slots.at(-1)?.session) return;
    const emptied = this.#slots.slice(0, -1).filter(isEmpty);
    this.#slots = this.#slots.filter((slot) => !emptied.includes(slot));
    for (const slot of emptied) this.#retire(slot);
  }

  #retire(slot: Slot<S>): void {
    const stopping = slot.supervisor.stop();
    this.#stopping.push(stopping);
    void stopping.then(() => {
      this.#stopping = this.#stopping.filter((other) => other !== stopping);
    });
  }

  #notify(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  async #change(signal: AbortSignal): Promise<void> {
    let waiter = () => {};
    try {
      await untilAborted(
        new Promise<void>((resolve) => {
          waiter = resolve;
          this.#waiters.add(resolve);
          this.#lookAgain();
        }),
        signal,
      );
    } finally {
      this.#waiters.delete(waiter);
      if (this.#waiters.size === 0) this.#stopLooking();
    }
  }

  #lookAgain(): void {
    this.#cancelLook ??= this.#options.runtime.setTimer(LOOK_MS, () => {
      this.#cancelLook = undefined;
      this.#notify();
    });
  }

  #stopLooking(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }
}
