import type { MoqError } from "@moq-bridge/runtime";
import { streamReset, streamStopped, transportMisuse } from "../error.js";
import type { RecvStream } from "../transport.js";
import type { RecvStreams } from "./recv-streams.js";
import type { RecvState } from "./stream-state.js";

/** What a stream needs of its session. */
export interface RecvSession {
  readonly recvStreams: RecvStreams;
  /** Why nothing more will arrive, once that is so. */
  readonly endError: MoqError | undefined;
  /** The stream waits for the `recv` event of its half. */
  awaitRecv(stream: WebSocketRecv): void;
  /** Something may be due to be sent, and memory may be free again. */
  wake(): void;
}

/** The receiving half of a stream over a WebSocket. */
export class WebSocketRecv implements RecvStream {
  readonly state: RecvState;
  readonly #session: RecvSession;
  #reading: PendingRead | undefined;

  constructor(state: RecvState, session: RecvSession) {
    this.state = state;
    this.#session = session;
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#reading) return Promise.reject(transportMisuse("two reads at once on a stream"));
    const chunk = this.#take();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.state.status === "done") return Promise.resolve(undefined);
    const error = this.#error();
    if (error) return Promise.reject(error);
    return new Promise((resolve, reject) => {
      this.#reading = { resolve, reject };
      this.state.waiting = true;
      this.#session.awaitRecv(this);
    });
  }

  stop(code: number): void {
    if (this.#session.endError) return;
    this.#session.recvStreams.stop(this.state, code);
    this.handleChanged();
    this.#session.wake();
  }

  /** The half has something to read, or has ended, or the session has. */
  handleChanged(): void {
    const reading = this.#reading;
    if (!reading) return;
    const chunk = this.#take();
    const error = chunk === undefined && this.state.status !== "done" ? this.#error() : undefined;
    if (chunk === undefined && this.state.status === "open" && !error) return;
    this.#reading = undefined;
    this.state.waiting = false;
    if (error) reading.reject(error);
    else reading.resolve(chunk);
  }

  #take(): Uint8Array | undefined {
    const chunk = this.#session.recvStreams.read(this.state);
    if (chunk !== undefined) this.#session.wake();
    return chunk;
  }

  #error(): MoqError | undefined {
    if (this.state.status === "reset") return streamReset(this.state.endCode);
    if (this.state.status === "stopped") return streamStopped(this.state.endCode);
    return this.#session.endError;
  }
}

interface PendingRead {
  resolve(chunk: Uint8Array | undefined): void;
  reject(error: MoqError): void;
}
