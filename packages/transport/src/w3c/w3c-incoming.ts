import { type Deferred, deferred } from "../deferred.js";
import { transportMisuse } from "../error.js";
import type { W3cReadable, W3cReader } from "./web-transport.js";

/** What a session receives, taken one at a time: incoming streams, or datagrams. */
export class W3cIncoming<T> {
  readonly #reader: W3cReader<T>;
  readonly #what: string;
  #waiting: Deferred<T | undefined> | undefined;
  #ended = false;

  /** `what` names the items in the error of two calls at once. */
  constructor(source: W3cReadable<T>, what: string) {
    this.#reader = source.getReader();
    this.#what = what;
    // How it ends is told by the session's `closed`.
    this.#reader.closed.catch(() => {});
  }

  /** The next item, `undefined` once the session has ended. */
  next(): Promise<T | undefined> {
    if (this.#waiting) {
      return Promise.reject(transportMisuse(`${this.#what} are awaited twice at once`));
    }
    if (this.#ended) return Promise.resolve(undefined);
    const waiting = deferred<T | undefined>();
    this.#waiting = waiting;
    this.#reader.read().then(
      // Without an item the session is ending: `end` follows.
      ({ done, value }) => {
        if (!done) this.#settle(value);
      },
      () => {},
    );
    return waiting.promise;
  }

  /** The session has ended. */
  end(): void {
    this.#ended = true;
    this.#settle(undefined);
  }

  #settle(value: T | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(value);
  }
}
