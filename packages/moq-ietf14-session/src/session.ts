import { SESSION_ERROR, type SubscriptionFilter } from "@moq-bridge/moq-wire/ietf14";
import type { BroadcastConsumer, OriginConsumer, Path, TrackDemand } from "@moq-bridge/origin";
import type { CancelTimer, Runtime } from "@moq-bridge/runtime";
import type { BidiStream, CloseInfo, TransportSession } from "@moq-bridge/transport";
import createDebug from "debug";
import type { SessionEvent } from "./control/events.js";
import { SessionMachine } from "./control/session-machine.js";
import { trackStatusMessage } from "./control/status-machine.js";
import { trackKey } from "./control/subscriber-machine.js";
import { ControlStream } from "./control-stream.js";
import { Ingress } from "./data/ingress.js";
import { DatagramIngress } from "./datagram-ingress.js";
import { type Deferred, deferred } from "./deferred.js";
import { checkEncodable } from "./encodable.js";
import { peerViolation, sessionEnded } from "./errors.js";
import { toNamespace } from "./names.js";
import { OpenRequests, type TrackStatusAnswer } from "./open-requests.js";
import type { PeerNamespace } from "./peer-namespace.js";
import { PeerNamespaces } from "./peer-namespaces.js";
import { InboundPrefix, type NamespacePrefix } from "./prefix.js";
import type { PeerProfile } from "./profile.js";
import { type FindBroadcast, type NamespacePublication, Publication } from "./publication.js";
import { Serving } from "./serving.js";
import { type SessionEnd, sessionEnd } from "./session-end.js";
import { type Ietf14Stats, newCounters } from "./stats.js";
import { InboundSubscription, type Subscription } from "./subscription.js";

const debug = createDebug("moq:ietf14");

/** What a session is made with. */
export interface Ietf14Options {
  readonly runtime: Runtime;
  /** What to assume of the peer: `standard`, `cloudflare`, or one of your own. */
  readonly profile: PeerProfile;
  /** SUBSCRIBEs for broadcasts announced here are served too, and SUBSCRIBE_NAMESPACE is answered from it. */
  readonly serve?: OriginConsumer;
  /** Decides about the peer's PUBLISH_NAMESPACE; without it each is refused. */
  readonly onPublishNamespace?: (namespace: PeerNamespace, session: Ietf14Session) => void;
}

/** A draft-14 session after SETUP. Made by `connectIetf14` and `acceptIetf14`. */
export class Ietf14Session {
  readonly #transport: TransportSession;
  readonly #options: Ietf14Options;
  readonly #machine: SessionMachine;
  readonly #control: ControlStream;
  readonly #ingress: Ingress;
  readonly #serving: Serving;
  readonly #counters = newCounters();
  readonly #datagrams: DatagramIngress;
  readonly #closed: Deferred<SessionEnd> = deferred();
  readonly #ready: Deferred<void> = deferred();
  readonly #goaway: Deferred<string> = deferred();
  readonly #requests = new OpenRequests();
  readonly #peerNamespaces: PeerNamespaces;
  #timer: { at: number; cancel: CancelTimer } | undefined;
  #flushing = false;
  #ended = false;

