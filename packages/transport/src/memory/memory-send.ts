import type { MoqError } from "@moq-bridge/runtime";
import { type Deferred, deferred } from "../deferred.js";
import { streamReset, streamStopped, transportMisuse } from "../error.js";
import type { SendStream } from "../transport.js";

/** How a {@link MemorySend} reaches its receiver. */
export interface ToReceiver {
  data(chunk: Uint8Array): void;
  fin(): void;
  prioritize(priority: number): void;
  reset(code: number): void;
}

/** The sending half of a stream: holds back what the receiver's window does not admit. */
export class MemorySend implements SendStream {
  readonly #receiver: ToReceiver;
  readonly #onEnded: () => void;
  readonly #finished = deferred<void>();
  readonly #stopped = deferred<number | undefined>();
  #credit: number;
  #unsent: Uint8Array[] = [];
  #blocked: Deferred<void> | undefined;
  #finishing = false;
  #ended = false;
  #error: MoqError | undefined;

  /** `onEnded` is called once, when nothing more will be sent. */
  constructor(windowBytes: number, receiver: ToReceiver, onEnded: () => void) {
    this.#credit = windowBytes;
    this.#receiver = receiver;
    this.#onEnded = onEnded;
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  get stopped(): Promise<number | undefined> {
    return this.#stopped.promise;
  }

  write(chunks: Uint8Array | readonly Uint8Array[]): Promise<void> {
    if (this.#error) return Promise.reject(this.#error);
    if (this.#finishing) return Promise.reject(transportMisuse("written to a finished stream"));
    if (this.#blocked) return Promise.reject(transportMisuse("two writes at once on a stream"));
    const list = chunks instanceof Uint8Array ? [chunks] : chunks;
    this.#unsent = list.filter((chunk) => chunk.byteLength > 0);
    this.#sendAdmitted();
    if (this.#unsent.length === 0) return Promise.resolve();
    this.#blocked = deferred<void>();
    return this.#blocked.promise;
  }

  finish(): void {
    if (this.#finishing || this.#error) return;
    this.#finishing = true;
    if (!this.#blocked) this.#receiver.fin();
  }

  reset(code: number): void {
    if (this.#ended) return;
    this.#receiver.reset(code);
    this.fail(streamReset(code), undefined);
  }

  /** Decides something only where the connection carries so much a second: see `capabilities.priorities`. */
  setPriority(priority: number): void {
    this.#receiver.prioritize(priority);
  }

  /** The receiver has read `bytes` more. */
  handleCredit(bytes: number): void {
    if (this.#ended) return;
    this.#credit += bytes;
    this.#sendAdmitted();
    if (!this.#blocked || this.#unsent.length > 0) return;
    this.#blocked.resolve();
    this.#blocked = undefined;
    if (this.#finishing) this.#receiver.fin();
  }

  /** The receiver has everything, FIN included. */
  handleAcknowledged(): void {
    if (this.#ended) return;
    this.#end();
    this.#finished.resolve();
    this.#stopped.resolve(undefined);
  }

  /** STOP_SENDING: answered with a reset of the same code (RFC 9000, section 3.5). */
  handleStop(code: number): void {
    if (this.#ended) return;
    this.#receiver.reset(code);
    this.fail(streamStopped(code), code);
  }

  /** Ends the stream with an error; `stopCode` is what `stopped` resolves with. */
  fail(error: MoqError, stopCode: number | undefined): void {
    if (this.#ended) return;
    this.#error = error;
    this.#unsent = [];
    this.#end();
    this.#blocked?.reject(error);
    this.#blocked = undefined;
    this.#finished.reject(error);
    this.#stopped.resolve(stopCode);
  }

  #end(): void {
    this.#ended = true;
    this.#onEnded();
  }

  #sendAdmitted(): void {
    let sent = 0;
    for (const chunk of this.#unsent) {
      if (chunk.byteLength > this.#credit) break;
      this.#credit -= chunk.byteLength;
      this.#receiver.data(chunk);
      sent += 1;
    }
    this.#unsent = this.#unsent.slice(sent);
    const [first] = this.#unsent;
    if (!first || this.#credit === 0) return;
    this.#receiver.data(first.subarray(0, this.#credit));
    this.#unsent[0] = first.subarray(this.#credit);
    this.#credit = 0;
  }
}
