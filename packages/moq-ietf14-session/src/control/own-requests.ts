import { type ControlMessage, SESSION_ERROR } from "@moq-bridge/moq-wire/ietf14";
import type { MoqError } from "@moq-bridge/runtime";
import { peerViolation, requestTimeout } from "../errors.js";
import type { ControlContext } from "./context.js";
import { Deadlines } from "./deadlines.js";

/** One request of ours; each kind adds what it needs to know. */
export interface OwnRequest {
  /** What the application knows it by. */
  readonly handle: number;
  /** Queued until the ledger gives an ID, pending until the answer, live from a positive one on. */
  state: "queued" | "pending" | "live" | "over";
  requestId: number | undefined;
}

/** The requests of one kind that we send, from the wish for them to their end. */
export class OwnRequests<T extends OwnRequest> {
  readonly #context: ControlContext;
  readonly #name: string;
  readonly #byHandle = new Map<number, T>();
  readonly #byRequest = new Map<number, T>();
  readonly #deadlines = new Deadlines<T>(({ state }) => state === "queued" || state === "pending");
  #nextHandle = 0;

  /** @param name the request as the draft calls it */
  constructor(context: ControlContext, name: string) {
    this.#context = context;
    this.#name = name;
  }

  /** Requests that are not over. */
  get size(): number {
    return this.#byHandle.size;
  }

  get(handle: number): T | undefined {
    return this.#byHandle.get(handle);
  }

  values(): Iterable<T> {
    return this.#byHandle.values();
  }

  /** A request as it begins, for {@link send}. */
  create(): OwnRequest {
    return { handle: this.#nextHandle++, state: "queued", requestId: undefined };
  }

  /** Sends a request, now or when the peer allows it. @throws {MoqError} `requests_blocked` */
  send(request: T, message: (requestId: number) => ControlMessage, now: number): void {
    this.#context.ledger.request({
      isCancelled: () => request.state !== "queued",
      send: (requestId) => {
        request.state = "pending";
        request.requestId = requestId;
        this.#byRequest.set(requestId, request);
        return message(requestId);
      },
    });
    this.#byHandle.set(request.handle, request);
    this.#deadlines.add(now + this.#context.profile.requestTimeoutMs, request);
  }

  /** What a message of the peer is about; one for a request that is over is counted. */
  find(requestId: number): T | undefined {
    const request = this.#byRequest.get(requestId);
    if (!request) this.#context.stray();
    return request;
  }

  /** What an OK or ERROR answers. @throws {MoqError} `peer_violation` for a second answer */
  answered(requestId: number): T | undefined {
    const request = this.find(requestId);
    if (request?.state === "live") {
      const message = `${this.#name} ${requestId} was answered before`;
      throw peerViolation(message, SESSION_ERROR.protocolViolation);
    }
    return request;
  }

  end(request: T): void {
    request.state = "over";
    this.#byHandle.delete(request.handle);
    if (request.requestId !== undefined) this.#byRequest.delete(request.requestId);
  }

  nextDeadline(): number | undefined {
    return this.#deadlines.next();
  }

  /** Calls `giveUp` with each request that has waited its time. */
  expire(now: number, giveUp: (request: T, error: MoqError) => void): void {
    for (const request of this.#deadlines.expire(now)) {
      if (request.requestId !== undefined) this.#context.unanswered(request.requestId);
      giveUp(request, requestTimeout(this.#name, this.#context.profile.requestTimeoutMs));
    }
  }
}
