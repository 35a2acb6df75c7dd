import { WireError } from "@moq-bridge/moq-wire";
import {
  BIDI_STREAM,
  decodeSubscribeReply,
  decodeTrackInfo,
  encodeStreamType,
  encodeSubscribe,
  encodeSubscribeUpdate,
  encodeTrackRequest,
  type SubscribeOptions,
} from "@moq-bridge/moq-wire/lite";
import type { Path, TrackProducer, TrackRequest } from "@moq-bridge/origin";
import { type CancelTimer, type MoqError, toMoqError } from "@moq-bridge/runtime";
import type { BidiStream } from "@moq-bridge/transport";
import { STREAM_CODE } from "./codes.js";
import type { SessionContext } from "./context.js";
import { ControlWriter } from "./control-writer.js";
import { sourceLost, subscriptionError, subscriptionLost } from "./errors.js";
import type { GroupIngress } from "./group-ingress.js";
import { MessageStream } from "./message-stream.js";
import { type SubscriptionAction, SubscriptionMachine } from "./subscription-machine.js";

/** Subscriptions by the id their group streams carry. */
export interface SubscriptionIds {
  add(subscription: Subscription): number;
  remove(id: number): void;
}

/** One stream of a subscription: a TRACK or a SUBSCRIBE. */
interface Attempt {
  /** For SUBSCRIBE: the id its groups carry. */
  readonly id: number | undefined;
  readonly groups: Set<GroupIngress>;
  stream: BidiStream | undefined;
  writer: ControlWriter | undefined;
}

/** Drives a {@link SubscriptionMachine}: one track the Origin asked for. */
export class Subscription {
  readonly #context: SessionContext;
  readonly #ids: SubscriptionIds;
  readonly #request: TrackRequest;
  readonly #broadcast: Path;
  readonly #machine: SubscriptionMachine;
  readonly #onOver: () => void;
  #attempt: Attempt | undefined;
  #producer: TrackProducer | undefined;
  #timescale = 1000;
  #cancelTimer: CancelTimer | undefined;
  #ended = false;

