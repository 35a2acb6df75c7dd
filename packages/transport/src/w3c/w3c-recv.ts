import { MoqError } from "@moq-bridge/runtime";
import { type Deferred, deferred } from "../deferred.js";
import { sessionClosed, streamReset, streamStopped, transportMisuse } from "../error.js";
import type { CloseInfo, RecvStream } from "../transport.js";
import {
  readStreamFailure,
  streamError,
  type W3cReadable,
  type W3cReader,
} from "./web-transport.js";

/** A {@link RecvStream} over a W3C `WebTransportReceiveStream`. */
export class W3cRecv implements RecvStream {
  readonly #reader: W3cReader<Uint8Array>;
  readonly #closed: Promise<CloseInfo>;
  readonly #onEnded: (recv: W3cRecv) => void;
  #reading: Deferred<Uint8Array | undefined> | undefined;
  #finished = false;
  #error: MoqError | undefined;

  /** `closed` is the session's; `onEnded` is called once, when nothing more will be read. */
  constructor(
    stream: W3cReadable<Uint8Array>,
    closed: Promise<CloseInfo>,
    onEnded: (recv: W3cRecv) => void,
  ) {
    this.#reader = stream.getReader();
    this.#closed = closed;
    this.#onEnded = onEnded;
    this.#reader.closed.catch((error) => this.#handleError(error));
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#error) return Promise.reject(this.#error);
    if (this.#finished) return Promise.resolve(undefined);
    if (this.#reading) return Promise.reject(transportMisuse("two reads at once on a stream"));
    const reading = deferred<Uint8Array | undefined>();
    this.#reading = reading;
    this.#reader.read().then(
      ({ done, value }) => this.#handleRead(reading, done ? undefined : value),
      // The reader's `closed` reports the same failure.
      () => {},
    );
    return reading.promise;
  }

  stop(code: number): void {
    if (this.#finished || this.#error) return;
    this.fail(streamStopped(code));
    this.#reader.cancel(streamError(code)).catch(() => {});
  }

  /** Ends the stream with an error. */
  fail(error: MoqError): void {
    if (this.#finished || this.#error) return;
    this.#error = error;
    this.#reading?.reject(error);
    this.#reading = undefined;
    this.#onEnded(this);
  }

  #handleRead(reading: Deferred<Uint8Array | undefined>, chunk: Uint8Array | undefined): void {
    if (this.#reading !== reading) return;
    this.#reading = undefined;
    if (chunk === undefined) {
      this.#finished = true;
      this.#onEnded(this);
    }
    reading.resolve(chunk);
  }

  #handleError(error: unknown): void {
    const failure = readStreamFailure(error);
    if (failure.kind === "session") {
      void this.#closed.then((info) => this.fail(sessionClosed(info)));
    } else if (failure.code === undefined) {
      const reset = "the stream was reset without a code";
      this.fail(new MoqError("stream_reset", reset, { scope: "stream", cause: error }));
    } else {
      this.fail(streamReset(failure.code));
    }
  }
}
