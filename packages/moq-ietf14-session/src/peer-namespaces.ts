import type { TrackNamespace } from "@moq-bridge/moq-wire/ietf14";
import type { OriginConsumer, Path } from "@moq-bridge/origin";
import { type AnnounceAll, announceAll, type NamespaceTarget } from "./announce-all.js";
import type { NamespaceSubscriber } from "./control/namespace-subscriber.js";
import { toNamespace, toPath } from "./names.js";
import { OfferedNamespace, type PeerNamespace } from "./peer-namespace.js";

/** What {@link PeerNamespaces} needs of its session. */
export interface PeerNamespacesOptions {
  readonly machine: NamespaceSubscriber;
  /** Where what is announced to the peer is published. */
  readonly target: NamespaceTarget;
  /** What is announced under the prefixes the peer asks for. */
  readonly serve: OriginConsumer | undefined;
  /** Decides about a namespace; absent: each is refused. */
  readonly decide: ((namespace: PeerNamespace) => void) | undefined;
  /** Call after anything the machine was told. */
  readonly flush: () => void;
}

/** The namespaces the peer publishes, and the prefixes under which it wants to be told of ours. */
export class PeerNamespaces {
  readonly #options: PeerNamespacesOptions;
  readonly #offers = new Map<number, OfferedNamespace>();
  readonly #announcing = new Map<number, AnnounceAll>();

  constructor(options: PeerNamespacesOptions) {
    this.#options = options;
  }

  /** PUBLISH_NAMESPACE. */
  handleOffer(requestId: number, path: Path): void {
    const { machine, decide, flush } = this.#options;
    const namespace = toNamespace(path);
    const offer = new OfferedNamespace(
      path,
      (error) => {
        if (machine.answer(namespace, requestId, error) && error) this.handleOfferEnd(requestId);
        flush();
      },
      (code, reason) => {
        if (machine.cancel(namespace, requestId, code, reason)) this.handleOfferEnd(requestId);
        flush();
      },
    );
    this.#offers.set(requestId, offer);
    if (decide) decide(offer);
    else offer.reject("no namespace is wanted here");
  }

  /** A namespace is over, by either side. */
  handleOfferEnd(requestId: number): void {
    this.#offers.get(requestId)?.handleEnded();
    this.#offers.delete(requestId);
  }

  /** SUBSCRIBE_NAMESPACE: what was announced already, unasked, is not announced twice. */
  handlePrefix(requestId: number, prefix: TrackNamespace): void {
    const { serve, target } = this.#options;
    const path = toPath(prefix);
    if (!serve || path === undefined) return;
    this.#announcing.set(requestId, announceAll(target, serve, { prefix: path }));
  }

  /** UNSUBSCRIBE_NAMESPACE. */
  handlePrefixEnd(requestId: number): void {
    this.#announcing.get(requestId)?.close();
    this.#announcing.delete(requestId);
  }

  /** The session is over. */
  close(): void {
    for (const announcing of this.#announcing.values()) announcing.close();
    for (const offer of this.#offers.values()) offer.handleEnded();
    this.#offers.clear();
  }
}
