import {
  hasBareSubscribe,
  hasTrackStream,
  type LiteVersion,
  type SubscribeOptions,
  type SubscribeReply,
} from "@moq-bridge/moq-wire/lite";
import type { TrackDemand, TrackInfo } from "@moq-bridge/origin";
import type { MoqError } from "@moq-bridge/runtime";
import { subscriptionError, violation } from "./errors.js";

/** What a driver has to do. */
export type SubscriptionAction =
  /** Ask what the publisher says of the track. */
  | { readonly type: "askTrack" }
  | { readonly type: "subscribe"; readonly options: SubscribeOptions }
  | { readonly type: "update"; readonly options: SubscribeOptions }
  /** End whatever stream is open, and refuse its groups from now on. */
  | { readonly type: "leave" }
  /** The publisher accepted: groups may be handed on. */
  | { readonly type: "accept"; readonly info: TrackInfo }
  | { readonly type: "reject"; readonly error: MoqError }
  /** The source is gone for now; another or the same may go on. */
  | { readonly type: "detach" }
  | { readonly type: "finish" }
  | { readonly type: "abort"; readonly error: MoqError };

export interface SubscriptionMachineOptions {
  readonly version: LiteVersion;
  readonly demand: TrackDemand;
  readonly maxLatencyMs: number;
  readonly idleMs: number;
  readonly endMs: number;
}

/** A subscription that fails again sooner than this is not asked for again. */
const RETRY_INTERVAL_MS = 1_000;

type State =
  /** TRACK is asked (lite-05 and later). */
  | "asking"
  /** SUBSCRIBE is sent, its OK not here (up to lite-04). */
  | "subscribing"
  | "live"
  /** The publisher ended the track; groups under way are waited for. */
  | "ending"
  /** Nobody reads; subscribed again when somebody does. */
  | "idle"
  | "over";

/**
 * Our subscription to one track of the peer.
 *
 * | state       | TRACK_INFO | OK   | END          | FIN                           | RESET        | no demand | demand    |
 * |-------------|------------|------|--------------|-------------------------------|--------------|-----------|-----------|
 * | asking      | live       | –    | –            | over, rejected                | over, rejected | (asking) | (asking) |
 * | subscribing | –          | live | violation    | over, rejected or aborted     | as FIN       | idle *    | UPDATE    |
 * | live        | –          | violation | (noted) | ending; lite-05 without END: failed | failed | idle *    | UPDATE    |
 * | ending      | –          | –    | –            | –                             | ending       | (ending)  | (ending)  |
 * | idle        | –          | –    | –            | –                             | –            | (idle)    | subscribed again |
 *
 * `*` After the idle time. *Failed*: after a group had come the same source is
 * asked once more, at most once a second; else the track is aborted.
 */
export class SubscriptionMachine {
  readonly #options: SubscriptionMachineOptions;
  #state: State;
  #demand: TrackDemand | undefined;
  #accepted = false;
  #actions: SubscriptionAction[] = [];
  #idleAt: number | undefined;
  #endAt: number | undefined;
  #endGroup: number | undefined;
  #newest: number | undefined;
  #underWay = 0;
  #groupsSinceSubscribe = 0;
  #retriedAt: number | undefined;

  constructor(options: SubscriptionMachineOptions) {
    this.#options = options;
    this.#demand = options.demand;
    if (hasTrackStream(options.version)) {
      this.#state = "asking";
      this.#actions.push({ type: "askTrack" });
    } else {
      this.#state = "subscribing";
      this.#subscribe(options.demand);
    }
  }

  /** Groups of the current SUBSCRIBE may be handed on. */
  get live(): boolean {
    return this.#state === "live" || this.#state === "ending";
  }

  get over(): boolean {
    return this.#state === "over";
  }

  /** What to do next, in order. */
  pollAction(): SubscriptionAction | undefined {
    return this.#actions.shift();
  }

