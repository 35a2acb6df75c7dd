import { WireError } from "@moq-bridge/moq-wire";
import {
  OBJECT_STATUS,
  type ObjectHeader,
  STREAM_ERROR,
  type SubgroupHeader,
  SubgroupReader,
} from "@moq-bridge/moq-wire/ietf14";
import type { GroupProducer, TrackProducer } from "@moq-bridge/origin";
import { MoqError, toMoqError } from "@moq-bridge/runtime";
import type { RecvStream } from "@moq-bridge/transport";
import type { Counters } from "../stats.js";

/** Where an {@link IncomingStream} turns to. */
export interface StreamOwner {
  readonly counters: Counters;
  /** The runtime's clock. */
  now(): number;
  /** The header is known: say where the objects go, or hold the stream, or drop it. */
  handleHeader(stream: IncomingStream, header: SubgroupHeader): void;
  /** May this many more bytes be held? */
  hold(bytes: number): boolean;
  /** Bytes held before are let go. */
  unhold(bytes: number): void;
  /** The stream is over. */
  handleOver(stream: IncomingStream): void;
  /** The peer broke the protocol on this stream. */
  handleViolation(error: unknown): void;
  /** The stream ended inside its header or an object, which is over already. */
  handleFinInside(error: unknown): void;
  /** The track cannot be represented. */
  handleUnsupported(stream: IncomingStream, error: WireError): void;
}

/**
 * One data stream of the peer. Chunks are taken as they arrive, whatever
 * readers do.
 *
 * ```
 *  header ──▶ held ──flow()──▶ flowing ──▶ over
 *     └──────flow()──────────────┘ └──drop()──▶ over
 * ```
 */
export class IncomingStream {
  readonly #recv: RecvStream;
  readonly #owner: StreamOwner;
  readonly #reader = new SubgroupReader();
  #state: "header" | "held" | "flowing" | "over" = "header";
  #header: SubgroupHeader | undefined;
  #track: TrackProducer | undefined;
  #group: GroupProducer | undefined;
  #nextObjectId = 0;
  #pending: Uint8Array[] = [];
  #heldUnread = 0;
  #ended = false;

  constructor(recv: RecvStream, owner: StreamOwner) {
    this.#recv = recv;
    this.#owner = owner;
  }

  /** Known once the header's first fields are. */
  get trackAlias(): number | undefined {
    return this.#reader.trackAlias;
  }

