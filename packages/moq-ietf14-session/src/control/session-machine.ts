import { WireError } from "@moq-bridge/moq-wire";
import {
  type ControlMessage,
  type ControlMessageOf,
  type ControlMessageType,
  SESSION_ERROR,
  type UnsupportedMessage,
} from "@moq-bridge/moq-wire/ietf14";
import { MoqError, type MoqErrorOptions } from "@moq-bridge/runtime";
import { misuse, peerViolation } from "../errors.js";
import { MAX_QUEUED_MESSAGES } from "../limits.js";
import type { PeerProfile } from "../profile.js";
import type { ControlContext } from "./context.js";
import type { SessionEvent } from "./events.js";
import { NamespacePublisher } from "./namespace-publisher.js";
import { NamespaceSubscriber } from "./namespace-subscriber.js";
import { PublisherMachine } from "./publisher-machine.js";
import { RequestLedger } from "./request-ledger.js";
import { acceptSetup, clientSetup, serverSetup } from "./setup-machine.js";
import { StatusMachine } from "./status-machine.js";
import { SubscriberMachine } from "./subscriber-machine.js";
import { checkTokens } from "./tokens.js";
import { refuseUnsupported, unsupportedAnswer } from "./unsupported.js";

/** Message types that spend a request ID of their sender (section 9.1). */
const REQUESTS: ReadonlySet<ControlMessageType> = new Set<ControlMessageType>([
  "subscribe",
  "subscribe_update",
  "fetch",
  "publish",
  "publish_namespace",
  "subscribe_namespace",
  "track_status",
]);

/** Message types by which the peer ends a request of its own. */
const ENDINGS: ReadonlySet<ControlMessageType> = new Set<ControlMessageType>([
  "unsubscribe",
  "fetch_cancel",
]);

/** Message types that refer to a request of their receiver. */
const ANSWERS: ReadonlySet<ControlMessageType> = new Set<ControlMessageType>([
  "subscribe_ok",
  "subscribe_error",
  "publish_done",
  "publish_ok",
  "publish_error",
  "fetch_ok",
  "fetch_error",
  "track_status_ok",
  "track_status_error",
  "publish_namespace_ok",
  "publish_namespace_error",
  "subscribe_namespace_ok",
  "subscribe_namespace_error",
]);

type Handlers = {
  readonly [Type in ControlMessageType]: (message: ControlMessageOf<Type>, now: number) => void;
};

/**
 * The control stream of one session, without I/O: messages and time go in
 * with `handle*`, messages and events come out with `poll*`.
 *
 * ```
 *  state     event                     next
 *  setup     the peer's SETUP          ready    (a server answers with its own)
 *  setup     anything else, time-out   closed   PROTOCOL_VIOLATION, CONTROL_MESSAGE_TIMEOUT
 *  ready     SETUP again               closed   PROTOCOL_VIOLATION
 *  ready     a violation               closed   the prescribed code, in `closeError`
 *  ready     the control stream ends   closed
 *  ready     no answer, nor to a later closed   CONTROL_MESSAGE_TIMEOUT, if the profile says so
 *            request, in a request's time
 *  closed    –                         every handle* does nothing
 * ```
 */
export class SessionMachine {
  readonly subscriber: SubscriberMachine;
  readonly publisher: PublisherMachine;
  readonly namespacePublisher: NamespacePublisher;
  readonly namespaceSubscriber: NamespaceSubscriber;
  readonly status: StatusMachine;
  readonly ledger: RequestLedger;
  readonly #side: "client" | "server";
  readonly #profile: PeerProfile;
  readonly #messages: ControlMessage[] = [];
  readonly #events: SessionEvent[] = [];
  readonly #handlers: Handlers;
  readonly #setupDeadline: number;
  readonly #rawQuic: boolean;
  #state: "setup" | "ready" | "closed" = "setup";
  #closeError: MoqError | undefined;
  #goaway = false;
  #goawaySent = false;
  #lastAnswered = -1;
  #stray = 0;
  #unsupported = 0;

