import { encodeSubgroupHeader, STREAM_ERROR } from "@moq-bridge/moq-wire/ietf14";
import type { SendStream, TransportSession } from "@moq-bridge/transport";
import type { CachedStream } from "./cached-stream.js";

/** Unfinished streams of one subscription; with more, the viewer is too slow and loses the oldest. */
const MAX_OPEN_STREAMS = 16;

/** What ends a subscription: PUBLISH_DONE. */
export interface Done {
  readonly code: number;
  readonly reason: string;
}

/** One SUBSCRIBE of a peer: sends it the track's streams under its alias. */
export class Viewer {
  readonly requestId: number;
  readonly #transport: TransportSession;
  readonly #invertsPriority: boolean;
  readonly #sendDone: (done: Done, streamCount: number) => void;
  readonly #open = new Set<{ stream: SendStream | undefined; cancelled: boolean }>();
  #streams = 0;
  #done: Done | undefined;
  #over = false;

  /** @param sendDone called once, when {@link end} was and every stream has ended */
  constructor(
    requestId: number,
    options: { transport: TransportSession; invertsPriority: boolean },
    sendDone: (done: Done, streamCount: number) => void,
  ) {
    this.requestId = requestId;
    this.#transport = options.transport;
    this.#invertsPriority = options.invertsPriority;
    this.#sendDone = sendDone;
  }

  /** Passes a stream on: what is there of it, then the rest as it comes. */
  send(source: CachedStream): void {
    if (this.#done) return;
    const [oldest] = this.#open;
    if (oldest && this.#open.size >= MAX_OPEN_STREAMS) {
      oldest.cancelled = true;
      oldest.stream?.reset(STREAM_ERROR.deliveryTimeout);
    }
    void this.#copy(source);
  }

  /** No more streams; those under way may end, then the peer is told. */
  end(done: Done): void {
    if (this.#done) return;
    this.#done = done;
    this.#settle();
  }

  /** The session is over. */
  drop(): void {
    this.#over = true;
    this.end({ code: 0, reason: "" });
  }

  async #copy(source: CachedStream): Promise<void> {
    const entry: { stream: SendStream | undefined; cancelled: boolean } = {
      stream: undefined,
      cancelled: false,
    };
    this.#open.add(entry);
    this.#streams++;
    try {
      const stream = await this.#transport.openUni();
      entry.stream = stream;
      const { header } = source;
      stream.setPriority(
        this.#invertsPriority ? header.publisherPriority : 255 - header.publisherPriority,
      );
      await stream.write(encodeSubgroupHeader({ ...header, trackAlias: this.requestId }));
      for (let at = 0; !entry.cancelled; ) {
        if (at < source.chunks.length) {
          const batch = source.chunks.slice(at);
          at += batch.length;
          await stream.write(batch);
        } else if (source.ended) {
          if (source.ended === "fin") stream.finish();
          else stream.reset(STREAM_ERROR.internalError);
          break;
        } else {
          await source.changed();
        }
      }
      if (entry.cancelled) stream.reset(STREAM_ERROR.deliveryTimeout);
    } catch {
      // The viewer stopped the stream, or its session is over: that ends this copy only.
    }
    this.#open.delete(entry);
    this.#settle();
  }

  #settle(): void {
    if (!this.#done || this.#open.size > 0 || this.#over) return;
    this.#over = true;
    this.#sendDone(this.#done, this.#streams);
  }
}
