import type { MoqError } from "@moq-bridge/runtime";
import { type Deferred, deferred } from "../deferred.js";
import { streamReset, streamStopped, transportMisuse } from "../error.js";
import { Fifo } from "../fifo.js";
import type { RecvStream } from "../transport.js";

/** How a {@link MemoryRecv} reaches its sender. */
export interface ToSender {
  credit(bytes: number): void;
  acknowledge(): void;
  stop(code: number): void;
}

/** The receiving half of a stream: admits more only as it is read. */
export class MemoryRecv implements RecvStream {
  readonly #sender: ToSender;
  readonly #windowBytes: number;
  readonly #onEnded: () => void;
  #uncredited = 0;
  readonly #unread = new Fifo<Uint8Array>();
  #reading: Deferred<Uint8Array | undefined> | undefined;
  #finArrived = false;
  #ended = false;
  #error: MoqError | undefined;

  /** `onEnded` is called once, when nothing more can be read and the sender knows. */
  constructor(windowBytes: number, sender: ToSender, onEnded: () => void) {
    this.#windowBytes = windowBytes;
    this.#sender = sender;
    this.#onEnded = onEnded;
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#error) return Promise.reject(this.#error);
    if (this.#reading) return Promise.reject(transportMisuse("two reads at once on a stream"));
    const chunk = this.#unread.shift();
    if (chunk) {
      this.#credit(chunk.byteLength);
      return Promise.resolve(chunk);
    }
    if (this.#finArrived) {
      this.#end();
      return Promise.resolve(undefined);
    }
    this.#reading = deferred();
    return this.#reading.promise;
  }

  stop(code: number): void {
    if (this.#ended || this.#error) return;
    this.#abandon(streamStopped(code));
    // With the FIN here nothing is left to stop; otherwise the sender's reset ends the stream.
    if (this.#finArrived) this.#end();
    else this.#sender.stop(code);
  }

  handleData(chunk: Uint8Array): void {
    if (this.#error) return;
    if (this.#reading) {
      this.#credit(chunk.byteLength);
      this.#settleRead(chunk);
    } else {
      this.#unread.push(chunk);
    }
  }

  handleFin(): void {
    if (this.#ended) return;
    this.#finArrived = true;
    this.#sender.acknowledge();
    if (this.#error) {
      this.#end();
    } else if (this.#reading) {
      this.#end();
      this.#settleRead(undefined);
    }
  }

  handleReset(code: number): void {
    if (this.#ended || this.#finArrived) return;
    this.fail(streamReset(code));
  }

  /** Ends the stream with an error; after our own `stop` that stays the error of reads. */
  fail(error: MoqError): void {
    if (this.#ended) return;
    this.#abandon(this.#error ?? error);
    this.#end();
  }

  /** Credit goes back in halves of the window: in single chunks, it would cut the next ones ever smaller. */
  #credit(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited * 2 < this.#windowBytes) return;
    this.#sender.credit(this.#uncredited);
    this.#uncredited = 0;
  }

  #abandon(error: MoqError): void {
    this.#error = error;
    this.#unread.clear();
    this.#reading?.reject(error);
    this.#reading = undefined;
  }

  #settleRead(chunk: Uint8Array | undefined): void {
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.resolve(chunk);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnded();
  }
}
