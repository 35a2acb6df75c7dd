import {
  type FetchCancel,
  PUBLISH_ERROR,
  SESSION_ERROR,
  SUBSCRIBE_ERROR,
  type Subscribe,
  type SubscribeUpdate,
  type TrackStatus,
  type Unsubscribe,
} from "@moq-bridge/moq-wire/ietf14";
import { peerViolation, reasonPhrase } from "../errors.js";
import { MAX_PEER_SUBSCRIPTIONS } from "../limits.js";
import { toPath } from "../names.js";
import type { ControlContext } from "./context.js";

interface Entry {
  state: "asked" | "serving";
  /** Location bounds, which an update may only narrow. */
  startGroup: number;
  startObject: number;
  endGroup: number | undefined;
}

/**
 * The SUBSCRIBEs the peer sends, and its TRACK_STATUS.
 *
 * ```
 *  state    event              next     what happens
 *  –        SUBSCRIBE          asked    the driver decides
 *  asked    accept             serving  SUBSCRIBE_OK
 *  asked    refuse             over     SUBSCRIBE_ERROR
 *  asked    UNSUBSCRIBE        over     the driver is told; no answer is due any more
 *  serving  UNSUBSCRIBE        over     the driver resets the streams
 *  serving  finish             over     PUBLISH_DONE (the driver closed the streams)
 *  over     UNSUBSCRIBE        over     counted: it may have crossed ours
 * ```
 */
export class PublisherMachine {
  readonly #context: ControlContext;
  readonly #entries = new Map<number, Entry>();
  readonly #statuses = new Set<number>();

  constructor(context: ControlContext) {
    this.#context = context;
  }

  /** Subscriptions asked for or served. */
  get size(): number {
    return this.#entries.size;
  }

