import type { Location } from "@moq-bridge/moq-wire/ietf14";
import type { BroadcastConsumer, Path } from "@moq-bridge/origin";
import type { MoqError } from "@moq-bridge/runtime";
import type { SessionEvent } from "./control/events.js";
import type { Deferred } from "./deferred.js";
import { sessionEnded } from "./errors.js";
import { parentPath } from "./names.js";
import type { InboundPrefix } from "./prefix.js";
import type { Publication, PublicationEnd } from "./publication.js";
import type { InboundSubscription } from "./subscription.js";

/** What TRACK_STATUS_OK says of a track. */
export interface TrackStatusAnswer {
  /** The largest group and object there is, absent before the first. */
  readonly largestLocation: Location | undefined;
  /** Milliseconds for which it holds, 0 for ever. */
  readonly expires: bigint;
}

/** The events {@link OpenRequests.handle} knows: those that answer a request. */
type RequestEvent = Extract<SessionEvent, { readonly handle: number }>;

/** What the application holds of a session: its requests under way. */
export class OpenRequests {
  readonly prefixes = new Map<number, InboundPrefix>();
  readonly statuses = new Map<number, Deferred<TrackStatusAnswer>>();
  readonly #publications = new Map<number, Publication>();
  readonly #byPath = new Map<Path, Publication>();
  readonly #subscriptions = new Map<number, InboundSubscription>();
  readonly #byAlias = new Map<number, InboundSubscription>();

  addSubscription(handle: number, subscription: InboundSubscription): void {
    this.#subscriptions.set(handle, subscription);
    void subscription.done.then(() => this.#subscriptions.delete(handle));
  }

  addPublication(handle: number, publication: Publication): void {
    this.#publications.set(handle, publication);
    this.#byPath.set(publication.path, publication);
  }

  /** The broadcast of the publication with this name, or else with the longest that is a prefix of it. */
  findBroadcast(path: Path, isPublished: (name: Path) => boolean): BroadcastConsumer | undefined {
    for (let name = path; name !== ""; name = parentPath(name)) {
      const publication = this.#byPath.get(name);
      const broadcast = publication && isPublished(name) ? publication.find(path) : undefined;
      if (broadcast) return broadcast;
    }
    return undefined;
  }

  /** The subscription whose data carries this alias. */
  subscription(trackAlias: number): InboundSubscription | undefined {
    const subscription = this.#byAlias.get(trackAlias);
    return subscription?.trackAlias === trackAlias ? subscription : undefined;
  }

  /** Passes an answer on. `countsStreams`: whether PUBLISH_DONE's count is to be believed. */
  handle(event: RequestEvent, countsStreams: boolean): void {
    switch (event.type) {
      case "subscription_accepted":
        this.#accept(event.handle, event.trackAlias);
        break;
      case "subscription_refused":
        this.#subscriptions.get(event.handle)?.handleRefused(event.error);
        break;
      case "subscription_done":
        this.#subscriptions
          .get(event.handle)
          ?.handleDone(event.status, event.reason, countsStreams ? event.streamCount : undefined);
        break;
      case "publication_accepted":
        this.#publications.get(event.handle)?.handleAccepted();
        break;
      case "publication_refused":
        this.#endPublication(event.handle, { type: "refused", error: event.error });
        break;
      case "publication_cancelled": {
        const { status, reason } = event;
        this.#endPublication(event.handle, { type: "cancelled", status, reason });
        break;
      }
      case "publication_withdrawn":
        this.#endPublication(event.handle, { type: "withdrawn" });
        break;
      case "prefix_accepted":
        this.prefixes.get(event.handle)?.handleAccepted();
        break;
      case "prefix_refused":
        this.prefixes.get(event.handle)?.handleRefused(event.error);
        this.prefixes.delete(event.handle);
        break;
      case "status_answered": {
        const { largestLocation, expires } = event;
        this.statuses.get(event.handle)?.resolve({ largestLocation, expires });
        this.statuses.delete(event.handle);
        break;
      }
      case "status_refused":
        this.statuses.get(event.handle)?.reject(event.error);
        this.statuses.delete(event.handle);
        break;
    }
  }

  /** The session is over. */
  end(cause: MoqError | undefined): void {
    const error = sessionEnded(cause);
    for (const subscription of this.#subscriptions.values()) subscription.handleSessionEnd(error);
    for (const handle of [...this.#publications.keys()]) {
      this.#endPublication(handle, { type: "session_closed", error });
    }
    for (const prefix of this.prefixes.values()) prefix.handleRefused(error);
    for (const status of this.statuses.values()) status.reject(error);
  }

  #accept(handle: number, trackAlias: number): void {
    const subscription = this.#subscriptions.get(handle);
    if (!subscription) return;
    this.#byAlias.set(trackAlias, subscription);
    void subscription.done.then(() => {
      if (this.#byAlias.get(trackAlias) === subscription) this.#byAlias.delete(trackAlias);
    });
    subscription.handleAccepted(trackAlias);
  }

  #endPublication(handle: number, end: PublicationEnd): void {
    const publication = this.#publications.get(handle);
    if (!publication) return;
    this.#publications.delete(handle);
    if (this.#byPath.get(publication.path) === publication) this.#byPath.delete(publication.path);
    publication.handleEnd(end);
  }
}
