import { MoqError, quotable, toMoqError } from "@moq-bridge/runtime";
import { connectError } from "../connect-error.js";
import { type Deferred, deferred } from "../deferred.js";
import { sessionClosed } from "../error.js";
import type {
  BidiStream,
  Capabilities,
  CloseInfo,
  RecvStream,
  SendStream,
  TransportSession,
} from "../transport.js";
import { W3cIncoming } from "./w3c-incoming.js";
import { W3cRecv } from "./w3c-recv.js";
import { W3cSend } from "./w3c-send.js";
import type {
  W3cBidirectionalStream,
  W3cCloseInfo,
  W3cReadable,
  W3cWebTransport,
  W3cWritable,
  W3cWriter,
} from "./web-transport.js";

/** What a W3C object does not say of itself. */
export interface FromWebTransportOptions {
  /** Default `client`, as browsers only are. */
  readonly side?: "client" | "server";
  /** Default `webtransport`. */
  readonly kind?: TransportSession["kind"];
  /** The negotiated protocol, where the object has no `protocol` of its own. */
  readonly protocol?: string;
  /** On a server: the path the client asked for, with its query. */
  readonly path?: string;
  /**
   * What is known of the implementation. Default: datagrams where the object
   * has them, no acknowledged finish (browsers resolve `close()` once the FIN
   * was sent), no priorities, flow control for each stream.
   */
  readonly capabilities?: Partial<Capabilities>;
}

/**
 * A {@link TransportSession} over a W3C `WebTransport` object: a browser's, or
 * one of Node that has the same interface. The object must not be used
 * otherwise from then on.
 *
 * @throws {MoqError} `connect_refused` when it does not become ready; browsers do not say why
 */
export async function fromWebTransport(
  webTransport: W3cWebTransport,
  options: FromWebTransportOptions = {},
): Promise<TransportSession> {
  // A failure to get ready rejects `closed` as well.
  webTransport.closed.catch(() => {});
  try {
    await webTransport.ready;
  } catch (cause) {
    const { message } = toMoqError(cause, "connect_refused", "session");
    throw connectError("connect_refused", `no WebTransport session: ${quotable(message)}`, {
      cause,
    });
  }
  return new W3cSession(webTransport, options);
}

class W3cSession implements TransportSession {
  readonly kind: TransportSession["kind"];
  readonly side: "client" | "server";
  readonly protocol: string | undefined;
  readonly path: string | undefined;
  readonly capabilities: Capabilities;
  readonly #webTransport: W3cWebTransport;
  readonly #closed = deferred<CloseInfo>();
  readonly #uniStreams: W3cIncoming<W3cReadable<Uint8Array>>;
  readonly #bidiStreams: W3cIncoming<W3cBidirectionalStream>;
  readonly #datagrams: W3cIncoming<Uint8Array> | undefined;
  readonly #noDatagram = deferred<undefined>();
  readonly #datagramWriter: W3cWriter | undefined;
  readonly #sending = new Set<W3cSend>();
  readonly #receiving = new Set<W3cRecv>();
  readonly #opening = new Set<Deferred<never>>();
  #ended: CloseInfo | undefined;

