import { STREAM_ERROR } from "@moq-bridge/moq-wire/ietf14";
import { MoqError, type Runtime } from "@moq-bridge/runtime";
import type { SendStream, TransportSession } from "@moq-bridge/transport";
import type { Counters } from "../stats.js";
import { StreamSlots } from "./stream-slots.js";

/** Opens the data streams of one session, never more at once than the peer's limit, never waiting for ever. */
export class StreamOpener {
  readonly slots: StreamSlots;
  readonly #transport: TransportSession;
  readonly #runtime: Runtime;
  readonly #counters: Counters;
  readonly #timeoutMs: number;

  constructor(options: {
    transport: TransportSession;
    runtime: Runtime;
    counters: Counters;
    /** Streams unfinished at once. */
    limit: number;
    /** Milliseconds one opening may take. */
    timeoutMs: number;
  }) {
    this.#transport = options.transport;
    this.#runtime = options.runtime;
    this.#counters = options.counters;
    this.#timeoutMs = options.timeoutMs;
    this.slots = new StreamSlots(options.limit);
  }

  /**
   * A new stream; it counts as open until the peer has all of it.
   *
   * @param signal gives up waiting
   * @throws {MoqError} `stream_open_timeout`, `session_closed`, `unsubscribed` after the signal
   */
  open(signal: AbortSignal): Promise<SendStream> {
    return new Promise((resolve, reject) => {
      let over = false;
      let giveUp = () => {};
      const end = () => {
        over = true;
        cancelTimer();
        signal.removeEventListener("abort", handleAbort);
        giveUp();
      };
      const fail = (error: unknown) => {
        if (over) return;
        end();
        reject(error);
      };
      const handleAbort = () => fail(unsubscribed());
      const cancelTimer = this.#runtime.setTimer(this.#timeoutMs, () => {
        if (!over) this.#counters.streamOpenTimeouts++;
        fail(openTimeout(this.#timeoutMs));
      });
      signal.addEventListener("abort", handleAbort);
      giveUp = this.slots.take(() => {
        this.#open().then((stream) => {
          if (over) {
            stream.reset(STREAM_ERROR.cancelled);
            return;
          }
          end();
          resolve(stream);
        }, fail);
      });
      if (signal.aborted) handleAbort();
    });
  }

  /** With a slot in hand, which goes back when the stream is over, also when nobody waits for it any more. */
  async #open(): Promise<SendStream> {
    const { slots } = this;
    let stream: SendStream;
    try {
      stream = await this.#transport.openUni();
    } catch (error) {
      slots.release();
      throw error;
    }
    this.#counters.openSendStreams++;
    const ended = () => {
      this.#counters.openSendStreams--;
      slots.release();
    };
    void stream.finished.then(ended, ended);
    return stream;
  }
}

function openTimeout(timeoutMs: number): MoqError {
  const message = `the peer admitted no further data stream within ${timeoutMs} ms`;
  return new MoqError("stream_open_timeout", message, { scope: "subscription" });
}

function unsubscribed(): MoqError {
  return new MoqError("unsubscribed", "nobody wants the stream any more", {
    scope: "subscription",
  });
}