  /** When {@link handleTimeout} is due. */
  pollTimeout(): number | undefined {
    if (this.#idleAt !== undefined) return this.#idleAt;
    // A group under way is waited for however long it takes: its end is what comes next.
    return this.#underWay > 0 ? undefined : this.#endAt;
  }

  handleTrackInfo(info: TrackInfo): void {
    if (this.#state !== "asking") return;
    this.#accept(info);
    if (this.#demand) this.#subscribe(this.#demand);
    this.#state = this.#demand ? "live" : "idle";
  }

  /** A reply on the subscribe stream. @throws {MoqError} `protocol_violation` */
  handleReply(reply: SubscribeReply): void {
    switch (reply.type) {
      case "ok":
        if (this.#state !== "subscribing") throw violation("SUBSCRIBE_OK came twice");
        this.#accept({ priority: reply.priority, maxLatencyMs: this.#options.maxLatencyMs });
        this.#state = "live";
        break;
      case "end":
        this.#endGroup = reply.group;
        break;
      case "start":
      case "drop":
        if (this.#state === "subscribing") throw violation("SUBSCRIBE_OK did not come first");
    }
  }

  /** The publisher ended the stream. */
  handleFin(now: number): void {
    const clean = !hasTrackStream(this.#options.version) || this.#endGroup !== undefined;
    if (this.#state === "live" && clean) {
      this.#state = "ending";
      this.#idleAt = undefined;
      this.#endAt = now + this.#options.endMs;
      this.#finishWhenComplete(now);
    } else {
      const message = "the publisher ended the subscription without saying why";
      this.handleFailure(subscriptionError("lite_subscription_failed", message), now);
    }
  }

  /** The publisher reset a stream, or a stream could not be opened. */
  handleFailure(error: MoqError, now: number): void {
    switch (this.#state) {
      case "asking":
      case "subscribing":
      case "live":
        if (this.#mayRetry(now)) this.#retry(now);
        else this.#fail(error);
        break;
      case "ending":
      case "idle":
      case "over":
    }
  }

  /** The readers' demand changed; `undefined`: nobody reads. */
  handleDemand(demand: TrackDemand | undefined, now: number): void {
    this.#demand = demand;
    if (!demand) {
      if (this.#state !== "live" && this.#state !== "subscribing") return;
      this.#idleAt = now + this.#options.idleMs;
      this.handleTimeout(now);
      return;
    }
    this.#idleAt = undefined;
    if (this.#state === "idle") this.#subscribeAgain(demand);
    else if (this.#state === "live" || this.#state === "subscribing") this.#update(demand);
  }

  /** The time {@link pollTimeout} gave has come. */
  handleTimeout(now: number): void {
    if (this.#idleAt !== undefined && now >= this.#idleAt) {
      this.#idleAt = undefined;
      this.#actions.push({ type: "leave" });
      if (this.#accepted) this.#actions.push({ type: "detach" });
      this.#state = "idle";
    }
    this.#finishWhenComplete(now);
  }

  /** A group of this subscription began to arrive. */
  handleGroupBegin(sequence: number): void {
    this.#underWay++;
    this.#groupsSinceSubscribe++;
    this.#newest = Math.max(sequence, this.#newest ?? 0);
  }

  /** A group's stream ended, however. */
  handleGroupEnd(now: number): void {
    this.#underWay--;
    this.#finishWhenComplete(now);
  }

  /** Nobody will ever want the track again, or it went to another source. */
  handleClosed(): void {
    if (this.#state === "over") return;
    this.#actions.push({ type: "leave" });
    this.#over();
  }

  /** The session is gone. Where another source took over this says nothing any more. */
  handleSessionLost(error: MoqError): void {
    if (this.#state === "over") return;
    this.#actions.push({ type: this.#accepted ? "abort" : "reject", error });
    this.#over();
  }

  #accept(info: TrackInfo): void {
    if (this.#accepted) return;
    this.#accepted = true;
    this.#actions.push({ type: "accept", info });
  }

  #subscribe(demand: TrackDemand): void {
    this.#groupsSinceSubscribe = 0;
    this.#endGroup = undefined;
    this.#actions.push({ type: "subscribe", options: this.#wireOptions(demand) });
  }

  #subscribeAgain(demand: TrackDemand): void {
    this.#subscribe(demand);
    this.#state = hasTrackStream(this.#options.version) ? "live" : "subscribing";
  }

  #update(demand: TrackDemand): void {
    if (hasBareSubscribe(this.#options.version)) return;
    this.#actions.push({ type: "update", options: this.#wireOptions(demand) });
  }

  #wireOptions(demand: TrackDemand): SubscribeOptions {
    return {
      priority: demand.priority,
      ordered: false,
      maxLatencyMs: this.#options.maxLatencyMs,
      ...(demand.startGroup === undefined ? {} : { startGroup: demand.startGroup }),
    };
  }

  #mayRetry(now: number): boolean {
    if (!this.#accepted || !this.#demand || this.#groupsSinceSubscribe === 0) return false;
    return this.#retriedAt === undefined || now - this.#retriedAt >= RETRY_INTERVAL_MS;
  }

  #retry(now: number): void {
    this.#retriedAt = now;
    this.#actions.push({ type: "leave" }, { type: "detach" });
    if (this.#demand) this.#subscribeAgain(this.#demand);
  }

  #fail(error: MoqError): void {
    this.#actions.push({ type: "leave" });
    this.#actions.push(this.#accepted ? { type: "abort", error } : { type: "reject", error });
    this.#over();
  }

  #finishWhenComplete(now: number): void {
    if (this.#state !== "ending" || this.#underWay > 0) return;
    const last = this.#endGroup === undefined ? undefined : this.#endGroup - 1;
    const complete = last !== undefined && (this.#newest ?? -1) >= last;
    if (!complete && now < (this.#endAt ?? 0)) return;
    this.#actions.push({ type: "leave" }, { type: "finish" });
    this.#over();
  }

  #over(): void {
    this.#state = "over";
    this.#idleAt = undefined;
    this.#endAt = undefined;
  }
}
