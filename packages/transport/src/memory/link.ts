import type { CancelTimer, Runtime } from "@moq-bridge/runtime";
import { Fifo } from "../fifo.js";

/** Bytes that leave at once: between two of them another stream may come first. */
export const PACKET_BYTES = 1_200;

/** What waits to leave of one stream. */
export class LinkQueue {
  /** Higher first; among equals the streams take turns. */
  priority = 0;
  readonly items = new Fifo<{ readonly bytes: number; readonly leave: () => void }>();
}

/** One direction of a connection that carries so much a second: what is sent waits in line for it. */
export class Link {
  readonly #runtime: Runtime;
  readonly #bytesPerSecond: number;
  readonly #waiting = new Set<LinkQueue>();
  #cancelTimer: CancelTimer | undefined;

  constructor(runtime: Runtime, bytesPerSecond: number) {
    this.#runtime = runtime;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Calls `leave` once `bytes` more of this stream have left. */
  send(queue: LinkQueue, bytes: number, leave: () => void): void {
    queue.items.push({ bytes, leave });
    this.#waiting.add(queue);
    if (!this.#cancelTimer) this.#sendNext();
  }

  /** Drops what has not left. */
  drop(queue: LinkQueue): void {
    queue.items.clear();
    this.#waiting.delete(queue);
  }

  /** Drops everything that has not left. */
  cut(): void {
    for (const queue of [...this.#waiting]) this.drop(queue);
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #sendNext(): void {
    this.#cancelTimer = undefined;
    const queue = this.#first();
    const item = queue?.items.shift();
    if (!queue || !item) return;
    this.#waiting.delete(queue);
    if (queue.items.size > 0) this.#waiting.add(queue);
    this.#cancelTimer = this.#runtime.setTimer((item.bytes * 1_000) / this.#bytesPerSecond, () => {
      item.leave();
      this.#sendNext();
    });
  }

  #first(): LinkQueue | undefined {
    let first: LinkQueue | undefined;
    for (const queue of this.#waiting) {
      if (!first || queue.priority > first.priority) first = queue;
    }
    return first;
  }
}
