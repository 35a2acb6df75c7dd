import {
  type Location,
  PUBLISH_DONE_STATUS,
  STREAM_ERROR,
  type SubscriptionFilter,
} from "@moq-bridge/moq-wire/ietf14";
import type { GroupConsumer, TrackConsumer, TrackInfo } from "@moq-bridge/origin";
import { type Runtime, toMoqError } from "@moq-bridge/runtime";
import type { SendStream } from "@moq-bridge/transport";
import { publishDoneStatus } from "../errors.js";
import { LAG_GRACE_MS, LINGER_MS, MAX_UNREAD_GROUPS } from "../limits.js";
import type { PeerProfile } from "../profile.js";
import type { Counters } from "../stats.js";
import { GroupQueue, type QueuedGroup } from "./group-queue.js";
import { GroupSender } from "./group-sender.js";
import { SmallGroups } from "./small-groups.js";
import type { StreamOpener } from "./stream-opener.js";

/** What a subscription of the peer is served with. */
export interface ServedSubscriptionOptions {
  readonly runtime: Runtime;
  readonly profile: PeerProfile;
  readonly counters: Counters;
  readonly opener: StreamOpener;
  readonly track: TrackConsumer;
  readonly info: TrackInfo;
  readonly trackAlias: number;
  /** 0 to 255, lower first. */
  readonly subscriberPriority: number;
  readonly filter: SubscriptionFilter;
  readonly forward: boolean;
  /** Whether the newest group's stream is kept open until there is a newer one. */
  readonly writeOnce: boolean;
}

/** What SUBSCRIBE_UPDATE changes. */
export interface SubscriptionUpdate {
  readonly forward: boolean;
  /** Where what is wanted starts; never before where it started. */
  readonly start: Location;
  /** The last group wanted; `undefined` for no end. */
  readonly endGroup: number | undefined;
  /** 0 to 255, lower first. */
  readonly subscriberPriority: number;
}

