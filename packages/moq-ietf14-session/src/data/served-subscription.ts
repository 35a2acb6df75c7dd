import {
  PUBLISH_DONE_STATUS,
  STREAM_ERROR,
  type SubscriptionFilter,
} from "@moq-bridge/moq-wire/ietf14";
import type { GroupConsumer, TrackConsumer, TrackInfo } from "@moq-bridge/origin";
import { type Runtime, toMoqError } from "@moq-bridge/runtime";
import type { SendStream, TransportSession } from "@moq-bridge/transport";
import { publishDoneStatus } from "../errors.js";
import { LAG_GRACE_MS, LINGER_MS, MAX_UNREAD_GROUPS } from "../limits.js";
import type { PeerProfile } from "../profile.js";
import type { Counters } from "../stats.js";
import { GroupQueue } from "./group-queue.js";
import { GroupSender } from "./group-sender.js";
import type { StreamSlots } from "./stream-slots.js";

/** What a subscription of the peer is served with. */
export interface ServedSubscriptionOptions {
  readonly transport: TransportSession;
  readonly runtime: Runtime;
  readonly profile: PeerProfile;
  readonly counters: Counters;
  readonly slots: StreamSlots;
  readonly track: TrackConsumer;
  readonly info: TrackInfo;
  readonly trackAlias: number;
  /** 0 to 255, lower first. */
  readonly subscriberPriority: number;
  readonly filter: SubscriptionFilter;
  readonly forward: boolean;
}

/** What PUBLISH_DONE says. */
export interface ServedEnd {
  readonly status: number;
  readonly streamCount: number;
  readonly reason: string;
}

/**
 * Serves one subscription of the peer: the newest group from its first
 * object, then each one after it, one stream per group, one after the other.
 * A reader that is stuck while two newer groups wait loses its stream and
 * goes on with the newest.
 */
export class ServedSubscription {
  readonly #options: ServedSubscriptionOptions;
  readonly #queue: GroupQueue;
  readonly #since: number;
  readonly #open = new Set<SendStream>();
  #sender: GroupSender | undefined;
  #streamCount = 0;
  #openedAt = -Infinity;
  #forward: boolean;
  #endGroup: number | undefined;
  #subscriberPriority: number;
  #cancelled = false;
  #wake: (() => void) | undefined;
  #cancelLag: (() => void) | undefined;

