import { WireError } from "@moq-bridge/moq-wire";
import { ControlReader, encodeControlMessage } from "@moq-bridge/moq-wire/ietf14";
import { MoqError, type Runtime } from "@moq-bridge/runtime";
import type { BidiStream } from "@moq-bridge/transport";
import type { SessionMachine } from "./control/session-machine.js";
import type { PeerProfile } from "./profile.js";
import type { Counters } from "./stats.js";

/** Above every data stream. */
const CONTROL_PRIORITY = 2 ** 31 - 1;
const MAX_BATCH = 64;

/** Moves messages between the control stream and the machine. */
export class ControlStream {
  readonly #stream: BidiStream;
  readonly #machine: SessionMachine;
  readonly #runtime: Runtime;
  readonly #counters: Counters;
  readonly #longNames: PeerProfile["longNames"];
  readonly #onChange: () => void;
  #writing = false;

  /** `onChange` is called after the machine was told something. */
  constructor(options: {
    stream: BidiStream;
    machine: SessionMachine;
    runtime: Runtime;
    counters: Counters;
    longNames: PeerProfile["longNames"];
    onChange: () => void;
  }) {
    this.#stream = options.stream;
    this.#machine = options.machine;
    this.#runtime = options.runtime;
    this.#counters = options.counters;
    this.#longNames = options.longNames;
    this.#onChange = options.onChange;
    this.#stream.send.setPriority(CONTROL_PRIORITY);
    void this.#stream.send.stopped.then((code) => {
      if (code !== undefined) this.#handleEnd();
    });
  }

  /** Reads until the stream ends; never rejects. */
  async read(): Promise<void> {
    const reader = new ControlReader(this.#longNames);
    try {
      for (;;) {
        const chunk = await this.#stream.recv.read();
        if (!chunk || this.#machine.state === "closed") break;
        this.#counters.bytesReceived += chunk.byteLength;
        reader.push(chunk);
        for (let message = reader.next(); message; message = reader.next()) {
          this.#machine.handleMessage(message, this.#runtime.now());
        }
        this.#onChange();
      }
      this.#handleEnd();
    } catch (error) {
      this.#handleFailure(error);
    }
  }

  /** Writes what the machine has to send; one write is under way at a time, so what waits stays in the machine. */
  flush(): void {
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      for (let batch = this.#batch(); batch.length > 0; batch = this.#batch()) {
        await this.#stream.send.write(batch);
      }
    } catch (error) {
      this.#handleFailure(error);
    } finally {
      this.#writing = false;
    }
  }

  #batch(): Uint8Array[] {
    const batch: Uint8Array[] = [];
    while (batch.length < MAX_BATCH) {
      const message = this.#machine.pollMessage();
      if (!message) break;
      const bytes = encodeControlMessage(message);
      this.#counters.bytesSent += bytes.byteLength;
      batch.push(bytes);
    }
    return batch;
  }

  #handleFailure(error: unknown): void {
    if (error instanceof WireError) this.#machine.handleViolation(error);
    else if (!(error instanceof MoqError)) throw error;
    // The end of the whole session says more than that of one stream in it.
    if (error instanceof MoqError && error.code === "session_closed") return;
    this.#handleEnd();
  }

  #handleEnd(): void {
    this.#machine.handleControlEnd();
    this.#onChange();
  }
}
