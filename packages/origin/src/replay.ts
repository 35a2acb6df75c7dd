import type { Group } from "./group.js";

/** A repeated group, compared with what is stored of it. `differs` ends the comparison for good. */
export type ReplayResult = "known" | "differs";

/**
 * Follows a source that repeats a group from its first frame and compares it
 * with the stored log, as far as both exist: what was dropped from the front
 * is passed over, its frame sizes excepted where they are still known.
 */
export class Replay {
  readonly #group: Group;
  /** Index of the frame being repeated; -1 before the first. */
  #frame: number;
  /** Bytes of that frame repeated so far. */
  #received = 0;
  /** Bytes of that frame still to be passed over uncompared. */
  #skip = 0;
  /** Log index of the next piece to compare; `undefined` until the log's start is reached. */
  #cursor: number | undefined;
  /** Bytes of that piece compared already. */
  #compared = 0;

  /** @param frame the first frame the source will send */
  constructor(group: Group, frame: number) {
    this.#group = group;
    this.#frame = frame - 1;
    const { start } = group;
    if (frame > start.frame) this.#cursor = findFrame(group, frame);
  }

  /** Everything stored has been repeated: what follows is new. */
  get caughtUp(): boolean {
    const last = this.#group.frames - 1;
    return this.#frame === last && (last < 0 || this.#received === this.#group.lastReceived);
  }

  /** The source begins its next frame, one that is stored. */
  beginFrame(size: number): ReplayResult {
    this.#frame++;
    this.#received = 0;
    this.#skip = 0;
    const { start } = this.#group;
    if (this.#frame < start.frame) {
      this.#skip = size;
      return "known";
    }
    if (this.#frame === start.frame && start.size !== undefined) {
      this.#skip = start.offset;
      this.#cursor = start.index;
      return size === start.size ? "known" : "differs";
    }
    this.#cursor ??= start.index;
    const piece = this.#group.pieceAt(this.#cursor++);
    return piece?.type === "frame" && piece.header.size === size ? "known" : "differs";
  }

  /** Compares the next bytes of the frame. Returns those beyond what is stored, often none. */
  write(bytes: Uint8Array): Uint8Array | "differs" {
    const skipped = Math.min(this.#skip, bytes.byteLength);
    this.#skip -= skipped;
    this.#received += skipped;
    let rest = bytes.subarray(skipped);
    while (rest.byteLength > 0) {
      const piece = this.#cursor === undefined ? undefined : this.#group.pieceAt(this.#cursor);
      if (piece?.type !== "chunk") break;
      const count = Math.min(piece.bytes.byteLength - this.#compared, rest.byteLength);
      if (!equal(piece.bytes, this.#compared, rest, count)) return "differs";
      this.#compared += count;
      this.#received += count;
      rest = rest.subarray(count);
      if (this.#compared === piece.bytes.byteLength) {
        this.#cursor = (this.#cursor ?? 0) + 1;
        this.#compared = 0;
      }
    }
    return rest;
  }
}

/** Log index of the header of a frame that is still there, or of the log's end. */
function findFrame(group: Group, frame: number): number {
  let { index } = group.start;
  let at = group.start.size === undefined ? group.start.frame : group.start.frame + 1;
  for (let piece = group.pieceAt(index); piece; piece = group.pieceAt(++index)) {
    if (piece.type === "frame" && at++ === frame) break;
  }
  return index;
}

function equal(stored: Uint8Array, from: number, bytes: Uint8Array, count: number): boolean {
  for (let i = 0; i < count; i++) {
    if (stored[from + i] !== bytes[i]) return false;
  }
  return true;
}
