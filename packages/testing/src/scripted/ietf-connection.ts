import { crc32 } from "node:zlib";
import {
  type ControlMessage,
  type ControlMessageOf,
  type ControlMessageType,
  ControlReader,
  DRAFT_14,
  encodeControlMessage,
  SubgroupReader,
} from "@moq-bridge/moq-wire/ietf14";
import type { BidiStream, RecvStream, TransportSession } from "@moq-bridge/transport";
import { EventLog } from "../event-log.js";
import type { Deadline } from "../wait.js";
import { IetfTrackSource } from "./ietf-track-source.js";

/** Something that happened on a scripted draft-14 session. `at` is `performance.now()`. */
export type IetfEvent = { readonly at: number } & (
  | { readonly type: "received" | "sent"; readonly message: ControlMessage }
  | { readonly type: "stream"; readonly alias: number; readonly group: number }
  | ({ readonly type: "object"; readonly size: number } & ObjectPlace)
  /** Bytes of an object arrived; `received` of them so far. */
  | ({ readonly type: "progress"; readonly received: number } & ObjectPlace)
  /** `checksum` is the payload's CRC-32; the payload itself is left out on request. */
  | ({
      readonly type: "object-end";
      readonly payload: Buffer;
      readonly checksum: number;
    } & ObjectPlace)
  | {
      readonly type: "stream-end";
      readonly alias: number;
      readonly group: number;
      readonly how: "fin" | "reset";
    }
  /** Something a test did not expect a peer to do, or this script to fail at. */
  | { readonly type: "failed"; readonly error: string }
  | { readonly type: "closed"; readonly code: number | undefined; readonly reason: string }
);

/** Which object of which subscription. */
export interface ObjectPlace {
  readonly alias: number;
  readonly group: number;
  readonly object: number;
}

type Untimed = IetfEvent extends infer E ? (E extends IetfEvent ? Omit<E, "at"> : never) : never;

/** A subscription this side asked for and got. */
export interface IetfSubscription {
  readonly requestId: number;
  readonly alias: number;
}

/**
 * One draft-14 session driven by a test, as client or server: it records every
 * message and object, answers PUBLISH_NAMESPACE with OK, serves what
 * {@link serve} names, and otherwise does nothing by itself.
 */
export class IetfConnection {
  readonly events = new EventLog<IetfEvent>((event) =>
    JSON.stringify(event, (_, value) => (typeof value === "bigint" ? Number(value) : value)),
  );
  readonly transport: TransportSession;
  /** False: payloads are counted and checked, not kept. */
  keepPayloads = true;
  readonly #control: BidiStream;
  readonly #sources = new Map<string, IetfTrackSource>();
  readonly #stalled = new Set<number>();
  #nextRequestId: number;
  #sending: Promise<void> = Promise.resolve();

