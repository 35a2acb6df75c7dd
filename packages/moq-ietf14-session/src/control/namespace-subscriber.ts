import {
  PUBLISH_NAMESPACE_ERROR,
  type PublishNamespace,
  type PublishNamespaceDone,
  SESSION_ERROR,
  SUBSCRIBE_NAMESPACE_ERROR,
  type SubscribeNamespace,
  type SubscribeNamespaceError,
  type SubscribeNamespaceOk,
  type TrackNamespace,
  type UnsubscribeNamespace,
} from "@moq-bridge/moq-wire/ietf14";
import type { MoqError } from "@moq-bridge/runtime";
import { misuse, peerViolation, reasonPhrase, requestRefused } from "../errors.js";
import { MAX_PEER_NAMESPACES } from "../limits.js";
import { hasPrefix, namespaceKey, toPath } from "../names.js";
import type { ControlContext } from "./context.js";
import { type OwnRequest, OwnRequests } from "./own-requests.js";

interface PeerNamespace {
  readonly requestId: number;
  readonly namespace: TrackNamespace;
  state: "asked" | "accepted";
}

interface OwnPrefix extends OwnRequest {
  readonly prefix: TrackNamespace;
}

/**
 * Namespaces the peer publishes, prefixes it asks us for, and prefixes we ask it for.
 *
 * ```
 *  PUBLISH_NAMESPACE from the peer
 *  state     event                 next      what happens
 *  –         PUBLISH_NAMESPACE     asked     the driver decides; held already: ERROR
 *  asked     accept / reject       accepted / over     OK / ERROR
 *  accepted  cancel                over      CANCEL
 *  any       DONE                  over      the driver is told (an answer still due is sent)
 *
 *  SUBSCRIBE_NAMESPACE from the peer
 *  –         SUBSCRIBE_NAMESPACE   held      OK; overlapping: ERROR 5; nothing to serve: ERROR 4
 *  held      UNSUBSCRIBE_NAMESPACE over      the driver is told
 *
 *  SUBSCRIBE_NAMESPACE from us
 *  queued    the ledger gives an ID  pending
 *  pending   OK / ERROR, time-out    live / over
 *  pending, live  end                over    UNSUBSCRIBE_NAMESPACE
 * ```
 */
export class NamespaceSubscriber {
  readonly #context: ControlContext;
  readonly #servesPrefixes: boolean;
  readonly #peerNamespaces = new Map<string, PeerNamespace>();
  readonly #peerPrefixes = new Map<string, SubscribeNamespace>();
  readonly #own: OwnRequests<OwnPrefix>;

  /** @param servesPrefixes whether SUBSCRIBE_NAMESPACE finds anything here */
  constructor(context: ControlContext, servesPrefixes: boolean) {
    this.#context = context;
    this.#servesPrefixes = servesPrefixes;
    this.#own = new OwnRequests(context, "SUBSCRIBE_NAMESPACE");
  }

  /** Namespaces of the peer that were asked or accepted. */
  get namespaces(): number {
    return this.#peerNamespaces.size;
  }

  /** Prefixes the peer asked us for. */
  get peerPrefixes(): number {
    return this.#peerPrefixes.size;
  }

  /** Prefixes we asked the peer for. */
  get prefixes(): number {
    return this.#own.size;
  }

