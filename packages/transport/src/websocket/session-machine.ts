import { WireError } from "@moq-bridge/moq-wire";
import type { CloseInfo } from "../transport.js";
import { type Codec, codecOf } from "./codec.js";
import { type Frame, type Framing, hasRecords, type TransportParameters } from "./frame.js";
import { type Limits, MAX_REASON, toParameters } from "./limits.js";
import { Outbox } from "./outbox.js";
import { RecvStreams } from "./recv-streams.js";
import { type OutgoingMessage, SendStreams } from "./send-streams.js";
import { isUni, openedBy, type Side } from "./stream-id.js";
import type { RecvState, SendState } from "./stream-state.js";
import { VIOLATION_CODE, Violation } from "./violation.js";

/** What happened, for the driver to pass on. */
export type MachineEvent =
  /** The peer opened a stream; `send` is there when it is bidirectional. */
  | { readonly type: "opened"; readonly recv: RecvState; readonly send: SendState | undefined }
  /** A receiving half with `waiting` set has something to read, or has ended. */
  | { readonly type: "recv"; readonly recv: RecvState }
  /** A sending half with `waiting` set has room; or, whether it is set or not, it has ended. */
  | { readonly type: "send"; readonly send: SendState }
  /** The peer admits more streams than before. */
  | { readonly type: "openable" }
  /** What the peer grants at the start is known. */
  | { readonly type: "parameters"; readonly parameters: TransportParameters }
  /**
   * The session is over. What `pollMessage` still gives should be sent, then
   * the WebSocket closed with that code.
   */
  | { readonly type: "ended"; readonly info: CloseInfo; readonly webSocketCode: number };

/** WebSocket close codes (RFC 6455 section 7.4.1). */
const WS_NORMAL = 1000;
const WS_PROTOCOL_ERROR = 1002;

/** What a {@link SessionMachine} is told at the start. */
export interface SessionMachineOptions {
  readonly side: Side;
  readonly framing: Framing;
  readonly limits: Limits;
  /** Announced to the peer, in milliseconds. */
  readonly idleTimeoutMs: number;
}

/**
 * A session of streams over messages, without I/O or time (decision 2).
 *
 * Pass each message to {@link handleMessage}, then take all that {@link pollEvent}
 * gives; after that or after any call of the application, send what
 * {@link pollMessage} gives for as long as the socket takes it.
 */
export class SessionMachine {
  readonly codec: Codec;
  readonly recvStreams: RecvStreams;
  readonly sendStreams: SendStreams;
  readonly #options: SessionMachineOptions;
  readonly #outbox = new Outbox();
  #events: MachineEvent[] = [];
  #nextEvent = 0;
  #hasParameters = false;
  #pingsSent = 0;
  #lastPing: number | bigint = -1;
  #ended = false;

  constructor(options: SessionMachineOptions) {
    this.#options = options;
    this.codec = codecOf(options.framing);
    this.recvStreams = new RecvStreams({
      side: options.side,
      limits: this.codec.flowControl ? options.limits : undefined,
      outbox: this.#outbox,
      onOpened: (recv) => this.#handleOpened(recv),
      onChanged: (recv) => {
        recv.waiting = false;
        this.#events.push({ type: "recv", recv });
      },
    });
    this.sendStreams = new SendStreams({
      side: options.side,
      codec: this.codec,
      outbox: this.#outbox,
      onChanged: (send) => {
        send.waiting = false;
        this.#events.push({ type: "send", send });
      },
      onEnded: (send) => {
        if (!isUni(send.id)) this.recvStreams.halfEnded(send.id);
      },
      onOpenable: () => this.#events.push({ type: "openable" }),
    });
    if (this.codec.flowControl) {
      const parameters = toParameters(options.limits, options.idleTimeoutMs);
      this.#outbox.push({ type: "transport_parameters", parameters });
    }
  }

