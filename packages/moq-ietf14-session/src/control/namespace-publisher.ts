import {
  type PublishNamespaceCancel,
  type PublishNamespaceError,
  type PublishNamespaceOk,
  SESSION_ERROR,
  type TrackNamespace,
} from "@moq-bridge/moq-wire/ietf14";
import type { MoqError } from "@moq-bridge/runtime";
import { misuse, peerViolation, requestRefused, requestTimeout } from "../errors.js";
import { namespaceKey } from "../names.js";
import type { ControlContext } from "./context.js";
import { Deadlines } from "./deadlines.js";

interface Entry {
  readonly handle: number;
  readonly namespace: TrackNamespace;
  state: "resting" | "queued" | "pending" | "published" | "withdrawn" | "over";
  requestId: number | undefined;
}

/**
 * The namespaces we publish. A name that was withdrawn rests before it is
 * published again, because a peer that answers DONE with a CANCEL names only
 * the namespace in it and would cancel the new publication with the old one.
 *
 * ```
 *  state      event                   next       what happens
 *  resting    CANCEL, rest over       queued
 *  queued     the ledger gives an ID  pending    PUBLISH_NAMESPACE
 *  pending    OK                      published  accepted
 *  pending    ERROR                   over       refused; DONE, if the peer keeps refused names
 *  pending    time-out                over       refused; DONE
 *  queued     time-out                over       refused (nothing was sent)
 *  published  CANCEL                  over       cancelled
 *  pending, published  withdraw       withdrawn  DONE; over at once unless a CANCEL follows
 *  withdrawn  CANCEL, its time over   over       withdrawn
 *  withdrawn  ERROR                   over       withdrawn: no CANCEL follows
 *  resting, queued  withdraw          over       withdrawn (nothing was sent)
 * ```
 */
