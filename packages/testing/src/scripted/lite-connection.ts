import { type Cursor, StreamReader } from "@moq-bridge/moq-wire";
import {
  BIDI_STREAM,
  decodeAnnounce,
  decodeAnnounceRequest,
  decodeStreamType,
  decodeSubscribe,
  decodeSubscribeReply,
  encodeAnnounce,
  encodeAnnounceRequest,
  encodeStreamType,
  encodeSubscribe,
  encodeSubscribeReply,
  GroupReader,
  UNI_STREAM,
} from "@moq-bridge/moq-wire/lite";
import type { BidiStream, RecvStream, SendStream, TransportSession } from "@moq-bridge/transport";
import { EventLog } from "../event-log.js";
import { LiteTrackSource } from "./lite-track-source.js";
import { SCRIPTED_LITE_VERSION } from "./lite-version.js";

const MAX_MESSAGE = 1 << 20;

/** Something that happened on a scripted moq-lite session. `at` is `performance.now()`. */
export type LiteEvent = { readonly at: number } & (
  | { readonly type: "announced"; readonly path: string; readonly active: boolean }
  /** The peer subscribed here, or left. */
  | {
      readonly type: "subscribe" | "unsubscribe";
      readonly id: number;
      readonly path: string;
      readonly track: string;
    }
  /** The answer to our own SUBSCRIBE. */
  | { readonly type: "subscribed" | "ended"; readonly id: number }
  | { readonly type: "group"; readonly id: number; readonly group: number }
  | ({ readonly type: "frame"; readonly size: number } & FramePlace)
  /** Bytes of a frame arrived; `received` of them so far. */
  | ({ readonly type: "progress"; readonly received: number } & FramePlace)
  | ({ readonly type: "frame-end"; readonly payload: Buffer } & FramePlace)
  | {
      readonly type: "group-end";
      readonly id: number;
      readonly group: number;
      readonly how: "fin" | "reset";
    }
  /** Something a test did not expect a peer to do, or this script to fail at. */
  | { readonly type: "failed"; readonly error: string }
  | { readonly type: "closed"; readonly code: number | undefined; readonly reason: string }
);

/** Which frame of which subscription. */
export interface FramePlace {
  readonly id: number;
  readonly group: number;
  readonly frame: number;
}

type Untimed = LiteEvent extends infer E ? (E extends LiteEvent ? Omit<E, "at"> : never) : never;

/**
 * One moq-lite session driven by a test, on either side: it asks for every
 * announcement, records what it is told and asked, announces and serves what
 * {@link publish} names, and refuses everything else.
 */
export class LiteConnection {
  readonly events = new EventLog<LiteEvent>();
  readonly transport: TransportSession;
  readonly #sources = new Map<string, LiteTrackSource>();
  readonly #announced = new Set<string>();
  readonly #listeners = new Set<SendStream>();
  readonly #subscriptions = new Map<number, BidiStream>();
  readonly #stalled = new Set<number>();
  #nextId = 0;

