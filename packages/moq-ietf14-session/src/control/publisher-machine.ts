import {
  FETCH_ERROR,
  type Fetch,
  type FetchCancel,
  PUBLISH_ERROR,
  type Publish,
  SESSION_ERROR,
  SUBSCRIBE_ERROR,
  type Subscribe,
  type SubscribeUpdate,
  type SubscriptionFilter,
  type TrackStatus,
  type Unsubscribe,
} from "@moq-bridge/moq-wire/ietf14";
import { peerViolation, reasonPhrase } from "../errors.js";
import { MAX_PEER_SUBSCRIPTIONS } from "../limits.js";
import { toPath } from "../names.js";
import type { ControlContext } from "./context.js";

interface Entry {
  /** Namespace and name, as one text. */
  readonly track: string;
  readonly filter: SubscriptionFilter["type"];
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
 *  asked, serving  a second SUBSCRIBE to the track    the session ends, if the profile says so
 *  asked, serving  SUBSCRIBE_UPDATE    –    the driver is told; one that widens ends the session
 *  asked, serving  a FETCH that joins  –    NOT_SUPPORTED; without the filter LargestObject the session ends
 * ```
 */
export class PublisherMachine {
  readonly #context: ControlContext;
  readonly #entries = new Map<number, Entry>();
  readonly #byTrack = new Map<string, number>();
  readonly #statuses = new Set<number>();

  constructor(context: ControlContext) {
    this.#context = context;
  }

  /** Subscriptions asked for or served. */
  get size(): number {
    return this.#entries.size;
  }

  /** TRACK_STATUS requests without an answer. */
  get statuses(): number {
    return this.#statuses.size;
  }

  handleSubscribe(message: Subscribe): void {
    const { requestId, trackName: track, filter, subscriberPriority, forward } = message;
    const path = toPath(message.trackNamespace);
    const key = JSON.stringify([message.trackNamespace, track]);
    if (this.#byTrack.has(key) && this.#context.profile.secondSubscription === "violation") {
      throw peerViolation("a second subscription to one track", SESSION_ERROR.protocolViolation);
    }
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
    this.#byTrack.set(key, requestId);
    this.#entries.set(requestId, {
      track: key,
      filter: filter.type,
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
    this.#context.ledger.handleFinished();
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
    if (endGroup !== undefined && endGroup < startLocation.group) {
      throw violation("SUBSCRIBE_UPDATE ends a subscription before it starts");
    }
    entry.startGroup = startLocation.group;
    entry.startObject = startLocation.object;
    entry.endGroup = endGroup;
    const requestId = subscriptionRequestId;
    this.#context.emit({
      type: "peer_update",
      requestId,
      forward,
      start: startLocation,
      endGroup,
      subscriberPriority,
    });
  }

  handleUnsubscribe(message: Unsubscribe): void {
    this.#checkPeers(message.requestId, "UNSUBSCRIBE");
    if (!this.#end(message.requestId)) {
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

  /** No FETCH is served; one that joins a subscription must still have the right to. */
  handleFetch({ requestId, range }: Fetch): void {
    const joined =
      range.type === "standalone" ? undefined : this.#entries.get(range.joiningRequestId);
    if (joined && joined.filter !== "largest_object") {
      const message = "a FETCH joins a subscription whose filter is not LargestObject";
      throw peerViolation(message, SESSION_ERROR.protocolViolation);
    }
    this.#context.send({
      type: "fetch_error",
      requestId,
      errorCode: FETCH_ERROR.notSupported,
      errorReason: "FETCH is not supported",
    });
    this.#context.ledger.handleFinished();
  }

  /** No PUBLISH is wanted. */
  handlePublish({ requestId }: Publish): void {
    this.#context.send({
      type: "publish_error",
      requestId,
      errorCode: PUBLISH_ERROR.notSupported,
      errorReason: "PUBLISH is not supported",
    });
    this.#context.ledger.handleFinished();
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
    this.#end(requestId);
    this.#sendError(requestId, errorCode, reason);
  }

  /** Sends PUBLISH_DONE; does nothing when the peer has given up. Every stream must be closed. */
  finish(requestId: number, statusCode: number, streamCount: number, reason: string): void {
    if (this.#entries.get(requestId)?.state !== "serving") return;
    this.#end(requestId);
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
    this.#context.ledger.handleFinished();
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

  /** False when it is over already. */
  #end(requestId: number): boolean {
    const entry = this.#entries.get(requestId);
    if (!entry) return false;
    this.#entries.delete(requestId);
    if (this.#byTrack.get(entry.track) === requestId) this.#byTrack.delete(entry.track);
    this.#context.ledger.handleFinished();
    return true;
  }

  /** Refuses what was never held. */
  #answerError(requestId: number, errorCode: number, reason: string): void {
    this.#sendError(requestId, errorCode, reason);
    this.#context.ledger.handleFinished();
  }

  #sendError(requestId: number, errorCode: number, reason: string): void {
    const errorReason = reasonPhrase(reason);
    this.#context.send({ type: "subscribe_error", requestId, errorCode, errorReason });
  }
}