  handlePublish({ requestId, trackNamespace }: PublishNamespace): void {
    const key = namespaceKey(trackNamespace);
    const path = toPath(trackNamespace);
    const full = this.#peerNamespaces.size >= MAX_PEER_NAMESPACES;
    if (this.#peerNamespaces.has(key) || path === undefined || full) {
      const reason = path === undefined ? "the namespace has no path" : "published already";
      this.#answer(
        requestId,
        PUBLISH_NAMESPACE_ERROR.uninterested,
        full ? "too many namespaces" : reason,
      );
      return;
    }
    this.#peerNamespaces.set(key, { requestId, namespace: trackNamespace, state: "asked" });
    this.#context.emit({ type: "peer_namespace", requestId, path });
  }

  handlePublishDone({ trackNamespace }: PublishNamespaceDone): void {
    const key = namespaceKey(trackNamespace);
    const entry = this.#peerNamespaces.get(key);
    if (!entry) {
      this.#context.stray();
      return;
    }
    this.#forget(key);
    const { requestId } = entry;
    if (entry.state === "asked") {
      this.#sendError(requestId, PUBLISH_NAMESPACE_ERROR.uninterested, "withdrawn");
    }
    this.#context.emit({ type: "peer_namespace_done", requestId });
  }

  /** Answers PUBLISH_NAMESPACE_OK, or the error given. False when the peer has withdrawn: then nothing is said. */
  answer(
    namespace: TrackNamespace,
    requestId: number,
    error?: [code: number, why: string],
  ): boolean {
    const key = namespaceKey(namespace);
    const entry = this.#peerNamespaces.get(key);
    if (entry?.requestId !== requestId || entry.state !== "asked") return false;
    if (error) {
      this.#forget(key);
      this.#sendError(requestId, ...error);
      return true;
    }
    entry.state = "accepted";
    this.#context.send({ type: "publish_namespace_ok", requestId });
    return true;
  }

  /** Gives an accepted namespace back. False when it is over, or was not accepted: then nothing is said. */
  cancel(namespace: TrackNamespace, requestId: number, errorCode: number, reason: string): boolean {
    const key = namespaceKey(namespace);
    const entry = this.#peerNamespaces.get(key);
    if (entry?.requestId !== requestId || entry.state !== "accepted") return false;
    this.#forget(key);
    this.#context.send({
      type: "publish_namespace_cancel",
      trackNamespace: namespace,
      errorCode,
      errorReason: reasonPhrase(reason),
    });
    return true;
  }

  handleSubscribe(message: SubscribeNamespace): void {
    const { requestId, trackNamespacePrefix: prefix } = message;
    const refuse = (errorCode: number, errorReason: string) => {
      this.#context.send({ type: "subscribe_namespace_error", requestId, errorCode, errorReason });
      this.#context.ledger.handleFinished();
    };
    this.#checkPrefix(prefix);
    if (!this.#servesPrefixes) {
      refuse(SUBSCRIBE_NAMESPACE_ERROR.prefixUnknown, "nothing is announced here");
      return;
    }
    for (const { trackNamespacePrefix: held } of this.#peerPrefixes.values()) {
      if (!overlap(prefix, held)) continue;
      refuse(SUBSCRIBE_NAMESPACE_ERROR.prefixOverlap, "overlaps an earlier prefix");
      return;
    }
    if (this.#peerPrefixes.size >= MAX_PEER_NAMESPACES) {
      refuse(SUBSCRIBE_NAMESPACE_ERROR.internalError, "too many prefixes");
      return;
    }
    this.#peerPrefixes.set(namespaceKey(prefix), message);
    this.#context.send({ type: "subscribe_namespace_ok", requestId });
    this.#context.emit({ type: "peer_prefix", requestId, prefix });
  }

  handleUnsubscribe({ trackNamespacePrefix }: UnsubscribeNamespace): void {
    this.#checkPrefix(trackNamespacePrefix);
    const key = namespaceKey(trackNamespacePrefix);
    const entry = this.#peerPrefixes.get(key);
    if (!entry) {
      this.#context.stray();
      return;
    }
    this.#peerPrefixes.delete(key);
    this.#context.ledger.handleFinished();
    this.#context.emit({ type: "peer_prefix_done", requestId: entry.requestId });
  }

  /**
   * Asks for the namespaces under a prefix; the answer is an event.
   *
   * @throws {MoqError} `message_not_allowed`, `prefix_overlap`, `requests_blocked`
   */
  subscribe(prefix: TrackNamespace, now: number): number {
    if (!this.#context.profile.sends.has("subscribe_namespace")) {
      throw misuse("message_not_allowed", "this peer cannot be asked for namespaces");
    }
    for (const { prefix: held } of this.#own.values()) {
      // UNSUBSCRIBE_NAMESPACE names the prefix only, so that one of two would end the other.
      if (!overlap(prefix, held)) continue;
      throw misuse("prefix_overlap", "this session asks for the prefix, or part of it, already");
    }
    const request = { ...this.#own.create(), prefix };
    const message = (requestId: number) =>
      ({
        type: "subscribe_namespace",
        requestId,
        trackNamespacePrefix: prefix,
        parameters: [],
      }) as const;
    this.#own.send(request, message, now);
    return request.handle;
  }

  /** Ends {@link subscribe}; does nothing when it is over. */
  unsubscribe(handle: number): void {
    const entry = this.#own.get(handle);
    if (!entry) return;
    if (entry.requestId !== undefined) {
      const { prefix: trackNamespacePrefix } = entry;
      this.#context.send({ type: "unsubscribe_namespace", trackNamespacePrefix });
    }
    this.#own.end(entry);
  }

  handleSubscribeOk({ requestId }: SubscribeNamespaceOk): void {
    const entry = this.#own.answered(requestId);
    if (!entry) return;
    entry.state = "live";
    this.#context.emit({ type: "prefix_accepted", handle: entry.handle });
  }

  handleSubscribeError({ requestId, errorCode, errorReason }: SubscribeNamespaceError): void {
    const error = requestRefused("SUBSCRIBE_NAMESPACE", errorCode, errorReason);
    this.#refuse(this.#own.answered(requestId), error);
  }

  /** The answer held what cannot be represented. */
  handleUnsupported(requestId: number, error: MoqError): void {
    this.#refuse(this.#own.find(requestId), error);
  }

  nextDeadline(): number | undefined {
    return this.#own.nextDeadline();
  }

  handleTimeout(now: number): void {
    this.#own.expire(now, (entry, error) => {
      this.unsubscribe(entry.handle);
      this.#refuse(entry, error);
    });
  }

  #forget(key: string): void {
    this.#peerNamespaces.delete(key);
    this.#context.ledger.handleFinished();
  }

  /** Refuses what was never held. */
  #answer(requestId: number, errorCode: number, reason: string): void {
    this.#sendError(requestId, errorCode, reason);
    this.#context.ledger.handleFinished();
  }

  #sendError(requestId: number, errorCode: number, reason: string): void {
    const errorReason = reasonPhrase(reason);
    this.#context.send({ type: "publish_namespace_error", requestId, errorCode, errorReason });
  }

  #refuse(entry: OwnPrefix | undefined, error: MoqError): void {
    if (!entry) return;
    this.#own.end(entry);
    this.#context.emit({ type: "prefix_refused", handle: entry.handle, error });
  }

  /** The draft has no prefix without fields; some peers do. */
  #checkPrefix(prefix: TrackNamespace): void {
    if (prefix.length > 0 || this.#context.profile.takesEmptyPrefix) return;
    throw peerViolation("a prefix of no fields", SESSION_ERROR.protocolViolation);
  }
}

function overlap(a: TrackNamespace, b: TrackNamespace): boolean {
  return hasPrefix(a, b) || hasPrefix(b, a);
}
