import { RecvWindow } from "./credit.js";
import type { Limits } from "./limits.js";
import { WINDOW_STEPS } from "./limits.js";
import type { Outbox } from "./outbox.js";
import { LimitedStreams, type PeerStreams, UnlimitedStreams } from "./peer-streams.js";
import { isUni, openedBy, type Side, streamIndex } from "./stream-id.js";
import { RecvState } from "./stream-state.js";
import { Violation } from "./violation.js";

/** What the receiving side needs of the session around it. */
export interface RecvStreamsOptions {
  readonly side: Side;
  /** `undefined` in the legacy framing. */
  readonly limits: Limits | undefined;
  readonly outbox: Outbox;
  /** The peer opened a stream; for a bidirectional one our sending half is still to be made. */
  readonly onOpened: (recv: RecvState) => void;
  /** A half that was waited for has something new. */
  readonly onChanged: (recv: RecvState) => void;
}

/** Everything a session receives: streams, their windows, and who may open how many. */
export class RecvStreams {
  readonly #options: RecvStreamsOptions;
  readonly #outbox: Outbox;
  readonly #window: RecvWindow;
  readonly #live = new Map<number, RecvState>();
  readonly #peerUni: PeerStreams;
  readonly #peerBidi: PeerStreams;
  /** Halves still open of each bidirectional stream of the peer. */
  readonly #peerBidiHalves = new Map<number, number>();
  #unread = 0;
  #discarded = false;

  constructor(options: RecvStreamsOptions) {
    this.#options = options;
    this.#outbox = options.outbox;
    const limits = options.limits;
    this.#window = newWindow(limits?.connectionWindow);
    this.#peerUni = limits ? new LimitedStreams(limits.maxStreams) : new UnlimitedStreams();
    this.#peerBidi = limits ? new LimitedStreams(limits.maxStreams) : new UnlimitedStreams();
  }

  /** Bytes that arrived and were not read. */
  get unread(): number {
    return this.#unread;
  }

