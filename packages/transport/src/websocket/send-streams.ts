import type { Codec } from "./codec.js";
import { SendCredit } from "./credit.js";
import { MAX_STREAM_PAYLOAD, type TransportParameters } from "./frame.js";
import { SEND_BUFFER } from "./limits.js";
import type { Outbox } from "./outbox.js";
import { SendQueue } from "./send-queue.js";
import { isUni, openedBy, type Side, streamId, streamIndex } from "./stream-id.js";
import { SendState } from "./stream-state.js";
import { Violation } from "./violation.js";

/** What the sending side needs of the session around it. */
export interface SendStreamsOptions {
  readonly side: Side;
  readonly codec: Codec;
  readonly outbox: Outbox;
  /** A half that was waited for has room; or it has ended. */
  readonly onChanged: (send: SendState) => void;
  /** Nothing more will be sent on a stream. */
  readonly onEnded: (send: SendState) => void;
  /** The peer admits more streams. */
  readonly onOpenable: () => void;
}

/** A message for the socket. */
export interface OutgoingMessage {
  readonly bytes: Uint8Array;
  /** The stream whose FIN this message carries. */
  readonly finished?: SendState;
}

/** Everything a session sends on streams: credit, order, and who may open how many. */
export class SendStreams {
  readonly #options: SendStreamsOptions;
  readonly #credit: SendCredit;
  readonly #opened: Readonly<Record<"uni" | "bidi", SendCredit>>;
  readonly #live = new Map<number, SendState>();
  readonly #queue = new SendQueue();
  /** Streams that only lack their FIN, which needs no credit. */
  readonly #bareFins = new Set<SendState>();
  /** What the peer grants each stream, by who opened it. */
  #limits = { ownBidi: 0, peerBidi: 0, uni: 0 };

  constructor(options: SendStreamsOptions) {
    this.#options = options;
    const unlimited = Number.POSITIVE_INFINITY;
    const initial = options.codec.flowControl ? 0 : unlimited;
    this.#credit = new SendCredit(initial);
    this.#opened = { uni: new SendCredit(initial), bidi: new SendCredit(initial) };
    this.#limits = { ownBidi: initial, peerBidi: initial, uni: initial };
  }

  /** Something could be sent now. */
  get hasOutput(): boolean {
    return (
      this.#bareFins.size > 0 || (this.#credit.available > 0 && this.#queue.peek() !== undefined)
    );
  }

