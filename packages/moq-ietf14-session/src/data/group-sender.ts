import {
  encodeObjectHeader,
  encodeSubgroupHeader,
  OBJECT_STATUS,
  STREAM_ERROR,
} from "@moq-bridge/moq-wire/ietf14";
import type { GroupConsumer, GroupPiece } from "@moq-bridge/origin";
import type { Runtime } from "@moq-bridge/runtime";
import type { SendStream } from "@moq-bridge/transport";
import { MAX_WRITE_BYTES, MAX_WRITE_PIECES } from "../limits.js";
import type { Counters } from "../stats.js";

/** What a group is sent with. */
export interface GroupSenderOptions {
  readonly group: GroupConsumer;
  readonly trackAlias: number;
  readonly publisherPriority: number;
  /** First object wanted; those before are left out. */
  readonly firstObject: number;
  readonly counters: Counters;
  readonly runtime: Runtime;
  /** When the subscription began, on the runtime's clock: what came before is not late. */
  readonly since: number;
  /** Whether the FIN is left to the caller. */
  readonly holdOpen: boolean;
}

/** Sends one group on one stream as it fills: subgroup 0, objects numbered like the group's frames. */
export class GroupSender {
  readonly #options: GroupSenderOptions;
  readonly #stream: SendStream;
  #wake: (() => void) | undefined;
  #interrupted = false;
  #paused = false;
  #objectId = -1;
  #objectCount = 0;
  #previousObjectId: number | undefined;
  /** When the frames of the batch arrived. */
  #arrivals: number[] = [];

  constructor(stream: SendStream, options: GroupSenderOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** Objects sent so far. */
  get objectCount(): number {
    return this.#objectCount;
  }

  /**
   * Sends the group and its FIN, unless that is left to the caller; false when interrupted.
   *
   * @throws {MoqError} the group's, or the stream's; the stream is reset then
   */
  async run(): Promise<boolean> {
    const { group, counters, trackAlias, publisherPriority } = this.#options;
    const header = encodeSubgroupHeader({
      trackAlias,
      groupId: group.sequence,
      subgroupId: 0,
      publisherPriority,
      extensionsPresent: false,
      endOfGroup: false,
    });
    let batch: Uint8Array[] = [header];
    let ended = false;
    try {
      while (!ended && !this.#interrupted) {
        if (this.#paused) {
          await this.#resumed();
          continue;
        }
        ended = this.#gather(batch);
        if (batch.length > 0) {
          for (const chunk of batch) counters.bytesSent += chunk.byteLength;
          this.#recordLatency();
          const written = this.#stream.write(batch);
          // At once, so that a small group is one packet.
          if (ended) this.#finish();
          await written;
          batch = [];
        } else if (ended) {
          this.#finish();
        } else {
          await this.#readable();
        }
      }
      if (this.#interrupted) return false;
      counters.groupsSent++;
      return true;
    } catch (error) {
      this.#stream.reset(STREAM_ERROR.internalError);
      throw error;
    } finally {
      group.close();
    }
  }

  /** Holds what was not handed to the transport yet, or goes on with it. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#wake?.();
  }

  /** Ends {@link run} at once, resetting the stream, also while a write is blocked. */
  interrupt(code: number): void {
    this.#interrupted = true;
    this.#stream.reset(code);
    this.#wake?.();
  }

  #finish(): void {
    if (!this.#options.holdOpen) this.#stream.finish();
  }

  /** Adds what there is to `batch`, up to a write's worth; true when it has the group's end. */
  #gather(batch: Uint8Array[]): boolean {
    let bytes = 0;
    while (batch.length < MAX_WRITE_PIECES && bytes < MAX_WRITE_BYTES) {
      const piece = this.#options.group.next();
      if (!piece) return false;
      if (piece.type === "end") return true;
      const chunk = this.#encode(piece);
      if (chunk) {
        batch.push(chunk);
        bytes += chunk.byteLength;
      }
    }
    return false;
  }

  #encode(piece: Exclude<GroupPiece, { type: "end" }>): Uint8Array | undefined {
    const { firstObject, counters } = this.#options;
    if (piece.type === "frame") this.#objectId++;
    if (this.#objectId < firstObject) return undefined;
    if (piece.type === "chunk") return piece.bytes;
    counters.objectsSent++;
    this.#objectCount++;
    if (piece.header.arrivedAt !== undefined) this.#arrivals.push(piece.header.arrivedAt);
    const header = encodeObjectHeader(
      {
        objectId: this.#objectId,
        payloadLength: piece.header.size,
        status: OBJECT_STATUS.normal,
      },
      this.#previousObjectId,
      false,
    );
    this.#previousObjectId = this.#objectId;
    return header;
  }

  #recordLatency(): void {
    if (this.#arrivals.length === 0) return;
    const { counters, runtime, since } = this.#options;
    const now = runtime.now();
    for (const arrivedAt of this.#arrivals) {
      if (arrivedAt >= since) counters.addedLatency.record(now - arrivedAt);
    }
    this.#arrivals = [];
  }

  #resumed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #readable(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      void this.#options.group.readable().then(resolve, resolve);
    });
  }
}
