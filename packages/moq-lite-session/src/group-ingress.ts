import { WireError } from "@moq-bridge/moq-wire";
import { type GroupEvent, GroupReader } from "@moq-bridge/moq-wire/lite";
import type { GroupProducer } from "@moq-bridge/origin";
import { MoqError } from "@moq-bridge/runtime";
import type { RecvStream } from "@moq-bridge/transport";
import { STREAM_CODE } from "./codes.js";
import type { SessionContext } from "./context.js";
import { isSessionClosed } from "./errors.js";
import type { Subscription } from "./subscription.js";

/** Bytes a session holds for subscriptions that were not answered yet. */
export class HeldBytes {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes `bytes` of what is left; `false` when there is not enough. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** What a group stream needs of its session. */
export interface GroupIngressHost {
  readonly context: SessionContext;
  readonly held: HeldBytes;
  /** The subscription whose groups carry this id. */
  find(subscribeId: number): Subscription | undefined;
}

/**
 * One group stream from the peer, read as fast as it arrives into the Origin.
 * What comes before its subscription was answered is held, within a bound.
 */
export class GroupIngress {
  readonly #host: GroupIngressHost;
  readonly #recv: RecvStream;
  readonly #reader: GroupReader;
  #subscription: Subscription | undefined;
  #sequence = 0;
  #timescale = 1000;
  #group: GroupProducer | undefined;
  #held: Uint8Array[] | undefined;
  #ended = false;
  #finArrived = false;

  constructor(host: GroupIngressHost, recv: RecvStream) {
    this.#host = host;
    this.#recv = recv;
    this.#reader = new GroupReader(host.context.version);
  }

  /** Reads the stream to its end; `first` is what had arrived already. */
  async run(first: Uint8Array): Promise<void> {
    try {
      if (first.byteLength > 0) this.#receive(first);
      while (!this.#ended) {
        const chunk = await this.#recv.read();
        if (!chunk) {
          this.#fin();
          break;
        }
        this.#receive(chunk);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The subscription was answered: hands on what was held. */
  release(): void {
    if (!this.#held) return;
    const chunks = this.#held;
    this.#dropHeld();
    try {
      if (!this.#open()) return;
      this.#drain();
      for (const chunk of chunks) this.#parse(chunk);
      if (this.#finArrived) this.#finish();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Nobody wants the rest. */
  stop(code: number): void {
    if (this.#ended) return;
    this.#recv.stop(code);
    this.#abort(broken("group_stopped", "the subscription ended"));
  }

  #receive(chunk: Uint8Array): void {
    this.#host.context.counters.bytesIn += chunk.byteLength;
    if (this.#held) this.#hold(chunk);
    else this.#parse(chunk);
  }

  #parse(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#reader.push(chunk);
    this.#drain();
  }

  #drain(): void {
    while (!this.#ended && !this.#held) {
      const event = this.#reader.next();
      if (!event) return;
      this.#apply(event);
    }
  }

  #apply(event: GroupEvent): void {
    switch (event.type) {
      case "header":
        this.#begin(event.header.subscribeId, event.header.sequence, event.header.startFrame);
        break;
      case "frame": {
        this.#host.context.counters.framesIn++;
        const { size, timestamp } = event;
        const arrivedAt = this.#host.context.runtime.now();
        this.#group?.beginFrame(
          timestamp === undefined
            ? { size, arrivedAt }
            : { size, arrivedAt, timestampMs: (Number(timestamp) * 1000) / this.#timescale },
        );
        break;
      }
      case "payload":
        this.#group?.writeChunk(event.bytes);
    }
  }

  #begin(subscribeId: number, sequence: number, startFrame: number): void {
    const { counters } = this.#host.context;
    const subscription = this.#host.find(subscribeId);
    // A group that does not begin at its first frame cannot be joined by anybody.
    if (!subscription || startFrame > 0) {
      counters.groupsRefused++;
      this.#ended = true;
      this.#recv.stop(STREAM_CODE.cancel);
      return;
    }
    counters.groupsIn++;
    this.#subscription = subscription;
    this.#sequence = sequence;
    subscription.addGroup(this, sequence);
    if (subscription.producer) this.#open();
    else this.#held = [];
  }

  /** Opens the group in the Origin, or ends the stream when it is not wanted there. */
  #open(): boolean {
    this.#timescale = this.#subscription?.timescale ?? 1000;
    this.#group = this.#subscription?.producer?.openGroup(this.#sequence);
    if (this.#group) {
      this.#group.onUnwanted(() => this.#refuse());
      return !this.#ended;
    }
    this.#refuse();
    return false;
  }

  #refuse(): void {
    if (this.#ended) return;
    this.#host.context.counters.groupsRefused++;
    this.#recv.stop(STREAM_CODE.cancel);
    this.#end();
  }

  #hold(chunk: Uint8Array): void {
    if (this.#host.held.take(chunk.byteLength)) this.#held?.push(chunk);
    else this.#refuse();
  }

  #dropHeld(): void {
    for (const chunk of this.#held ?? []) this.#host.held.give(chunk.byteLength);
    this.#held = undefined;
  }

  #fin(): void {
    if (this.#ended) return;
    this.#finArrived = true;
    if (!this.#held) this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#reader.end();
    this.#group?.finish();
    this.#end();
  }

  #fail(thrown: unknown): void {
    if (this.#ended) return;
    const { counters } = this.#host.context;
    if (isSessionClosed(thrown)) {
      // Another session may go on with the group: it is left open.
      this.#end();
    } else if (thrown instanceof WireError) {
      counters.groupsBroken++;
      this.#recv.stop(STREAM_CODE.malformedTrack);
      this.#abort(broken("group_malformed", thrown.message, thrown));
    } else if (thrown instanceof MoqError && thrown.code === "stream_reset") {
      counters.groupsBroken++;
      this.#abort(
        broken("group_reset", `the publisher gave the group up: ${thrown.message}`, thrown),
      );
    } else {
      // The Origin refused a write: it has ended the group itself.
      counters.groupsRefused++;
      this.#recv.stop(STREAM_CODE.cancel);
      this.#end();
    }
  }

  #abort(error: MoqError): void {
    this.#group?.abort(error);
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#dropHeld();
    this.#subscription?.removeGroup(this);
  }
}

function broken(code: string, message: string, cause?: Error): MoqError {
  const wireCode = cause instanceof MoqError ? cause.wireCode : undefined;
  return new MoqError(code, message, {
    scope: "stream",
    ...(cause === undefined ? {} : { cause }),
    ...(wireCode === undefined ? {} : { wireCode }),
  });
}