  /** Use `connectIetf14` or `acceptIetf14`. */
  constructor(transport: TransportSession, control: BidiStream, options: Ietf14Options) {
    const { runtime, profile } = options;
    this.#transport = transport;
    this.#options = options;
    this.#machine = new SessionMachine({
      side: transport.side,
      profile,
      rawQuic: transport.kind === "quic",
      servesPrefixes: options.serve !== undefined,
      now: runtime.now(),
    });
    const counters = this.#counters;
    const flush = () => this.#flush();
    const machine = this.#machine;
    this.#control = new ControlStream({
      stream: control,
      machine,
      runtime,
      counters,
      longNames: profile.longNames,
      onChange: flush,
    });
    const onViolation = (error: unknown) => {
      machine.handleViolation(error);
      this.#flush();
    };
    const { finInsideObject } = profile;
    const isAsked = (track: string) => machine.subscriber.isPending(track);
    this.#ingress = new Ingress({ runtime, counters, finInsideObject, isAsked, onViolation });
    this.#datagrams = new DatagramIngress({
      runtime,
      counters,
      find: (trackAlias) => this.#requests.subscription(trackAlias),
      onViolation,
    });
    this.#serving = new Serving({
      transport,
      runtime,
      profile,
      counters,
      machine: machine.publisher,
      findBroadcast: (path) => this.#findBroadcast(path),
      flush,
    });
    const { serve, onPublishNamespace } = options;
    this.#peerNamespaces = new PeerNamespaces({
      machine: machine.namespaceSubscriber,
      target: this,
      serve,
      decide: onPublishNamespace && ((namespace) => onPublishNamespace(namespace, this)),
      flush,
    });
    void transport.closed.then((info) => this.#handleClosed(info));
    void this.#ingress.run(transport);
    void this.#refuseBidis();
    void this.#datagrams.run(transport);
    void this.#control.read();
    this.#flush();
  }

  /** Resolves once when the session has ended; never rejects. */
  get closed(): Promise<SessionEnd> {
    return this.#closed.promise;
  }

  /** Resolves with the new URI, empty for the same one, if the peer sends GOAWAY. */
  get goaway(): Promise<string> {
    return this.#goaway.promise;
  }

  /** Resolves after SETUP. @throws {MoqError} why there was none */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Requests the peer grants in all, as it stands now (MAX_REQUEST_ID counts IDs; each side uses every second one). */
  get requestLimit(): number {
    return this.#machine.ledger.limit;
  }

  /** Data streams open toward the peer at present. */
  get openSendStreams(): number {
    return this.#counters.openSendStreams;
  }

  /** Ends the session; `code` is a session error code (section 3.4), 0 by default. */
  close(code: number = SESSION_ERROR.noError, reason = ""): void {
    this.#transport.close(code, reason);
  }

  /**
   * Sends PUBLISH_NAMESPACE; from then on SUBSCRIBEs for exactly this
   * namespace are served from `broadcast`. A name withdrawn a moment ago is
   * published after the rest the profile asks for.
   *
   * @throws {MoqError} `path_invalid`, `namespace_duplicate`, `requests_blocked`, `session_closed`
   */
  publishNamespace(path: Path, broadcast: BroadcastConsumer): NamespacePublication {
    return this.publishPrefix(path, (asked) => (asked === path ? broadcast : undefined));
  }

  /**
   * Sends PUBLISH_NAMESPACE for a name that stands for all names below it:
   * SUBSCRIBEs for it and for what is below are served from what `find` gives
   * for the path that is asked for, unless a longer name is published here.
   *
   * @throws {MoqError} as {@link publishNamespace}
   */
  publishPrefix(path: Path, find: FindBroadcast): NamespacePublication {
    this.#assertOpen();
    const namespace = toNamespace(path);
    checkEncodable({ type: "publish_namespace_done", trackNamespace: namespace });
    const now = () => this.#options.runtime.now();
    const handle = this.#machine.namespacePublisher.publish(namespace, now());
    const publication = new Publication(path, find, () => {
      this.#machine.namespacePublisher.withdraw(handle, now());
      this.#flush();
    });
    this.#requests.addPublication(handle, publication);
    this.#flush();
    return publication;
  }

  /**
   * Sends SUBSCRIBE for a track by name.
   *
   * @throws {MoqError} `path_invalid`, `subscription_duplicate`, `requests_blocked`, `session_closed`
   */
  subscribe(path: Path, track: string, demand: TrackDemand = { priority: 128 }): Subscription {
    this.#assertOpen();
    const { runtime, profile } = this.#options;
    const { startGroup } = demand;
    const filter: SubscriptionFilter =
      startGroup !== undefined && profile.asksForStartGroup
        ? { type: "absolute_start", start: { group: startGroup, object: 0 } }
        : { type: profile.filter };
    const request = {
      trackNamespace: toNamespace(path),
      trackName: track,
      subscriberPriority: 255 - demand.priority,
      groupOrder: "publisher",
      forward: true,
      filter,
      parameters: [],
    } as const;
    checkEncodable({ type: "subscribe", requestId: 0, ...request });
    const handle = this.#machine.subscriber.subscribe(request, runtime.now());
    const subscription = new InboundSubscription({
      trackKey: trackKey(request),
      ingress: this.#ingress,
      runtime,
      sendUnsubscribe: () => {
        this.#machine.subscriber.unsubscribe(handle);
        this.#flush();
      },
      sendUpdate: (priority) => {
        this.#machine.subscriber.update(handle, 255 - priority);
        this.#flush();
      },
    });
    this.#requests.addSubscription(handle, subscription);
    this.#flush();
    return subscription;
  }

  /**
   * Sends SUBSCRIBE_NAMESPACE; what the peer then publishes comes to `onPublishNamespace`.
   *
   * @throws {MoqError} `message_not_allowed` for peers that cannot be asked, `path_invalid`,
   *   `prefix_overlap` for a prefix of, or under, one that is asked for, `requests_blocked`, `session_closed`
   */
  subscribeNamespace(prefix: Path): NamespacePrefix {
    this.#assertOpen();
    const namespace = toNamespace(prefix);
    checkEncodable({ type: "unsubscribe_namespace", trackNamespacePrefix: namespace });
    const machine = this.#machine.namespaceSubscriber;
    const handle = machine.subscribe(namespace, this.#options.runtime.now());
    const own = new InboundPrefix(() => {
      this.#requests.prefixes.delete(handle);
      machine.unsubscribe(handle);
      this.#flush();
    });
    this.#requests.prefixes.set(handle, own);
    this.#flush();
    return own;
  }

  /**
   * Asks how far a track is, without subscribing (TRACK_STATUS). Rejects with `request_refused` (code as
   * `wireCode`), `request_timeout` or `session_closed`.
   *
   * @throws {MoqError} `message_not_allowed` for peers that cannot be asked, `path_invalid`, `requests_blocked`, `session_closed`
   */
  trackStatus(path: Path, track: string): Promise<TrackStatusAnswer> {
    this.#assertOpen();
    const namespace = toNamespace(path);
    checkEncodable(trackStatusMessage(0, namespace, track));
    const handle = this.#machine.status.ask(namespace, track, this.#options.runtime.now());
    const answer = deferred<TrackStatusAnswer>();
    this.#requests.statuses.set(handle, answer);
    this.#flush();
    return answer.promise;
  }

  /** Sends GOAWAY, once; only a server gives a URI. @throws {MoqError} `message_not_allowed`, `session_closed` */
  sendGoaway(uri = ""): void {
    this.#assertOpen();
    this.#machine.sendGoaway(uri);
    this.#flush();
  }

  /** What the session did so far. */
  stats(): Ietf14Stats {
    const { ledger, subscriber, publisher, strayMessages, unsupportedMessages } = this.#machine;
    return {
      ...this.#counters,
      strayMessages,
      unsupported: this.#counters.unsupported + unsupportedMessages,
      requestsSent: ledger.sent,
      requestsReceived: ledger.received,
      requestsBlocked: ledger.blocked,
      subscriptions: subscriber.size,
      servedSubscriptions: publisher.size,
    };
  }

  #assertOpen(): void {
    if (this.#ended || this.#machine.state !== "ready") throw sessionEnded();
  }

  /** A broadcast published here, or announced by the Origin that is served. */
  #findBroadcast(path: Path): BroadcastConsumer | undefined {
    const { namespacePublisher } = this.#machine;
    const isPublished = (name: Path) => namespacePublisher.isPublished(toNamespace(name));
    return this.#requests.findBroadcast(path, isPublished) ?? this.#options.serve?.broadcast(path);
  }

  /** Moves what the machine has to say outward, and sets its timer again. */
  #flush(): void {
    if (this.#flushing || this.#ended) return;
    this.#flushing = true;
    for (let event = this.#machine.pollEvent(); event; event = this.#machine.pollEvent()) {
      debug("%s %s", this.#transport.side, event.type);
      this.#handleEvent(event);
    }
    this.#flushing = false;
    this.#control.flush();
    this.#setTimer();
    const { closeError } = this.#machine;
    if (closeError) {
      this.#transport.close(closeError.wireCode ?? SESSION_ERROR.internalError, closeError.message);
    }
  }

  #handleEvent(event: SessionEvent): void {
    switch (event.type) {
      case "ready":
        this.#ready.resolve();
        break;
      case "goaway":
        this.#goaway.resolve(event.uri);
        break;
      case "peer_subscribe":
        void this.#serving.handleSubscribe(event);
        break;
      case "peer_update":
        this.#serving.handleUpdate(event.requestId, event);
        break;
      case "peer_unsubscribe":
        this.#serving.handleUnsubscribe(event.requestId);
        break;
      case "peer_track_status":
        void this.#serving.handleTrackStatus(event.requestId, event.path, event.track);
        break;
      case "peer_namespace":
        this.#peerNamespaces.handleOffer(event.requestId, event.path);
        break;
      case "peer_namespace_done":
        this.#peerNamespaces.handleOfferEnd(event.requestId);
        break;
      case "peer_prefix":
        this.#peerNamespaces.handlePrefix(event.requestId, event.prefix);
        break;
      case "peer_prefix_done":
        this.#peerNamespaces.handlePrefixEnd(event.requestId);
        break;
      default:
        this.#requests.handle(event, this.#options.profile.countsStreams);
        if (event.type === "subscription_accepted") this.#datagrams.release(event.trackAlias);
    }
  }

  /** Draft-14 has no use for a second bidirectional stream. */
  async #refuseBidis(): Promise<void> {
    for (;;) {
      const stream = await this.#transport.acceptBidi();
      if (!stream) return;
      const message = "a second bidirectional stream";
      this.#machine.handleViolation(peerViolation(message, SESSION_ERROR.protocolViolation));
      this.#flush();
    }
  }

  #handleClosed(info: CloseInfo): void {
    this.#ended = true;
    this.#timer?.cancel();
    const end = sessionEnd(info, this.#machine.closeError);
    this.#machine.handleControlEnd();
    this.#serving.close();
    this.#ingress.close();
    this.#peerNamespaces.close();
    this.#requests.end(end.error);
    this.#ready.reject(end.error ?? sessionEnded());
    this.#closed.resolve(end);
  }

  #setTimer(): void {
    const at = this.#machine.pollTimeout();
    if (at === this.#timer?.at) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (at === undefined) return;
    const { runtime } = this.#options;
    const cancel = runtime.setTimer(Math.max(0, at - runtime.now()), () => {
      this.#timer = undefined;
      this.#machine.handleTimeout(runtime.now());
      this.#flush();
    });
    this.#timer = { at, cancel };
  }
}
