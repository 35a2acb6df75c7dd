import type { WireError } from "@moq-bridge/moq-wire";
import type { ObjectDatagram } from "@moq-bridge/moq-wire/ietf14";
import type { TrackDemand, TrackInfo, TrackProducer } from "@moq-bridge/origin";
import { type CancelTimer, MoqError, type Runtime, toMoqError } from "@moq-bridge/runtime";
import type { IncomingStream } from "./data/incoming-stream.js";
import type { AliasOwner, Ingress } from "./data/ingress.js";
import { DatagramGroups } from "./datagram-groups.js";
import { type Deferred, deferred } from "./deferred.js";
import { sessionEnded } from "./errors.js";
import { DRAIN_MS, LINGER_MS, MAX_EARLY_DATAGRAMS } from "./limits.js";

/** How a {@link Subscription} ended. */
export type SubscriptionEnd =
  /** PUBLISH_DONE: the publisher's status (section 9.12) and reason. */
  | { readonly type: "done"; readonly status: number; readonly reason: string }
  /** SUBSCRIBE_ERROR, or no answer in time; the error `accepted` rejects with. */
  | { readonly type: "refused"; readonly error: MoqError }
  /** The track cannot be carried. */
  | { readonly type: "failed"; readonly error: MoqError }
  /** Our own {@link Subscription.unsubscribe}, or the filled track is over. */
  | { readonly type: "unsubscribed" }
  | { readonly type: "session_closed"; readonly error?: MoqError };

/** One SUBSCRIBE of ours. */
export interface Subscription {
  /**
   * Resolves at SUBSCRIBE_OK.
   *
   * @throws {MoqError} `request_refused` (code as `wireCode`), `request_timeout`, `session_closed`, `unsubscribed`
   */
  readonly accepted: Promise<TrackInfo>;
  /**
   * Where objects go. Call it soon after `accepted`: data that came already is
   * held for two seconds. A changed demand of the track's readers is passed on
   * with SUBSCRIBE_UPDATE where the profile has it. The track outlives the subscription; `detach`,
   * `finish` or `abort` it when `done` says that it is over.
   */
  fill(track: TrackProducer): void;
  /** Resolves once, when no more data comes; never rejects. */
  readonly done: Promise<SubscriptionEnd>;
  /** Sends UNSUBSCRIBE and stops the streams; does nothing when it is over. */
  unsubscribe(): void;
}

/** Draft-14 says the publisher's priority with each group only; until then this one holds. */
const INFO: TrackInfo = { priority: 128, maxLatencyMs: 5_000 };

/** The driver's side of a {@link Subscription}. */
export class InboundSubscription implements Subscription, AliasOwner {
  readonly trackKey: string;
  readonly #ingress: Ingress;
  readonly #runtime: Runtime;
  readonly #sendUnsubscribe: () => void;
  readonly #sendUpdate: (priority: number) => void;
  readonly #accepted: Deferred<TrackInfo> = deferred();
  readonly #done: Deferred<SubscriptionEnd> = deferred();
  readonly #open = new Set<IncomingStream>();
  #streams = 0;
  #track: TrackProducer | undefined;
  #datagrams: DatagramGroups | undefined;
  /** Datagrams that came before {@link fill}. */
  #unfilled: ObjectDatagram[] = [];
  #trackAlias: number | undefined;
  #ignoreDemand = () => {};
  #over = false;
  #ending: { end: SubscriptionEnd; expected: bigint | undefined; drained: boolean } | undefined;
  #timers: CancelTimer[] = [];

  /** `sendUnsubscribe` and `sendUpdate` tell the peer; a priority is 0 to 255, higher first. */
  constructor(options: {
    trackKey: string;
    ingress: Ingress;
    runtime: Runtime;
    sendUnsubscribe: () => void;
    sendUpdate: (priority: number) => void;
  }) {
    this.trackKey = options.trackKey;
    this.#ingress = options.ingress;
    this.#runtime = options.runtime;
    this.#sendUnsubscribe = options.sendUnsubscribe;
    this.#sendUpdate = options.sendUpdate;
  }

  get accepted(): Promise<TrackInfo> {
    return this.#accepted.promise;
  }

  /** The alias of the track's data, while it may come. */
  get trackAlias(): number | undefined {
    return this.#over ? undefined : this.#trackAlias;
  }

