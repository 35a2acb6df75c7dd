import type { MoqError } from "@moq-bridge/runtime";
import { groupError } from "./errors.js";
import type { Group } from "./group.js";
import type { FrameHeader, GroupConsumer, GroupPiece } from "./model.js";

const END: GroupPiece = { type: "end" };

/** A cursor over one group. */
export class GroupReader implements GroupConsumer {
  readonly #group: Group;
  #cursor = 0;
  #ended = false;
  #error: MoqError | undefined;
  #pending: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(group: Group) {
    this.#group = group;
    group.addReader();
  }

  get sequence(): number {
    return this.#group.sequence;
  }

  next(): GroupPiece | undefined {
    if (this.#error) throw this.#error;
    if (this.#ended) return END;
    if (this.#cursor < this.#group.start.index) {
      throw this.#fail(groupError("group_evicted", "frames this reader needs were dropped"));
    }
    const piece = this.#group.pieceAt(this.#cursor);
    if (piece) {
      this.#cursor++;
      return piece;
    }
    if (this.#group.finished) {
      this.#leave();
      return END;
    }
    if (this.#group.failure) throw this.#fail(this.#group.failure);
    return undefined;
  }

  readable(): Promise<void> {
    if (this.#ready()) return Promise.resolve();
    if (!this.#pending) {
      let resolve = (): void => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#pending = { promise, resolve };
      this.#group.wait(this);
    }
    return this.#pending.promise;
  }

  async readFrame(): Promise<
    { readonly header: FrameHeader; readonly payload: Uint8Array } | undefined
  > {
    const first = await this.#nextPiece();
    if (first.type === "end") return undefined;
    if (first.type === "chunk") {
      throw groupError("frame_started", "the frame was already read in part");
    }
    const { header } = first;
    const payload = await this.#readPayload(header.size);
    return { header, payload };
  }

  close(): void {
    if (this.#ended) return;
    this.#leave();
    this.#group.stopWaiting(this);
    this.wake();
  }

  /** Called by the group when there is news. */
  wake(): void {
    this.#pending?.resolve();
    this.#pending = undefined;
  }

  #ready(): boolean {
    const group = this.#group;
    return (
      this.#ended ||
      this.#cursor < group.start.index ||
      group.pieceAt(this.#cursor) !== undefined ||
      group.finished ||
      group.failure !== undefined
    );
  }

  async #nextPiece(): Promise<GroupPiece> {
    for (;;) {
      const piece = this.next();
      if (piece) return piece;
      await this.readable();
    }
  }

  async #readPayload(size: number): Promise<Uint8Array> {
    if (size === 0) return new Uint8Array(0);
    const chunks: Uint8Array[] = [];
    for (let missing = size; missing > 0; ) {
      const piece = await this.#nextPiece();
      if (piece.type !== "chunk") throw groupError("group_closed", "the reader was closed");
      chunks.push(piece.bytes);
      missing -= piece.bytes.byteLength;
    }
    const [only] = chunks;
    if (only && chunks.length === 1) return only;
    const payload = new Uint8Array(size);
    let offset = 0;
    for (const chunk of chunks) {
      payload.set(chunk, offset);
      offset += chunk.byteLength;
    }
    return payload;
  }

  #fail(error: MoqError): MoqError {
    this.#error = error;
    this.#leave();
    return error;
  }

  #leave(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#group.removeReader();
  }
}
