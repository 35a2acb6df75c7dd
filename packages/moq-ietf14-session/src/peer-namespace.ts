import { PUBLISH_NAMESPACE_ERROR } from "@moq-bridge/moq-wire/ietf14";
import type { Path } from "@moq-bridge/origin";
import { type Deferred, deferred } from "./deferred.js";

/** A namespace the peer publishes. Answer it with `accept` or `reject`; subscribe to its tracks by name. */
export interface PeerNamespace {
  readonly path: Path;
  /** Sends PUBLISH_NAMESPACE_OK. */
  accept(): void;
  /** Sends PUBLISH_NAMESPACE_ERROR; the code (section 9.25) is UNINTERESTED unless given. */
  reject(reason: string, code?: number): void;
  /** Gives an accepted namespace back (PUBLISH_NAMESPACE_CANCEL). */
  cancel(reason: string, code?: number): void;
  /** Resolves when it was withdrawn, refused or given back, or the session ended; never rejects. */
  readonly ended: Promise<void>;
}

/** The driver's side of a {@link PeerNamespace}. */
export class OfferedNamespace implements PeerNamespace {
  readonly path: Path;
  readonly #answer: (error?: [code: number, why: string]) => void;
  readonly #cancel: (code: number, why: string) => void;
  readonly #ended: Deferred<void> = deferred();

  constructor(
    path: Path,
    answer: (error?: [code: number, why: string]) => void,
    cancel: (code: number, why: string) => void,
  ) {
    this.path = path;
    this.#answer = answer;
    this.#cancel = cancel;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  accept(): void {
    this.#answer();
  }

  reject(reason: string, code: number = PUBLISH_NAMESPACE_ERROR.uninterested): void {
    this.#answer([code, reason]);
  }

  cancel(reason: string, code: number = PUBLISH_NAMESPACE_ERROR.uninterested): void {
    this.#cancel(code, reason);
  }

  handleEnded(): void {
    this.#ended.resolve();
  }
}
