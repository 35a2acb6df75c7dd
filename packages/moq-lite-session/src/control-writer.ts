import type { SendStream } from "@moq-bridge/transport";
import type { SessionContext } from "./context.js";
import { isSessionClosed, isStreamEnd } from "./errors.js";

/**
 * Sends small messages in order on one stream, without anybody waiting for
 * them. A message with a key replaces one of the same key that has not left.
 */
export class ControlWriter {
  readonly #context: SessionContext;
  readonly #stream: SendStream;
  #queue: { readonly bytes: Uint8Array; readonly key: string | undefined }[] = [];
  #writing = false;
  #finishing = false;

  constructor(context: SessionContext, stream: SendStream) {
    this.#context = context;
    this.#stream = stream;
  }

  push(bytes: Uint8Array, key?: string): void {
    const waiting = key === undefined ? -1 : this.#queue.findIndex((each) => each.key === key);
    if (waiting >= 0) this.#queue[waiting] = { bytes, key };
    else this.#queue.push({ bytes, key });
    this.#context.run(this.#drain());
  }

  /** Ends the stream once everything pushed has left. */
  finish(): void {
    this.#finishing = true;
    this.#context.run(this.#drain());
  }

  reset(code: number): void {
    this.#queue = [];
    this.#stream.reset(code);
  }

  async #drain(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue.map((each) => each.bytes);
        this.#queue = [];
        await this.#stream.write(batch);
      }
    } catch (error) {
      // The stream's end reaches its owner by the reading half or the session.
      if (!isStreamEnd(error) && !isSessionClosed(error)) throw error;
      this.#queue = [];
      return;
    } finally {
      this.#writing = false;
    }
    if (this.#finishing) this.#stream.finish();
  }
}