  /** Opens a stream, `undefined` while the peer's limit does not admit one more. */
  open(uni: boolean): SendState | undefined {
    const opened = uni ? this.#opened.uni : this.#opened.bidi;
    if (opened.available <= 0) return undefined;
    const id = streamId(opened.used, uni, this.#options.side);
    opened.use(1);
    return this.#add(id);
  }

  /** Our half of a bidirectional stream the peer opened. */
  answer(id: number): SendState {
    return this.#add(id);
  }

  /** Queues a chunk. The stream is open. */
  write(send: SendState, chunk: Uint8Array): void {
    send.queue.push(chunk);
    this.#schedule(send);
  }

  /** Whether a writer should go on. */
  hasRoom(send: SendState): boolean {
    return send.queue.size <= SEND_BUFFER;
  }

  /** Ends a stream after what is queued. */
  finish(send: SendState): void {
    if (send.status !== "open") return;
    send.status = "finishing";
    this.#schedule(send);
  }

  /** Abandons a stream, also with data queued. */
  reset(send: SendState, code: number): void {
    if (send.ended) return;
    send.queue.clear();
    this.#queue.remove(send);
    this.#bareFins.delete(send);
    send.status = "reset";
    this.#options.outbox.push({
      type: "reset_stream",
      id: send.id,
      code,
      finalSize: send.sent,
    });
    this.#end(send);
  }

  setPriority(send: SendState, priority: number): void {
    send.priority = priority;
    if (send.turn > 0) this.#queue.add(send);
  }

  /** The peer's parameters arrived. */
  handleParameters(parameters: TransportParameters): void {
    this.#limits = {
      ownBidi: parameters.initialMaxStreamDataBidiRemote,
      peerBidi: parameters.initialMaxStreamDataBidiLocal,
      uni: parameters.initialMaxStreamDataUni,
    };
    for (const send of this.#live.values()) this.#raise(send, this.#initialLimit(send.id));
    this.#credit.raise(parameters.initialMaxData);
    this.#opened.uni.raise(parameters.initialMaxStreamsUni);
    this.#opened.bidi.raise(parameters.initialMaxStreamsBidi);
    this.#options.onOpenable();
  }

  handleMaxData(max: number): void {
    this.#credit.raise(max);
  }

  /** MAX_STREAM_DATA. @throws {Violation} */
  handleMaxStreamData(id: number, max: number): void {
    const send = this.#mentioned(id);
    if (send) this.#raise(send, max);
  }

  handleMaxStreams(uni: boolean, max: number): void {
    if ((uni ? this.#opened.uni : this.#opened.bidi).raise(max)) this.#options.onOpenable();
  }

  /** STOP_SENDING: answered with a reset of the same code (RFC 9000 section 3.5). @throws {Violation} */
  handleStop(id: number, code: number): void {
    const send = this.#mentioned(id);
    if (send === undefined) return;
    send.stopCode = code;
    this.reset(send, code);
  }

  /** A frame about receiving, for a stream we opened or never did. @throws {Violation} */
  checkOpened(id: number): void {
    const { uni, bidi } = this.#opened;
    if (openedBy(id) !== this.#options.side) return;
    if (streamIndex(id) >= (isUni(id) ? uni : bidi).used) {
      throw new Violation(`stream ${id} was never opened`);
    }
  }

  /** The next message with stream data, `undefined` while there is none or no credit. */
  poll(): OutgoingMessage | undefined {
    for (const send of this.#bareFins) return this.#emit(send, 0);
    if (this.#credit.available <= 0) return undefined;
    const send = this.#queue.peek();
    if (send === undefined) return undefined;
    const room = Math.min(send.limit - send.sent, this.#credit.available, MAX_STREAM_PAYLOAD);
    return this.#emit(send, Math.min(room, send.queue.size));
  }

  #emit(send: SendState, length: number): OutgoingMessage {
    const { codec } = this.#options;
    const fin = send.status === "finishing" && length === send.queue.size;
    const header = codec.streamHeaderSize(send.id, send.sent, length);
    const bytes = allocate(header + length);
    codec.writeStreamHeader(bytes, send.id, send.sent, length, fin);
    send.queue.copyTo(bytes, header, length);
    send.sent += length;
    this.#credit.use(length);
    this.#queue.remove(send);
    this.#bareFins.delete(send);
    if (fin) {
      send.status = "finished";
      this.#end(send);
      return { bytes, finished: send };
    }
    this.#schedule(send);
    if (send.waiting && this.hasRoom(send)) this.#options.onChanged(send);
    return { bytes };
  }

  #add(id: number): SendState {
    const send = new SendState(id, this.#initialLimit(id));
    this.#live.set(id, send);
    return send;
  }

  #initialLimit(id: number): number {
    if (isUni(id)) return this.#limits.uni;
    return openedBy(id) === this.#options.side ? this.#limits.ownBidi : this.#limits.peerBidi;
  }

  #raise(send: SendState, max: number): void {
    if (max <= send.limit) return;
    send.limit = max;
    this.#schedule(send);
  }

  #schedule(send: SendState): void {
    if (send.turn > 0 || send.ended) return;
    if (send.queue.size === 0) {
      if (send.status === "finishing") this.#bareFins.add(send);
    } else if (send.limit > send.sent) {
      this.#queue.add(send);
    }
  }

  /** The live stream of a frame about sending; `undefined` for one that has ended. */
  #mentioned(id: number): SendState | undefined {
    if (isUni(id) && openedBy(id) !== this.#options.side) {
      throw new Violation(`stream ${id} is the peer's to send on`);
    }
    this.checkOpened(id);
    return this.#live.get(id);
  }

  #end(send: SendState): void {
    this.#live.delete(send.id);
    this.#options.onEnded(send);
    this.#options.onChanged(send);
  }
}

/** Not zeroed, and from a pool, where there is Node's `Buffer`. */
const allocate: (size: number) => Uint8Array =
  typeof Buffer === "undefined" ? (size) => new Uint8Array(size) : Buffer.allocUnsafe;