  private constructor(transport: TransportSession) {
    this.transport = transport;
    void transport.closed.then(({ code, reason }) => this.#push({ type: "closed", code, reason }));
  }

  static start(transport: TransportSession): LiteConnection {
    const connection = new LiteConnection(transport);
    void connection.#attempt(connection.#askAnnouncements());
    void connection.#attempt(connection.#acceptBidi());
    void connection.#attempt(connection.#acceptUni());
    return connection;
  }

  /** Announces a broadcast that has this one track. */
  publish(path: string, track: string): LiteTrackSource {
    const source = new LiteTrackSource(this.transport);
    this.#sources.set(`${path}\n${track}`, source);
    this.announce(path);
    return source;
  }

  /** Announces a path, with nothing behind it unless published. */
  announce(path: string): void {
    this.#announced.add(path);
    for (const listener of this.#listeners) void this.#sendAnnounce(listener, path, true);
  }

  unannounce(path: string): void {
    this.#announced.delete(path);
    for (const listener of this.#listeners) void this.#sendAnnounce(listener, path, false);
  }

  /** The paths the peer announces now, sorted. */
  live(): string[] {
    const paths = new Set<string>();
    for (const event of this.events.all()) {
      if (event.type !== "announced") continue;
      if (event.active) paths.add(event.path);
      else paths.delete(event.path);
    }
    return [...paths].sort();
  }

  /** Subscribes to a track of the peer; its groups come as events with the id given here. */
  async subscribe(path: string, track: string): Promise<number> {
    const id = this.#nextId++;
    const stream = await this.transport.openBidi();
    this.#subscriptions.set(id, stream);
    await stream.send.write([
      encodeStreamType(BIDI_STREAM.subscribe),
      encodeSubscribe(SCRIPTED_LITE_VERSION, {
        id,
        broadcast: path,
        track,
        priority: 0,
        ordered: false,
        maxLatencyMs: 5_000,
      }),
    ]);
    void this.#readReplies(id, stream).catch(() => this.#push({ type: "ended", id }));
    return id;
  }

  unsubscribe(id: number): void {
    this.#subscriptions.get(id)?.send.finish();
    this.#subscriptions.delete(id);
  }

  /** No more bytes are read from this subscription's groups. */
  stall(id: number): void {
    this.#stalled.add(id);
  }

  close(): void {
    this.transport.close(0, "done");
  }

  async #askAnnouncements(): Promise<void> {
    const stream = await this.transport.openBidi();
    await stream.send.write([
      encodeStreamType(BIDI_STREAM.announce),
      encodeAnnounceRequest(SCRIPTED_LITE_VERSION, { prefix: "", excludeHop: 0n }),
    ]);
    const messages = new Messages(stream.recv);
    for (;;) {
      const announce = await messages.next((cursor) =>
        decodeAnnounce(SCRIPTED_LITE_VERSION, cursor),
      );
      if (announce === undefined) return;
      if (announce.type === "start") {
        this.#push({ type: "announced", path: announce.suffix, active: true });
      } else if (announce.type === "end" && "suffix" in announce.target) {
        this.#push({ type: "announced", path: announce.target.suffix, active: false });
      }
    }
  }

  async #readReplies(id: number, stream: BidiStream): Promise<void> {
    const messages = new Messages(stream.recv);
    for (;;) {
      const reply = await messages.next((cursor) =>
        decodeSubscribeReply(SCRIPTED_LITE_VERSION, cursor),
      );
      if (reply === undefined) break;
      if (reply.type === "ok") this.#push({ type: "subscribed", id });
    }
    this.#push({ type: "ended", id });
  }

  async #acceptBidi(): Promise<void> {
    for (;;) {
      const stream = await this.transport.acceptBidi();
      if (stream === undefined) return;
      void this.#attempt(this.#serve(stream));
    }
  }

