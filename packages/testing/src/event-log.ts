import { type Deadline, within } from "./wait.js";

/** Everything that happened, in order, and waiting for what comes. */
export class EventLog<T> {
  readonly #events: T[] = [];
  readonly #listeners = new Set<(event: T) => void>();
  readonly #describe: (event: T) => string;

  constructor(describe: (event: T) => string = (event) => JSON.stringify(event)) {
    this.#describe = describe;
  }

  push(event: T): void {
    this.#events.push(event);
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** What happened so far; with `from`, after that many events. */
  all(from = 0): readonly T[] {
    return this.#events.slice(from);
  }

  /** A position: pass it as `from` to look only at what follows. */
  get length(): number {
    return this.#events.length;
  }

  /** Events of one kind so far. */
  filter<S extends T>(predicate: (event: T) => event is S, from?: number): S[];
  filter(predicate: (event: T) => boolean, from?: number): T[];
  filter(predicate: (event: T) => boolean, from = 0): T[] {
    return this.#events.slice(from).filter(predicate);
  }

  /** Calls back for every event from now on. Returns how to stop. */
  listen(listener: (event: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first matching event, past (after `from`) or to come. @throws {WaitTimeout} */
  waitFor<S extends T>(
    predicate: (event: T) => event is S,
    deadline: Deadline & { readonly from?: number },
  ): Promise<S>;
  waitFor(
    predicate: (event: T) => boolean,
    deadline: Deadline & { readonly from?: number },
  ): Promise<T>;
  async waitFor(
    predicate: (event: T) => boolean,
    deadline: Deadline & { readonly from?: number },
  ): Promise<T> {
    const [found] = await this.waitForCount(predicate, 1, deadline);
    return found as T;
  }

  /** The first `count` matching events. @throws {WaitTimeout} */
  async waitForCount(
    predicate: (event: T) => boolean,
    count: number,
    deadline: Deadline & { readonly from?: number },
  ): Promise<T[]> {
    const found = this.#events.slice(deadline.from ?? 0).filter(predicate);
    if (found.length >= count) return found.slice(0, count);
    let stop = () => {};
    const enough = new Promise<void>((resolve) => {
      stop = this.listen((event) => {
        if (!predicate(event)) return;
        found.push(event);
        if (found.length >= count) resolve();
      });
    });
    try {
      await within(
        enough,
        deadline,
        () => `${found.length} of ${count} seen; last:\n${this.tail()}`,
      );
      return found;
    } finally {
      stop();
    }
  }

  /** The last events, one a line, for messages. */
  tail(count = 25): string {
    return this.#events
      .slice(-count)
      .map((event) => `  ${this.#describe(event)}`)
      .join("\n");
  }
}
