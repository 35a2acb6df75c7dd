import { ChunkQueue } from "./chunk-queue.js";
import type { RecvWindow } from "./credit.js";

/**
 * The sending half of a stream.
 *
 * ```
 *        finish            FIN sent
 * open ─────────▶ finishing ───────▶ finished
 *   └──── reset, STOP_SENDING ────────▶ reset
 * ```
 */
export class SendState {
  readonly id: number;
  readonly queue = new ChunkQueue();
  status: "open" | "finishing" | "finished" | "reset" = "open";
  /** Bytes of the stream the peer's window admits. */
  limit: number;
  /** Bytes handed to the socket. */
  sent = 0;
  priority = 0;
  /** Place in the {@link SendQueue}, 0 when not in it. */
  turn = 0;
  /** The peer's STOP_SENDING code. */
  stopCode: number | undefined;
  /** The driver wants to hear of room. */
  waiting = false;

  constructor(id: number, limit: number) {
    this.id = id;
    this.limit = limit;
  }

  /** Nothing more will be sent. */
  get ended(): boolean {
    return this.status === "finished" || this.status === "reset";
  }
}

/**
 * The receiving half of a stream.
 *
 * ```
 *            FIN               all read
 * open ─────────────▶ complete ────────▶ done
 *   ├─ RESET_STREAM ─────────────────────▶ reset
 *   └─ stop ─▶ stopped
 * ```
 *
 * A stopped stream still counts what arrives, until the peer's FIN or reset.
 */
export class RecvState {
  readonly id: number;
  readonly queue = new ChunkQueue();
  readonly window: RecvWindow;
  status: "open" | "complete" | "done" | "reset" | "stopped" = "open";
  /** Bytes that arrived. */
  received = 0;
  /** The peer's reset code, or our own stop code. */
  endCode = 0;
  /** The driver wants to hear of the next chunk, or of the end. */
  waiting = false;

  constructor(id: number, window: RecvWindow) {
    this.id = id;
    this.window = window;
  }
}
