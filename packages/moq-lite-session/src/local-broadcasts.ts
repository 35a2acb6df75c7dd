import { WireError } from "@moq-bridge/moq-wire";
import {
  decodeAnnounceRequest,
  decodeSubscribe,
  decodeTrackRequest,
  encodeTrackInfo,
  hasExcludeHop,
} from "@moq-bridge/moq-wire/lite";
import type { Announcement, BroadcastConsumer, OriginConsumer, Path } from "@moq-bridge/origin";
import type { BidiStream } from "@moq-bridge/transport";
import { AnnounceSender, type LiveBroadcast } from "./announce-sender.js";
import { arrivalMs } from "./arrival-clock.js";
import { STREAM_CODE } from "./codes.js";
import type { SessionContext } from "./context.js";
import { isSessionClosed, isStreamEnd } from "./errors.js";
import { serveFetch } from "./fetching.js";
import type { MessageStream } from "./message-stream.js";
import { refuse } from "./refuse.js";
import { Serving } from "./serving.js";

/** Units per second of the timestamps we send. */
const TIMESCALE = 1000;

/** What we say of every track: TRACK is answered before anybody is asked for it. */
const TRACK_INFO = { priority: 0, ordered: false, latencyMaxMs: 5_000, timescale: TIMESCALE };

/** Serves an Origin to the peer: its announcements, its tracks. */
export class LocalBroadcasts {
  readonly #context: SessionContext;
  readonly #origin: OriginConsumer | undefined;
  readonly #peerIds: ReadonlySet<bigint>;
  readonly #peerSetup: Promise<void>;
  readonly #senders = new Set<AnnounceSender>();

  /**
   * @param peerIds hop ids of the peer, whose broadcasts it is not told of
   * @param peerSetup resolves when the peer has said what it says of itself
   */
  constructor(
    context: SessionContext,
    origin: OriginConsumer | undefined,
    peerIds: ReadonlySet<bigint>,
    peerSetup: Promise<void>,
  ) {
    this.#context = context;
    this.#origin = origin;
    this.#peerIds = peerIds;
    this.#peerSetup = peerSetup;
  }

  /** Whether the peer was told of a broadcast of ours at this path. */
  announces(path: Path): boolean {
    return [...this.#senders].some((sender) => sender.has(path));
  }

  /** An announce stream of the peer. It is never reset: that would end a relay's whole session. */
  async serveAnnounce(stream: BidiStream, messages: MessageStream): Promise<void> {
    const { version, originId, counters } = this.#context;
    const request = await messages.nextOrUnsupported((cursor) =>
      decodeAnnounceRequest(version, cursor),
    );
    if (!request || request instanceof WireError) {
      if (request) counters.unsupportedMessages++;
      stream.send.finish();
      return;
    }
    // From lite-06 on only SETUP says whose broadcasts the peer does not want.
    if (!hasExcludeHop(version)) await this.#peerSetup;
    const { prefix } = request;
    const excluded = new Set(this.#peerIds);
    if (request.excludeHop !== 0n) excluded.add(request.excludeHop);
    const sender = new AnnounceSender({ version, prefix, originId, excluded });
    this.#senders.add(sender);
    const announcements = this.#origin?.announced(prefix);
    const listening = this.#untilLeft(messages).finally(() => announcements?.close());
    try {
      sender.handleRequest(takeLive(announcements?.tryNext.bind(announcements)));
      counters.broadcastsOut += sender.announced;
      for (;;) {
        const batch = sender.poll();
        if (batch.length > 0) await stream.send.write(batch);
        const next = await announcements?.next();
        if (!next) break;
        const before = sender.announced;
        apply(sender, next);
        counters.broadcastsOut += sender.announced - before;
      }
    } catch (error) {
      if (!isStreamEnd(error) && !isSessionClosed(error)) throw error;
    } finally {
      counters.broadcastsOut -= sender.announced;
      this.#senders.delete(sender);
      announcements?.close();
    }
    await listening;
    stream.send.finish();
  }

  /** A TRACK stream of the peer. */
  async serveTrack(stream: BidiStream, messages: MessageStream): Promise<void> {
    const { version } = this.#context;
    const request = await messages.next((cursor) => decodeTrackRequest(version, cursor));
    if (request && this.#find(request.broadcast)) {
      await stream.send.write(encodeTrackInfo(version, TRACK_INFO));
      stream.send.finish();
      await messages.ended();
    } else {
      refuse(stream, STREAM_CODE.unroutable);
    }
  }

  /** A SUBSCRIBE stream of the peer. */
  async serveSubscribe(stream: BidiStream, messages: MessageStream): Promise<void> {
    const { version, runtime } = this.#context;
    const subscribe = await messages.next((cursor) => decodeSubscribe(version, cursor));
    const broadcast = subscribe && this.#find(subscribe.broadcast);
    if (!broadcast) {
      refuse(stream, STREAM_CODE.unroutable);
      return;
    }
    const serving = new Serving({
      context: this.#context,
      subscribe,
      stream,
      messages,
      broadcast,
      arrivalMs: () => arrivalMs(runtime, broadcast),
    });
    await serving.run();
  }

  /** A FETCH stream of the peer. */
  async serveFetch(stream: BidiStream, messages: MessageStream): Promise<void> {
    await serveFetch({
      context: this.#context,
      stream,
      messages,
      find: (path) => this.#find(path),
      arrivalMs: (broadcast) => arrivalMs(this.#context.runtime, broadcast),
    });
  }

  /** Only what is announced is served, by its exact path. */
  #find(path: Path): BroadcastConsumer | undefined {
    return this.#origin?.broadcast(path);
  }

  /** Resolves when the peer ends its half of an announce stream. */
  async #untilLeft(messages: MessageStream): Promise<void> {
    try {
      await messages.ended();
    } catch (error) {
      if (!isStreamEnd(error) && !isSessionClosed(error)) throw error;
    }
  }
}

/** What is live at first: everything that can be told at once. */
function takeLive(tryNext: (() => Announcement | undefined) | undefined): LiveBroadcast[] {
  const live = new Map<Path, LiveBroadcast>();
  for (let next = tryNext?.(); next; next = tryNext?.()) {
    if (next.type === "active") live.set(next.path, toLive(next));
    else live.delete(next.path);
  }
  return [...live.values()];
}

function apply(sender: AnnounceSender, announcement: Announcement): void {
  if (announcement.type === "active") sender.handleLive(toLive(announcement));
  else sender.handleEnded(announcement.path);
}

function toLive({ path, hops, broadcast }: Announcement & { type: "active" }): LiveBroadcast {
  return { path, hops, instance: broadcast };
}