  /** The receiving half of a stream we open. */
  open(id: number): RecvState {
    const recv = new RecvState(id, newWindow(this.#options.limits?.streamWindow));
    this.#live.set(id, recv);
    return recv;
  }

  /** The next bytes of a stream, `undefined` when there are none now. */
  read(recv: RecvState): Uint8Array | undefined {
    const chunk = this.#discarded ? undefined : recv.queue.shift();
    if (chunk === undefined) return undefined;
    this.#unread -= chunk.byteLength;
    this.#releaseConnection(chunk.byteLength);
    recv.window.release(chunk.byteLength);
    const max = recv.status === "open" ? recv.window.announce() : undefined;
    if (max !== undefined) this.#outbox.maxStreamData(recv.id, max);
    if (recv.status === "complete" && recv.queue.size === 0) {
      recv.status = "done";
      this.halfEnded(recv.id);
    }
    return chunk;
  }

  /** Our application wants no more of a stream. */
  stop(recv: RecvState, code: number): void {
    if (recv.status !== "open" && recv.status !== "complete") return;
    this.#discard(recv);
    recv.endCode = code;
    if (recv.status === "open") {
      this.#outbox.forget(recv.id);
      this.#outbox.push({ type: "stop_sending", id: recv.id, code });
    } else {
      this.halfEnded(recv.id);
    }
    recv.status = "stopped";
  }

  /** Nothing is read any more. */
  discard(): void {
    this.#discarded = true;
  }

  /** STREAM. @throws {Violation} */
  handleData(id: number, offset: number | undefined, data: Uint8Array, fin: boolean): void {
    const recv = this.#stream(id);
    if (recv === undefined) return;
    if (offset !== undefined && offset !== recv.received) {
      throw new Violation(`stream ${id} goes on at ${offset} after ${recv.received} bytes`);
    }
    this.#count(recv, data.byteLength);
    if (recv.status === "stopped") {
      this.#releaseConnection(data.byteLength);
    } else {
      this.#unread += data.byteLength;
      if (recv.waiting) recv.queue.push(data);
      else recv.queue.pushHeld(data);
    }
    if (fin) this.#handleFin(recv);
    if (recv.waiting && (fin || data.byteLength > 0)) this.#options.onChanged(recv);
  }

  /** RESET_STREAM. @throws {Violation} */
  handleReset(id: number, code: number, finalSize: number): void {
    const recv = this.#stream(id);
    if (recv === undefined) return;
    // Released peers wrote 0 whatever they had sent; nothing else may be too small.
    if (finalSize < recv.received && finalSize !== 0) {
      throw new Violation(`stream ${id} ends at ${finalSize} after ${recv.received} bytes`);
    }
    const skipped = Math.max(0, finalSize - recv.received);
    this.#count(recv, skipped);
    this.#releaseConnection(skipped);
    this.#discard(recv);
    this.#end(recv);
    if (recv.status === "open") {
      recv.status = "reset";
      recv.endCode = code;
      if (recv.waiting) this.#options.onChanged(recv);
    }
    this.halfEnded(id);
  }

  /** A frame that may open a bidirectional stream of the peer without a byte of it: STOP_SENDING. */
  handleMention(id: number): void {
    this.#stream(id);
  }

  /** One half of a stream is over; when both are, the peer may open another. */
  halfEnded(id: number): void {
    if (openedBy(id) === this.#options.side) return;
    const uni = isUni(id);
    if (!uni) {
      const left = (this.#peerBidiHalves.get(id) ?? 0) - 1;
      if (left > 0) {
        this.#peerBidiHalves.set(id, left);
        return;
      }
      this.#peerBidiHalves.delete(id);
    }
    this.#peers(id).release();
    this.#announceStreams(uni);
  }

  /** The live stream of a frame, opened by it if need be; `undefined` for one that has ended. */
  #stream(id: number): RecvState | undefined {
    const live = this.#live.get(id);
    if (live) return live;
    // Its sending half may outlive the receiving one.
    if (openedBy(id) === this.#options.side || this.#peerBidiHalves.has(id)) return undefined;
    const uni = isUni(id);
    const peers = this.#peers(id);
    const admission = peers.admit(streamIndex(id));
    if (admission === "ended") return undefined;
    if (admission === "beyond-limit") {
      throw new Violation(`stream ${id} is beyond the limit of ${peers.limit}`);
    }
    // The places given back may have become worth telling only now that few are left.
    this.#announceStreams(uni);
    if (!uni) this.#peerBidiHalves.set(id, 2);
    const recv = this.open(id);
    this.#options.onOpened(recv);
    return recv;
  }

  #handleFin(recv: RecvState): void {
    this.#end(recv);
    if (recv.status === "stopped" || recv.queue.size === 0) {
      if (recv.status === "open") recv.status = "done";
      this.halfEnded(recv.id);
    } else {
      recv.status = "complete";
    }
  }

  #end(recv: RecvState): void {
    this.#live.delete(recv.id);
    this.#outbox.forget(recv.id);
    if (openedBy(recv.id) !== this.#options.side) this.#peers(recv.id).end(streamIndex(recv.id));
  }

  #announceStreams(uni: boolean): void {
    const max = (uni ? this.#peerUni : this.#peerBidi).announce();
    if (max !== undefined) this.#outbox.maxStreams(uni, max);
  }

  #peers(id: number): PeerStreams {
    return isUni(id) ? this.#peerUni : this.#peerBidi;
  }

  #count(recv: RecvState, bytes: number): void {
    recv.received += bytes;
    if (!recv.window.receive(bytes)) {
      throw new Violation(`stream ${recv.id} is beyond its window of ${recv.window.max}`);
    }
    if (!this.#window.receive(bytes)) {
      throw new Violation(`the session is beyond its window of ${this.#window.max}`);
    }
  }

  #discard(recv: RecvState): void {
    const bytes = recv.queue.clear();
    this.#unread -= bytes;
    this.#releaseConnection(bytes);
  }

  #releaseConnection(bytes: number): void {
    this.#window.release(bytes);
    const max = this.#window.announce();
    if (max !== undefined) this.#outbox.maxData(max);
  }
}

function newWindow(size: number | undefined): RecvWindow {
  const max = size ?? Number.POSITIVE_INFINITY;
  return new RecvWindow(max, size === undefined ? 1 : Math.ceil(size / WINDOW_STEPS));
}