/** What PUBLISH_DONE says at the end of the range that was asked for. */
const RANGE_ENDED = { status: PUBLISH_DONE_STATUS.subscriptionEnded, reason: "" } as const;

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
  readonly #controller = new AbortController();
  readonly #smallGroups: SmallGroups | undefined;
  #sender: GroupSender | undefined;
  #finishHeld: (() => void) | undefined;
  #streamCount = 0;
  #openedAt = -Infinity;
  #forward: boolean;
  #start: Location;
  #endGroup: number | undefined;
  #newestSent = -1;
  #subscriberPriority: number;
  #cancelled = false;
  #wake: (() => void) | undefined;
  #cancelLag: (() => void) | undefined;

  constructor(options: ServedSubscriptionOptions) {
    this.#options = options;
    this.#since = options.runtime.now();
    const { filter, forward, subscriberPriority, track, runtime, counters, profile } = options;
    this.#smallGroups = profile.smallGroups && new SmallGroups(profile.smallGroups);
    this.#forward = forward;
    this.#subscriberPriority = subscriberPriority;
    this.#start = "start" in filter ? filter.start : { group: 0, object: 0 };
    this.#endGroup = filter.type === "absolute_range" ? filter.endGroup : undefined;
    this.#queue = new GroupQueue(track, runtime, {
      onChange: () => this.#handleQueueChange(),
      onSkipped: (count) => {
        counters.groupsSkipped += count;
      },
    });
  }

  /** Sends until the track or the range ends; `undefined` after {@link cancel} and when the session ended. */
  async run(): Promise<ServedEnd | undefined> {
    for (;;) {
      while (!this.#cancelled && this.#hasNothingToDo()) await this.#wait();
      if (this.#cancelled) return undefined;
      if (this.#isPastEnd(this.#newestSent)) return this.#finish(RANGE_ENDED);
      const next = this.#forward ? this.#queue.shift() : undefined;
      if (!next) return this.#finish();
      const { sequence } = next.group;
      if (!this.#isWanted(sequence)) {
        next.group.close();
        if (sequence < this.#start.group) continue;
        return this.#finish(RANGE_ENDED);
      }
      this.#newestSent = sequence;
      this.#finishHeld?.();
      await this.#keepBehind(next.interval);
      await this.#gap();
      const failure = await this.#send(next);
      if (failure) return this.#finish(failure);
    }
  }

  /** The peer unsubscribed, or the session ends: resets every open stream. */
  cancel(): void {
    this.#cancelled = true;
    this.#controller.abort();
    this.#queue.close();
    this.#sender?.interrupt(STREAM_ERROR.cancelled);
    for (const stream of this.#open) stream.reset(STREAM_ERROR.cancelled);
    this.#cancelLag?.();
    this.#wake?.();
  }

  /** SUBSCRIBE_UPDATE. */
  update(update: SubscriptionUpdate): void {
    this.#forward = update.forward;
    this.#start = update.start;
    this.#endGroup = update.endGroup;
    this.#subscriberPriority = update.subscriberPriority;
    this.#options.track.update({ priority: 255 - update.subscriberPriority });
    this.#steerSender();
    this.#wake?.();
  }

  /** What is asked for now also holds for the group that is under way. */
  #steerSender(): void {
    const isOver = !this.#forward && this.#queue.end !== undefined;
    if (isOver || !this.#isWanted(this.#newestSent)) {
      this.#sender?.interrupt(STREAM_ERROR.cancelled);
    } else this.#sender?.pause(!this.#forward);
  }

  #isWanted(sequence: number): boolean {
    return sequence >= this.#start.group && !this.#isPastEnd(sequence - 1);
  }

  #hasNothingToDo(): boolean {
    if (this.#queue.end || this.#isPastEnd(this.#newestSent)) return false;
    return !this.#forward || this.#queue.length === 0;
  }

  /** Whether nothing after this group is wanted. */
  #isPastEnd(sequence: number): boolean {
    return this.#endGroup !== undefined && sequence >= this.#endGroup;
  }

  /** Sends one group; gives what PUBLISH_DONE says if that cannot be. */
  async #send(next: QueuedGroup): Promise<Pick<ServedEnd, "status" | "reason"> | undefined> {
    const { group } = next;
    let stream: SendStream;
    try {
      stream = await this.#openStream();
    } catch (thrown) {
      group.close();
      const error = toMoqError(thrown, "stream_open_failed", "subscription");
      if (error.code === "stream_open_timeout") {
        return { status: publishDoneStatus(error), reason: error.message };
      }
      // Nobody wants the stream any more, or the session is over and this subscription with it.
      this.#cancelled = true;
      return undefined;
    }
    const sender = this.#createSender(stream, group);
    this.#sender = sender;
    this.#steerSender();
    this.#streamCount++;
    this.#watchLag();
    // A group that is gone or whose stream the peer stopped costs this group only.
    const whole = await sender.run().catch(() => false);
    if (!whole && !this.#cancelled) this.#options.counters.groupsSkipped++;
    if (whole && this.#options.writeOnce) this.#hold(stream);
    this.#smallGroups?.handleSent(sender.objectCount);
    this.#sender = undefined;
    this.#cancelLag?.();
    this.#cancelLag = undefined;
    return undefined;
  }

  #createSender(stream: SendStream, group: GroupConsumer): GroupSender {
    const { profile, info, trackAlias, counters, runtime, writeOnce } = this.#options;
    const { group: startGroup, object } = this.#start;
    return new GroupSender(stream, {
      group,
      trackAlias,
      publisherPriority:
        profile.publisherPriority === "track" ? 255 - info.priority : profile.publisherPriority,
      firstObject: startGroup === group.sequence ? object : 0,
      counters,
      runtime,
      since: this.#since,
      holdOpen: writeOnce,
    });
  }

  /** Leaves a stream without its FIN until the next group comes, the track ends, or its slot is wanted. */
  #hold(stream: SendStream): void {
    const finish = () => {
      this.#finishHeld = undefined;
      stream.finish();
    };
    const takeBack = this.#options.opener.slots.lend(finish);
    void stream.finished.then(takeBack, takeBack);
    this.#finishHeld = () => {
      takeBack();
      finish();
    };
  }

  /** A stream of its own for the next group. @throws {MoqError} `stream_open_timeout`, `session_closed`, `unsubscribed` */
  async #openStream(): Promise<SendStream> {
    const { opener, info, runtime } = this.#options;
    this.#resetUnread();
    const stream = await opener.open(this.#controller.signal);
    this.#open.add(stream);
    const ended = () => {
      this.#open.delete(stream);
      this.#wake?.();
    };
    void stream.finished.then(ended, ended);
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

  /** Keeps small groups from overtaking each other on a network that loses packets. */
  async #keepBehind(intervalMs: number): Promise<void> {
    const { runtime } = this.#options;
    const grace = this.#smallGroups?.grace(intervalMs);
    if (grace === undefined) return;
    while (this.#open.size > 0 && !this.#cancelled) {
      const left = this.#openedAt + grace - runtime.now();
      if (left <= 0) return this.#resetUnconfirmed();
      const cancelTimer = runtime.setTimer(left, () => this.#wake?.());
      await this.#wait();
      cancelTimer();
    }
  }

  /** What the peer has is not harmed by this; what it lacks is not sent again. */
  #resetUnconfirmed(): void {
    for (const stream of this.#open) {
      stream.reset(STREAM_ERROR.deliveryTimeout);
      this.#options.counters.groupsUnconfirmed++;
    }
    this.#open.clear();
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
    if (!this.#forward) this.#steerSender();
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
  async #finish(why?: Pick<ServedEnd, "status" | "reason">): Promise<ServedEnd | undefined> {
    const { end } = this.#queue;
    this.#queue.close();
    this.#finishHeld?.();
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
    if (why) return { ...why, streamCount };
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