  async #serve(stream: BidiStream): Promise<void> {
    const messages = new Messages(stream.recv);
    const type = Number(await messages.next(decodeStreamType));
    if (type === BIDI_STREAM.announce) await this.#serveAnnounce(stream, messages);
    else if (type === BIDI_STREAM.subscribe) await this.#serveSubscribe(stream, messages);
    else stream.send.reset(0);
  }

  async #serveAnnounce(stream: BidiStream, messages: Messages): Promise<void> {
    const request = await messages.next((cursor) =>
      decodeAnnounceRequest(SCRIPTED_LITE_VERSION, cursor),
    );
    if (request === undefined) return;
    this.#listeners.add(stream.send);
    for (const path of this.#announced) await this.#sendAnnounce(stream.send, path, true);
  }

  async #sendAnnounce(stream: SendStream, path: string, active: boolean): Promise<void> {
    const message = active
      ? ({ type: "start", suffix: path, hops: [BigInt(path.length + 1)] } as const)
      : ({ type: "end", target: { suffix: path } } as const);
    await stream.write(encodeAnnounce(SCRIPTED_LITE_VERSION, message)).catch(() => {});
  }

  async #serveSubscribe(stream: BidiStream, messages: Messages): Promise<void> {
    const request = await messages.next((cursor) => decodeSubscribe(SCRIPTED_LITE_VERSION, cursor));
    if (request === undefined) return;
    const { id, broadcast: path, track } = request;
    this.#push({ type: "subscribe", id, path, track });
    const source = this.#sources.get(`${path}\n${track}`);
    if (source === undefined) {
      stream.send.reset(54);
      return;
    }
    const { priority, ordered, maxLatencyMs } = request;
    await stream.send.write(
      encodeSubscribeReply(SCRIPTED_LITE_VERSION, { type: "ok", priority, ordered, maxLatencyMs }),
    );
    source.add(id);
    // Updates say nothing a test needs; FIN or a reset is the end.
    while ((await stream.recv.read().catch(() => undefined)) !== undefined);
    source.remove(id);
    this.#push({ type: "unsubscribe", id, path, track });
    stream.send.finish();
  }

  async #acceptUni(): Promise<void> {
    for (;;) {
      const stream = await this.transport.acceptUni();
      if (stream === undefined) return;
      void this.#readGroup(stream);
    }
  }

  async #readGroup(stream: RecvStream): Promise<void> {
    const types = new Messages(stream);
    if (Number(await types.next(decodeStreamType)) !== UNI_STREAM.group) return;
    const reader = new GroupReader(SCRIPTED_LITE_VERSION);
    let id = -1;
    let group = -1;
    let frame = -1;
    let size = 0;
    let parts: Buffer[] = [];
    let received = 0;
    const finishFrame = () => {
      if (received < size) return;
      this.#push({ type: "frame-end", id, group, frame, payload: Buffer.concat(parts) });
    };
    const take = (chunk: Uint8Array) => {
      reader.push(chunk);
      for (let event = reader.next(); event !== undefined; event = reader.next()) {
        if (event.type === "header") {
          id = event.header.subscribeId;
          group = event.header.sequence;
          this.#push({ type: "group", id, group });
        } else if (event.type === "frame") {
          frame += 1;
          size = event.size;
          parts = [];
          received = 0;
          this.#push({ type: "frame", id, group, frame, size });
          if (size === 0) finishFrame();
        } else {
          parts.push(Buffer.from(event.bytes));
          received += event.bytes.byteLength;
          this.#push({ type: "progress", id, group, frame, received });
          finishFrame();
        }
      }
    };
    try {
      const rest = types.rest();
      if (rest !== undefined) take(rest);
      for (;;) {
        if (this.#stalled.has(id)) return;
        const chunk = await stream.read();
        if (chunk === undefined) break;
        take(chunk);
      }
      this.#push({ type: "group-end", id, group, how: "fin" });
    } catch {
      this.#push({ type: "group-end", id, group, how: "reset" });
    }
  }

  async #attempt(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#push({ type: "failed", error: String(error) });
    }
  }

  #push(event: Untimed): void {
    this.events.push({ ...event, at: performance.now() } as LiteEvent);
  }
}

/** Whole messages from a stream. */
class Messages {
  readonly #stream: RecvStream;
  readonly #reader = new StreamReader(MAX_MESSAGE);

  constructor(stream: RecvStream) {
    this.#stream = stream;
  }

  /** The next message, `undefined` at the end of the stream. */
  async next<T>(decode: (cursor: Cursor) => T): Promise<T | undefined> {
    for (;;) {
      const message = this.#reader.read(decode);
      if (message !== undefined) return message;
      const chunk = await this.#stream.read();
      if (chunk === undefined) return undefined;
      this.#reader.push(chunk);
    }
  }

  /** What arrived and was not read. */
  rest(): Uint8Array | undefined {
    return this.#reader.take(Number.MAX_SAFE_INTEGER);
  }
}
