import { WireError } from "@moq-bridge/moq-wire";
import {
  type ControlMessage,
  type ControlMessageOf,
  DRAFT_14,
  PUBLISH_DONE_STATUS,
  SESSION_ERROR,
  SETUP_PARAMETER,
  SUBSCRIBE_ERROR,
  type TrackNamespace,
} from "@moq-bridge/moq-wire/ietf14";
import { MoqError, type Runtime, sleep } from "@moq-bridge/runtime";
import type { TransportSession } from "@moq-bridge/transport";
import type { RelayLog } from "../embedded-relay.js";
import { ControlChannel } from "./control-channel.js";
import { IncomingStreams } from "./incoming-streams.js";
import { PublishedNames } from "./published-names.js";
import { RelayedTrack } from "./relayed-track.js";
import type { Ietf14Rules, RuleName } from "./rules.js";
import type { NameScope } from "./scope.js";
import { type Done, Viewer } from "./viewer.js";

/** What a session shares with the others of its relay. */
export interface PeerContext {
  readonly runtime: Runtime;
  readonly scope: NameScope;
  readonly rules: Ietf14Rules;
  readonly log: RelayLog;
  count(rule: RuleName): void;
}

/** What Cloudflare's relay says to viewers when a publisher is gone. */
const PUBLISHER_GONE = { code: PUBLISH_DONE_STATUS.internalError, reason: "done" };
const VIEWER_LEFT = { code: PUBLISH_DONE_STATUS.unauthorized, reason: "cancelled" };

/** Messages without an answer and without a consequence here. */
const IGNORED: ReadonlySet<ControlMessage["type"]> = new Set([
  "fetch",
  "fetch_ok",
  "fetch_error",
  "fetch_cancel",
  "publish",
  "publish_ok",
  "publish_error",
  "subscribe_update",
  "subscribe_namespace",
  "subscribe_namespace_ok",
  "subscribe_namespace_error",
  "unsubscribe_namespace",
  "publish_namespace_ok",
  "publish_namespace_error",
  "publish_namespace_cancel",
  "track_status_ok",
  "track_status_error",
]);

const REQUESTS: ReadonlySet<ControlMessage["type"]> = new Set([
  "publish_namespace",
  "subscribe",
  "track_status",
]);

/** One session of the relay: publisher, viewer, or both. */
export class RelayPeer {
  readonly #transport: TransportSession;
  readonly #context: PeerContext;
  readonly #incoming: IncomingStreams;
  /** Tracks this peer publishes, by the request ID of our SUBSCRIBE. */
  readonly #tracks = new Map<number, RelayedTrack>();
  readonly #tracksByName = new Map<string, RelayedTrack>();
  /** Tracks that ended and still have streams open, which end with the session at the latest. */
  readonly #draining = new Set<RelayedTrack>();
  /** Its subscriptions, by its request ID. */
  readonly #viewing = new Map<number, { viewer: Viewer; track: RelayedTrack; peer: RelayPeer }>();
  readonly #names: PublishedNames;
  readonly #closing = new AbortController();
  #control: ControlChannel | undefined;
  #nextRequestId = 1;
  #requests = 0;
  #ready = false;

