import type {
  TrackNamespace,
  TrackStatus,
  TrackStatusError,
  TrackStatusOk,
} from "@moq-bridge/moq-wire/ietf14";
import type { MoqError } from "@moq-bridge/runtime";
import { misuse, requestRefused } from "../errors.js";
import type { ControlContext } from "./context.js";
import { type OwnRequest, OwnRequests } from "./own-requests.js";

/** Asks how far a track is. */
export function trackStatusMessage(
  requestId: number,
  trackNamespace: TrackNamespace,
  trackName: string,
): TrackStatus {
  return {
    type: "track_status",
    requestId,
    trackNamespace,
    trackName,
    subscriberPriority: 128,
    groupOrder: "publisher",
    forward: false,
    filter: { type: "largest_object" },
    parameters: [],
  };
}

/**
 * The TRACK_STATUS requests we send.
 *
 * ```
 *  state    event                   next     what happens
 *  queued   the ledger gives an ID  pending  TRACK_STATUS
 *  queued   time-out                over     refused (nothing was sent)
 *  pending  OK                      over     answered
 *  pending  ERROR, time-out         over     refused
 *  over     an answer               over     counted
 * ```
 */
export class StatusMachine {
  readonly #context: ControlContext;
  readonly #requests: OwnRequests<OwnRequest>;

  constructor(context: ControlContext) {
    this.#context = context;
    this.#requests = new OwnRequests(context, "TRACK_STATUS");
  }

  /** Requests without an answer. */
  get size(): number {
    return this.#requests.size;
  }

  /** Asks; the answer is an event. @throws {MoqError} `message_not_allowed`, `requests_blocked` */
  ask(trackNamespace: TrackNamespace, trackName: string, now: number): number {
    if (!this.#context.profile.sends.has("track_status")) {
      throw misuse("message_not_allowed", "this peer cannot be asked for the status of a track");
    }
    const request = this.#requests.create();
    const message = (requestId: number) => trackStatusMessage(requestId, trackNamespace, trackName);
    this.#requests.send(request, message, now);
    return request.handle;
  }

  handleOk({ requestId, largestLocation, expires }: TrackStatusOk): void {
    const request = this.#requests.answered(requestId);
    if (!request) return;
    this.#requests.end(request);
    const { handle } = request;
    this.#context.emit({ type: "status_answered", handle, largestLocation, expires });
  }

  handleError({ requestId, errorCode, errorReason }: TrackStatusError): void {
    this.#refuse(
      this.#requests.answered(requestId),
      requestRefused("TRACK_STATUS", errorCode, errorReason),
    );
  }

  /** The answer held what cannot be represented. */
  handleUnsupported(requestId: number, error: MoqError): void {
    this.#refuse(this.#requests.find(requestId), error);
  }

  nextDeadline(): number | undefined {
    return this.#requests.nextDeadline();
  }

  handleTimeout(now: number): void {
    this.#requests.expire(now, (request, error) => this.#refuse(request, error));
  }

  #refuse(request: OwnRequest | undefined, error: MoqError): void {
    if (!request) return;
    this.#requests.end(request);
    this.#context.emit({ type: "status_refused", handle: request.handle, error });
  }
}
