import { type ControlMessage, SESSION_ERROR } from "@moq-bridge/moq-wire/ietf14";
import { misuse, peerViolation } from "../errors.js";
import { MAX_BLOCKED_REQUESTS } from "../limits.js";
import type { PeerProfile } from "../profile.js";

/** A request on its way out. Its ID is given when it may be sent. */
export interface OutgoingRequest {
  /** Given up before it was sent: it never is. */
  readonly isCancelled: () => boolean;
  /** The message, called once when the request is sent. */
  readonly send: (requestId: number) => ControlMessage;
}

/**
 * Request IDs of both sides (section 9.1). Ours start at 0 (client) or 1
 * (server) and rise by 2, none is left out, and none at or above the peer's
 * MAX_REQUEST_ID is sent. The peer's must do the same against what we granted.
 *
 * ```
 *  request ──▶ id < limit ──▶ sent
 *      └─────▶ id ≥ limit ──▶ blocked ──MAX_REQUEST_ID──▶ sent
 * ```
 *
 * What the peer is granted at first is what it may have open at once: the
 * grant is raised as its requests finish, where the profile lets us say so.
 */
export class RequestLedger {
  readonly #profile: PeerProfile;
  readonly #send: (message: ControlMessage) => void;
  #nextOwn: number;
  #ownLimit = 0n;
  #blocked: OutgoingRequest[] = [];
  #reportedLimit: bigint | undefined;
  #nextPeer: number;
  #granted: bigint;
  #received = 0;
  #finished = 0;

  constructor(
    side: "client" | "server",
    profile: PeerProfile,
    send: (message: ControlMessage) => void,
  ) {
    this.#profile = profile;
    this.#send = send;
    this.#nextOwn = side === "client" ? 0 : 1;
    this.#nextPeer = 1 - this.#nextOwn;
    this.#granted = profile.grantedRequests;
  }

  /** Requests sent so far. */
  get sent(): number {
    return this.#nextOwn >> 1;
  }

  /** Requests of the peer so far. */
  get received(): number {
    return this.#received;
  }

  /** Requests of the peer that are not over. */
  get open(): number {
    return this.#received - this.#finished;
  }

  /** Requests the peer allows in all, as it stands now. */
  get limit(): number {
    return Number((this.#ownLimit + 1n - BigInt(this.#nextOwn % 2)) / 2n);
  }

  /** Requests that wait for a higher limit. */
  get blocked(): number {
    return this.#blocked.filter((waiting) => !waiting.isCancelled()).length;
  }

  /** Whether we ever sent a request of this ID. */
  wasSent(requestId: number): boolean {
    return requestId < this.#nextOwn && requestId % 2 === this.#nextOwn % 2;
  }

  /** Whether the peer ever sent a request of this ID. */
  wasReceived(requestId: number): boolean {
    return requestId < this.#nextPeer && requestId % 2 === this.#nextPeer % 2;
  }

  /** Sends a request, now or when the peer allows it. @throws {MoqError} `requests_blocked` when too many wait */
  request(request: OutgoingRequest): void {
    if (this.#blocked.length >= MAX_BLOCKED_REQUESTS) {
      this.#blocked = this.#blocked.filter((waiting) => !waiting.isCancelled());
    }
    if (this.#blocked.length >= MAX_BLOCKED_REQUESTS) {
      throw misuse("requests_blocked", "the peer allows no more requests and too many wait");
    }
    this.#blocked.push(request);
    this.#sendAllowed();
  }

  /** The limit of the peer's SETUP; absent is 0. */
  handleSetupLimit(limit: bigint): void {
    this.#ownLimit = limit;
    this.#sendAllowed();
  }

  /** @throws {MoqError} `peer_violation` when it does not rise */
  handleMaxRequestId(limit: bigint): void {
    if (limit <= this.#ownLimit) {
      const message = `MAX_REQUEST_ID went from ${this.#ownLimit} to ${limit}`;
      throw peerViolation(message, SESSION_ERROR.protocolViolation);
    }
    this.#ownLimit = limit;
    this.#sendAllowed();
  }

  /** A request of the peer. @throws {MoqError} `peer_violation` */
  handleRequest(requestId: number | undefined): void {
    if (requestId !== this.#nextPeer) {
      const message = `request ID ${requestId ?? "above 2^53 - 1"} instead of ${this.#nextPeer}`;
      throw peerViolation(message, SESSION_ERROR.invalidRequestId);
    }
    if (BigInt(requestId) >= this.#granted) {
      const message = `request ID ${requestId} where ${this.#granted} is the limit`;
      throw peerViolation(message, SESSION_ERROR.tooManyRequests);
    }
    this.#nextPeer += 2;
    this.#received++;
    this.#raiseGrant();
  }

  /** A request of the peer is over: refused, ended by either side, or of a kind that ends at once. */
  handleFinished(): void {
    this.#finished++;
    this.#raiseGrant();
  }

  /** Not before half of the grant is used, so that many requests cost few messages. */
  #raiseGrant(): void {
    if (!this.#profile.sends.has("max_request_id")) return;
    const { grantedRequests } = this.#profile;
    if (BigInt(this.#nextPeer) + grantedRequests / 2n < this.#granted) return;
    const granted = grantedRequests + 2n * BigInt(this.#finished);
    if (granted <= this.#granted) return;
    this.#granted = granted;
    this.#send({ type: "max_request_id", requestId: granted });
  }

  #sendAllowed(): void {
    while (this.#blocked.length > 0) {
      if (this.#profile.obeysRequestLimit && BigInt(this.#nextOwn) >= this.#ownLimit) {
        this.#reportBlocked();
        return;
      }
      const request = this.#blocked.shift();
      if (!request || request.isCancelled()) continue;
      const requestId = this.#nextOwn;
      this.#nextOwn += 2;
      this.#send(request.send(requestId));
    }
  }

  #reportBlocked(): void {
    if (this.#reportedLimit === this.#ownLimit) return;
    if (!this.#profile.sends.has("requests_blocked")) return;
    this.#reportedLimit = this.#ownLimit;
    this.#send({ type: "requests_blocked", maximumRequestId: this.#ownLimit });
  }
}