  constructor(options: {
    side: "client" | "server";
    profile: PeerProfile;
    /** Whether the session runs on QUIC itself, without WebTransport; default false. */
    rawQuic?: boolean;
    /** Whether SUBSCRIBE_NAMESPACE of the peer finds anything. */
    servesPrefixes: boolean;
    now: number;
  }) {
    const { side, profile, now } = options;
    this.#side = side;
    this.#profile = profile;
    this.#rawQuic = options.rawQuic ?? false;
    this.#setupDeadline = now + profile.setupTimeoutMs;
    const send = (message: ControlMessage) => this.send(message);
    this.ledger = new RequestLedger(side, profile, send);
    const context: ControlContext = {
      profile,
      ledger: this.ledger,
      send,
      emit: (event) => this.#events.push(event),
      unanswered: (requestId) => this.#handleUnanswered(requestId),
      stray: () => this.#stray++,
    };
    this.subscriber = new SubscriberMachine(context);
    this.publisher = new PublisherMachine(context);
    this.namespacePublisher = new NamespacePublisher(context);
    this.namespaceSubscriber = new NamespaceSubscriber(context, options.servesPrefixes);
    this.status = new StatusMachine(context);
    this.#handlers = this.#createHandlers();
    if (side === "client") this.send(clientSetup(profile));
  }

  get state(): "setup" | "ready" | "closed" {
    return this.#state;
  }

  /** Why the session must be closed, once it must; its `wireCode` is the session error code. */
  get closeError(): MoqError | undefined {
    return this.#closeError;
  }

  /** Messages for requests that are over, so far. */
  get strayMessages(): number {
    return this.#stray;
  }

  /** Messages with numbers or names that cannot be represented, so far. */
  get unsupportedMessages(): number {
    return this.#unsupported;
  }

