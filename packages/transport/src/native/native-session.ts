import type { MoqError } from "@moq-bridge/runtime";
import { AsyncQueue } from "../async-queue.js";
import { deferred } from "../deferred.js";
import { sessionClosed } from "../error.js";
import type {
  BidiStream,
  Capabilities,
  CloseInfo,
  RecvStream,
  SendStream,
  TransportSession,
} from "../transport.js";
import { checkCode } from "./code.js";
import type { NativeDriver } from "./native-driver.js";
import { NativeRecv, type StreamOwner } from "./native-recv.js";
import { NativeSend } from "./native-send.js";

/** The addon lets 512 streams and 1,024 datagrams wait; room is given back in steps. */
const TAKEN_AT_ONCE = 128;
/** draft-ietf-webtrans-http3, section 6: a reason has at most 1,024 bytes. */
const MAX_REASON_BYTES = 1_024;

/** What is known of a session when it begins. */
export interface NativeSessionStart {
  readonly id: number;
  readonly side: "client" | "server";
  readonly protocol: string | undefined;
  readonly path: string | undefined;
}

/** A WebTransport session over the addon. */
export class NativeSession implements TransportSession, StreamOwner {
  readonly kind = "webtransport";
  readonly side: "client" | "server";
  readonly protocol: string | undefined;
  readonly path: string | undefined;
  readonly capabilities: Capabilities;
  readonly #driver: NativeDriver;
  readonly #id: number;
  readonly #closed = deferred<CloseInfo>();
  readonly #uniStreams = new AsyncQueue<RecvStream>("unidirectional streams");
  readonly #bidiStreams = new AsyncQueue<BidiStream>("bidirectional streams");
  readonly #datagrams = new AsyncQueue<Uint8Array>("datagrams");
  readonly #opening = new Set<(error: MoqError) => void>();
  #ending: MoqError | undefined;
  #takenUni = 0;
  #takenBidi = 0;
  #takenDatagrams = 0;

  constructor(driver: NativeDriver, start: NativeSessionStart) {
    this.#driver = driver;
    this.#id = start.id;
    this.side = start.side;
    this.protocol = start.protocol;
    this.path = start.path;
    driver.sessions.set(start.id, this);
    driver.retain();
    this.capabilities = {
      datagrams: this.maxDatagramSize > 0,
      acknowledgedFinish: true,
      priorities: true,
      perStreamFlowControl: true,
    };
  }

  get maxDatagramSize(): number {
    return this.#driver.hub.maxDatagramSize(this.#id);
  }

  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  openUni(): Promise<SendStream> {
    if (this.#ending) return Promise.reject(this.#ending);
    const id = this.#driver.hub.openUni(this.#id);
    if (id > 0) return Promise.resolve(new NativeSend(this.#driver, id, this));
    return this.#whenOpened(-id, (send) => send);
  }

  openBidi(): Promise<BidiStream> {
    if (this.#ending) return Promise.reject(this.#ending);
    const id = this.#driver.hub.openBidi(this.#id);
    const recv = new NativeRecv(this.#driver, Math.abs(id), this);
    if (id > 0) return Promise.resolve({ send: new NativeSend(this.#driver, id, this), recv });
    return this.#whenOpened(-id, (send) => ({ send, recv }));
  }

  acceptUni(): Promise<RecvStream | undefined> {
    this.#takenUni += 1;
    this.#giveBackRoom(this.#takenUni);
    return this.#uniStreams.next();
  }

  acceptBidi(): Promise<BidiStream | undefined> {
    this.#takenBidi += 1;
    this.#giveBackRoom(this.#takenBidi);
    return this.#bidiStreams.next();
  }

  sendDatagram(payload: Uint8Array): void {
    if (!this.#ending) this.#driver.hub.sendDatagram(this.#id, payload);
  }

  readDatagram(): Promise<Uint8Array | undefined> {
    this.#takenDatagrams += 1;
    this.#giveBackRoom(this.#takenDatagrams);
    return this.#datagrams.next();
  }

  close(code: number, reason: string): void {
    checkCode(code);
    if (this.#ending) return;
    const sent = shorten(reason);
    this.#driver.hub.close(this.#id, code, sent);
    this.#end(sessionClosed({ code, reason: sent, by: "local" }));
  }

  endingError(): MoqError | undefined {
    return this.#ending;
  }

  onEnded(callback: (error: MoqError) => void): void {
    void this.#closed.promise.then((info) => callback(sessionClosed(info)));
  }

  handleUni(id: number): void {
    this.#uniStreams.push(new NativeRecv(this.#driver, id, this));
  }

  handleBidi(id: number): void {
    this.#bidiStreams.push({
      send: new NativeSend(this.#driver, id, this),
      recv: new NativeRecv(this.#driver, id, this),
    });
  }

  handleDatagram(payload: Uint8Array): void {
    this.#datagrams.push(payload);
  }

  handleClosed(info: CloseInfo): void {
    this.#driver.sessions.delete(this.#id);
    this.#driver.release();
    this.#end(sessionClosed(info));
    this.#closed.resolve(info);
  }

  #end(error: MoqError): void {
    if (this.#ending) return;
    this.#ending = error;
    this.#uniStreams.end();
    this.#bidiStreams.end();
    this.#datagrams.end();
    for (const fail of this.#opening) fail(error);
    this.#opening.clear();
  }

  #whenOpened<T>(id: number, stream: (send: NativeSend) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: MoqError) => {
        this.#driver.sends.delete(id);
        this.#driver.recvs.delete(id);
        reject(error);
      };
      const send = new NativeSend(this.#driver, id, this, () => {
        this.#opening.delete(fail);
        resolve(stream(send));
      });
      this.#opening.add(fail);
    });
  }

  #giveBackRoom(taken: number): void {
    if (taken < TAKEN_AT_ONCE) return;
    const { hub } = this.#driver;
    hub.taken(this.#id, this.#takenUni, this.#takenBidi, this.#takenDatagrams);
    this.#takenUni = 0;
    this.#takenBidi = 0;
    this.#takenDatagrams = 0;
  }
}

/** A reason no longer than the wire allows, cut between characters. */
function shorten(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.byteLength <= MAX_REASON_BYTES) return reason;
  let end = MAX_REASON_BYTES;
  // UTF-8 continuation bytes are 10xxxxxx.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString();
}
