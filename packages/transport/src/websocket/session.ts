import { type MoqError, quotable } from "@moq-bridge/runtime";
import { AsyncQueue } from "../async-queue.js";
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
import type { Framing } from "./frame.js";
import { Heartbeat } from "./heartbeat.js";
import type { Limits } from "./limits.js";
import { WebSocketRecv } from "./recv-stream.js";
import { WebSocketSend } from "./send-stream.js";
import { type MachineEvent, SessionMachine } from "./session-machine.js";
import type { MessageSocket } from "./socket.js";
import type { Side } from "./stream-id.js";
import type { RecvState, SendState } from "./stream-state.js";

/**
 * Bytes handed to the socket that it has not passed on. Little, for what is
 * there already cannot be overtaken by a stream of a higher priority.
 */
const SOCKET_BUFFER = 256 * 1024;

/** Legacy framing: unread bytes at which the whole socket pauses, and goes on again. */
const PAUSE_AT = 4 * 1024 * 1024;
const RESUME_AT = PAUSE_AT / 2;

/** Legacy framing: what a stream counts that waits to be accepted, in bytes. */
const WAITING_STREAM_COST = 1024;

/** How long a peer may take to answer the closing of the WebSocket, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1000;

/** WebSocket close codes (RFC 6455 section 7.4.1). */
const WS_NORMAL = 1000;
const WS_GOING_AWAY = 1001;
const WS_NO_STATUS = 1005;

/** An open WebSocket and what was agreed about it. */
export interface WebSocketSessionOptions {
  readonly socket: MessageSocket;
  readonly side: Side;
  readonly framing: Framing;
  readonly protocol: string | undefined;
  readonly path: string | undefined;
  readonly limits: Limits;
  readonly idleTimeoutMs: number;
  readonly keepAliveMs: number;
}

