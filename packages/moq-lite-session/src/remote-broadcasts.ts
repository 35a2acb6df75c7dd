import { WireError } from "@moq-bridge/moq-wire";
import {
  BIDI_STREAM,
  decodeAnnounce,
  decodeAnnounceInit,
  decodeAnnounceOk,
  encodeAnnounceRequest,
  encodeStreamType,
  hasAnnounceInit,
  hasAnnounceOk,
} from "@moq-bridge/moq-wire/lite";
import type {
  BroadcastProducer,
  Hops,
  OriginProducer,
  Path,
  TrackRequest,
} from "@moq-bridge/origin";
import { type CancelTimer, MoqError } from "@moq-bridge/runtime";
import { type AnnounceEvent, AnnounceReceiver } from "./announce-receiver.js";
import type { SessionContext } from "./context.js";
import { deferred } from "./deferred.js";
import { isStreamEnd, sourceLost, violation } from "./errors.js";
import { MessageStream } from "./message-stream.js";
import { Subscription, type SubscriptionIds } from "./subscription.js";

/** What cannot be read of a START: its suffix, or all of it. It has its number all the same. */
const UNREADABLE_START: ReadonlySet<string> = new Set(["suffix", "START"]);

/** What {@link RemoteBroadcasts} tells its session. */
export interface RemoteBroadcastsHost {
  readonly context: SessionContext;
  /** Stands for a peer whose announcements carry no ids. */
  readonly peerId: bigint | undefined;
  /** Whether an announcement of this path is our own, come back. */
  isOwn(path: Path): boolean;
  /** ANNOUNCE_OK told the peer's id. */
  peerIdKnown(originId: bigint): void;
}

/** Fills an Origin with what the peer announces, and its tracks when they are asked for. */
export class RemoteBroadcasts implements SubscriptionIds {
  readonly #host: RemoteBroadcastsHost;
  readonly #origin: OriginProducer;
  readonly #receiver: AnnounceReceiver;
  readonly #broadcasts = new Map<Path, BroadcastProducer>();
  readonly #subscriptions = new Set<Subscription>();
  readonly #byId = new Map<number, Subscription>();
  #nextId = 0;
  readonly #announced = deferred<void>();
  #cancelQuiet: CancelTimer | undefined;
  /** The session has ended: what was read of it and not handled yet is void. */
  #lost = false;