  constructor(options: ServedSubscriptionOptions) {
    this.#options = options;
    this.#since = options.runtime.now();
    const { filter, forward, subscriberPriority, track, counters } = options;
    this.#forward = forward;
    this.#subscriberPriority = subscriberPriority;
    this.#endGroup = filter.type === "absolute_range" ? filter.endGroup : undefined;
    this.#queue = new GroupQueue(track, {
      onChange: () => this.#handleQueueChange(),
      onSkipped: (count) => {
        counters.groupsSkipped += count;
      },
    });
  }

  /** Sends until the track or the range ends; `undefined` after {@link cancel} and when the session ended. */
  async run(): Promise<ServedEnd | undefined> {
    for (;;) {
      while (!this.#cancelled && (!this.#forward || this.#queue.length === 0) && !this.#queue.end) {
        await this.#wait();
      }
      if (this.#cancelled) return undefined;
      const group = this.#queue.shift();
      if (!group) return this.#finish();
      if (this.#endGroup !== undefined && group.sequence > this.#endGroup) {
        group.close();
        return this.#finish(PUBLISH_DONE_STATUS.subscriptionEnded);
      }
      await this.#gap();
      await this.#send(group);
    }
  }

  /** The peer unsubscribed, or the session ends: resets every open stream. */
  cancel(): void {
    this.#cancelled = true;
    this.#queue.close();
    this.#sender?.interrupt(STREAM_ERROR.cancelled);
    for (const stream of this.#open) stream.reset(STREAM_ERROR.cancelled);
    this.#cancelLag?.();
    this.#wake?.();
  }

  /** SUBSCRIBE_UPDATE. */
  update(update: {
    forward: boolean;
    endGroup: number | undefined;
    subscriberPriority: number;
  }): void {
    this.#forward = update.forward;
    this.#endGroup = update.endGroup;
    this.#subscriberPriority = update.subscriberPriority;
    this.#options.track.update({ priority: 255 - update.subscriberPriority });
    this.#wake?.();
  }

  async #send(group: GroupConsumer): Promise<void> {
    const stream = await this.#openStream();
    if (!stream) {
      group.close();
      return;
    }
    const { profile, info, trackAlias, filter, counters, runtime } = this.#options;
    const start = "start" in filter ? filter.start : undefined;
    this.#sender = new GroupSender(stream, {
      group,
      trackAlias,
      publisherPriority:
        profile.publisherPriority === "track" ? 255 - info.priority : profile.publisherPriority,
      firstObject: start?.group === group.sequence ? start.object : 0,
      counters,
      runtime,
      since: this.#since,
    });
    this.#streamCount++;
    this.#watchLag();
    // A group that is gone or whose stream the peer stopped costs this group only.
    const whole = await this.#sender.run().catch(() => false);
    if (!whole && !this.#cancelled) counters.groupsSkipped++;
    this.#sender = undefined;
    this.#cancelLag?.();
    this.#cancelLag = undefined;
  }

  /** A stream of its own for the next group; `undefined` when nobody wants one any more. */
  async #openStream(): Promise<SendStream | undefined> {
    const { transport, slots, counters, info, runtime } = this.#options;
    let taken = false;
    let giveUp = () => {};
    giveUp = slots.take(() => {
      taken = true;
      this.#wake?.();
    });
    this.#resetUnread();
    while (!taken && !this.#cancelled) await this.#wait();
    if (this.#cancelled) {
      if (taken) slots.release();
      else giveUp();
      return undefined;
    }
    let stream: SendStream;
    try {
      stream = await transport.openUni();
    } catch {
      slots.release();
      // Only the end of the session refuses a stream, and it ends this subscription too.
      this.#cancelled = true;
      return undefined;
    }
    this.#open.add(stream);
    counters.openSendStreams++;
    const ended = () => {
      this.#open.delete(stream);
      counters.openSendStreams--;
      slots.release();
      this.#wake?.();
    };
    void stream.finished.then(ended, ended);
    if (this.#cancelled) {
      stream.reset(STREAM_ERROR.cancelled);
      return undefined;
    }
    stream.setPriority(((255 - this.#subscriberPriority) << 8) | info.priority);
    this.#openedAt = runtime.now();
    return stream;
  }

  /** Gives up the oldest of many groups that were sent whole and that the peer does not take. */
  #resetUnread(): void {
    if (this.#open.size < MAX_UNREAD_GROUPS) return;
    const [oldest] = this.#open;
    oldest?.reset(STREAM_ERROR.deliveryTimeout);
    this.#options.counters.groupsSkipped++;
  }

  /** Keeps groups from being opened in a burst, of which some peers keep only the last. */
  async #gap(): Promise<void> {
    const { runtime, profile } = this.#options;
    const left = this.#openedAt + profile.groupGapMs - runtime.now();
    if (left <= 0) return;
    await new Promise<void>((resolve) => {
      runtime.setTimer(left, resolve);
    });
  }

  #handleQueueChange(): void {
    if (this.#sender) this.#watchLag();
    this.#wake?.();
  }

  #watchLag(): void {
    if (this.#queue.length < 2 || this.#cancelLag) return;
    this.#cancelLag = this.#options.runtime.setTimer(LAG_GRACE_MS, () => {
      this.#sender?.interrupt(STREAM_ERROR.deliveryTimeout);
      this.#queue.skipToNewest();
    });
  }

  /** Waits for the streams to close, which PUBLISH_DONE promises. */
  async #finish(status?: number): Promise<ServedEnd | undefined> {
    const { end } = this.#queue;
    this.#queue.close();
    let late = false;
    const cancelTimer = this.#options.runtime.setTimer(LINGER_MS, () => {
      late = true;
      for (const stream of this.#open) stream.reset(STREAM_ERROR.deliveryTimeout);
      this.#wake?.();
    });
    while (this.#open.size > 0 && !this.#cancelled && !late) await this.#wait();
    cancelTimer();
    if (this.#cancelled) return undefined;
    const streamCount = this.#streamCount;
    if (status !== undefined) return { status, streamCount, reason: "" };
    if (end?.type !== "failed") {
      return { status: PUBLISH_DONE_STATUS.trackEnded, streamCount, reason: "" };
    }
    const error = toMoqError(end.error, "track_failed", "subscription");
    return { status: publishDoneStatus(error), streamCount, reason: error.message };
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
