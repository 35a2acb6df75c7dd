import { MoqError } from "@moq-bridge/runtime";
import { type Deferred, deferred } from "../deferred.js";
import { streamReset, streamStopped, transportMisuse } from "../error.js";
import type { SendStream } from "../transport.js";
import { checkCode } from "./code.js";
import type { NativeDriver } from "./native-driver.js";
import type { StreamOwner } from "./native-recv.js";

const ROOM = Promise.resolve();

/** The sending half of a native stream. */
export class NativeSend implements SendStream {
  readonly #driver: NativeDriver;
  readonly #id: number;
  readonly #owner: StreamOwner;
  #opening: (() => void) | undefined;
  #blocked: Deferred<void> | undefined;
  #finishing = false;
  #ended = false;
  #error: MoqError | undefined;
  #stopCode: number | undefined;
  // Made when asked for: most streams are never asked.
  #finished: Deferred<void> | undefined;
  #stopped: Deferred<number | undefined> | undefined;

  /** `onOpened` is for a stream whose opening has to wait. */
  constructor(driver: NativeDriver, id: number, owner: StreamOwner, onOpened?: () => void) {
    this.#driver = driver;
    this.#id = id;
    this.#owner = owner;
    this.#opening = onOpened;
    driver.sends.set(id, this);
  }

  get finished(): Promise<void> {
    if (!this.#finished) {
      this.#finished = deferred<void>();
      if (this.#ended) this.#settleFinished();
    }
    return this.#finished.promise;
  }

  get stopped(): Promise<number | undefined> {
    if (!this.#stopped) {
      this.#stopped = deferred<number | undefined>();
      if (this.#ended) this.#stopped.resolve(this.#stopCode);
    }
    return this.#stopped.promise;
  }

  write(chunks: Uint8Array | readonly Uint8Array[]): Promise<void> {
    if (this.#error) return Promise.reject(this.#error);
    const ending = this.#owner.endingError();
    if (ending) return Promise.reject(ending);
    if (this.#finishing) return Promise.reject(transportMisuse("written to a finished stream"));
    if (this.#blocked) return Promise.reject(transportMisuse("two writes at once on a stream"));
    const { hub } = this.#driver;
    const room =
      chunks instanceof Uint8Array ? hub.write(this.#id, chunks) : hub.writeAll(this.#id, chunks);
    if (room) return ROOM;
    this.#blocked = deferred<void>();
    return this.#blocked.promise;
  }

  finish(): void {
    if (this.#finishing || this.#ended) return;
    this.#finishing = true;
    this.#driver.hub.finish(this.#id);
  }

  reset(code: number): void {
    checkCode(code);
    if (this.#ended) return;
    this.#driver.hub.reset(this.#id, code);
    this.#end(streamReset(code), undefined);
  }

  setPriority(priority: number): void {
    if (!this.#ended) this.#driver.hub.setPriority(this.#id, priority);
  }

  handleOpened(): void {
    this.#opening?.();
    this.#opening = undefined;
  }

  handleDrained(): void {
    this.#blocked?.resolve();
    this.#blocked = undefined;
  }

  handleFinished(): void {
    this.#end(undefined, undefined);
  }

  handleStopped(code: number | undefined): void {
    const error =
      code === undefined
        ? new MoqError("stream_stopped", "the stream was stopped with a code of another protocol", {
            scope: "stream",
          })
        : streamStopped(code);
    this.#end(error, code);
  }

  handleLost(): void {
    this.#driver.sends.delete(this.#id);
    this.#owner.onEnded((error) => this.#end(error, undefined));
  }

  #end(error: MoqError | undefined, stopCode: number | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#stopCode = stopCode;
    this.#driver.sends.delete(this.#id);
    if (error) this.#blocked?.reject(error);
    else this.#blocked?.resolve();
    this.#blocked = undefined;
    this.#settleFinished();
    this.#stopped?.resolve(stopCode);
  }

  #settleFinished(): void {
    if (this.#error) this.#finished?.reject(this.#error);
    else this.#finished?.resolve();
  }
}
