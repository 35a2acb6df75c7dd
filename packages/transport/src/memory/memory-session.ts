import { AsyncQueue } from "../async-queue.js";
import { type Deferred, deferred } from "../deferred.js";
import { sessionClosed } from "../error.js";
import type {
  BidiStream,
  Capabilities,
  CloseInfo,
  RecvStream,
  SendStream,
  TransportSession,
} from "../transport.js";
import type { Link } from "./link.js";
import type { MemoryRecv } from "./memory-recv.js";
import type { MemorySend } from "./memory-send.js";
import { createPipe } from "./pipe.js";
import { Lane, type Wire } from "./wire.js";

const MAX_DATAGRAM_BYTES = 1200;
const MAX_QUEUED_DATAGRAMS = 1024;

/** What the two sessions of a pair have in common. */
export interface MemorySessionOptions {
  readonly wire: Wire;
  /** What each side's data waits for; absent: nothing. */
  readonly links: Readonly<Record<"client" | "server", Link>> | undefined;
  readonly windowBytes: number;
  /** How many streams of each kind either side may have open at once. */
  readonly limits: Readonly<Record<StreamKind, number>>;
  readonly protocol: string | undefined;
  /** Decides for each datagram whether it is lost. */
  readonly losesDatagram: () => boolean;
}

type StreamKind = "uni" | "bidi";

/** One end of a {@link memoryPair}. */
export class MemorySession implements TransportSession {
  readonly kind = "memory";
  readonly side: "client" | "server";
  readonly path: string | undefined;
  readonly capabilities: Capabilities;
  readonly #options: MemorySessionOptions;
  readonly #closed = deferred<CloseInfo>();
  readonly #controlLane = new Lane();
  readonly #uniStreams = new AsyncQueue<RecvStream>("unidirectional streams");
  readonly #bidiStreams = new AsyncQueue<BidiStream>("bidirectional streams");
  readonly #datagrams = new AsyncQueue<Uint8Array>("datagrams");
  readonly #sending = new Set<MemorySend>();
  readonly #receiving = new Set<MemoryRecv>();
  readonly #free: Record<StreamKind, number>;
  readonly #waiting: Record<StreamKind, Deferred<void>[]> = { uni: [], bidi: [] };
  #ended: CloseInfo | undefined;
  #peer: MemorySession = this;

  constructor(side: "client" | "server", path: string | undefined, options: MemorySessionOptions) {
    this.side = side;
    this.path = path;
    this.#options = options;
    this.capabilities = {
      datagrams: true,
      acknowledgedFinish: true,
      priorities: options.links !== undefined,
      perStreamFlowControl: true,
    };
    this.#free = { ...options.limits };
  }

  /** Makes two sessions each other's peer. */
  static join(client: MemorySession, server: MemorySession): void {
    client.#peer = server;
    server.#peer = client;
  }

  get protocol(): string | undefined {
    return this.#options.protocol;
  }

  /** Streams, and our halves of bidirectional ones, on which we have not ended sending. */
  get openStreams(): number {
    return this.#sending.size;
  }

