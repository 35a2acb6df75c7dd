import { SUBSCRIBE_ERROR } from "@moq-bridge/moq-wire/ietf14";
import type { BroadcastConsumer, Path, TrackConsumer, TrackInfo } from "@moq-bridge/origin";
import { type Runtime, toMoqError } from "@moq-bridge/runtime";
import type { TransportSession } from "@moq-bridge/transport";
import type { PeerSubscribe } from "./control/events.js";
import type { PublisherMachine } from "./control/publisher-machine.js";
import { ServedSubscription, type SubscriptionUpdate } from "./data/served-subscription.js";
import { StreamOpener } from "./data/stream-opener.js";
import { matchesTrack } from "./data/track-patterns.js";
import { requestTimeout, subscribeErrorCode } from "./errors.js";
import type { PeerProfile } from "./profile.js";
import type { Counters } from "./stats.js";

/** What {@link Serving} needs of its session. */
export interface ServingOptions {
  readonly transport: TransportSession;
  readonly runtime: Runtime;
  readonly profile: PeerProfile;
  readonly counters: Counters;
  readonly machine: PublisherMachine;
  /** The broadcast of exactly this path, if it is to be served here. */
  readonly findBroadcast: (path: Path) => BroadcastConsumer | undefined;
  /** Call after anything the machine was told. */
  readonly flush: () => void;
}

interface Served {
  readonly track: TrackConsumer;
  /** The newest SUBSCRIBE_UPDATE that came before {@link subscription} was there. */
  update: SubscriptionUpdate | undefined;
  subscription: ServedSubscription | undefined;
}

/** Answers the peer's SUBSCRIBEs and TRACK_STATUS, and serves the former. */
export class Serving {
  readonly #options: ServingOptions;
  readonly #opener: StreamOpener;
  readonly #served = new Map<number, Served>();
  #nextAlias = 0;

  constructor(options: ServingOptions) {
    this.#options = options;
    const { maxOpenStreams: limit, openStreamTimeoutMs: timeoutMs } = options.profile;
    this.#opener = new StreamOpener({ ...options, limit, timeoutMs });
  }

  async handleSubscribe(request: PeerSubscribe): Promise<void> {
    const { machine, flush } = this.#options;
    const { requestId } = request;
    const broadcast = this.#options.findBroadcast(request.path);
    if (!broadcast) {
      machine.refuse(requestId, SUBSCRIBE_ERROR.trackDoesNotExist, "no such namespace");
      flush();
      return;
    }
    const { filter } = request;
    const demand = { priority: 255 - request.subscriberPriority };
    const startGroup = "start" in filter ? { startGroup: filter.start.group } : {};
    const track = broadcast.subscribe(request.track, { ...demand, ...startGroup });
    const served: Served = { track, update: undefined, subscription: undefined };
    this.#served.set(requestId, served);
    try {
      await this.#serve(request, served, await this.#info(track));
    } catch (thrown) {
      const error = toMoqError(thrown, "track_failed", "subscription");
      machine.refuse(requestId, subscribeErrorCode(error), error.message);
      track.close();
    }
    this.#served.delete(requestId);
    flush();
  }

  handleUpdate(requestId: number, update: SubscriptionUpdate): void {
    const served = this.#served.get(requestId);
    if (served?.subscription) served.subscription.update(update);
    else if (served) served.update = update;
  }

  handleUnsubscribe(requestId: number): void {
    const served = this.#served.get(requestId);
    served?.track.close();
    served?.subscription?.cancel();
  }

  async handleTrackStatus(requestId: number, path: Path, name: string): Promise<void> {
    const { machine, flush } = this.#options;
    const track = this.#options.findBroadcast(path)?.subscribe(name);
    let errorCode: number | undefined = SUBSCRIBE_ERROR.trackDoesNotExist;
    if (track) {
      try {
        await this.#info(track);
        errorCode = undefined;
      } catch (error) {
        errorCode = subscribeErrorCode(toMoqError(error, "track_failed", "subscription"));
      }
      track.close();
    }
    machine.answerTrackStatus(requestId, errorCode);
    flush();
  }

  /** The session is over. */
  close(): void {
    for (const { track, subscription } of this.#served.values()) {
      track.close();
      subscription?.cancel();
    }
  }

  async #serve(request: PeerSubscribe, served: Served, info: TrackInfo): Promise<void> {
    const { machine, flush } = this.#options;
    const { requestId, filter, subscriberPriority } = request;
    const trackAlias = this.#nextAlias++;
    if (!machine.accept(requestId, trackAlias)) {
      served.track.close();
      return;
    }
    flush();
    const subscription = new ServedSubscription({
      ...this.#options,
      opener: this.#opener,
      writeOnce: matchesTrack(this.#options.profile.writeOnceTracks, request.track),
      track: served.track,
      info,
      trackAlias,
      subscriberPriority,
      filter,
      forward: request.forward,
    });
    served.subscription = subscription;
    if (served.update) subscription.update(served.update);
    const end = await subscription.run();
    if (end) machine.finish(requestId, end.status, end.streamCount, end.reason);
  }

  /** The track's info, in the time a request may take. */
  async #info(track: TrackConsumer): Promise<TrackInfo> {
    const { runtime, profile } = this.#options;
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = runtime.setTimer(profile.requestTimeoutMs, () =>
        reject(requestTimeout("the track", profile.requestTimeoutMs)),
      );
    });
    try {
      return await Promise.race([track.info, late]);
    } finally {
      cancel();
    }
  }
}