export class NamespacePublisher {
  readonly #context: ControlContext;
  readonly #byHandle = new Map<number, Entry>();
  readonly #byRequest = new Map<number, Entry>();
  /** The publication of each name that the peer knows of; a new one may rest behind a withdrawn one. */
  readonly #current = new Map<string, Entry>();
  readonly #resting = new Map<string, Entry>();
  readonly #restUntil = new Map<string, number>();
  readonly #answers = new Deadlines<Entry>(
    ({ state }) => state === "queued" || state === "pending",
  );
  /** Names that were refused, and names whose CANCEL is to come. */
  readonly #rests = new Deadlines<string>((key) => this.#restUntil.has(key));
  readonly #cancels = new Deadlines<string>((key) => this.#restUntil.has(key));
  #nextHandle = 0;

  constructor(context: ControlContext) {
    this.#context = context;
  }

  /** Publications that are not over. */
  get size(): number {
    return this.#byHandle.size;
  }

  /** Publishes a namespace; the answer is an event. @throws {MoqError} `namespace_duplicate`, `requests_blocked` */
  publish(namespace: TrackNamespace, now: number): number {
    const key = namespaceKey(namespace);
    const current = this.#current.get(key);
    if (this.#resting.has(key) || (current && current.state !== "withdrawn")) {
      throw misuse("namespace_duplicate", "this session publishes the namespace already");
    }
    const handle = this.#nextHandle++;
    const entry: Entry = { handle, namespace, state: "resting", requestId: undefined };
    this.#byHandle.set(handle, entry);
    if (this.#restUntil.has(key)) this.#resting.set(key, entry);
    else this.#queue(entry, now);
    return handle;
  }

  /** Whether this namespace, exactly, is ours to serve. */
  isPublished(namespace: TrackNamespace): boolean {
    const state = this.#current.get(namespaceKey(namespace))?.state;
    return state === "pending" || state === "published";
  }

  /** Ends a publication; does nothing when it is over. */
  withdraw(handle: number, now: number): void {
    const entry = this.#byHandle.get(handle);
    if (!entry || entry.state === "withdrawn") return;
    const known = entry.state === "pending" || entry.state === "published";
    if (known) this.#sendDone(entry);
    if (!known || !this.#context.profile.cancelFollowsDone) {
      this.#withdrawn(entry);
      return;
    }
    entry.state = "withdrawn";
    this.#rest(entry, now, this.#cancels, this.#context.profile.cancelTimeoutMs);
  }

  handleOk(message: PublishNamespaceOk): void {
    const entry = this.#answered(message.requestId, "PUBLISH_NAMESPACE_OK");
    if (entry?.state !== "pending") return;
    entry.state = "published";
    this.#context.emit({ type: "publication_accepted", handle: entry.handle });
  }

  handleError(message: PublishNamespaceError, now: number): void {
    const entry = this.#answered(message.requestId, "PUBLISH_NAMESPACE_ERROR");
    if (!entry) return;
    const { errorCode, errorReason } = message;
    this.#handleRefused(entry, requestRefused("PUBLISH_NAMESPACE", errorCode, errorReason), now);
  }

  /** The answer held what cannot be represented: it was an error, since an OK holds nothing. */
  handleUnsupported(requestId: number, error: MoqError, now: number): void {
    const entry = this.#answered(requestId, "PUBLISH_NAMESPACE_ERROR");
    if (entry) this.#handleRefused(entry, error, now);
  }

  handleCancel(message: PublishNamespaceCancel, now: number): void {
    const { trackNamespace, errorCode, errorReason } = message;
    this.#cancel(trackNamespace, { status: errorCode, reason: errorReason }, now);
  }

  /** The code of a CANCEL cannot be represented. */
  handleUnsupportedCancel(namespace: TrackNamespace, { message }: MoqError, now: number): void {
    this.#cancel(namespace, { status: undefined, reason: message }, now);
  }

  nextDeadline(): number | undefined {
    const times = [this.#answers.next(), this.#rests.next(), this.#cancels.next()];
    const due = times.filter((at) => at !== undefined);
    return due.length > 0 ? Math.min(...due) : undefined;
  }

  handleTimeout(now: number): void {
    for (const entry of this.#answers.expire(now)) {
      if (entry.requestId !== undefined) this.#context.unanswered(entry.requestId);
      const { requestTimeoutMs, namespaceRestMs } = this.#context.profile;
      if (entry.state === "pending") {
        this.#sendDone(entry);
        this.#rest(entry, now, this.#rests, namespaceRestMs);
      }
      this.#refuse(entry, requestTimeout("PUBLISH_NAMESPACE", requestTimeoutMs));
    }
    for (const key of [...this.#rests.expire(now), ...this.#cancels.expire(now)]) {
      // A name withdrawn again meanwhile rests longer than this deadline.
      if ((this.#restUntil.get(key) ?? now) <= now) this.#rested(key, now);
    }
  }

  #cancel(
    namespace: TrackNamespace,
    why: { readonly status: number | undefined; readonly reason: string },
    now: number,
  ): void {
    const key = namespaceKey(namespace);
    const entry = this.#current.get(key);
    if (entry?.state === "published") {
      this.#end(entry);
      this.#context.emit({ type: "publication_cancelled", handle: entry.handle, ...why });
      return;
    }
    if (!this.#restUntil.has(key)) {
      // A CANCEL before our request was answered belongs to a publication before it.
      this.#context.stray();
      return;
    }
    this.#rested(key, now);
  }

  #queue(entry: Entry, now: number): void {
    entry.state = "queued";
    this.#current.set(namespaceKey(entry.namespace), entry);
    this.#answers.add(now + this.#context.profile.requestTimeoutMs, entry);
    this.#context.ledger.request({
      isCancelled: () => entry.state !== "queued",
      send: (requestId) => {
        entry.state = "pending";
        entry.requestId = requestId;
        this.#byRequest.set(requestId, entry);
        const { namespace: trackNamespace } = entry;
        return { type: "publish_namespace", requestId, trackNamespace, parameters: [] };
      },
    });
  }

  #sendDone(entry: Entry): void {
    this.#context.send({ type: "publish_namespace_done", trackNamespace: entry.namespace });
  }

  /** The name is not announced again for that long, unless its CANCEL comes before. */
  #rest(entry: Entry, now: number, deadlines: Deadlines<string>, forMs: number): void {
    if (forMs === 0) return;
    const key = namespaceKey(entry.namespace);
    this.#restUntil.set(key, now + forMs);
    deadlines.add(now + forMs, key);
  }

  #rested(key: string, now: number): void {
    this.#restUntil.delete(key);
    const current = this.#current.get(key);
    if (current?.state === "withdrawn") this.#withdrawn(current);
    const next = this.#resting.get(key);
    this.#resting.delete(key);
    if (next) this.#queue(next, now);
  }

  #answered(requestId: number, name: string): Entry | undefined {
    const entry = this.#byRequest.get(requestId);
    if (!entry) {
      this.#context.stray();
      return undefined;
    }
    if (entry.state === "published") {
      throw peerViolation(`${name} for a request answered before`, SESSION_ERROR.protocolViolation);
    }
    return entry;
  }

  #handleRefused(entry: Entry, error: MoqError, now: number): void {
    const { doneAfterError, namespaceRestMs } = this.#context.profile;
    if (doneAfterError) this.#rest(entry, now, this.#rests, namespaceRestMs);
    if (entry.state === "withdrawn") {
      this.#withdrawn(entry);
      return;
    }
    if (doneAfterError) this.#sendDone(entry);
    this.#refuse(entry, error);
  }

  #refuse(entry: Entry, error: MoqError): void {
    this.#end(entry);
    this.#context.emit({ type: "publication_refused", handle: entry.handle, error });
  }

  #withdrawn(entry: Entry): void {
    this.#end(entry);
    this.#context.emit({ type: "publication_withdrawn", handle: entry.handle });
  }

  #end(entry: Entry): void {
    const key = namespaceKey(entry.namespace);
    entry.state = "over";
    this.#byHandle.delete(entry.handle);
    if (entry.requestId !== undefined) this.#byRequest.delete(entry.requestId);
    if (this.#current.get(key) === entry) this.#current.delete(key);
    if (this.#resting.get(key) === entry) this.#resting.delete(key);
  }
}
