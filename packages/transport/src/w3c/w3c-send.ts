import { MoqError } from "@moq-bridge/runtime";
import { type Deferred, deferred } from "../deferred.js";
import { sessionClosed, streamReset, streamStopped, transportMisuse } from "../error.js";
import type { CloseInfo, SendStream } from "../transport.js";
import {
  readStreamFailure,
  streamError,
  type W3cWritable,
  type W3cWriter,
} from "./web-transport.js";

/** Chunks of one write up to this many bytes together are copied into one: each costs a promise or two. */
const JOIN_BYTES = 65_536;

/** A {@link SendStream} over a W3C `WebTransportSendStream`. */
export class W3cSend implements SendStream {
  readonly #stream: W3cWritable;
  readonly #writer: W3cWriter;
  readonly #closed: Promise<CloseInfo>;
  readonly #onEnded: (send: W3cSend) => void;
  readonly #finished = deferred<void>();
  readonly #stopped = deferred<number | undefined>();
  #blocked: Deferred<void> | undefined;
  #finishing = false;
  #ended = false;
  #error: MoqError | undefined;

  /** `closed` is the session's; `onEnded` is called once, when nothing more will be sent. */
  constructor(stream: W3cWritable, closed: Promise<CloseInfo>, onEnded: (send: W3cSend) => void) {
    this.#stream = stream;
    this.#writer = stream.getWriter();
    this.#closed = closed;
    this.#onEnded = onEnded;
    this.#writer.closed.then(
      () => this.#succeed(),
      (error) => this.#handleError(error),
    );
    // `closed` reports the same failure.
    this.#writer.ready.catch(() => {});
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
    for (const chunk of joined(chunks)) this.#writer.write(chunk).catch(() => {});
    if ((this.#writer.desiredSize ?? 0) > 0) return Promise.resolve();
    const blocked = deferred<void>();
    this.#blocked = blocked;
    this.#writer.ready.then(
      () => this.#unblock(blocked),
      () => {},
    );
    return blocked.promise;
  }

  finish(): void {
    if (this.#finishing || this.#error) return;
    this.#finishing = true;
    this.#writer.close().catch(() => {});
  }

  reset(code: number): void {
    if (this.#ended) return;
    this.fail(streamReset(code), undefined);
    this.#writer.abort(streamError(code)).catch(() => {});
  }

  setPriority(priority: number): void {
    if ("sendOrder" in this.#stream) this.#stream.sendOrder = priority;
  }

  /** Ends the stream with an error; `stopCode` is what `stopped` resolves with. */
  fail(error: MoqError, stopCode: number | undefined): void {
    if (this.#ended) return;
    this.#error = error;
    this.#finished.reject(error);
    this.#stopped.resolve(stopCode);
    this.#blocked?.reject(error);
    this.#blocked = undefined;
    this.#end();
  }

  #unblock(blocked: Deferred<void>): void {
    if (this.#blocked === blocked) this.#blocked = undefined;
    blocked.resolve();
  }

  #succeed(): void {
    if (this.#ended) return;
    this.#finished.resolve();
    this.#stopped.resolve(undefined);
    this.#end();
  }

  #handleError(error: unknown): void {
    const failure = readStreamFailure(error);
    if (failure.kind === "session") {
      void this.#closed.then((info) => this.fail(sessionClosed(info), undefined));
    } else if (failure.code === undefined) {
      const stopped = "the stream was stopped without a code";
      this.fail(
        new MoqError("stream_stopped", stopped, { scope: "stream", cause: error }),
        undefined,
      );
    } else {
      this.fail(streamStopped(failure.code), failure.code);
    }
  }

  #end(): void {
    this.#ended = true;
    this.#onEnded(this);
  }
}

function joined(chunks: Uint8Array | readonly Uint8Array[]): readonly Uint8Array[] {
  if (chunks instanceof Uint8Array) return chunks.byteLength === 0 ? [] : [chunks];
  const filled = chunks.filter((chunk) => chunk.byteLength > 0);
  const total = filled.reduce((bytes, chunk) => bytes + chunk.byteLength, 0);
  if (filled.length < 2 || total > JOIN_BYTES) return filled;
  const whole = new Uint8Array(total);
  let offset = 0;
  for (const chunk of filled) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return [whole];
}
