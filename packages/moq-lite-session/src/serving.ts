import { WireError } from "@moq-bridge/moq-wire";
import { decodeSubscribeUpdate, type Subscribe } from "@moq-bridge/moq-wire/lite";
import type { BroadcastConsumer, GroupConsumer, TrackConsumer } from "@moq-bridge/origin";
import { toMoqError } from "@moq-bridge/runtime";
import type { BidiStream } from "@moq-bridge/transport";
import { STREAM_CODE } from "./codes.js";
import type { SessionContext } from "./context.js";
import { ControlWriter } from "./control-writer.js";
import { EgressWindow } from "./egress-window.js";
import { isSessionClosed, isStreamEnd, subscriptionError, timedOut } from "./errors.js";
import { GroupEgress } from "./group-egress.js";
import type { MessageStream } from "./message-stream.js";
import { ServingMachine } from "./serving-machine.js";
import { withTimeLimit } from "./time-limit.js";

/** Room for the groups of one priority, newest first. */
const SEQUENCES_PER_PRIORITY = 1 << 22;

/** What serving a subscription needs. */
export interface ServingOptions {
  readonly context: SessionContext;
  readonly subscribe: Subscribe;
  readonly stream: BidiStream;
  readonly messages: MessageStream;
  readonly broadcast: BroadcastConsumer;
  /** Milliseconds since the broadcast's first frame here. */
  readonly arrivalMs: () => number;
}

/** Drives a {@link ServingMachine}: one subscription of the peer. */
export class Serving {
  readonly #options: ServingOptions;
  readonly #machine: ServingMachine;
  readonly #writer: ControlWriter;
  readonly #window: EgressWindow;
  readonly #track: TrackConsumer;
  readonly #since: number;
  /** The newest group beyond the end the peer asked for. */
  #parked: GroupConsumer | undefined;
  #firstSequence: number | undefined;

  constructor(options: ServingOptions) {
    const { context, subscribe, stream, broadcast } = options;
    this.#options = options;
    this.#since = context.runtime.now();
    this.#machine = new ServingMachine(context.version, subscribe);
    this.#writer = new ControlWriter(context, stream.send);
    this.#window = new EgressWindow(context, (group) => this.#egress(group));
    this.#track = broadcast.subscribe(subscribe.track, this.#machine.demand);
  }

  /** Serves until either side ends the subscription. */
  async run(): Promise<void> {
    const { context } = this.#options;
    context.counters.subscriptionsOut++;
    try {
      await Promise.all([this.#acceptance(), this.#groups(), this.#updates()]);
    } finally {
      context.counters.subscriptionsOut--;
      this.#giveUp(STREAM_CODE.cancel);
    }
  }

  /** Up to lite-04 the peer waits for an OK, which waits for somebody who fills the track. */
  async #acceptance(): Promise<void> {
    try {
      await this.#track.info;
    } catch {
      // The refusal reaches `nextGroup`, too, and is answered there.
      return;
    }
    this.#machine.handleAccepted();
    await this.#perform();
  }

  async #groups(): Promise<void> {
    try {
      for (;;) {
        const group = await this.#track.nextGroup();
        if (this.#machine.over) {
          group?.close();
          return;
        }
        if (!group) break;
        this.#offer(group);
        await this.#perform();
      }
      this.#machine.handleFinished();
    } catch (error) {
      this.#machine.handleFailed(toMoqError(error, "internal_error", "subscription"));
    }
    await this.#perform();
  }

  /** Follows the peer's half of the stream. */
  async #updates(): Promise<void> {
    const { context, messages } = this.#options;
    const { version } = context;
    try {
      while (!this.#machine.over) {
        const update = await messages.next((cursor) => decodeSubscribeUpdate(version, cursor));
        if (!update) break;
        this.#machine.handleUpdate(update);
        await this.#perform();
      }
    } catch (error) {
      if (error instanceof WireError && error.kind === "unsupported") {
        context.counters.unsupportedMessages++;
        this.#machine.handleFailed(subscriptionError("message_unsupported", error.message));
      } else if (!isStreamEnd(error) && !isSessionClosed(error)) {
        throw error;
      }
    }
    this.#machine.handlePeerEnd();
    await this.#perform();
    this.#giveUp(STREAM_CODE.cancel);
  }

  #offer(group: GroupConsumer): void {
    if (this.#machine.admits(group.sequence)) {
      this.#machine.handleGroup(group.sequence);
      this.#firstSequence ??= group.sequence;
      this.#window.add(group);
    } else {
      this.#parked?.close();
      this.#parked = group;
    }
  }

  #egress(group: GroupConsumer): GroupEgress {
    const { context, subscribe, arrivalMs } = this.#options;
    return new GroupEgress({
      context,
      group,
      target: { subscribeId: subscribe.id },
      priority: this.#priorityOf(group.sequence),
      arrivalMs,
      since: this.#since,
    });
  }

  /** A higher subscriber priority first, within it newer groups first. */
  #priorityOf(sequence: number): number {
    const newness = Math.max(0, sequence - (this.#firstSequence ?? sequence));
    const { priority } = this.#machine.demand;
    return priority * SEQUENCES_PER_PRIORITY + Math.min(newness, SEQUENCES_PER_PRIORITY - 1);
  }

  async #perform(): Promise<void> {
    const { recv } = this.#options.stream;
    for (let action = this.#machine.pollAction(); action; action = this.#machine.pollAction()) {
      switch (action.type) {
        case "reply":
          this.#writer.push(action.bytes);
          break;
        case "demand":
          this.#track.update(action.demand);
          this.#window.setPriority((sequence) => this.#priorityOf(sequence));
          break;
        case "resume": {
          const parked = this.#parked;
          this.#parked = undefined;
          if (parked) this.#offer(parked);
          break;
        }
        case "finish":
          await this.#delivered();
          this.#writer.finish();
          recv.stop(STREAM_CODE.cancel);
          break;
        case "reset":
          this.#giveUp(action.code);
          this.#writer.reset(action.code);
          recv.stop(action.code);
          break;
        case "cancel":
          this.#giveUp(STREAM_CODE.cancel);
          this.#writer.reset(STREAM_CODE.cancel);
      }
    }
  }

  /** Waits for the groups under way, which the peer would drop after the end. */
  async #delivered(): Promise<void> {
    const { runtime, limits } = this.#options.context;
    const error = () => timedOut("the last groups did not arrive");
    await withTimeLimit(this.#window.delivered(), {
      runtime,
      ms: limits.maxLatencyMs,
      error,
    }).catch(() => this.#window.close(STREAM_CODE.tooFarBehind));
  }

  #giveUp(code: number): void {
    this.#track.close();
    this.#parked?.close();
    this.#parked = undefined;
    this.#window.close(code);
  }
}
