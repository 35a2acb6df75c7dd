import type { SubgroupHeader } from "@moq-bridge/moq-wire/ietf14";

/** Most bytes kept of one stream; a longer one is cut off. */
const MAX_BYTES = 32 * 1024 * 1024;

/** How a stream ended. */
export type StreamEnd = "fin" | "reset";

/** One subgroup stream as the publisher sent it, kept for those who join while it is of the newest group. */
export class CachedStream {
  readonly header: SubgroupHeader;
  /** What followed the header, as it came: objects are passed on unread. */
  readonly chunks: Uint8Array[] = [];
  #bytes = 0;
  #end: StreamEnd | undefined;
  #waiting: (() => void)[] = [];

  constructor(header: SubgroupHeader) {
    this.header = header;
  }

  get ended(): StreamEnd | undefined {
    return this.#end;
  }

  /** False when it has become too long; it has ended then. */
  push(chunk: Uint8Array): boolean {
    if (this.#end) return false;
    this.#bytes += chunk.byteLength;
    if (this.#bytes > MAX_BYTES) {
      this.end("reset");
      return false;
    }
    this.chunks.push(chunk);
    this.#wake();
    return true;
  }

  end(how: StreamEnd): void {
    this.#end ??= how;
    this.#wake();
  }

  /** Resolves at the next change. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
