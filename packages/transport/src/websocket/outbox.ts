import type { Frame } from "./frame.js";
import { MAX_PENDING_PONGS } from "./limits.js";

/**
 * Frames that go before stream data. What a hostile peer could make us queue
 * without end is merged: limits to the newest, answers to pings to a few.
 */
export class Outbox {
  #frames: Frame[] = [];
  #head = 0;
  #maxData: number | undefined;
  readonly #maxStreamData = new Map<number, number>();
  #maxStreams: [bidi: number | undefined, uni: number | undefined] = [undefined, undefined];
  #pongs: (number | bigint)[] = [];

  get isEmpty(): boolean {
    return (
      this.#head === this.#frames.length &&
      this.#maxData === undefined &&
      this.#maxStreamData.size === 0 &&
      this.#maxStreams[0] === undefined &&
      this.#maxStreams[1] === undefined &&
      this.#pongs.length === 0
    );
  }

  /** Queues a frame of which there are at most a few for each stream. */
  push(frame: Frame): void {
    this.#frames.push(frame);
  }

  /** Nothing matters any more but the last frame, if there is one. */
  end(last: Frame | undefined): void {
    this.#frames = last ? [last] : [];
    this.#head = 0;
    this.#maxData = undefined;
    this.#maxStreams = [undefined, undefined];
    this.#maxStreamData.clear();
    this.#pongs = [];
  }

  /** Announces the connection's limit. */
  maxData(max: number): void {
    this.#maxData = max;
  }

  /** Announces a stream's limit. */
  maxStreamData(id: number, max: number): void {
    this.#maxStreamData.set(id, max);
  }

  /** The stream takes no more, so its limit no longer matters. */
  forget(id: number): void {
    this.#maxStreamData.delete(id);
  }

  /** Announces a limit of streams. */
  maxStreams(uni: boolean, max: number): void {
    this.#maxStreams[uni ? 1 : 0] = max;
  }

  /** Answers a ping. */
  pong(sequence: number | bigint): void {
    this.#pongs.push(sequence);
    if (this.#pongs.length > MAX_PENDING_PONGS) this.#pongs.shift();
  }

  /** The next frame to send. */
  shift(): Frame | undefined {
    return this.#shiftFrame() ?? this.#shiftLimit() ?? this.#shiftPong();
  }

  #shiftFrame(): Frame | undefined {
    const frame = this.#frames[this.#head];
    if (frame === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#frames.length || this.#head >= 256) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
    return frame;
  }

  #shiftLimit(): Frame | undefined {
    if (this.#maxData !== undefined) {
      const max = this.#maxData;
      this.#maxData = undefined;
      return { type: "max_data", max };
    }
    for (const uni of [false, true]) {
      const max = this.#maxStreams[uni ? 1 : 0];
      if (max === undefined) continue;
      this.#maxStreams[uni ? 1 : 0] = undefined;
      return { type: "max_streams", uni, max };
    }
    for (const [id, max] of this.#maxStreamData) {
      this.#maxStreamData.delete(id);
      return { type: "max_stream_data", id, max };
    }
    return undefined;
  }

  #shiftPong(): Frame | undefined {
    const sequence = this.#pongs.shift();
    return sequence === undefined ? undefined : { type: "ping", sequence, response: true };
  }
}
