/** Between two attempts, in milliseconds. */
const RETRY_MS = 250;

/** What is kept up: a session of either dialect. */
interface KeptSession {
  readonly closed: Promise<unknown>;
  close(): void;
}

/** Keeps a session up: dials again whenever it ends, until `stop`. */
export class Redial<S extends KeptSession> {
  readonly #open: () => Promise<S>;
  readonly #onSession: (session: S) => void;
  #current: S | undefined;
  #waiting: ((session: S) => void)[] = [];
  #stopped = false;

  /** @param onSession told of each session that is up */
  constructor(open: () => Promise<S>, onSession: (session: S) => void = () => {}) {
    this.#open = open;
    this.#onSession = onSession;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#current?.close();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** The session, once there is one. */
  session(): Promise<S> {
    const current = this.#current;
    if (current) return Promise.resolve(current);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        const session = await this.#open();
        this.#current = session;
        this.#onSession(session);
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const resolve of waiting) resolve(session);
        if (this.#stopped) session.close();
        await session.closed;
        this.#current = undefined;
      } catch {
        // The relay is not there (yet): that is what the demo's table shows.
      }
      if (!this.#stopped) await pause(RETRY_MS);
    }
  }
}

/** Resolves after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