  handleSubscribe(message: Subscribe): void {
    const { requestId, trackName: track, filter, subscriberPriority, forward } = message;
    const path = toPath(message.trackNamespace);
    if (path === undefined) {
      this.#answerError(requestId, SUBSCRIBE_ERROR.trackDoesNotExist, "no such namespace");
      return;
    }
    if (this.#entries.size >= MAX_PEER_SUBSCRIPTIONS) {
      this.#answerError(requestId, SUBSCRIBE_ERROR.internalError, "too many subscriptions");
      return;
    }
    const start = "start" in filter ? filter.start : { group: 0, object: 0 };
    const endGroup = filter.type === "absolute_range" ? filter.endGroup : undefined;
    if (endGroup !== undefined && endGroup < start.group) {
      this.#answerError(requestId, SUBSCRIBE_ERROR.invalidRange, "the range ends before it starts");
      return;
    }
    this.#entries.set(requestId, {
      state: "asked",
      startGroup: start.group,
      startObject: start.object,
      endGroup,
    });
    this.#context.emit({
      type: "peer_subscribe",
      requestId,
      path,
      track,
      subscriberPriority,
      forward,
      filter,
    });
  }

  handleUpdate(message: SubscribeUpdate): void {
    const { subscriptionRequestId, startLocation, subscriberPriority, forward } = message;
    const violation = (text: string) => peerViolation(text, SESSION_ERROR.protocolViolation);
    if (!this.#context.ledger.wasReceived(subscriptionRequestId)) {
      throw violation(`SUBSCRIBE_UPDATE for request ${subscriptionRequestId}, which never was`);
    }
    const entry = this.#entries.get(subscriptionRequestId);
    if (!entry) {
      this.#context.stray();
      return;
    }
    const endGroup = message.endGroup === 0 ? undefined : message.endGroup - 1;
    const earlier =
      startLocation.group < entry.startGroup ||
      (startLocation.group === entry.startGroup && startLocation.object < entry.startObject);
    const later = (endGroup ?? Infinity) > (entry.endGroup ?? Infinity);
    if (earlier || later) throw violation("SUBSCRIBE_UPDATE widens a subscription");
    entry.startGroup = startLocation.group;
    entry.startObject = startLocation.object;
    entry.endGroup = endGroup;
    const requestId = subscriptionRequestId;
    this.#context.emit({ type: "peer_update", requestId, forward, endGroup, subscriberPriority });
  }

  handleUnsubscribe(message: Unsubscribe): void {
    this.#checkPeers(message.requestId, "UNSUBSCRIBE");
    if (!this.#entries.delete(message.requestId)) {
      this.#context.stray();
      return;
    }
    this.#context.emit({ type: "peer_unsubscribe", requestId: message.requestId });
  }

  handleTrackStatus(message: TrackStatus): void {
    const { requestId, trackName: track } = message;
    const path = toPath(message.trackNamespace);
    this.#statuses.add(requestId);
    if (path === undefined) {
      this.answerTrackStatus(requestId, SUBSCRIBE_ERROR.trackDoesNotExist);
      return;
    }
    this.#context.emit({ type: "peer_track_status", requestId, path, track });
  }

  /** A request that is never served: FETCH and PUBLISH. */
  handleUnserved(type: "fetch" | "publish", requestId: number): void {
    this.#context.send({
      type: type === "fetch" ? "fetch_error" : "publish_error",
      requestId,
      errorCode: PUBLISH_ERROR.notSupported,
      errorReason: `${type.toUpperCase()} is not supported`,
    });
  }

  /** Every FETCH was refused already, so there is nothing to cancel. */
  handleFetchCancel({ requestId }: FetchCancel): void {
    this.#checkPeers(requestId, "FETCH_CANCEL");
    this.#context.stray();
  }

  /** Answers SUBSCRIBE_OK; false when the peer has given up. */
  accept(requestId: number, trackAlias: number): boolean {
    const entry = this.#entries.get(requestId);
    if (entry?.state !== "asked") return false;
    entry.state = "serving";
    this.#context.send({
      type: "subscribe_ok",
      requestId,
      trackAlias,
      expires: 0n,
      groupOrder: "ascending",
      // The newest group is sent from its first object, as if all of it were still to come.
      largestLocation: undefined,
      parameters: [],
    });
    return true;
  }

  /** Answers SUBSCRIBE_ERROR; does nothing when the peer has given up. */
  refuse(requestId: number, errorCode: number, reason: string): void {
    if (this.#entries.get(requestId)?.state !== "asked") return;
    this.#entries.delete(requestId);
    this.#answerError(requestId, errorCode, reason);
  }

  /** Sends PUBLISH_DONE; does nothing when the peer has given up. Every stream must be closed. */
  finish(requestId: number, statusCode: number, streamCount: number, reason: string): void {
    if (this.#entries.get(requestId)?.state !== "serving") return;
    this.#entries.delete(requestId);
    this.#context.send({
      type: "publish_done",
      requestId,
      statusCode,
      streamCount: BigInt(streamCount),
      errorReason: reasonPhrase(reason),
    });
  }

  /** Answers TRACK_STATUS: with OK, or with an error code. */
  answerTrackStatus(requestId: number, errorCode: number | undefined): void {
    if (!this.#statuses.delete(requestId)) return;
    if (errorCode !== undefined) {
      const errorReason = "no such track";
      this.#context.send({ type: "track_status_error", requestId, errorCode, errorReason });
      return;
    }
    this.#context.send({
      type: "track_status_ok",
      requestId,
      trackAlias: 0,
      expires: 0n,
      groupOrder: "ascending",
      largestLocation: undefined,
      parameters: [],
    });
  }

  #checkPeers(requestId: number, name: string): void {
    if (this.#context.ledger.wasReceived(requestId)) return;
    const text = `${name} for request ${requestId}, which never was`;
    throw peerViolation(text, SESSION_ERROR.invalidRequestId);
  }

  #answerError(requestId: number, errorCode: number, reason: string): void {
    const errorReason = reasonPhrase(reason);
    this.#context.send({ type: "subscribe_error", requestId, errorCode, errorReason });
  }
}