  constructor(webTransport: W3cWebTransport, options: FromWebTransportOptions) {
    const { datagrams } = webTransport;
    this.#webTransport = webTransport;
    this.kind = options.kind ?? "webtransport";
    this.side = options.side ?? "client";
    this.protocol = options.protocol ?? (webTransport.protocol || undefined);
    this.path = options.path;
    this.capabilities = {
      datagrams: datagrams !== undefined,
      acknowledgedFinish: false,
      priorities: false,
      perStreamFlowControl: true,
      ...options.capabilities,
    };
    this.#uniStreams = new W3cIncoming(
      webTransport.incomingUnidirectionalStreams,
      "unidirectional streams",
    );
    this.#bidiStreams = new W3cIncoming(
      webTransport.incomingBidirectionalStreams,
      "bidirectional streams",
    );
    if (datagrams && this.capabilities.datagrams) {
      this.#datagrams = new W3cIncoming(datagrams.readable, "datagrams");
      const writable = datagrams.createWritable?.() ?? datagrams.writable;
      this.#datagramWriter = writable?.getWriter();
      this.#datagramWriter?.closed.catch(() => {});
      this.#datagramWriter?.ready.catch(() => {});
    }
    webTransport.closed.then(
      (info) => this.#handleClosed(info),
      (error) => this.#handleLost(error),
    );
  }

  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  get maxDatagramSize(): number {
    return this.#datagramWriter ? (this.#webTransport.datagrams?.maxDatagramSize ?? 0) : 0;
  }

  async openUni(): Promise<SendStream> {
    const options = { waitUntilAvailable: true };
    return this.#send(
      await this.#opened(() => this.#webTransport.createUnidirectionalStream(options)),
    );
  }

  async openBidi(): Promise<BidiStream> {
    const options = { waitUntilAvailable: true };
    return this.#bidi(
      await this.#opened(() => this.#webTransport.createBidirectionalStream(options)),
    );
  }

  async acceptUni(): Promise<RecvStream | undefined> {
    const stream = await this.#uniStreams.next();
    return stream && this.#recv(stream);
  }

  async acceptBidi(): Promise<BidiStream | undefined> {
    const stream = await this.#bidiStreams.next();
    return stream && this.#bidi(stream);
  }

  sendDatagram(payload: Uint8Array): void {
    const writer = this.#datagramWriter;
    if (this.#ended || !writer || payload.byteLength > this.maxDatagramSize) return;
    if ((writer.desiredSize ?? 0) <= 0) return;
    writer.write(payload).catch(() => {});
  }

  readDatagram(): Promise<Uint8Array | undefined> {
    return this.#datagrams?.next() ?? this.#noDatagram.promise;
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    this.#end({ code, reason, by: "local" });
    this.#webTransport.close({ closeCode: code, reason });
  }

  #handleClosed(info: W3cCloseInfo | undefined): void {
    this.#end({ code: info?.closeCode ?? 0, reason: info?.reason ?? "", by: "peer" });
  }

  #handleLost(error: unknown): void {
    const { message } = toMoqError(error, "session_closed", "session");
    this.#end({ code: undefined, reason: message, by: "transport" });
  }

  #end(info: CloseInfo): void {
    if (this.#ended) return;
    this.#ended = info;
    const error = sessionClosed(info);
    for (const send of [...this.#sending]) send.fail(error, undefined);
    for (const recv of [...this.#receiving]) recv.fail(error);
    for (const opening of this.#opening) opening.reject(error);
    this.#uniStreams.end();
    this.#bidiStreams.end();
    this.#datagrams?.end();
    this.#noDatagram.resolve(undefined);
    this.#closed.resolve(info);
  }

  async #opened<T>(open: () => Promise<T>): Promise<T> {
    if (this.#ended) throw sessionClosed(this.#ended);
    const end = deferred<never>();
    this.#opening.add(end);
    try {
      return await Promise.race([open(), end.promise]);
    } catch (cause) {
      if (this.#ended) throw sessionClosed(this.#ended);
      // With `waitUntilAvailable` only the session's end makes it fail, though `closed` may follow later.
      const { message } = toMoqError(cause, "session_closed", "session");
      throw new MoqError("session_closed", `no stream can be opened: ${quotable(message)}`, {
        scope: "session",
        cause,
      });
    } finally {
      this.#opening.delete(end);
    }
  }

  #bidi({ readable, writable }: W3cBidirectionalStream): BidiStream {
    return { send: this.#send(writable), recv: this.#recv(readable) };
  }

  #send(writable: W3cWritable): SendStream {
    const send = new W3cSend(writable, this.closed, (ended) => this.#sending.delete(ended));
    this.#sending.add(send);
    if (this.#ended) send.fail(sessionClosed(this.#ended), undefined);
    return send;
  }

  #recv(readable: W3cReadable<Uint8Array>): RecvStream {
    const recv = new W3cRecv(readable, this.closed, (ended) => this.#receiving.delete(ended));
    this.#receiving.add(recv);
    if (this.#ended) recv.fail(sessionClosed(this.#ended));
    return recv;
  }
}