/** A session of streams over one WebSocket: the I/O around a {@link SessionMachine}. */
export class WebSocketSession implements TransportSession {
  readonly kind = "websocket";
  readonly side: Side;
  readonly protocol: string | undefined;
  readonly path: string | undefined;
  readonly capabilities: Capabilities;
  readonly maxDatagramSize = 0;
  readonly #socket: MessageSocket;
  readonly #machine: SessionMachine;
  readonly #heartbeat: Heartbeat;
  readonly #closed = deferred<CloseInfo>();
  readonly #gone = deferred<void>();
  readonly #uniStreams = new AsyncQueue<RecvStream>("unidirectional streams");
  readonly #bidiStreams = new AsyncQueue<BidiStream>("bidirectional streams");
  readonly #sends = new Map<SendState, WebSocketSend>();
  readonly #reads = new Map<RecvState, WebSocketRecv>();
  readonly #opening: Readonly<Record<"uni" | "bidi", Deferred<WebSocketSend>[]>> = {
    uni: [],
    bidi: [],
  };
  #endError: MoqError | undefined;
  #flushScheduled = false;
  #paused = false;
  #lostReason = "";

  constructor(options: WebSocketSessionOptions) {
    this.side = options.side;
    this.protocol = options.protocol;
    this.path = options.path;
    this.#socket = options.socket;
    this.#machine = new SessionMachine(options);
    this.capabilities = {
      datagrams: false,
      acknowledgedFinish: false,
      priorities: true,
      perStreamFlowControl: this.#machine.codec.flowControl,
    };
    this.#heartbeat = new Heartbeat({
      socket: options.socket,
      idleMs: options.idleTimeoutMs,
      keepAliveMs: options.keepAliveMs,
      onPing: () => this.#ping(),
      onIdle: () => this.#lose(`nothing arrived for ${options.idleTimeoutMs} ms`),
    });
    this.#listen();
    this.#flush();
  }

  /** Resolves once the socket itself is closed. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  /** For the halves of streams. */
  get recvStreams() {
    return this.#machine.recvStreams;
  }

  /** For the halves of streams. */
  get sendStreams() {
    return this.#machine.sendStreams;
  }

  /** For the halves of streams: why nothing more will happen, once that is so. */
  get endError(): MoqError | undefined {
    return this.#endError;
  }

  async openUni(): Promise<SendStream> {
    return this.#open("uni");
  }

  async openBidi(): Promise<BidiStream> {
    const send = await this.#open("bidi");
    const recv = new WebSocketRecv(this.#machine.recvStreams.open(send.state.id), this);
    return { send, recv };
  }

  acceptUni(): Promise<RecvStream | undefined> {
    return this.#accept(this.#uniStreams);
  }

  acceptBidi(): Promise<BidiStream | undefined> {
    return this.#accept(this.#bidiStreams);
  }

  sendDatagram(): void {}

  async readDatagram(): Promise<undefined> {
    await this.#closed.promise;
  }

  close(code: number, reason: string): void {
    this.#machine.close(code, reason);
    this.#handleEvents();
  }

  /** For the halves of streams: the read ends with the next `recv` event. */
  awaitRecv(stream: WebSocketRecv): void {
    this.#reads.set(stream.state, stream);
  }

  /** For the halves of streams: something may be due to be sent, and memory may be free again. */
  wake(): void {
    this.#handleEvents();
    this.#balance();
    if (this.#flushScheduled || !this.#machine.hasOutput) return;
    this.#flushScheduled = true;
    // Later in this turn, so that the writes and the FIN of one turn travel together.
    this.#socket.defer(() => this.#flush());
  }

  #listen(): void {
    const socket = this.#socket;
    socket.listen({
      onMessage: (message) => this.#handleMessage(message),
      onPing: (data) => {
        this.#heartbeat.handleReceived();
        // A peer that floods us with pings and reads no answers must not fill our memory.
        if (socket.isOpen && socket.buffered < SOCKET_BUFFER) socket.pong(data);
      },
      onPong: () => this.#heartbeat.handleReceived(),
      onError: (message) => {
        this.#lostReason = quotable(message);
      },
      onClosed: (code, reason) => this.#handleSocketClosed(code, reason),
      onDrain: () => this.wake(),
    });
  }

  #handleMessage(message: Uint8Array | undefined): void {
    this.#heartbeat.handleReceived();
    if (message === undefined) this.#machine.violated("a text message");
    else this.#machine.handleMessage(message);
    this.wake();
  }

  #handleSocketClosed(code: number, text: string): void {
    const clean = code === WS_NORMAL || code === WS_GOING_AWAY || code === WS_NO_STATUS;
    const reason = quotable(text) || this.#lostReason || `the WebSocket closed with code ${code}`;
    this.#machine.lost(clean ? quotable(text) : reason, clean ? "peer" : "transport");
    this.#handleEvents();
    this.#gone.resolve();
  }

  #lose(reason: string): void {
    this.#machine.lost(reason, "transport");
    this.#handleEvents();
  }

  #ping(): void {
    if (!this.#socket.isOpen) return;
    this.#heartbeat.handleSent();
    if (this.#machine.hasPing) {
      this.#machine.ping();
      this.wake();
    } else if (this.#socket.buffered < SOCKET_BUFFER) {
      this.#socket.ping();
    }
  }

  #handleEvents(): void {
    for (let event = this.#machine.pollEvent(); event; event = this.#machine.pollEvent()) {
      this.#handleEvent(event);
    }
  }

  #handleEvent(event: MachineEvent): void {
    switch (event.type) {
      case "opened": {
        const recv = new WebSocketRecv(event.recv, this);
        if (event.send) this.#bidiStreams.push({ send: this.#adoptSend(event.send), recv });
        else this.#uniStreams.push(recv);
        return;
      }
      case "recv": {
        const stream = this.#reads.get(event.recv);
        this.#reads.delete(event.recv);
        stream?.handleChanged();
        return;
      }
      case "send": {
        const stream = this.#sends.get(event.send);
        if (event.send.status === "reset") this.#sends.delete(event.send);
        stream?.handleChanged();
        return;
      }
      case "parameters":
        this.#heartbeat.setPeerIdle(event.parameters.maxIdleTimeout);
        return;
      case "openable":
        this.#handleOpenable();
        return;
      case "ended":
        this.#handleEnded(event.info);
        this.#closeSocket(event.webSocketCode);
        return;
    }
  }

  #handleOpenable(): void {
    for (const kind of ["uni", "bidi"] as const) {
      const waiting = this.#opening[kind];
      for (;;) {
        const first = waiting[0];
        const state = first && this.#machine.sendStreams.open(kind === "uni");
        if (!state) break;
        waiting.shift();
        first.resolve(this.#adoptSend(state));
      }
    }
  }

  #handleEnded(info: CloseInfo): void {
    const error = sessionClosed(info);
    this.#endError = error;
    this.#heartbeat.stop();
    for (const waiting of [...this.#opening.uni, ...this.#opening.bidi]) waiting.reject(error);
    for (const send of this.#sends.values()) send.fail(error);
    for (const recv of this.#reads.values()) recv.handleChanged();
    this.#sends.clear();
    this.#reads.clear();
    // What the peer finished before it closed can still be accepted and read; after our own close nobody will.
    for (const queue of [this.#uniStreams, this.#bidiStreams]) {
      if (info.by === "local" || queue.size === 0) queue.end();
    }
    this.#closed.resolve(info);
  }

  #closeSocket(code: number): void {
    if (this.#paused) this.#socket.resume();
    for (let next = this.#machine.pollMessage(); next; next = this.#machine.pollMessage()) {
      if (this.#socket.isOpen) this.#socket.send(next.bytes);
    }
    this.#socket.close(code, CLOSE_TIMEOUT_MS);
  }

  async #open(kind: "uni" | "bidi"): Promise<WebSocketSend> {
    if (this.#endError) throw this.#endError;
    const waiting = this.#opening[kind];
    const state = waiting.length === 0 ? this.#machine.sendStreams.open(kind === "uni") : undefined;
    if (state) return this.#adoptSend(state);
    const turn = deferred<WebSocketSend>();
    waiting.push(turn);
    return turn.promise;
  }

  #adoptSend(state: SendState): WebSocketSend {
    const stream = new WebSocketSend(state, this);
    this.#sends.set(state, stream);
    return stream;
  }

  #accept<T>(queue: AsyncQueue<T>): Promise<T | undefined> {
    const next = queue.next();
    if (this.#endError && queue.size === 0) queue.end();
    this.wake();
    return next;
  }

  /** Pauses or resumes the socket where the framing has no flow control of its own. */
  #balance(): void {
    if (this.capabilities.perStreamFlowControl || this.#endError) return;
    const streams = this.#uniStreams.size + this.#bidiStreams.size;
    const held = this.#machine.recvStreams.unread + streams * WAITING_STREAM_COST;
    if (this.#paused ? held >= RESUME_AT : held < PAUSE_AT) return;
    this.#paused = !this.#paused;
    if (this.#paused) this.#socket.pause();
    else this.#socket.resume();
    this.#heartbeat.setPaused(this.#paused);
  }

  #flush(): void {
    this.#flushScheduled = false;
    if (!this.#socket.isOpen || this.#socket.buffered >= SOCKET_BUFFER) return;
    let sent = false;
    this.#socket.cork();
    while (this.#socket.buffered < SOCKET_BUFFER) {
      const message = this.#machine.pollMessage();
      if (message === undefined) break;
      sent = true;
      if (message.finished) this.#sendLast(message.bytes, message.finished);
      else this.#socket.send(message.bytes);
    }
    this.#socket.uncork();
    if (!sent) return;
    this.#heartbeat.handleSent();
    this.wake();
  }

  #sendLast(bytes: Uint8Array, state: SendState): void {
    this.#socket.send(bytes, () => {
      this.#sends.get(state)?.handleFinished();
      this.#sends.delete(state);
    });
  }
}