  private constructor(transport: TransportSession, control: BidiStream) {
    this.transport = transport;
    this.#control = control;
    this.#nextRequestId = transport.side === "client" ? 0 : 1;
    void transport.closed.then(({ code, reason }) => this.#push({ type: "closed", code, reason }));
  }

  /** Opens the control stream and completes SETUP as a client. */
  static async connect(transport: TransportSession): Promise<IetfConnection> {
    const connection = new IetfConnection(transport, await transport.openBidi());
    connection.#start();
    connection.send({
      type: "client_setup",
      supportedVersions: [DRAFT_14],
      parameters: [{ type: 2n, value: 1000n }],
    });
    await connection.received("server_setup", () => true, { timeoutMs: 10_000 });
    return connection;
  }

  /** Waits for the control stream and CLIENT_SETUP and answers as a server. */
  static async accept(transport: TransportSession): Promise<IetfConnection> {
    const control = await transport.acceptBidi();
    if (control === undefined) throw new Error("the session ended before its control stream");
    const connection = new IetfConnection(transport, control);
    connection.#start();
    await connection.received("client_setup", () => true, { timeoutMs: 10_000 });
    connection.send({
      type: "server_setup",
      selectedVersion: DRAFT_14,
      parameters: [{ type: 2n, value: 1000n }],
    });
    return connection;
  }

  send(message: ControlMessage): void {
    this.#push({ type: "sent", message });
    this.sendBytes(encodeControlMessage(message));
  }

  /** Control messages that no encoder of ours writes. */
  sendBytes(bytes: Uint8Array): void {
    this.#sending = this.#sending
      .then(() => this.#control.send.write(bytes))
      .catch((error) => this.#push({ type: "failed", error: String(error) }));
  }

  /** The request id for the next request of this side. */
  takeRequestId(): number {
    const id = this.#nextRequestId;
    this.#nextRequestId += 2;
    return id;
  }

  /** The first message of a type that satisfies `predicate`, past (after `from`) or to come. */
  async received<T extends ControlMessageType>(
    type: T,
    predicate: (message: ControlMessageOf<T>) => boolean,
    deadline: Omit<Deadline, "what"> & { readonly from?: number },
  ): Promise<ControlMessageOf<T>> {
    const found = await this.events.waitFor(
      (event) =>
        event.type === "received" &&
        event.message.type === type &&
        predicate(event.message as ControlMessageOf<T>),
      { ...deadline, what: type },
    );
    if (found.type !== "received") throw new Error("not a message");
    return found.message as ControlMessageOf<T>;
  }

  /** The messages of a type received so far. */
  messages<T extends ControlMessageType>(type: T): ControlMessageOf<T>[] {
    return this.events
      .all()
      .flatMap((event) =>
        event.type === "received" && event.message.type === type
          ? [event.message as ControlMessageOf<T>]
          : [],
      );
  }

  /** SUBSCRIBE, and its answer: `undefined` when it is refused. */
  async subscribe(
    path: string,
    track: string,
    timeoutMs = 5_000,
  ): Promise<IetfSubscription | undefined> {
    const requestId = this.sendSubscribe(path, track);
    const answer = await this.events.waitFor(
      (event) =>
        event.type === "received" &&
        (event.message.type === "subscribe_ok" || event.message.type === "subscribe_error") &&
        event.message.requestId === requestId,
      { what: `the answer to SUBSCRIBE ${path} ${track}`, timeoutMs },
    );
    if (answer.type !== "received" || answer.message.type !== "subscribe_ok") return undefined;
    return { requestId, alias: answer.message.trackAlias };
  }

  /** SUBSCRIBE without waiting for an answer; gives its request id. */
  sendSubscribe(path: string, track: string): number {
    const requestId = this.takeRequestId();
    this.send({
      type: "subscribe",
      requestId,
      trackNamespace: path.split("/"),
      trackName: track,
      subscriberPriority: 127,
      groupOrder: "publisher",
      forward: true,
      filter: { type: "largest_object" },
      parameters: [],
    });
    return requestId;
  }

  unsubscribe(subscription: IetfSubscription): void {
    this.send({ type: "unsubscribe", requestId: subscription.requestId });
  }

  /** PUBLISH_NAMESPACE, and waits for its OK. */
  async publishNamespace(path: string): Promise<void> {
    const requestId = this.takeRequestId();
    this.send({
      type: "publish_namespace",
      requestId,
      trackNamespace: path.split("/"),
      parameters: [],
    });
    await this.received("publish_namespace_ok", (ok) => ok.requestId === requestId, {
      timeoutMs: 5_000,
    });
  }

  /** Serves SUBSCRIBEs for this track from now on; every other SUBSCRIBE is refused with code 4. */
  serve(path: string, track: string): IetfTrackSource {
    const source = new IetfTrackSource(this);
    this.#sources.set(`${path}\n${track}`, source);
    return source;
  }

  /** No more bytes are read from this subscription's streams. */
  stall(subscription: IetfSubscription): void {
    this.#stalled.add(subscription.alias);
  }

  close(): void {
    this.transport.close(0, "done");
  }

  #start(): void {
    void this.#attempt(this.#readControl());
    void this.#attempt(this.#acceptStreams());
  }

  async #readControl(): Promise<void> {
    const reader = new ControlReader();
    for (;;) {
      const chunk = await this.#control.recv.read();
      if (chunk === undefined) return;
      reader.push(chunk);
      for (let message = reader.next(); message !== undefined; message = reader.next()) {
        if (message.type === "unsupported") {
          this.#push({ type: "failed", error: String(message.error) });
          continue;
        }
        this.#push({ type: "received", message });
        this.#answer(message);
      }
    }
  }

  #answer(message: ControlMessage): void {
    if (message.type === "publish_namespace") {
      this.send({ type: "publish_namespace_ok", requestId: message.requestId });
    } else if (message.type === "subscribe") {
      const source = this.#sources.get(`${message.trackNamespace.join("/")}\n${message.trackName}`);
      if (source === undefined) {
        this.send({
          type: "subscribe_error",
          requestId: message.requestId,
          errorCode: 4,
          errorReason: "no such track",
        });
      } else {
        source.add(message.requestId);
      }
    } else if (message.type === "unsubscribe") {
      for (const source of this.#sources.values()) source.remove(message.requestId);
    }
  }

  async #acceptStreams(): Promise<void> {
    for (;;) {
      const stream = await this.transport.acceptUni();
      if (stream === undefined) return;
      void this.#readStream(stream);
    }
  }

  async #readStream(stream: RecvStream): Promise<void> {
    const reader = new SubgroupReader();
    let alias = -1;
    let group = -1;
    let object = -1;
    let size = 0;
    let parts: Buffer[] = [];
    let received = 0;
    let checksum = 0;
    const finishObject = () => {
      if (object < 0 || received < size) return;
      const payload = Buffer.concat(parts);
      this.#push({ type: "object-end", alias, group, object, payload, checksum });
    };
    try {
      for (;;) {
        if (this.#stalled.has(alias)) return;
        const chunk = await stream.read();
        if (chunk === undefined) break;
        reader.push(chunk);
        for (let event = reader.next(); event !== undefined; event = reader.next()) {
          if (event.type === "header") {
            alias = event.header.trackAlias;
            group = event.header.groupId;
            this.#push({ type: "stream", alias, group });
          } else if (event.type === "object") {
            object = event.object.objectId;
            size = event.object.payloadLength;
            parts = [];
            received = 0;
            checksum = 0;
            this.#push({ type: "object", alias, group, object, size });
            if (size === 0) finishObject();
          } else {
            if (this.keepPayloads) parts.push(Buffer.from(event.bytes));
            checksum = crc32(event.bytes, checksum);
            received += event.bytes.byteLength;
            this.#push({ type: "progress", alias, group, object, received });
            finishObject();
          }
        }
      }
      this.#push({ type: "stream-end", alias, group, how: "fin" });
    } catch {
      this.#push({ type: "stream-end", alias, group, how: "reset" });
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
    this.events.push({ ...event, at: performance.now() } as IetfEvent);
  }
}