  constructor(transport: TransportSession, context: PeerContext) {
    this.#transport = transport;
    this.#context = context;
    this.#incoming = new IncomingStreams({
      ...context,
      transport,
      onFault: (track, done) => this.#end(track, done),
    });
    this.#names = new PublishedNames({
      ...context,
      peer: this,
      send: (message) => this.#send(message),
      onReleased: (namespace) => this.#endTracksOf(namespace),
    });
  }

  /** Serves the session until its end and says why it ended; never rejects. */
  async run(): Promise<string> {
    const accepting = this.#acceptControl();
    void this.#incoming.run().catch((error) => this.#fatal(error));
    const { by, reason, code } = await this.#transport.closed;
    await accepting;
    if (by === "transport") await this.#unnoticed();
    this.#over();
    return `by ${by}${code === undefined ? "" : ` with ${code}`}${reason ? `: ${reason}` : ""}`;
  }

  close(): void {
    this.#closing.abort();
    this.#transport.close(SESSION_ERROR.noError, "the relay ends");
  }

  /** The time in which a lost session keeps its names. */
  async #unnoticed(): Promise<void> {
    const { rules, runtime, count } = this.#context;
    if (rules.heldAfterLossMs === 0) return;
    count("heldAfterLossMs");
    await sleep(runtime, rules.heldAfterLossMs, this.#closing.signal).catch(() => undefined);
  }

  /** Nothing is this session's any more. */
  #over(): void {
    this.#names.releaseAll();
    const tracks = [...this.#tracks.values(), ...this.#draining];
    this.#tracks.clear();
    this.#tracksByName.clear();
    this.#draining.clear();
    for (const track of tracks) track.lose(PUBLISHER_GONE);
    for (const { viewer, track, peer } of this.#viewing.values()) {
      viewer.drop();
      peer.#left(track, viewer);
    }
    this.#viewing.clear();
  }

  /** Whether a track of this key was asked of this peer and has not ended. */
  publishes(key: string): boolean {
    return this.#tracksByName.has(key);
  }

  async #acceptControl(): Promise<void> {
    const stream = await this.#transport.acceptBidi();
    if (!stream) return;
    const first = !this.#context.rules.invertsPriority;
    const control = new ControlChannel(stream, first, (message) => this.#handle(message));
    this.#control = control;
    try {
      await control.read();
      // Its way to end a session.
      if (!control.finished) this.#transport.close(SESSION_ERROR.noError, "");
    } catch (error) {
      this.#fatal(error);
    }
  }

  #send(message: ControlMessage): void {
    this.#control?.send(message);
  }

  /** The peer sent what this relay does not take. */
  #fatal(error: unknown): void {
    if (error instanceof MoqError && error.code === "session_closed") return;
    const message = error instanceof Error ? error.message : String(error);
    this.#context.log(`session in error: ${message}`);
    if (this.#context.rules.onFatalMessage === "zombie") {
      this.#context.count("onFatalMessage");
      this.#control?.finish();
      this.#over();
      return;
    }
    const code = error instanceof WireError ? error.wireCode : undefined;
    this.#transport.close(code ?? SESSION_ERROR.protocolViolation, message);
  }

  #handle(message: ControlMessage): void {
    if (!this.#ready) {
      this.#setUp(message);
      return;
    }
    if (REQUESTS.has(message.type) && !this.#answers()) return;
    switch (message.type) {
      case "publish_namespace":
        this.#names.publish(message);
        break;
      case "publish_namespace_done":
        this.#names.withdraw(message.trackNamespace);
        break;
      case "subscribe":
        this.#subscribe(message);
        break;
      case "unsubscribe":
        this.#unsubscribe(message.requestId);
        break;
      case "subscribe_ok":
        this.#accepted(message);
        break;
      case "subscribe_error":
        this.#ended(message.requestId, message.errorCode);
        break;
      case "publish_done":
        this.#ended(message.requestId, message.statusCode);
        break;
      case "track_status":
        this.#trackStatus(message);
        break;
      default:
        if (!IGNORED.has(message.type)) throw new Error(`${message.type} is not taken here`);
    }
  }

  /** Whether the session's next request is answered at all. */
  #answers(): boolean {
    const { rules, count } = this.#context;
    this.#requests++;
    if (BigInt(2 * this.#requests) > rules.grantedRequests) count("grantedRequests");
    if (this.#requests <= (rules.answeredRequests ?? this.#requests)) return true;
    count("answeredRequests");
    return false;
  }

  #setUp(message: ControlMessage): void {
    if (message.type !== "client_setup") throw new Error("the first message is no CLIENT_SETUP");
    if (!message.supportedVersions.includes(DRAFT_14)) throw new Error("draft-14 is not offered");
    this.#ready = true;
    const value = this.#context.rules.grantedRequests;
    const parameters = [{ type: SETUP_PARAMETER.maxRequestId, value }];
    this.#send({ type: "server_setup", selectedVersion: DRAFT_14, parameters });
  }

  /* ------------------------------------------------------ as a publisher */

  #endTracksOf(name: TrackNamespace): void {
    const { scope, runtime } = this.#context;
    for (const track of [...this.#tracks.values()]) {
      // Tracks below another name of this peer stay with that.
      const stays = scope.find(track.namespace, runtime.now())?.peer === this;
      if (beginsWith(track.namespace, name) && !stays) this.#end(track, PUBLISHER_GONE);
    }
  }

  /** Ends a track on our side. */
  #end(track: RelayedTrack, done: Done): void {
    this.#send({ type: "unsubscribe", requestId: track.requestId });
    this.#forget(track);
    track.end(done);
  }

  /** The track, asked of this publisher if it is not yet. */
  #track(namespace: TrackNamespace, name: string): RelayedTrack {
    const key = trackKey(namespace, name);
    const known = this.#tracksByName.get(key);
    if (known) return known;
    const requestId = this.#nextRequestId;
    this.#nextRequestId += 2;
    const { rules, count } = this.#context;
    const track = new RelayedTrack({ namespace, name, requestId }, rules, count);
    this.#tracks.set(requestId, track);
    this.#tracksByName.set(key, track);
    this.#send({
      type: "subscribe",
      requestId,
      trackNamespace: namespace,
      trackName: name,
      subscriberPriority: 127,
      groupOrder: "publisher",
      forward: true,
      filter: { type: "largest_object" },
      parameters: [],
    });
    return track;
  }

  #accepted({ requestId, trackAlias }: ControlMessageOf<"subscribe_ok">): void {
    const track = this.#tracks.get(requestId);
    if (!track) return;
    this.#incoming.bind(trackAlias, track);
    track.accept();
  }

  /** The publisher refused or ended a track. */
  #ended(requestId: number, code: number): void {
    const track = this.#tracks.get(requestId);
    if (!track) return;
    this.#forget(track);
    track.end({ code, reason: `closed, code=${code}` });
  }

  #forget(track: RelayedTrack): void {
    for (const other of this.#draining) if (!other.draining) this.#draining.delete(other);
    this.#draining.add(track);
    this.#tracks.delete(track.requestId);
    const key = trackKey(track.namespace, track.name);
    if (this.#tracksByName.get(key) === track) this.#tracksByName.delete(key);
  }

  #left(track: RelayedTrack, viewer: Viewer): void {
    track.leave(viewer);
    if (track.viewers > 0 || !this.#tracks.has(track.requestId)) return;
    if (!this.#context.rules.unsubscribesUpstream) {
      this.#context.count("unsubscribesUpstream");
      return;
    }
    this.#send({ type: "unsubscribe", requestId: track.requestId });
    this.#forget(track);
  }

  /* --------------------------------------------------------- as a viewer */

  #subscribe({ requestId, trackNamespace, trackName }: ControlMessageOf<"subscribe">): void {
    const { scope, rules, runtime } = this.#context;
    const peer = scope.find(trackNamespace, runtime.now())?.peer;
    if (!peer) {
      this.#refuse(requestId, SUBSCRIBE_ERROR.trackDoesNotExist);
      return;
    }
    const track = peer.#track(trackNamespace, trackName);
    if (rules.acceptsAtOnce) {
      this.#context.count("acceptsAtOnce");
      this.#view(requestId, track, peer);
      return;
    }
    void track.answered.then((refusal) => {
      if (refusal === undefined) this.#view(requestId, track, peer);
      else this.#refuse(requestId, refusal);
    });
  }

  #refuse(requestId: number, errorCode: number): void {
    const errorReason = "not found: Track not found";
    this.#send({ type: "subscribe_error", requestId, errorCode, errorReason });
  }

  #view(requestId: number, track: RelayedTrack, peer: RelayPeer): void {
    const { invertsPriority } = this.#context.rules;
    if (invertsPriority) this.#context.count("invertsPriority");
    this.#send({
      type: "subscribe_ok",
      requestId,
      trackAlias: requestId,
      expires: 0n,
      groupOrder: "ascending",
      largestLocation: undefined,
      parameters: [],
    });
    const options = { transport: this.#transport, invertsPriority };
    const viewer = new Viewer(requestId, options, (done, streamCount) => {
      this.#viewing.delete(requestId);
      this.#send({
        type: "publish_done",
        requestId,
        statusCode: done.code,
        streamCount: BigInt(streamCount),
        errorReason: done.reason,
      });
    });
    this.#viewing.set(requestId, { viewer, track, peer });
    track.join(viewer);
  }

  #unsubscribe(requestId: number): void {
    const viewing = this.#viewing.get(requestId);
    if (!viewing) return;
    viewing.peer.#left(viewing.track, viewing.viewer);
    viewing.viewer.end(VIEWER_LEFT);
  }

  #trackStatus(message: ControlMessageOf<"track_status">): void {
    const { requestId, trackNamespace, trackName } = message;
    const { scope, runtime } = this.#context;
    const publisher = scope.find(trackNamespace, runtime.now())?.peer;
    if (publisher?.publishes(trackKey(trackNamespace, trackName))) {
      this.#send({
        type: "track_status_ok",
        requestId,
        trackAlias: requestId,
        expires: 0n,
        groupOrder: "ascending",
        largestLocation: undefined,
        parameters: [],
      });
      return;
    }
    const errorCode = SUBSCRIBE_ERROR.trackDoesNotExist;
    this.#send({
      type: "track_status_error",
      requestId,
      errorCode,
      errorReason: "Track not found",
    });
  }
}

function trackKey(namespace: TrackNamespace, name: string): string {
  return JSON.stringify([namespace, name]);
}

function beginsWith(namespace: TrackNamespace, prefix: TrackNamespace): boolean {
  return prefix.every((field, index) => namespace[index] === field);
}
