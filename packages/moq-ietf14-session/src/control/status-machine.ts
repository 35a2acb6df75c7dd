import type {
  TrackNamespace,
  TrackStatus,
  TrackStatusError,
  TrackStatusOk,
} from "@moq-bridge/moq-wire/ietf14";
import type { MoqError } from "@moq-bridge/runtime";
import { misuse, requestRefused, requestTimeout } from "../errors.js";
import type { ControlContext } from "./context.js";
import { Deadlines } from "./deadlines.js";

interface Entry {
  readonly handle: number;
  state: "queued" | "pending" | "over";
  requestId: number | undefined;
}

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
  readonly #byRequest = new Map<number, Entry>();
  readonly #deadlines = new Deadlines<Entry>(({ state }) => state !== "over");
  #size = 0;
  #nextHandle = 0;

  constructor(context: ControlContext) {
    this.#context = context;
  }

  /** Requests without an answer. */
  get size(): number {
    return this.#size;
  }

  /** Asks; the answer is an event. @throws {MoqError} `message_not_allowed`, `requests_blocked` */
  ask(trackNamespace: TrackNamespace, trackName: string, now: number): number {
    if (!this.#context.profile.sends.has("track_status")) {
      throw misuse("message_not_allowed", "this peer cannot be asked for the status of a track");
    }
    const entry: Entry = { handle: this.#nextHandle++, state: "queued", requestId: undefined };
    this.#context.ledger.request({
      isCancelled: () => entry.state !== "queued",
      send: (requestId) => {
        entry.state = "pending";
        entry.requestId = requestId;
        this.#byRequest.set(requestId, entry);
        return trackStatusMessage(requestId, trackNamespace, trackName);
      },
    });
    this.#size++;
    this.#deadlines.add(now + this.#context.profile.requestTimeoutMs, entry);
    return entry.handle;
  }

  handleOk({ requestId, largestLocation, expires }: TrackStatusOk): void {
    const entry = this.#answered(requestId);
    if (!entry) return;
    this.#end(entry);
    this.#context.emit({ type: "status_answered", handle: entry.handle, largestLocation, expires });
  }

  handleError({ requestId, errorCode, errorReason }: TrackStatusError): void {
    const entry = this.#answered(requestId);
    if (entry) this.#refuse(entry, requestRefused("TRACK_STATUS", errorCode, errorReason));
  }

  nextDeadline(): number | undefined {
    return this.#deadlines.next();
  }

  handleTimeout(now: number): void {
    for (const entry of this.#deadlines.expire(now)) {
      if (entry.requestId !== undefined) this.#context.unanswered(entry.requestId);
      this.#refuse(entry, requestTimeout("TRACK_STATUS", this.#context.profile.requestTimeoutMs));
    }
  }

  #answered(requestId: number): Entry | undefined {
    const entry = this.#byRequest.get(requestId);
    if (!entry) this.#context.stray();
    return entry;
  }

  #refuse(entry: Entry, error: MoqError): void {
    this.#end(entry);
    this.#context.emit({ type: "status_refused", handle: entry.handle, error });
  }

  #end(entry: Entry): void {
    entry.state = "over";
    this.#size--;
    if (entry.requestId !== undefined) this.#byRequest.delete(entry.requestId);
  }
}
