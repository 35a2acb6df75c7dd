import {
  encodeFrameHeader,
  encodeGroupHeader,
  encodeStreamType,
  hasTrackStream,
  UNI_STREAM,
} from "@moq-bridge/moq-wire/lite";
import type { FrameHeader, GroupConsumer } from "@moq-bridge/origin";
import { MoqError } from "@moq-bridge/runtime";
import type { SendStream } from "@moq-bridge/transport";
import { STREAM_CODE, streamCodeOf } from "./codes.js";
import type { SessionContext } from "./context.js";
import { isSessionClosed } from "./errors.js";

/** What a group stream to the peer needs. */
export interface GroupEgressOptions {
  readonly context: SessionContext;
  readonly group: GroupConsumer;
  /** The subscription whose group stream this is, or the FETCH stream that asked for the frames. */
  readonly target: { readonly subscribeId: number } | FetchTarget;
  readonly priority: number;
  /** Milliseconds since the broadcast's first frame, for frames without a timestamp. */
  readonly arrivalMs: () => number;
  /** When the subscription began, on the runtime's clock: what came before is not late. */
  readonly since: number;
}

/** Where fetched frames go: a stream of theirs, without a header. */
export interface FetchTarget {
  readonly stream: SendStream;
  /** The first frame wanted. */
  readonly startFrame: number;
  /** The last frame wanted; `undefined`: all. */
  readonly endFrame: number | undefined;
}

const STREAM_TYPE = encodeStreamType(UNI_STREAM.group);

/** Bytes gathered before they are written together. */
const BATCH_BYTES = 64 * 1024;

/** One group on its way to the peer, live: each piece goes on as soon as it is there. */
export class GroupEgress {
  readonly #options: GroupEgressOptions;
  #stream: SendStream | undefined;
  #cancelled = false;
  #ended = false;
  #previousTimestamp = 0n;
  /** Number of the frame that is read from the group. */
  #frame = -1;
  /** When the frames of the batch arrived. */
  #arrivals: number[] = [];

  constructor(options: GroupEgressOptions) {
    this.#options = options;
  }

  get sequence(): number {
    return this.#options.group.sequence;
  }

  /** Resolves when everything was written, or the group given up; then {@link delivered} says when it arrived. */
  async run(): Promise<void> {
    const { context, group, target } = this.#options;
    try {
      const stream = "stream" in target ? target.stream : await context.openUni();
      this.#stream = stream;
      if (this.#cancelled) {
        stream.reset(STREAM_CODE.cancel);
        return;
      }
      stream.setPriority(this.#options.priority);
      this.#cancelWhenStopped(stream);
      await this.#write(stream);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#ended = true;
      group.close();
    }
  }

  /** Resolves when the peer has everything, or never will. */
  async delivered(): Promise<void> {
    await this.#stream?.finished.catch(() => {});
  }

  setPriority(priority: number): void {
    if (!this.#ended) this.#stream?.setPriority(priority);
  }

  /** Gives the group up. */
  cancel(code: number): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#stream?.reset(code);
    this.#options.group.close();
  }

  #cancelWhenStopped(stream: SendStream): void {
    void stream.stopped.then((code) => {
      if (code !== undefined) this.cancel(code);
    });
  }

  async #write(stream: SendStream): Promise<void> {
    const { context, group } = this.#options;
    context.counters.groupsOut++;
    let batch = this.#header();
    for (;;) {
      const done = this.#gather(batch);
      if (this.#cancelled) return;
      if (batch.length > 0) {
        for (const bytes of batch) context.counters.bytesOut += bytes.byteLength;
        this.#recordLatency();
        await stream.write(batch);
        batch = [];
      } else if (!done) {
        await group.readable();
      }
      if (done) {
        stream.finish();
        return;
      }
    }
  }

  #header(): Uint8Array[] {
    const { context, group, target } = this.#options;
    if ("stream" in target) return [];
    const { subscribeId } = target;
    const header = { subscribeId, sequence: group.sequence, startFrame: 0 };
    return [STREAM_TYPE, encodeGroupHeader(context.version, header)];
  }

  /** Whether the frame that is read is wanted, not yet, or no more. */
  #wanted(): "yes" | "before" | "after" {
    const { target } = this.#options;
    if (!("stream" in target)) return "yes";
    if (this.#frame < target.startFrame) return "before";
    return target.endFrame !== undefined && this.#frame > target.endFrame ? "after" : "yes";
  }

  /** Adds what is there to the batch; `true` once the group is over. */
  #gather(batch: Uint8Array[]): boolean {
    const { context, group } = this.#options;
    for (let size = 0; size < BATCH_BYTES; ) {
      const piece = group.next();
      switch (piece?.type) {
        case undefined:
          return false;
        case "end":
          return true;
        case "frame":
          this.#frame++;
          if (this.#wanted() === "after") return true;
          if (this.#wanted() === "before") break;
          context.counters.framesOut++;
          if (piece.header.arrivedAt !== undefined) this.#arrivals.push(piece.header.arrivedAt);
          batch.push(this.#frameHeader(piece.header));
          break;
        case "chunk":
          if (this.#wanted() === "before") break;
          batch.push(piece.bytes);
          size += piece.bytes.byteLength;
      }
    }
    return false;
  }

  #recordLatency(): void {
    if (this.#arrivals.length === 0) return;
    const { context, since } = this.#options;
    const now = context.runtime.now();
    for (const arrivedAt of this.#arrivals) {
      if (arrivedAt >= since) context.counters.addedLatency.record(now - arrivedAt);
    }
    this.#arrivals = [];
  }

  #frameHeader(header: FrameHeader): Uint8Array {
    const { version } = this.#options.context;
    if (!hasTrackStream(version)) {
      return encodeFrameHeader(version, { size: header.size, timestampDelta: 0n });
    }
    const ms = header.timestampMs ?? this.#options.arrivalMs();
    const timestamp = BigInt(Math.max(0, Math.round(ms)));
    const timestampDelta = timestamp - this.#previousTimestamp;
    this.#previousTimestamp = timestamp;
    return encodeFrameHeader(version, { size: header.size, timestampDelta });
  }

  #fail(thrown: unknown): void {
    if (this.#cancelled || isSessionClosed(thrown)) return;
    if (!(thrown instanceof MoqError)) throw thrown;
    if (thrown.code === "stream_stopped") return;
    if (this.#stream) this.#stream.reset(streamCodeOf(thrown));
    else this.#options.context.counters.groupsSkipped++;
  }
}
