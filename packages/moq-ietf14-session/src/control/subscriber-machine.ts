import {
  type Location,
  type PublishDone,
  SESSION_ERROR,
  type Subscribe,
  type SubscribeError,
  type SubscribeOk,
  type SubscriptionFilter,
} from "@moq-bridge/moq-wire/ietf14";
import type { MoqError } from "@moq-bridge/runtime";
import { misuse, peerViolation, requestRefused, requestTimeout } from "../errors.js";
import type { ControlContext } from "./context.js";
import { Deadlines } from "./deadlines.js";

/** A SUBSCRIBE without what the machine fills in. */
export type SubscribeRequest = Omit<Subscribe, "type" | "requestId">;

interface Entry {
  readonly handle: number;
  readonly track: string;
  state: "queued" | "pending" | "active" | "over";
  requestId: number | undefined;
  trackAlias: number | undefined;
  /** As asked for, for SUBSCRIBE_UPDATE to repeat. */
  readonly filter: SubscriptionFilter;
  readonly forward: boolean;
  /** The start of what the publisher sends, known from SUBSCRIBE_OK. */
  start: Location;
  /** The priority the publisher knows, and the one wanted. */
  sentPriority: number;
  priority: number;
  /** Whether a SUBSCRIBE_UPDATE waits for a request ID. */
  updating: boolean;
}

/**
 * The SUBSCRIBEs we send.
 *
 * ```
 *  state    event                      next     what happens
 *  queued   the ledger gives an ID     pending  SUBSCRIBE
 *  queued   unsubscribe, time-out      over     (nothing was sent)
 *  pending  SUBSCRIBE_OK               active   accepted
 *  pending  SUBSCRIBE_ERROR            over     refused
 *  pending  PUBLISH_DONE               over     refused: some peers skip the error
 *  pending  unsubscribe, time-out      over     UNSUBSCRIBE
 *  pending  update                     pending  (sent after SUBSCRIBE_OK)
 *  active   PUBLISH_DONE               over     done
 *  active   unsubscribe                over     UNSUBSCRIBE
 *  active   update                     active   SUBSCRIBE_UPDATE, where the profile has it
 *  active   a second answer            –        the session ends: PROTOCOL_VIOLATION
 *  over     anything                   over     counted
 * ```
 */
