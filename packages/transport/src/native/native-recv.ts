import { MoqError } from "@moq-bridge/runtime";
import { type Deferred, deferred } from "../deferred.js";
import { streamReset, streamStopped, transportMisuse } from "../error.js";
import type { RecvStream } from "../transport.js";
import { checkCode } from "./code.js";
import type { NativeDriver } from "./native-driver.js";

/** The addon reads 256 KiB ahead; it is told of what was read in steps, not for each chunk. */
const GRANT_BYTES = 64 * 1024;

/** What a stream needs of its session. */
export interface StreamOwner {
  /** The error of anything called after the session began to end; `undefined` while it goes on. */
  endingError(): MoqError | undefined;
  /** Calls back with the error once the session has ended, whoever ended it. */
  onEnded(callback: (error: MoqError) => void): void;
}

/** The receiving half of a native stream. */
export class NativeRecv implements RecvStream {
  readonly #driver: NativeDriver;
  readonly #id: number;
  readonly #owner: StreamOwner;
  #unread: Uint8Array[] = [];
  #reading: Deferred<Uint8Array | undefined> | undefined;
  #ungranted = 0;
  /** `lost`: the session is over and what is unread may still be read. */
  #state: "open" | "fin" | "lost" | "done" = "open";
  #error: MoqError | undefined;

  constructor(driver: NativeDriver, id: number, owner: StreamOwner) {
    this.#driver = driver;
    this.#id = id;
    this.#owner = owner;
    driver.recvs.set(id, this);
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#error) return Promise.reject(this.#error);
    if (this.#reading) return Promise.reject(transportMisuse("two reads at once on a stream"));
    if (this.#state === "done") return Promise.resolve(undefined);
    const ending = this.#owner.endingError();
    const chunk = this.#unread.shift();
    if (chunk) {
      this.#grant(chunk.byteLength);
      return Promise.resolve(chunk);
    }
    if (this.#state === "fin") {
      this.#state = "done";
      return Promise.resolve(undefined);
    }
    if (ending) return Promise.reject(ending);
    this.#reading = deferred();
    return this.#reading.promise;
  }

  stop(code: number): void {
    checkCode(code);
    if (this.#error || this.#state === "done") return;
    if (this.#state === "open") this.#driver.hub.stop(this.#id, code);
    this.#fail(streamStopped(code));
  }

  handleData(chunk: Uint8Array, fin: boolean): void {
    if (this.#reading) {
      const reading = this.#reading;
      this.#reading = undefined;
      if (!fin) this.#grant(chunk.byteLength);
      reading.resolve(chunk);
    } else {
      this.#unread.push(chunk);
    }
    if (fin) this.handleFin();
  }

  handleFin(): void {
    this.#state = "fin";
    this.#driver.recvs.delete(this.#id);
    if (!this.#reading) return;
    this.#state = "done";
    this.#reading.resolve(undefined);
    this.#reading = undefined;
  }

  /** What was not read by then is lost, as in QUIC. */
  handleReset(code: number | undefined): void {
    this.#fail(
      code === undefined
        ? new MoqError("stream_reset", "the stream was reset with a code of another protocol", {
            scope: "stream",
          })
        : streamReset(code),
    );
  }

  handleLost(): void {
    this.#state = "lost";
    this.#driver.recvs.delete(this.#id);
    this.#owner.onEnded((error) => {
      if (this.#unread.length === 0) this.#fail(error);
    });
  }

  #fail(error: MoqError): void {
    if (this.#error) return;
    this.#error = error;
    this.#unread = [];
    this.#driver.recvs.delete(this.#id);
    this.#reading?.reject(error);
    this.#reading = undefined;
  }

  #grant(bytes: number): void {
    this.#ungranted += bytes;
    if (this.#ungranted < GRANT_BYTES || this.#state !== "open") return;
    this.#driver.hub.grant(this.#id, this.#ungranted);
    this.#ungranted = 0;
  }
}