  /** Queues a message. @throws {MoqError} `message_not_allowed` when the profile excludes it */
  send(message: ControlMessage): void {
    if (this.#state === "closed") return;
    if (!this.#profile.sends.has(message.type)) {
      throw misuse("message_not_allowed", `${message.type} may not be sent to this peer`);
    }
    if (this.#messages.length >= MAX_QUEUED_MESSAGES) {
      this.#close("control_queue_full", "the peer does not read its control stream", {
        scope: "session",
        wireCode: SESSION_ERROR.internalError,
      });
      return;
    }
    this.#messages.push(message);
  }

  /** Queues GOAWAY. @throws {MoqError} `message_not_allowed` the second time, and for a client with a URI */
  sendGoaway(uri: string): void {
    if (this.#goawaySent) throw misuse("message_not_allowed", "GOAWAY was sent already");
    if (uri !== "" && this.#side === "client") {
      throw misuse("message_not_allowed", "a client's GOAWAY has no URI");
    }
    this.send({ type: "goaway", newSessionUri: uri });
    this.#goawaySent = true;
  }

  /** The next message to write. */
  pollMessage(): ControlMessage | undefined {
    return this.#messages.shift();
  }

  /** The next thing that happened. */
  pollEvent(): SessionEvent | undefined {
    return this.#events.shift();
  }

  /** When {@link handleTimeout} is due, in the time `now` is given in. */
  pollTimeout(): number | undefined {
    if (this.#state === "closed") return undefined;
    if (this.#state === "setup") return this.#setupDeadline;
    const times = [
      this.subscriber.nextDeadline(),
      this.status.nextDeadline(),
      this.namespacePublisher.nextDeadline(),
      this.namespaceSubscriber.nextDeadline(),
    ].filter((at) => at !== undefined);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  handleTimeout(now: number): void {
    if (this.#state === "setup" && now >= this.#setupDeadline) {
      this.#close("setup_timeout", "the peer sent no SETUP in time", {
        scope: "session",
        wireCode: SESSION_ERROR.controlMessageTimeout,
      });
    }
    if (this.#state !== "ready") return;
    this.subscriber.handleTimeout(now);
    this.status.handleTimeout(now);
    this.namespacePublisher.handleTimeout(now);
    this.namespaceSubscriber.handleTimeout(now);
  }

  /** The peer's control stream ended: FIN, RESET_STREAM or STOP_SENDING. */
  handleControlEnd(): void {
    const fault = this.#profile.controlFin === "violation";
    const wireCode = fault ? SESSION_ERROR.protocolViolation : SESSION_ERROR.noError;
    const message = "the peer ended the control stream";
    this.#close("control_stream_ended", message, { scope: "session", wireCode });
  }

  /** What could not be decoded, on any stream, or what broke a rule outside this machine. */
  handleViolation(error: unknown): void {
    this.#closeFor(error);
  }

  /** A message of the control stream. Violations end in {@link closeError}. */
  handleMessage(message: ControlMessage | UnsupportedMessage, now: number): void {
    if (this.#state === "closed") return;
    try {
      if (this.#state === "setup") this.#handleSetup(message);
      else if (message.type === "unsupported") this.#handleUnsupported(message, now);
      else this.#handle(message, now);
    } catch (error) {
      this.#closeFor(error);
    }
  }

  #handleSetup(message: ControlMessage | UnsupportedMessage): void {
    const expected = this.#side === "client" ? "server_setup" : "client_setup";
    if (message.type !== expected) {
      throw peerViolation(`${message.type} before ${expected}`, SESSION_ERROR.protocolViolation);
    }
    const limit = acceptSetup(message, { profile: this.#profile, rawQuic: this.#rawQuic });
    if (this.#side === "server") this.send(serverSetup(this.#profile));
    this.#state = "ready";
    this.ledger.handleSetupLimit(limit);
    this.#events.push({ type: "ready" });
  }

  #handle(message: ControlMessage, now: number): void {
    if ("requestId" in message) {
      const requestId = Number(message.requestId);
      if (REQUESTS.has(message.type)) this.ledger.handleRequest(requestId);
      if (ANSWERS.has(message.type)) this.#noteAnswer(requestId);
    }
    // Elsewhere a token is to be ignored (section 9.2.1.1).
    if (REQUESTS.has(message.type) && "parameters" in message) checkTokens(message.parameters);
    const handle = this.#handlers[message.type] as (message: ControlMessage, now: number) => void;
    handle(message, now);
  }

  #createHandlers(): Handlers {
    const { subscriber, publisher, status, ledger } = this;
    const { namespacePublisher, namespaceSubscriber } = this;
    // Answers to requests this package never makes: the request they name is of another kind.
    const mismatched = () => this.#stray++;
    const again = ({ type }: ControlMessage) => {
      throw peerViolation(`${type} comes again`, SESSION_ERROR.protocolViolation);
    };
    return {
      client_setup: again,
      server_setup: again,
      goaway: (message) => this.#handleGoaway(message.newSessionUri),
      max_request_id: (message) => ledger.handleMaxRequestId(message.requestId),
      // A grant is raised when requests finish, asked for or not.
      requests_blocked: () => {},
      subscribe: (message) => publisher.handleSubscribe(message),
      subscribe_ok: (message) => subscriber.handleOk(message),
      subscribe_error: (message) => subscriber.handleError(message),
      subscribe_update: (message) => publisher.handleUpdate(message),
      unsubscribe: (message) => publisher.handleUnsubscribe(message),
      publish_done: (message) => subscriber.handleDone(message),
      track_status: (message) => publisher.handleTrackStatus(message),
      track_status_ok: (message) => status.handleOk(message),
      track_status_error: (message) => status.handleError(message),
      publish: (message) => {
        subscriber.checkAlias(message);
        publisher.handlePublish(message);
      },
      publish_ok: mismatched,
      publish_error: mismatched,
      fetch: (message) => publisher.handleFetch(message),
      fetch_ok: mismatched,
      fetch_error: mismatched,
      fetch_cancel: (message) => publisher.handleFetchCancel(message),
      publish_namespace: (message) => namespaceSubscriber.handlePublish(message),
      publish_namespace_ok: (message) => namespacePublisher.handleOk(message),
      publish_namespace_error: (message, now) => namespacePublisher.handleError(message, now),
      publish_namespace_done: (message) => namespaceSubscriber.handlePublishDone(message),
      publish_namespace_cancel: (message, now) => namespacePublisher.handleCancel(message, now),
      subscribe_namespace: (message) => namespaceSubscriber.handleSubscribe(message),
      subscribe_namespace_ok: (message) => namespaceSubscriber.handleSubscribeOk(message),
      subscribe_namespace_error: (message) => namespaceSubscriber.handleSubscribeError(message),
      unsubscribe_namespace: (message) => namespaceSubscriber.handleUnsubscribe(message),
    };
  }

  /** One request left out may be that request's fault; if nothing after it was answered either, it is the session's. */
  #handleUnanswered(requestId: number): void {
    if (this.#profile.unansweredRequest !== "ends_session") return;
    if (requestId < this.#lastAnswered) return;
    const message = `the peer answered neither request ${requestId} in time nor a later one`;
    this.#close("request_unanswered", message, {
      scope: "session",
      wireCode: SESSION_ERROR.controlMessageTimeout,
    });
  }

  #handleGoaway(uri: string): void {
    if (this.#goaway) throw peerViolation("GOAWAY comes again", SESSION_ERROR.protocolViolation);
    if (this.#side === "server" && uri !== "") {
      throw peerViolation("a client's GOAWAY has a URI", SESSION_ERROR.protocolViolation);
    }
    this.#goaway = true;
    this.#events.push({ type: "goaway", uri });
  }

  #handleUnsupported(message: UnsupportedMessage, now: number): void {
    this.#unsupported++;
    const { messageType, requestId } = message;
    if (REQUESTS.has(messageType)) {
      this.ledger.handleRequest(requestId);
      const refusal =
        requestId === undefined ? undefined : refuseUnsupported(messageType, requestId);
      if (refusal) this.send(refusal);
      this.ledger.handleFinished();
    } else if (ANSWERS.has(messageType)) {
      this.#handleUnsupportedAnswer(this.#noteAnswer(requestId), message, now);
    } else if (message.trackNamespace) {
      const error = unsupportedAnswer(message);
      this.namespacePublisher.handleUnsupportedCancel(message.trackNamespace, error, now);
    } else if (ENDINGS.has(messageType)) {
      const text = `${messageType} for a request above 2^53 - 1, which never was`;
      throw peerViolation(text, SESSION_ERROR.invalidRequestId);
    }
  }

  /** The request it answers fails, as it would be forgotten otherwise. */
  #handleUnsupportedAnswer(requestId: number, message: UnsupportedMessage, now: number): void {
    const error = unsupportedAnswer(message);
    switch (message.messageType) {
      case "subscribe_ok":
        this.subscriber.handleUnsupported(requestId, error, false);
        break;
      case "subscribe_error":
      case "publish_done":
        this.subscriber.handleUnsupported(requestId, error, true);
        break;
      case "track_status_ok":
      case "track_status_error":
        this.status.handleUnsupported(requestId, error);
        break;
      case "publish_namespace_error":
        this.namespacePublisher.handleUnsupported(requestId, error, now);
        break;
      case "subscribe_namespace_error":
        this.namespaceSubscriber.handleUnsupported(requestId, error);
    }
  }

  /** An answer must be to a request of ours; whether that one is over is told apart later. */
  #noteAnswer(requestId: number | undefined): number {
    if (requestId === undefined || !this.ledger.wasSent(requestId)) {
      const text = `the peer answers request ${requestId ?? "above 2^53 - 1"}, which never was`;
      throw peerViolation(text, SESSION_ERROR.invalidRequestId);
    }
    this.#lastAnswered = Math.max(this.#lastAnswered, requestId);
    return requestId;
  }

  #closeFor(error: unknown): void {
    if (error instanceof MoqError) {
      const { code, message, wireCode = SESSION_ERROR.internalError } = error;
      this.#close(code, message, { scope: "session", wireCode, cause: error });
    } else if (error instanceof WireError) {
      const { message, wireCode = SESSION_ERROR.protocolViolation } = error;
      this.#close("peer_violation", message, { scope: "session", wireCode, cause: error });
    } else {
      throw error;
    }
  }

  #close(code: string, message: string, options: MoqErrorOptions): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#messages.length = 0;
    this.#closeError = new MoqError(code, message, options);
  }
}