  constructor(host: RemoteBroadcastsHost, origin: OriginProducer) {
    this.#host = host;
    this.#origin = origin;
    const { version, originId, limits } = host.context;
    this.#receiver = new AnnounceReceiver({
      version,
      prefix: "",
      originId,
      peerId: host.peerId,
      maxBroadcasts: limits.broadcasts,
      isOwn: (path) => host.isOwn(path),
    });
  }

  /** Resolves once what was live at first is in the Origin; rejects when the session ends before. */
  get announced(): Promise<void> {
    return this.#announced.promise;
  }

  /** The subscription whose groups carry this id. */
  find(subscribeId: number): Subscription | undefined {
    return this.#byId.get(subscribeId);
  }

  add(subscription: Subscription): number {
    const id = this.#nextId++;
    this.#byId.set(id, subscription);
    return id;
  }

  remove(id: number): void {
    this.#byId.delete(id);
  }

  /** Asks for everything the peer has and follows it until the stream ends. */
  async run(): Promise<void> {
    const { version, originId } = this.#host.context;
    const stream = await this.#host.context.openBidi();
    await stream.send.write([
      encodeStreamType(BIDI_STREAM.announce),
      encodeAnnounceRequest(version, { prefix: "", excludeHop: originId }),
    ]);
    try {
      await this.#follow(new MessageStream(stream.recv));
    } catch (error) {
      if (!isStreamEnd(error)) throw error;
      throw violation(`the peer gave up announcing: ${error.message}`, error);
    }
    stream.send.finish();
    this.#abortAll(
      new MoqError("source_lost", "the peer stopped announcing", { scope: "subscription" }),
    );
  }

  /** The session has ended. */
  lose(error: MoqError): void {
    this.#lost = true;
    this.#cancelQuiet?.();
    this.#announced.reject(error);
    this.#abortAll(sourceLost(error));
    for (const subscription of [...this.#subscriptions]) subscription.lose(error);
  }

  async #follow(messages: MessageStream): Promise<void> {
    const { version, counters } = this.#host.context;
    let pending: number | undefined;
    if (hasAnnounceOk(version)) {
      const ok = await messages.next((cursor) => decodeAnnounceOk(version, cursor));
      if (!ok) return;
      this.#host.peerIdKnown(ok.originId);
      this.#receiver.handleOk(ok.originId);
      pending = ok.activeCount;
    }
    if (hasAnnounceInit(version)) {
      const init = await messages.nextOrUnsupported((cursor) =>
        decodeAnnounceInit(version, cursor),
      );
      if (!init) return;
      const { suffixes, unsupported = 0 } =
        init instanceof WireError ? { suffixes: [], unsupported: 1 } : init;
      counters.unsupportedMessages += unsupported;
      this.#receiver.handleInit(suffixes);
      this.#apply();
      pending = 0;
    }
    for (;;) {
      if (pending === 0) this.#announced.resolve();
      if (pending === undefined) this.#awaitQuiet();
      const message = await messages.nextOrUnsupported((cursor) => decodeAnnounce(version, cursor));
      if (!message) return;
      if (pending !== undefined && pending > 0) pending--;
      if (!(message instanceof WireError)) {
        this.#receiver.handleAnnounce(message);
      } else {
        counters.unsupportedMessages++;
        if (UNREADABLE_START.has(message.field)) this.#receiver.handleUnreadableStart();
      }
      this.#apply();
    }
  }

  #awaitQuiet(): void {
    if (this.#lost) return;
    const { runtime, limits } = this.#host.context;
    this.#cancelQuiet?.();
    this.#cancelQuiet = runtime.setTimer(limits.announceQuietMs, () => this.#announced.resolve());
  }

  #apply(): void {
    if (this.#lost) return;
    for (let event = this.#receiver.pollEvent(); event; event = this.#receiver.pollEvent()) {
      this.#applyEvent(event);
    }
  }

  #applyEvent(event: AnnounceEvent): void {
    switch (event.type) {
      case "active":
        this.#create(event.path, event.hops);
        break;
      case "rerouted":
        this.#reroute(event.path, event.hops);
        break;
      case "ended": {
        const broadcast = this.#forget(event.path);
        broadcast?.finish();
        break;
      }
      case "looped":
        this.#host.context.counters.loopsDropped++;
    }
  }

  #create(path: Path, hops: Hops): void {
    const { counters } = this.#host.context;
    const onTrack = (request: TrackRequest) => this.#subscribe(path, request);
    let broadcast: BroadcastProducer;
    try {
      broadcast = this.#origin.createBroadcast(path, { hops, onTrack });
    } catch (error) {
      if (!(error instanceof MoqError)) throw error;
      counters.broadcastsRefused++;
      return;
    }
    this.#broadcasts.set(path, broadcast);
    counters.broadcastsIn++;
    this.#host.context.run(this.#watch(path, broadcast));
  }

  /** The publisher began anew without the peer's saying so: the same announcement is another instance. */
  async #watch(path: Path, broadcast: BroadcastProducer): Promise<void> {
    const reason = await broadcast.closed;
    if (this.#broadcasts.get(path) !== broadcast) return;
    this.#forget(path);
    if (reason.type === "aborted" && reason.error.code === "instance_replaced") {
      this.#create(path, broadcast.hops);
    }
  }

  #reroute(path: Path, hops: Hops): void {
    const broadcast = this.#broadcasts.get(path);
    if (!broadcast) {
      this.#create(path, hops);
    } else if (hops[0] !== 0n) {
      broadcast.setHops(hops);
    } else {
      // An unknown source that starts again is another instance.
      this.#forget(path);
      this.#create(path, hops);
      broadcast.finish();
    }
  }

  #forget(path: Path): BroadcastProducer | undefined {
    const broadcast = this.#broadcasts.get(path);
    if (!broadcast) return undefined;
    this.#broadcasts.delete(path);
    this.#host.context.counters.broadcastsIn--;
    return broadcast;
  }

  #subscribe(path: Path, request: TrackRequest): void {
    const subscription: Subscription = new Subscription(
      this.#host.context,
      this,
      request,
      path,
      () => this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
  }

  #abortAll(error: MoqError): void {
    for (const path of [...this.#broadcasts.keys()]) this.#forget(path)?.abort(error);
  }
}
