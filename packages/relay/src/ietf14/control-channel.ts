import {
  type ControlMessage,
  ControlReader,
  encodeControlMessage,
} from "@moq-bridge/moq-wire/ietf14";
import type { BidiStream } from "@moq-bridge/transport";

/** Above every data stream. */
const CONTROL_PRIORITY = 2 ** 31 - 1;

/** Bytes that may wait for a peer that does not read. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** The control stream of one peer. */
export class ControlChannel {
  readonly #stream: BidiStream;
  readonly #onMessage: (message: ControlMessage) => void;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writing = false;
  #finished = false;

  /** @param first whether what it sends goes before all data, or after it */
  constructor(stream: BidiStream, first: boolean, onMessage: (message: ControlMessage) => void) {
    this.#stream = stream;
    this.#onMessage = onMessage;
    stream.send.setPriority(first ? CONTROL_PRIORITY : 0);
  }

  /** Whether we ended it. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Reads to the stream's end. @throws what the handler or the codec threw */
  async read(): Promise<void> {
    const reader = new ControlReader();
    for (;;) {
      const chunk = await this.#stream.recv.read();
      if (!chunk || this.#finished) return;
      reader.push(chunk);
      for (let message = reader.next(); message; message = reader.next()) {
        // A number beyond 2^53 - 1: no request of that size is known here.
        if (message.type !== "unsupported") this.#onMessage(message);
      }
    }
  }

  send(message: ControlMessage): void {
    if (this.#finished) return;
    const bytes = encodeControlMessage(message);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      this.finish();
      return;
    }
    if (!this.#writing) void this.#write();
  }

  /** Ends our half; what still arrives is not read. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#waiting = [];
    this.#stream.send.finish();
    this.#stream.recv.stop(0);
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        await this.#stream.send.write(batch);
      }
    } catch {
      // The peer stopped the stream or is gone; reading notices what that means.
    }
    this.#writing = false;
  }
}