export class SubscriberMachine {
  readonly #context: ControlContext;
  readonly #byHandle = new Map<number, Entry>();
  readonly #byRequest = new Map<number, Entry>();
  readonly #byTrack = new Map<string, Entry>();
  readonly #byAlias = new Map<number, Entry>();
  readonly #deadlines = new Deadlines<Entry>(
    ({ state }) => state === "queued" || state === "pending",
  );
  #nextHandle = 0;

  constructor(context: ControlContext) {
    this.#context = context;
  }

  /** Subscriptions that are not over. */
  get size(): number {
    return this.#byHandle.size;
  }

  /** Track aliases in use. */
  get aliases(): number {
    return this.#byAlias.size;
  }

  /** Subscribes; the answer is an event. @throws {MoqError} `subscription_duplicate`, `requests_blocked` */
  subscribe(request: SubscribeRequest, now: number): number {
    const track = JSON.stringify([request.trackNamespace, request.trackName]);
    if (this.#byTrack.has(track)) {
      // Section 9.7: one active subscription per track and session.
      throw misuse("subscription_duplicate", "this session subscribes to the track already");
    }
    const entry: Entry = {
      handle: this.#nextHandle++,
      track,
      state: "queued",
      requestId: undefined,
      trackAlias: undefined,
      filter: request.filter,
      forward: request.forward,
      start: { group: 0, object: 0 },
      sentPriority: request.subscriberPriority,
      priority: request.subscriberPriority,
      updating: false,
    };
    this.#byHandle.set(entry.handle, entry);
    this.#byTrack.set(track, entry);
    this.#deadlines.add(now + this.#context.profile.requestTimeoutMs, entry);
    this.#context.ledger.request({
      isCancelled: () => entry.state !== "queued",
      send: (requestId) => {
        entry.state = "pending";
        entry.requestId = requestId;
        this.#byRequest.set(requestId, entry);
        return { type: "subscribe", requestId, ...request };
      },
    });
    return entry.handle;
  }

  /** Ends a subscription; does nothing when it is over. */
  unsubscribe(handle: number): void {
    const entry = this.#byHandle.get(handle);
    if (!entry) return;
    if (entry.requestId !== undefined) {
      this.#context.send({ type: "unsubscribe", requestId: entry.requestId });
    }
    this.#end(entry);
  }

  /** Wants another priority (0 to 255, lower first) from now on; without effect where the profile has no SUBSCRIBE_UPDATE. */
  update(handle: number, subscriberPriority: number): void {
    const entry = this.#byHandle.get(handle);
    if (!entry || !this.#context.profile.sends.has("subscribe_update")) return;
    entry.priority = subscriberPriority;
    this.#sendUpdate(entry);
  }

  handleOk(message: SubscribeOk): void {
    const entry = this.#answered(message.requestId, "SUBSCRIBE_OK");
    if (!entry) return;
    if (this.#byAlias.has(message.trackAlias)) {
      const text = `track alias ${message.trackAlias} is in use`;
      throw peerViolation(text, SESSION_ERROR.duplicateTrackAlias);
    }
    entry.state = "active";
    entry.trackAlias = message.trackAlias;
    this.#byAlias.set(message.trackAlias, entry);
    entry.start = startOf(entry.filter, message.largestLocation);
    const { trackAlias } = message;
    this.#context.emit({ type: "subscription_accepted", handle: entry.handle, trackAlias });
    this.#sendUpdate(entry);
  }

  handleError(message: SubscribeError): void {
    const entry = this.#answered(message.requestId, "SUBSCRIBE_ERROR");
    if (!entry) return;
    this.#refuse(entry, requestRefused("SUBSCRIBE", message.errorCode, message.errorReason));
  }

  handleDone(message: PublishDone): void {
    const entry = this.#known(message.requestId);
    if (!entry) return;
    const { handle, state } = entry;
    const { statusCode: status, streamCount, errorReason: reason } = message;
    if (state === "pending") {
      this.#refuse(entry, requestRefused("SUBSCRIBE", status, reason));
      return;
    }
    this.#end(entry);
    this.#context.emit({ type: "subscription_done", handle, status, streamCount, reason });
  }

  /** An answer held what cannot be represented: that subscription fails. */
  handleUnsupported(requestId: number, error: MoqError): void {
    const entry = this.#known(requestId);
    if (!entry) return;
    this.#context.send({ type: "unsubscribe", requestId });
    this.#refuse(entry, error);
  }

  nextDeadline(): number | undefined {
    return this.#deadlines.next();
  }

  handleTimeout(now: number): void {
    for (const entry of this.#deadlines.expire(now)) {
      if (entry.requestId !== undefined) this.#context.unanswered(entry.requestId);
      const error = requestTimeout("SUBSCRIBE", this.#context.profile.requestTimeoutMs);
      this.unsubscribe(entry.handle);
      this.#context.emit({ type: "subscription_refused", handle: entry.handle, error });
    }
  }

  /** One at a time: while it waits for a request ID, later wishes replace earlier ones. */
  #sendUpdate(entry: Entry): void {
    const { requestId: subscriptionRequestId } = entry;
    const needed = entry.state === "active" && entry.priority !== entry.sentPriority;
    if (!needed || entry.updating || subscriptionRequestId === undefined) return;
    entry.updating = true;
    this.#context.ledger.request({
      isCancelled: () => entry.state !== "active",
      send: (requestId) => {
        entry.updating = false;
        entry.sentPriority = entry.priority;
        const { filter, forward, start } = entry;
        return {
          type: "subscribe_update",
          requestId,
          subscriptionRequestId,
          startLocation: start,
          endGroup: filter.type === "absolute_range" ? filter.endGroup + 1 : 0,
          subscriberPriority: entry.priority,
          forward,
          parameters: [],
        };
      },
    });
  }

  #answered(requestId: number, name: string): Entry | undefined {
    const entry = this.#known(requestId);
    if (entry && entry.state !== "pending") {
      throw peerViolation(`${name} for a request answered before`, SESSION_ERROR.protocolViolation);
    }
    return entry;
  }

  #known(requestId: number): Entry | undefined {
    const entry = this.#byRequest.get(requestId);
    if (!entry) this.#context.stray();
    return entry;
  }

  #refuse(entry: Entry, error: MoqError): void {
    this.#end(entry);
    this.#context.emit({ type: "subscription_refused", handle: entry.handle, error });
  }

  #end(entry: Entry): void {
    entry.state = "over";
    this.#byHandle.delete(entry.handle);
    this.#byTrack.delete(entry.track);
    if (entry.requestId !== undefined) this.#byRequest.delete(entry.requestId);
    if (entry.trackAlias !== undefined) this.#byAlias.delete(entry.trackAlias);
  }
}

/** Where a subscription starts (section 9.7), which SUBSCRIBE_UPDATE may not go behind. */
function startOf(filter: SubscriptionFilter, largest: Location | undefined): Location {
  if ("start" in filter) return filter.start;
  if (!largest) return { group: 0, object: 0 };
  return filter.type === "next_group_start"
    ? { group: largest.group + 1, object: 0 }
    : { group: largest.group, object: largest.object + 1 };
}