  get done(): Promise<SubscriptionEnd> {
    return this.#done.promise;
  }

  fill(track: TrackProducer): void {
    if (this.#over) return;
    this.#track = track;
    this.#datagrams = new DatagramGroups(track, this.#ingress.counters, () => this.#runtime.now());
    this.#ignoreDemand = track.onDemand((demand) => this.#passOn(demand));
    this.#passOn(track.demand);
    for (const stream of [...this.#open]) stream.flow(track);
    for (const datagram of this.#unfilled.splice(0)) this.handleDatagram(datagram);
    void track.closed.then(() => this.unsubscribe());
  }

  unsubscribe(): void {
    if (this.#over) return;
    if (!this.#ending) this.#sendUnsubscribe();
    const message = "the subscription was ended here";
    this.#accepted.reject(new MoqError("unsubscribed", message, { scope: "subscription" }));
    this.#settle({ type: "unsubscribed" });
  }

  /* ------------------------------------------- called by the session */

  handleAccepted(trackAlias: number): void {
    if (this.#over) return;
    this.#trackAlias = trackAlias;
    this.#ingress.bind(trackAlias, this);
    this.#accepted.resolve(INFO);
  }

  handleRefused(error: MoqError): void {
    this.#accepted.reject(error);
    this.#settle({ type: "refused", error });
  }

  /** PUBLISH_DONE, which may overtake data: waits for it, but not long. `expected` streams, if that is known. */
  handleDone(status: number, reason: string, expected: bigint | undefined): void {
    if (this.#over) return;
    this.#ending = { end: { type: "done", status, reason }, expected, drained: false };
    this.#timers.push(
      this.#runtime.setTimer(DRAIN_MS, () => {
        if (this.#ending) this.#ending.drained = true;
        this.#settleIfDrained();
      }),
      this.#runtime.setTimer(LINGER_MS, () => {
        if (this.#ending) this.#settle(this.#ending.end);
      }),
    );
    this.#settleIfDrained();
  }

  handleSessionEnd(cause: MoqError | undefined): void {
    const error = sessionEnded(cause);
    this.#accepted.reject(error);
    this.#settle({ type: "session_closed", error });
  }

  /* ------------------------------------------- called by the ingress */

  handleStream(stream: IncomingStream): void {
    this.#streams++;
    this.#open.add(stream);
    if (this.#track) stream.flow(this.#track);
  }

  handleStreamOver(stream: IncomingStream): void {
    this.#open.delete(stream);
    this.#settleIfDrained();
  }

  handleDatagram(datagram: ObjectDatagram): void {
    if (this.#over) return;
    if (!this.#datagrams) {
      if (this.#unfilled.length < MAX_EARLY_DATAGRAMS) this.#unfilled.push(datagram);
      else this.#ingress.counters.datagramsDropped++;
      return;
    }
    try {
      this.#datagrams.handle(datagram);
    } catch (error) {
      // The track was replaced: its owner learns it from the track itself.
      this.#settle({ type: "failed", error: toMoqError(error, "group_failed", "subscription") });
    }
  }

  handleUnsupported(cause: WireError): void {
    if (this.#over) return;
    this.#sendUnsubscribe();
    const message = `the track cannot be carried: ${cause.message}`;
    const error = new MoqError("wire_unsupported", message, { scope: "subscription", cause });
    this.#settle({ type: "failed", error });
  }

  #passOn(demand: TrackDemand | undefined): void {
    if (demand && !this.#over && !this.#ending) this.#sendUpdate(demand.priority);
  }

  #settleIfDrained(): void {
    const ending = this.#ending;
    if (!ending || this.#open.size > 0) return;
    const complete = ending.expected !== undefined && BigInt(this.#streams) >= ending.expected;
    if (complete || ending.drained) this.#settle(ending.end);
  }

  #settle(end: SubscriptionEnd): void {
    if (this.#over) return;
    this.#over = true;
    for (const cancel of this.#timers) cancel();
    this.#timers = [];
    this.#ignoreDemand();
    this.#datagrams?.end();
    if (this.#trackAlias !== undefined) this.#ingress.release(this.#trackAlias, this);
    if (end.type !== "session_closed") for (const stream of [...this.#open]) stream.abandon();
    this.#open.clear();
    this.#done.resolve(end);
  }
}
