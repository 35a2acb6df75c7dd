import { MoqError } from "@moq-bridge/runtime";
import { type Deferred, deferred } from "./deferred.js";

/** One SUBSCRIBE_NAMESPACE of ours. */
export interface NamespacePrefix {
  /** Resolves at SUBSCRIBE_NAMESPACE_OK. @throws {MoqError} `request_refused`, `request_timeout`, `session_closed`, `unsubscribed` */
  readonly accepted: Promise<void>;
  /** Sends UNSUBSCRIBE_NAMESPACE. */
  unsubscribe(): void;
}

/** The driver's side of a {@link NamespacePrefix}. */
export class InboundPrefix implements NamespacePrefix {
  readonly #sendUnsubscribe: () => void;
  readonly #accepted: Deferred<void> = deferred();

  constructor(sendUnsubscribe: () => void) {
    this.#sendUnsubscribe = sendUnsubscribe;
  }

  get accepted(): Promise<void> {
    return this.#accepted.promise;
  }

  unsubscribe(): void {
    this.#sendUnsubscribe();
    const message = "the prefix was given up here";
    this.#accepted.reject(new MoqError("unsubscribed", message, { scope: "subscription" }));
  }

  handleAccepted(): void {
    this.#accepted.resolve();
  }

  handleRefused(error: MoqError): void {
    this.#accepted.reject(error);
  }
}