  get maxDatagramSize(): number {
    return MAX_DATAGRAM_BYTES;
  }

  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  async openUni(): Promise<SendStream> {
    await this.#admission("uni");
    const peer = this.#peer;
    const { send, recv } = this.#pipeTo(peer, {
      onArrival: once(() => peer.#uniStreams.push(recv)),
      onStopArrival: () => {},
      onSendEnded: () => {},
      onRecvEnded: () => peer.#returnSlot("uni"),
    });
    return send;
  }

  async openBidi(): Promise<BidiStream> {
    await this.#admission("bidi");
    const peer = this.#peer;
    const announce = once(() => peer.#bidiStreams.push({ send: back.send, recv: out.recv }));
    const halfEnded = countdown(2, () => peer.#returnSlot("bidi"));
    const out = this.#pipeTo(peer, {
      onArrival: announce,
      onStopArrival: () => {},
      onSendEnded: () => {},
      onRecvEnded: halfEnded,
    });
    const back = peer.#pipeTo(this, {
      onArrival: () => {},
      onStopArrival: announce,
      onSendEnded: halfEnded,
      onRecvEnded: () => {},
    });
    return { send: out.send, recv: back.recv };
  }

  acceptUni(): Promise<RecvStream | undefined> {
    return this.#uniStreams.next();
  }

  acceptBidi(): Promise<BidiStream | undefined> {
    return this.#bidiStreams.next();
  }

  sendDatagram(payload: Uint8Array): void {
    if (this.#ended || payload.byteLength > MAX_DATAGRAM_BYTES) return;
    if (this.#options.losesDatagram()) return;
    const peer = this.#peer;
    const copy = payload.slice();
    // Each has a lane of its own: datagrams may overtake each other.
    this.#options.wire.send(new Lane(), () => {
      if (peer.#datagrams.size < MAX_QUEUED_DATAGRAMS) peer.#datagrams.push(copy);
    });
  }

  readDatagram(): Promise<Uint8Array | undefined> {
    return this.#datagrams.next();
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    const peer = this.#peer;
    this.#options.wire.send(this.#controlLane, () => peer.end({ code, reason, by: "peer" }));
    this.end({ code, reason, by: "local" });
  }

  /** Ends this side only: everything pending ends, everything unread is dropped. */
  end(info: CloseInfo): void {
    if (this.#ended) return;
    this.#ended = info;
    const error = sessionClosed(info);
    for (const send of [...this.#sending]) send.fail(error, undefined);
    for (const recv of [...this.#receiving]) recv.fail(error);
    for (const waiting of [...this.#waiting.uni, ...this.#waiting.bidi]) waiting.reject(error);
    this.#uniStreams.end();
    this.#bidiStreams.end();
    this.#datagrams.end();
    this.#closed.resolve(info);
  }

  async #admission(kind: StreamKind): Promise<void> {
    if (this.#ended) throw sessionClosed(this.#ended);
    if (this.#free[kind] > 0) {
      this.#free[kind] -= 1;
      return;
    }
    const turn = deferred<void>();
    this.#waiting[kind].push(turn);
    await turn.promise;
    // The session may have ended between the peer's leave and this turn of the event loop.
    if (this.#ended) throw sessionClosed(this.#ended);
  }

  /** Tells the peer that one of its streams has ended and it may open another. */
  #returnSlot(kind: StreamKind): void {
    const peer = this.#peer;
    this.#options.wire.send(this.#controlLane, () => peer.#handleSlot(kind));
  }

  #handleSlot(kind: StreamKind): void {
    const next = this.#waiting[kind].shift();
    if (next) next.resolve();
    else this.#free[kind] += 1;
  }

  #pipeTo(
    receiver: MemorySession,
    hooks: {
      readonly onArrival: () => void;
      readonly onStopArrival: () => void;
      readonly onSendEnded: () => void;
      readonly onRecvEnded: () => void;
    },
  ) {
    const { wire, links, windowBytes } = this.#options;
    const pipe = createPipe({
      ...hooks,
      wire,
      link: links?.[this.side],
      windowBytes,
      onSendEnded: () => {
        this.#sending.delete(pipe.send);
        hooks.onSendEnded();
      },
      onRecvEnded: () => {
        receiver.#receiving.delete(pipe.recv);
        hooks.onRecvEnded();
      },
    });
    this.#sending.add(pipe.send);
    receiver.#receiving.add(pipe.recv);
    return pipe;
  }
}

function once(action: () => void): () => void {
  return countdown(1, action);
}

/** Acts on the `times`-th call and never again. */
function countdown(times: number, action: () => void): () => void {
  let left = times;
  return () => {
    left -= 1;
    if (left === 0) action();
  };
}