  /** Whether the framing has pings of its own. */
  get hasPing(): boolean {
    return hasRecords(this.#options.framing);
  }

  /** {@link pollMessage} would give something. */
  get hasOutput(): boolean {
    return !this.#outbox.isEmpty || (!this.#ended && this.sendStreams.hasOutput);
  }

  /** A message arrived. A peer that breaks the rules ends the session. */
  handleMessage(message: Uint8Array): void {
    if (this.#ended) return;
    try {
      if (message.byteLength > this.codec.maxMessageSize) {
        throw new Violation(`a message has ${message.byteLength} bytes`);
      }
      for (const frame of this.codec.decode(message)) {
        this.#handleFrame(frame);
        if (this.#ended) return;
      }
    } catch (error) {
      if (!(error instanceof WireError || error instanceof Violation)) throw error;
      this.violated(error.message);
    }
  }

  /** What happened since the last call, one at a time. */
  pollEvent(): MachineEvent | undefined {
    const event = this.#events[this.#nextEvent];
    this.#nextEvent += 1;
    if (event === undefined) {
      this.#events = [];
      this.#nextEvent = 0;
    }
    return event;
  }

  /** The next message to send; control frames first, then streams by priority. */
  pollMessage(): OutgoingMessage | undefined {
    const frame = this.#outbox.shift();
    if (frame) return { bytes: this.codec.encode(frame) };
    return this.#ended ? undefined : this.sendStreams.poll();
  }

  /** Asks the peer for a sign of life. Only where {@link hasPing}. */
  ping(): void {
    this.#outbox.push({ type: "ping", sequence: this.#pingsSent, response: false });
    this.#pingsSent += 1;
  }

  /** Ends the session as the application asks (APPLICATION_CLOSE). */
  close(code: number, reason: string): void {
    if (this.#ended) return;
    const info: CloseInfo = { code, reason, by: "local" };
    this.#end(info, { type: "application_close", code, reason: reason.slice(0, MAX_REASON) });
    this.recvStreams.discard();
  }

  /** Ends the session for what the peer did (CONNECTION_CLOSE, which the legacy peers do not survive). */
  violated(message: string): void {
    if (this.#ended) return;
    const info: CloseInfo = {
      code: undefined,
      reason: `protocol violation: ${message}`,
      by: "transport",
    };
    const reason = message.slice(0, MAX_REASON);
    const last: Frame = { type: "connection_close", code: VIOLATION_CODE, frameType: 0, reason };
    this.#end(info, this.codec.flowControl ? last : undefined, WS_PROTOCOL_ERROR);
  }

  /** Ends the session because the connection is gone. */
  lost(reason: string, by: "peer" | "transport"): void {
    if (!this.#ended) this.#end({ code: undefined, reason, by });
  }

  #end(info: CloseInfo, last?: Frame, webSocketCode = WS_NORMAL): void {
    this.#ended = true;
    this.#outbox.end(last);
    this.#events.push({ type: "ended", info, webSocketCode });
  }

  #handleOpened(recv: RecvState): void {
    const send = isUni(recv.id) ? undefined : this.sendStreams.answer(recv.id);
    this.#events.push({ type: "opened", recv, send });
  }

  #handleFrame(frame: Frame): void {
    if (this.#options.framing === "qmux-02" && !this.#hasParameters) {
      if (frame.type !== "transport_parameters") {
        throw new Violation(`${frame.type} before the transport parameters`);
      }
    }
    switch (frame.type) {
      case "stream":
        this.#checkReceivable(frame.id);
        this.recvStreams.handleData(frame.id, frame.offset, frame.data, frame.fin);
        return;
      case "reset_stream":
        if (frame.reliableSize !== undefined) throw new Violation("RESET_STREAM_AT was not agreed");
        this.#checkReceivable(frame.id);
        this.recvStreams.handleReset(frame.id, frame.code, frame.finalSize);
        return;
      case "stop_sending":
        this.#mention(frame.id);
        this.sendStreams.handleStop(frame.id, frame.code);
        return;
      case "max_data":
        this.sendStreams.handleMaxData(frame.max);
        return;
      case "max_stream_data":
        this.#mention(frame.id);
        this.sendStreams.handleMaxStreamData(frame.id, frame.max);
        return;
      case "max_streams":
        this.sendStreams.handleMaxStreams(frame.uni, frame.max);
        return;
      case "data_blocked":
      case "stream_data_blocked":
      case "streams_blocked":
        return;
      case "connection_close":
        this.#handleClose(undefined, `the peer reported error ${frame.code}: ${frame.reason}`);
        return;
      case "application_close":
        this.#handleClose(frame.code, frame.reason);
        return;
      case "transport_parameters":
        this.#handleParameters(frame.parameters);
        return;
      case "ping":
        this.#handlePing(frame.sequence, frame.response);
        return;
      case "datagram":
        throw new Violation("datagrams were not agreed");
    }
  }

  #handleClose(code: number | undefined, text: string): void {
    const reason = text.slice(0, MAX_REASON);
    this.#end({ code, reason, by: code === undefined ? "transport" : "peer" });
  }

  #handleParameters(parameters: TransportParameters): void {
    if (this.#hasParameters) throw new Violation("transport parameters came twice");
    this.#hasParameters = true;
    this.#events.push({ type: "parameters", parameters });
    this.sendStreams.handleParameters(parameters);
  }

  #handlePing(sequence: number | bigint, response: boolean): void {
    const strict = this.#options.framing === "qmux-02";
    if (response) {
      if (strict && sequence >= this.#pingsSent) {
        throw new Violation(`ping ${sequence} is answered, which was not sent`);
      }
      return;
    }
    if (strict && sequence <= this.#lastPing) {
      throw new Violation(`ping ${sequence} follows ping ${this.#lastPing}`);
    }
    this.#lastPing = sequence;
    this.#outbox.pong(sequence);
  }

  /** A frame of the sender: the stream must be one the peer may send on. */
  #checkReceivable(id: number): void {
    if (isUni(id) && openedBy(id) === this.#options.side) {
      throw new Violation(`stream ${id} is ours to send on`);
    }
    this.sendStreams.checkOpened(id);
  }

  /** A frame to the sender may be the first of a bidirectional stream of the peer. */
  #mention(id: number): void {
    if (!isUni(id) && openedBy(id) !== this.#options.side) this.recvStreams.handleMention(id);
  }
}