  constructor(
    context: SessionContext,
    ids: SubscriptionIds,
    request: TrackRequest,
    broadcast: Path,
    onOver: () => void,
  ) {
    this.#context = context;
    this.#ids = ids;
    this.#request = request;
    this.#broadcast = broadcast;
    this.#onOver = onOver;
    this.#machine = new SubscriptionMachine({
      version: context.version,
      demand: request.demand,
      ...context.limits,
    });
    context.counters.subscriptionsIn++;
    request.onCancelled(() => this.#handle(() => this.#machine.handleClosed()));
    this.#perform();
  }

  /** Where groups go, once the subscription was accepted. */
  get producer(): TrackProducer | undefined {
    return this.#machine.live ? this.#producer : undefined;
  }

  /** Units per second of the frames' timestamps. */
  get timescale(): number {
    return this.#timescale;
  }

  /** A group stream for this subscription arrived. */
  addGroup(group: GroupIngress, sequence: number): void {
    this.#attempt?.groups.add(group);
    this.#machine.handleGroupBegin(sequence);
  }

  /** A whole group of this subscription came at once, in a datagram. */
  noteGroup(sequence: number): void {
    this.#machine.handleGroupBegin(sequence);
    this.#handle(() => this.#machine.handleGroupEnd(this.#context.runtime.now()));
  }

  /** A group stream of this subscription ended. */
  removeGroup(group: GroupIngress): void {
    this.#attempt?.groups.delete(group);
    this.#handle(() => this.#machine.handleGroupEnd(this.#context.runtime.now()));
  }

  /** The session has ended. */
  lose(error: MoqError): void {
    this.#handle(() => this.#machine.handleSessionLost(sourceLost(error)));
  }

  #handle(input: () => void): void {
    if (this.#machine.over) return;
    input();
    this.#perform();
  }

  #perform(): void {
    for (let action = this.#machine.pollAction(); action; action = this.#machine.pollAction()) {
      this.#do(action);
    }
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const at = this.#machine.pollTimeout();
    if (at !== undefined) {
      const { runtime } = this.#context;
      this.#cancelTimer = runtime.setTimer(at - runtime.now(), () =>
        this.#handle(() => this.#machine.handleTimeout(runtime.now())),
      );
    }
    if (this.#machine.live) this.#releaseHeld();
    if (this.#machine.over) this.#end();
  }

  #do(action: SubscriptionAction): void {
    switch (action.type) {
      case "askTrack":
        this.#begin(undefined, (attempt) => this.#askTrack(attempt));
        break;
      case "subscribe":
        this.#begin(this.#ids.add(this), (attempt) => this.#subscribe(attempt, action.options));
        break;
      case "update":
        this.#attempt?.writer?.push(
          encodeSubscribeUpdate(this.#context.version, action.options),
          "update",
        );
        break;
      case "leave":
        this.#leave();
        break;
      case "accept":
        this.#accept(this.#request.accept(action.info));
        break;
      case "reject":
        this.#request.reject(action.error);
        break;
      case "detach":
        this.#producer?.detach();
        break;
      case "finish":
        this.#producer?.finish();
        break;
      case "abort":
        this.#producer?.abort(action.error);
    }
  }

  #begin(id: number | undefined, talk: (attempt: Attempt) => Promise<void>): void {
    const attempt: Attempt = { id, groups: new Set(), stream: undefined, writer: undefined };
    this.#attempt = attempt;
    this.#context.run(
      talk(attempt).catch((error) => {
        if (this.#attempt !== attempt) return;
        if (error instanceof WireError && error.kind !== "unsupported") throw error;
        const lost = toMoqError(error, "lite_subscription_failed", "subscription");
        if (lost.scope === "session" && lost.code !== "session_closed") throw lost;
        if (error instanceof WireError) this.#context.counters.unsupportedMessages++;
        // A lost session is reported by its own end, which knows why.
        if (lost.code === "session_closed") return;
        this.#fail(attempt, subscriptionLost(lost));
      }),
    );
  }

  #fail(attempt: Attempt, error: MoqError): void {
    if (this.#attempt !== attempt) return;
    this.#handle(() => this.#machine.handleFailure(error, this.#context.runtime.now()));
  }

  /** Opens the stream of an attempt; `undefined` when it was left meanwhile. */
  async #open(attempt: Attempt, request: readonly Uint8Array[]): Promise<BidiStream | undefined> {
    const stream = await this.#context.openBidi();
    if (this.#attempt !== attempt) {
      abandon(stream);
      return undefined;
    }
    attempt.stream = stream;
    await stream.send.write(request);
    return stream;
  }

  async #askTrack(attempt: Attempt): Promise<void> {
    const { version } = this.#context;
    const request = { broadcast: this.#broadcast, track: this.#request.name };
    const stream = await this.#open(attempt, [
      encodeStreamType(BIDI_STREAM.track),
      encodeTrackRequest(version, request),
    ]);
    if (!stream) return;
    const messages = new MessageStream(stream.recv);
    const info = await messages.next((cursor) => decodeTrackInfo(version, cursor));
    if (this.#attempt !== attempt) return;
    if (!info) {
      const message = "the publisher ended the TRACK stream without an answer";
      this.#fail(attempt, subscriptionError("lite_subscription_failed", message));
      return;
    }
    abandon(stream);
    attempt.stream = undefined;
    this.#timescale = info.timescale;
    const { priority, latencyMaxMs } = info;
    this.#handle(() => this.#machine.handleTrackInfo({ priority, maxLatencyMs: latencyMaxMs }));
  }

  async #subscribe(attempt: Attempt, options: SubscribeOptions): Promise<void> {
    const { version, runtime, counters } = this.#context;
    const subscribe = {
      id: attempt.id ?? 0,
      broadcast: this.#broadcast,
      track: this.#request.name,
      ...options,
    };
    const stream = await this.#open(attempt, [
      encodeStreamType(BIDI_STREAM.subscribe),
      encodeSubscribe(version, subscribe),
    ]);
    if (!stream) return;
    attempt.writer = new ControlWriter(this.#context, stream.send);
    const messages = new MessageStream(stream.recv);
    for (;;) {
      const reply = await messages.next((cursor) => decodeSubscribeReply(version, cursor));
      if (this.#attempt !== attempt) return;
      if (!reply) break;
      if (reply.type === "drop") counters.dropsReceived++;
      this.#handle(() => this.#machine.handleReply(reply));
    }
    this.#handle(() => this.#machine.handleFin(runtime.now()));
  }

  #accept(producer: TrackProducer): void {
    const { runtime } = this.#context;
    this.#producer = producer;
    producer.onDemand((demand) =>
      this.#handle(() => this.#machine.handleDemand(demand, runtime.now())),
    );
    this.#context.run(producer.closed.then(() => this.#handle(() => this.#machine.handleClosed())));
    // The demand may have changed between the request and its acceptance.
    const { demand } = producer;
    if (demand?.priority !== this.#request.demand.priority) {
      this.#machine.handleDemand(demand, runtime.now());
    }
  }

  /** Hands on what arrived before the subscription was answered. */
  #releaseHeld(): void {
    for (const group of [...(this.#attempt?.groups ?? [])]) group.release();
  }

  #leave(): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    if (!attempt) return;
    if (attempt.id !== undefined) this.#ids.remove(attempt.id);
    for (const group of [...attempt.groups]) group.stop(STREAM_CODE.cancel);
    if (attempt.stream) abandon(attempt.stream);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leave();
    this.#context.counters.subscriptionsIn--;
    this.#onOver();
  }
}

/** Ends a request: FIN tells the publisher that its groups are not wanted any more. */
function abandon(stream: BidiStream): void {
  stream.send.finish();
  stream.recv.stop(STREAM_CODE.cancel);
}
