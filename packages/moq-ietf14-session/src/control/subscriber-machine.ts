import {
  type Location,
  type Publish,
  type PublishDone,
  SESSION_ERROR,
  type Subscribe,
  type SubscribeError,
  type SubscribeOk,
  type SubscriptionFilter,
} from "@moq-bridge/moq-wire/ietf14";
import type { MoqError } from "@moq-bridge/runtime";
import { misuse, peerViolation, requestRefused } from "../errors.js";
import type { ControlContext } from "./context.js";
import { type OwnRequest, OwnRequests } from "./own-requests.js";

/** A SUBSCRIBE without what the machine fills in. */
export type SubscribeRequest = Omit<Subscribe, "type" | "requestId">;

interface Entry extends OwnRequest {
  /** Namespace and name, as one text. */
  readonly track: string;
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
 *  pending  SUBSCRIBE_OK               live     accepted
 *  pending  SUBSCRIBE_ERROR            over     refused
 *  pending  PUBLISH_DONE               over     refused: some peers skip the error
 *  pending  unsubscribe, time-out      over     UNSUBSCRIBE
 *  pending  update                     pending  (sent after SUBSCRIBE_OK)
 *  live     PUBLISH_DONE               over     done
 *  live     unsubscribe                over     UNSUBSCRIBE
 *  live     update                     live     SUBSCRIBE_UPDATE, where the profile has it
 *  live     a second answer            –        the session ends: PROTOCOL_VIOLATION
 *  over     anything                   over     counted
 * ```
 */
export class SubscriberMachine {
  readonly #context: ControlContext;
  readonly #requests: OwnRequests<Entry>;
  readonly #byTrack = new Map<string, Entry>();
  readonly #byAlias = new Map<number, Entry>();

  constructor(context: ControlContext) {
    this.#context = context;
    this.#requests = new OwnRequests(context, "SUBSCRIBE");
  }

  /** Subscriptions that are not over. */
  get size(): number {
    return this.#requests.size;
  }

  /** Track aliases in use. */
  get aliases(): number {
    return this.#byAlias.size;
  }

  /** Whether a SUBSCRIBE for the track (as {@link trackKey} has it) was sent and is without its answer. */
  isPending(track: string): boolean {
    return this.#byTrack.get(track)?.state === "pending";
  }

  /** Subscribes; the answer is an event. @throws {MoqError} `subscription_duplicate`, `requests_blocked` */
  subscribe(request: SubscribeRequest, now: number): number {
    const track = trackKey(request);
    if (this.#byTrack.has(track)) {
      // Section 9.7: one active subscription per track and session.
      throw misuse("subscription_duplicate", "this session subscribes to the track already");
    }
    const entry: Entry = {
      ...this.#requests.create(),
      track,
      trackAlias: undefined,
      filter: request.filter,
      forward: request.forward,
      start: { group: 0, object: 0 },
      sentPriority: request.subscriberPriority,
      priority: request.subscriberPriority,
      updating: false,
    };
    const message = (requestId: number) => ({ type: "subscribe", requestId, ...request }) as const;
    this.#requests.send(entry, message, now);
    this.#byTrack.set(track, entry);
    return entry.handle;
  }

  /** Ends a subscription; does nothing when it is over. */
  unsubscribe(handle: number): void {
    const entry = this.#requests.get(handle);
    if (!entry) return;
    if (entry.requestId !== undefined) {
      this.#context.send({ type: "unsubscribe", requestId: entry.requestId });
    }
    this.#end(entry);
  }

  /** Wants another priority (0 to 255, lower first) from now on; without effect where the profile has no SUBSCRIBE_UPDATE. */
  update(handle: number, subscriberPriority: number): void {
    const entry = this.#requests.get(handle);
    if (!entry || !this.#context.profile.sends.has("subscribe_update")) return;
    entry.priority = subscriberPriority;
    this.#sendUpdate(entry);
  }

  handleOk(message: SubscribeOk): void {
    const entry = this.#requests.answered(message.requestId);
    if (!entry) return;
    if (this.#byAlias.has(message.trackAlias)) {
      throw aliasInUse(message.trackAlias);
    }
    entry.state = "live";
    entry.trackAlias = message.trackAlias;
    this.#byAlias.set(message.trackAlias, entry);
    entry.start = startOf(entry.filter, message.largestLocation);
    const { trackAlias } = message;
    this.#context.emit({ type: "subscription_accepted", handle: entry.handle, trackAlias });
    this.#sendUpdate(entry);
  }

  handleError(message: SubscribeError): void {
    const entry = this.#requests.answered(message.requestId);
    if (!entry) return;
    this.#refuse(entry, requestRefused("SUBSCRIBE", message.errorCode, message.errorReason));
  }

  handleDone(message: PublishDone): void {
    const entry = this.#requests.find(message.requestId);
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

  /** A message about a subscription held what cannot be represented: the subscription fails. */
  handleUnsupported(requestId: number, error: MoqError, isOverThere: boolean): void {
    const entry = this.#requests.find(requestId);
    if (!entry) return;
    if (!isOverThere) this.#context.send({ type: "unsubscribe", requestId });
    this.#refuse(entry, error);
  }

  /** A PUBLISH names its alias. @throws {MoqError} `peer_violation` when another track has it */
  checkAlias({ trackAlias, trackNamespace, trackName }: Publish): void {
    const entry = this.#byAlias.get(trackAlias);
    if (entry && entry.track !== trackKey({ trackNamespace, trackName }))
      throw aliasInUse(trackAlias);
  }

  nextDeadline(): number | undefined {
    return this.#requests.nextDeadline();
  }

  handleTimeout(now: number): void {
    this.#requests.expire(now, (entry, error) => {
      this.unsubscribe(entry.handle);
      this.#context.emit({ type: "subscription_refused", handle: entry.handle, error });
    });
  }

  /** One at a time: while it waits for a request ID, later wishes replace earlier ones. */
  #sendUpdate(entry: Entry): void {
    const { requestId: subscriptionRequestId } = entry;
    const needed = entry.state === "live" && entry.priority !== entry.sentPriority;
    if (!needed || entry.updating || subscriptionRequestId === undefined) return;
    entry.updating = true;
    this.#context.ledger.request({
      isCancelled: () => entry.state !== "live",
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

  #refuse(entry: Entry, error: MoqError): void {
    this.#end(entry);
    this.#context.emit({ type: "subscription_refused", handle: entry.handle, error });
  }

  #end(entry: Entry): void {
    this.#requests.end(entry);
    this.#byTrack.delete(entry.track);
    if (entry.trackAlias !== undefined) this.#byAlias.delete(entry.trackAlias);
  }
}

/** Namespace and name, as one text. */
export function trackKey({
  trackNamespace,
  trackName,
}: Pick<Subscribe, "trackNamespace" | "trackName">): string {
  return JSON.stringify([trackNamespace, trackName]);
}

function aliasInUse(trackAlias: number): MoqError {
  const text = `track alias ${trackAlias} is in use`;
  return peerViolation(text, SESSION_ERROR.duplicateTrackAlias);
}

/** Where a subscription starts (section 9.7), which SUBSCRIBE_UPDATE may not go behind. */
function startOf(filter: SubscriptionFilter, largest: Location | undefined): Location {
  if ("start" in filter) return filter.start;
  if (!largest) return { group: 0, object: 0 };
  return filter.type === "next_group_start"
    ? { group: largest.group + 1, object: 0 }
    : { group: largest.group, object: largest.object + 1 };
}