  /** Reads the stream to its end; never rejects. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const chunk = await this.#recv.read();
        if (this.#state === "over") return;
        if (!chunk) break;
        this.#owner.counters.bytesReceived += chunk.byteLength;
        this.#handleChunk(chunk);
      }
      this.#ended = true;
      if (this.#state !== "held") this.#handleFin();
    } catch (error) {
      this.#handleFailure(toMoqError(error, "stream_failed", "stream"));
    }
  }

  /** Sends the objects to `track`, those held first. */
  flow(track: TrackProducer): void {
    if (this.#state !== "held") return;
    this.#track = track;
    this.#state = "flowing";
    this.#owner.unhold(this.#heldUnread);
    this.#heldUnread = 0;
    const pending = this.#pending;
    this.#pending = [];
    this.#drain();
    for (const chunk of pending) {
      this.#owner.unhold(chunk.byteLength);
      this.#handleChunk(chunk);
    }
    if (this.#ended) this.#handleFin();
  }

  /** Stops the stream, now or held; its group, if begun, ends unfinished. */
  drop(code: number, why: MoqError): void {
    if (this.#state === "over") return;
    this.#group?.abort(why);
    this.#recv.stop(code);
    this.#over();
  }

  /** Leaves the group as it is, for the next source to continue. */
  abandon(): void {
    if (this.#state === "over") return;
    this.#recv.stop(STREAM_ERROR.cancelled);
    this.#over();
  }

  #handleChunk(chunk: Uint8Array): void {
    if (this.#state === "over") return;
    if (this.#state === "held") {
      if (this.#hold(chunk.byteLength)) this.#pending.push(chunk);
      return;
    }
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#handleWireError(error);
      return;
    }
    this.#drain();
  }

  #drain(): void {
    try {
      while (this.#state === "header" || this.#state === "flowing") {
        const event = this.#reader.next();
        if (!event) return;
        if (event.type === "payload") this.#group?.writeChunk(event.bytes);
        else if (event.type === "object") this.#handleObject(event.object);
        else this.#handleHeader(event.header);
      }
    } catch (error) {
      this.#handleWireError(error);
    }
  }

  #handleHeader(header: SubgroupHeader): void {
    this.#header = header;
    this.#state = "held";
    if (typeof header.subgroupId === "number" && header.subgroupId !== 0) {
      this.#dropSubgroup();
      return;
    }
    this.#owner.handleHeader(this, header);
    this.#holdUnread();
  }

  /** What came in one chunk with the header waits inside the reader. */
  #holdUnread(): void {
    if (this.#state !== "held") return;
    const { buffered } = this.#reader;
    if (this.#hold(buffered)) this.#heldUnread = buffered;
  }

  #hold(bytes: number): boolean {
    if (this.#owner.hold(bytes)) return true;
    const message = "too much data came before its track was known";
    const error = new MoqError("held_overflow", message, { scope: "stream" });
    this.drop(STREAM_ERROR.cancelled, error);
    return false;
  }

  #handleObject(object: ObjectHeader): void {
    const { counters } = this.#owner;
    const { objectId, payloadLength, status, extensions } = object;
    if (extensions) counters.extensionsDropped++;
    if (!this.#group) {
      if (this.#header?.subgroupId === "first_object_id" && objectId !== 0) {
        this.#dropSubgroup();
        return;
      }
      if (!this.#openGroup() || !this.#startAt(objectId)) return;
    }
    counters.objectGaps += objectId - this.#nextObjectId;
    this.#nextObjectId = objectId + 1;
    if (status !== OBJECT_STATUS.normal) {
      counters.statusObjectsDropped++;
      return;
    }
    counters.objectsReceived++;
    this.#group?.beginFrame({ size: payloadLength, arrivedAt: this.#owner.now() });
  }

  /** False when the group is not wanted. */
  #openGroup(): boolean {
    const { counters } = this.#owner;
    const group = this.#track?.openGroup(this.#header?.groupId ?? 0);
    if (!group) {
      counters.groupsUnwanted++;
      this.#recv.stop(STREAM_ERROR.cancelled);
      this.#over();
      return false;
    }
    counters.groupsReceived++;
    this.#group = group;
    group.onUnwanted(() => this.abandon());
    return this.#state === "flowing";
  }

  /** A group that begins later than its first object is of use only if what comes before is here already. */
  #startAt(objectId: number): boolean {
    if (objectId === 0) return true;
    try {
      this.#group?.startAt(objectId);
      this.#nextObjectId = objectId;
      return true;
    } catch (error) {
      this.#owner.counters.objectGaps += objectId;
      this.#owner.counters.groupsTruncated++;
      this.drop(STREAM_ERROR.cancelled, toMoqError(error, "group_failed", "stream"));
      return false;
    }
  }

  #dropSubgroup(): void {
    this.#owner.counters.subgroupsDropped++;
    this.#recv.stop(STREAM_ERROR.cancelled);
    this.#over();
  }

  #handleFin(): void {
    if (this.#state === "over") return;
    try {
      this.#reader.end();
    } catch (error) {
      this.#truncated("the stream ended inside an object");
      this.#owner.handleFinInside(error);
      return;
    }
    try {
      // A group without objects is still a group.
      if (this.#group || this.#openGroup()) this.#group?.finish();
    } catch (error) {
      this.#handleWireError(error);
      return;
    }
    this.#over();
  }

  #handleFailure(error: MoqError): void {
    if (this.#state === "over") return;
    if (error.code === "session_closed") this.#over();
    else this.#truncated("the stream was reset");
  }

  #truncated(message: string): void {
    this.#owner.counters.groupsTruncated++;
    this.#group?.abort(new MoqError("group_truncated", message, { scope: "stream" }));
    this.#over();
  }

  #handleWireError(error: unknown): void {
    if (this.#state === "over") return;
    if (!(error instanceof WireError)) {
      // The group refused: its track is over, or was replaced.
      this.drop(STREAM_ERROR.cancelled, toMoqError(error, "group_failed", "stream"));
      return;
    }
    const why = new MoqError("group_unreadable", error.message, { scope: "stream", cause: error });
    const unsupported = error.kind === "unsupported";
    if (unsupported) this.#owner.handleUnsupported(this, error);
    this.drop(STREAM_ERROR.internalError, why);
    if (!unsupported) this.#owner.handleViolation(error);
  }

  #over(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#owner.unhold(this.#heldUnread);
    for (const chunk of this.#pending) this.#owner.unhold(chunk.byteLength);
    this.#pending = [];
    this.#owner.handleOver(this);
  }
}
