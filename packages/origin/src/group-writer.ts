import type { MoqError } from "@moq-bridge/runtime";
import { groupError } from "./errors.js";
import type { Group } from "./group.js";
import type { FrameHeader, GroupProducer } from "./model.js";
import { Replay } from "./replay.js";

/**
 * One source filling one group. Writes to a group that nobody wants any more,
 * or that another source took over, do nothing.
 */
export class GroupWriter implements GroupProducer {
  readonly #group: Group;
  #replay: Replay | undefined;
  #begun = 0;
  /** Bytes still missing of the current frame. */
  #missing = 0;
  #over = false;
  #unwanted = false;
  #callbacks: (() => void)[] = [];

  constructor(group: Group) {
    this.#group = group;
    const overtaken = group.writer;
    group.reopen(this);
    overtaken?.unwanted();
    if (group.frames > 0) this.#replay = new Replay(group, 0);
  }

  get sequence(): number {
    return this.#group.sequence;
  }

  get nextFrame(): number {
    const { frames, whole } = this.#group;
    return whole ? frames : frames - 1;
  }

  startAt(frame: number): void {
    if (this.#begun > 0) {
      throw groupError("frame_started", "the first frame can only be chosen before it begins");
    }
    if (!Number.isSafeInteger(frame) || frame < 0 || frame > this.nextFrame) {
      throw groupError("frame_gap", `the group continues with frame ${this.nextFrame}`);
    }
    this.#replay = frame < this.#group.frames ? new Replay(this.#group, frame) : undefined;
  }

  beginFrame(header: FrameHeader): void {
    this.#checkWhole();
    if (!Number.isSafeInteger(header.size) || header.size < 0) {
      throw groupError("frame_invalid", "the frame size is not a whole number of bytes");
    }
    this.#begun++;
    this.#missing = header.size;
    if (!this.#writable()) return;
    if (this.#replay && !this.#replay.caughtUp) {
      if (this.#replay.beginFrame(header.size) === "differs") throw this.#differs();
      return;
    }
    this.#replay = undefined;
    if (this.#group.finished) this.#stop();
    else this.#group.appendFrame(header);
  }

  writeChunk(bytes: Uint8Array): void {
    if (bytes.byteLength > this.#missing) {
      throw groupError("frame_overflow", `${this.#missing} bytes of the frame are missing`);
    }
    this.#missing -= bytes.byteLength;
    if (bytes.byteLength === 0 || !this.#writable()) return;
    if (!this.#replay) {
      this.#group.appendChunk(bytes);
      return;
    }
    const rest = this.#replay.write(bytes);
    if (rest === "differs") throw this.#differs();
    if (rest.byteLength === 0) return;
    this.#replay = undefined;
    this.#group.appendChunk(rest);
  }

  writeFrame(payload: Uint8Array, timestampMs?: number): void {
    const size = payload.byteLength;
    this.beginFrame(timestampMs === undefined ? { size } : { size, timestampMs });
    this.writeChunk(payload);
  }

  finish(): void {
    this.#checkWhole();
    if (!this.#writable()) return;
    // A copy that ends before what is stored was cut short on its way: the
    // group stays as it is, and open if it was.
    const truncated = this.#replay !== undefined && !this.#replay.caughtUp;
    this.#over = true;
    if (truncated || this.#group.finished) this.#group.leave();
    else this.#group.finish();
  }

  abort(error: MoqError): void {
    if (!this.#writable()) return;
    this.#over = true;
    this.#group.fail(error);
  }

  onUnwanted(callback: () => void): void {
    if (this.#unwanted) queueMicrotask(callback);
    else if (!this.#over) this.#callbacks.push(callback);
  }

  /** Called by the group: the rest is of no use. */
  unwanted(): void {
    if (this.#over) return;
    this.#over = true;
    this.#unwanted = true;
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    // Later, because this may happen in the middle of another track's write.
    for (const callback of callbacks) queueMicrotask(callback);
  }

  /** The source is gone: what its handle still writes must not reach the group. */
  detach(): void {
    this.#over = true;
    this.#callbacks = [];
  }

  #writable(): boolean {
    return !this.#over && this.#group.writer === this;
  }

  #checkWhole(): void {
    if (this.#missing > 0 && !this.#over) {
      throw groupError("frame_incomplete", `${this.#missing} bytes of the frame are missing`);
    }
  }

  #stop(): void {
    this.#group.leave();
    this.unwanted();
  }

  #differs(): MoqError {
    this.#over = true;
    return this.#group.owner.contentDiffers();
  }
}
