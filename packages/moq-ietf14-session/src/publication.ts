import type { BroadcastConsumer, Path } from "@moq-bridge/origin";
import { MoqError } from "@moq-bridge/runtime";
import { type Deferred, deferred } from "./deferred.js";

/** How a {@link NamespacePublication} ended. */
export type PublicationEnd =
  /** PUBLISH_NAMESPACE_ERROR, or no answer in time; the error `accepted` rejects with. */
  | { readonly type: "refused"; readonly error: MoqError }
  /** PUBLISH_NAMESPACE_CANCEL: the peer gave the namespace back. No status: it was above 2^53 - 1. */
  | { readonly type: "cancelled"; readonly status: number | undefined; readonly reason: string }
  /** Our own {@link NamespacePublication.withdraw}, and the peer has let go, if it says so. */
  | { readonly type: "withdrawn" }
  | { readonly type: "session_closed"; readonly error?: MoqError };

/** One PUBLISH_NAMESPACE of ours. */
export interface NamespacePublication {
  readonly path: Path;
  /** Resolves at PUBLISH_NAMESPACE_OK. @throws {MoqError} `request_refused`, `request_timeout`, `session_closed`, `withdrawn` */
  readonly accepted: Promise<void>;
  /** Resolves once; never rejects. */
  readonly ended: Promise<PublicationEnd>;
  /** Sends PUBLISH_NAMESPACE_DONE; subscriptions being served go on. Does nothing when it is over. */
  withdraw(): void;
}

/** What is served under a path, if anything is. */
export type FindBroadcast = (path: Path) => BroadcastConsumer | undefined;

/** The driver's side of a {@link NamespacePublication}. */
export class Publication implements NamespacePublication {
  readonly path: Path;
  /** The broadcast of a path that is the published one or below it. */
  readonly find: FindBroadcast;
  readonly #sendDone: () => void;
  readonly #accepted: Deferred<void> = deferred();
  readonly #ended: Deferred<PublicationEnd> = deferred();

  constructor(path: Path, find: FindBroadcast, sendDone: () => void) {
    this.path = path;
    this.find = find;
    this.#sendDone = sendDone;
  }

  get accepted(): Promise<void> {
    return this.#accepted.promise;
  }

  get ended(): Promise<PublicationEnd> {
    return this.#ended.promise;
  }

  withdraw(): void {
    this.#sendDone();
  }

  handleAccepted(): void {
    this.#accepted.resolve();
  }

  handleEnd(end: PublicationEnd): void {
    this.#accepted.reject("error" in end && end.error ? end.error : notAccepted(end.type));
    this.#ended.resolve(end);
  }
}

function notAccepted(why: "refused" | "cancelled" | "withdrawn" | "session_closed"): MoqError {
  const message = `the namespace ended before it was accepted: ${why}`;
  return new MoqError(why, message, { scope: "subscription" });
}
