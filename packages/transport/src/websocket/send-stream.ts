import type { MoqError } from "@moq-bridge/runtime";
import { type Deferred, deferred } from "../deferred.js";
import { streamReset, streamStopped, transportMisuse } from "../error.js";
import type { SendStream } from "../transport.js";
import type { SendStreams } from "./send-streams.js";
import type { SendState } from "./stream-state.js";

const ROOM = Promise.resolve();

/** What a stream needs of its session. */
export interface SendSession {
  readonly sendStreams: SendStreams;
  /** Something is due to be sent. */
  wake(): void;
}

/** The sending half of a stream over a WebSocket. */
export class WebSocketSend implements SendStream {
  readonly state: SendState;
  readonly #session: SendSession;
  readonly #finished = deferred<void>();
  readonly #stopped = deferred<number | undefined>();
  #blocked: Deferred<void> | undefined;
  #error: MoqError | undefined;

  constructor(state: SendState, session: SendSession) {
    this.state = state;
    this.#session = session;
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  get stopped(): Promise<number | undefined> {
    return this.#stopped.promise;
  }

  write(chunks: Uint8Array | readonly Uint8Array[]): Promise<void> {
    if (this.#error) return Promise.reject(this.#error);
    if (this.state.status !== "open") {
      return Promise.reject(transportMisuse("written to a finished stream"));
    }
    if (this.#blocked) return Promise.reject(transportMisuse("two writes at once on a stream"));
    const { sendStreams } = this.#session;
    if (chunks instanceof Uint8Array) sendStreams.write(this.state, chunks);
    else for (const chunk of chunks) sendStreams.write(this.state, chunk);
    this.#session.wake();
    if (sendStreams.hasRoom(this.state)) return ROOM;
    this.state.waiting = true;
    this.#blocked = deferred<void>();
    return this.#blocked.promise;
  }

  finish(): void {
    if (this.#error) return;
    this.#session.sendStreams.finish(this.state);
    this.#session.wake();
  }

  reset(code: number): void {
    if (this.#error || this.state.ended) return;
    this.#session.sendStreams.reset(this.state, code);
    this.fail(streamReset(code));
    this.#session.wake();
  }

  setPriority(priority: number): void {
    this.#session.sendStreams.setPriority(this.state, priority);
  }

  /** There is room again, or the peer stopped the stream. */
  handleChanged(): void {
    const { status, stopCode } = this.state;
    if (status === "reset" && stopCode !== undefined) {
      this.#stopped.resolve(stopCode);
      this.fail(streamStopped(stopCode));
    } else if (status !== "reset") {
      this.#blocked?.resolve();
      this.#blocked = undefined;
    }
  }

  /** The FIN, and everything before it, is with the operating system. */
  handleFinished(): void {
    this.#finished.resolve();
    this.#stopped.resolve(undefined);
  }

  /** Nothing more will be sent. The first error counts, and none after the end. */
  fail(error: MoqError): void {
    if (this.#error) return;
    this.#error = error;
    this.#blocked?.reject(error);
    this.#blocked = undefined;
    this.#finished.reject(error);
    this.#stopped.resolve(undefined);
  }
}
