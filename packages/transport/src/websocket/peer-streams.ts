import { RecvWindow } from "./credit.js";

/** What an index means that belongs to no live stream. */
export type Admission = "new" | "ended" | "beyond-limit";

/** The streams of one kind the peer opens, apart from those that are live. */
export interface PeerStreams {
  /** Whether a frame for this index opens a stream; then it counts as open from here on. */
  admit(index: number): Admission;
  /** The peer will send nothing more on a stream. */
  end(index: number): void;
  /** A stream is over for both sides. */
  release(): void;
  /** The raised limit, when it is time to tell the peer. */
  announce(): number | undefined;
  /** How many streams the peer may open in all. */
  readonly limit: number;
}

/** With stream limits. Opening a stream opens all below it (RFC 9000 section 2.1). */
export class LimitedStreams implements PeerStreams {
  readonly #window: RecvWindow;
  /** Opened by a higher index and not heard of yet; at most as many as the limit admits. */
  readonly #silent = new Set<number>();
  #opened = 0;

  constructor(limit: number) {
    this.#window = new RecvWindow(limit, 1);
  }

  get limit(): number {
    return this.#window.max;
  }

  admit(index: number): Admission {
    if (index < this.#opened) return this.#silent.delete(index) ? "new" : "ended";
    if (!this.#window.receive(index + 1 - this.#opened)) return "beyond-limit";
    for (let below = this.#opened; below < index; below++) this.#silent.add(below);
    this.#opened = index + 1;
    return "new";
  }

  end(): void {}

  release(): void {
    this.#window.release(1);
  }

  announce(): number | undefined {
    return this.#window.announce();
  }
}

/** How many ended streams the legacy framing remembers. */
const REMEMBERED = 4096;

/**
 * Without stream limits every index may be new. Old relays let data follow the
 * reset of its stream, which must not open the stream again: so the streams
 * that ended last are remembered.
 */
export class UnlimitedStreams implements PeerStreams {
  readonly #ended = new Set<number>();
  readonly limit = Number.POSITIVE_INFINITY;

  admit(index: number): Admission {
    return this.#ended.has(index) ? "ended" : "new";
  }

  end(index: number): void {
    this.#ended.add(index);
    if (this.#ended.size <= REMEMBERED) return;
    const [oldest] = this.#ended;
    if (oldest !== undefined) this.#ended.delete(oldest);
  }

  release(): void {}

  announce(): undefined {}
}
