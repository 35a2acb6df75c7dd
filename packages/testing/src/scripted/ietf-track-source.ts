import { encodeObjectHeader, encodeSubgroupHeader } from "@moq-bridge/moq-wire/ietf14";
import type { SendStream } from "@moq-bridge/transport";
import type { IetfConnection } from "./ietf-connection.js";

const EXTENSIONS_PRESENT = false;

interface OpenGroup {
  readonly id: number;
  /** Everything written to the group's stream after its header. */
  readonly written: Uint8Array[];
  lastObject: number | undefined;
  finished: boolean;
}

/** A track served on a scripted draft-14 session: a new subscriber gets the newest group from object 0. */
export class IetfTrackSource {
  readonly #connection: IetfConnection;
  /** Request id, which is also the alias, to the stream of the newest group. */
  readonly #subscribers = new Map<number, SendStream | undefined>();
  #group: OpenGroup | undefined;
  /** One writer at a time, in the order of the calls. */
  #work: Promise<void> = Promise.resolve();

  constructor(connection: IetfConnection) {
    this.#connection = connection;
  }

  /** Subscriptions now. */
  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Finishes the open group and opens the next. */
  openGroup(id: number): Promise<void> {
    return this.#enqueue(async () => {
      this.#finish();
      this.#group = { id, written: [], lastObject: undefined, finished: false };
      for (const requestId of this.#subscribers.keys()) await this.#openStream(requestId);
    });
  }

  /** A whole object. */
  writeObject(payload: Uint8Array | string): Promise<void> {
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    void this.beginObject(bytes.byteLength);
    return this.writeBytes(bytes);
  }

  /** The header of the next object; its bytes follow with {@link writeBytes}. */
  beginObject(size: number): Promise<void> {
    return this.#enqueue(async () => {
      const group = this.#openGroup();
      const objectId = group.lastObject === undefined ? 0 : group.lastObject + 1;
      const header = encodeObjectHeader(
        { objectId, payloadLength: size, status: 0 },
        group.lastObject,
        EXTENSIONS_PRESENT,
      );
      group.lastObject = objectId;
      await this.#write(group, header);
    });
  }

  /** Bytes of the object begun last. Resolves when every subscriber's transport has room for more. */
  writeBytes(bytes: Uint8Array): Promise<void> {
    return this.#enqueue(() => this.#write(this.#openGroup(), bytes));
  }

  finishGroup(): Promise<void> {
    return this.#enqueue(async () => this.#finish());
  }

  /** For the connection: a SUBSCRIBE arrived. */
  add(requestId: number): void {
    this.#subscribers.set(requestId, undefined);
    this.#connection.send({
      type: "subscribe_ok",
      requestId,
      trackAlias: requestId,
      expires: 0n,
      groupOrder: "ascending",
      largestLocation: undefined,
      parameters: [],
    });
    void this.#enqueue(async () => {
      if (this.#group !== undefined) await this.#openStream(requestId);
    });
  }

  /** For the connection: an UNSUBSCRIBE arrived. */
  remove(requestId: number): void {
    const stream = this.#subscribers.get(requestId);
    if (!this.#subscribers.delete(requestId)) return;
    stream?.reset(1);
    this.#connection.send({
      type: "publish_done",
      requestId,
      statusCode: 3,
      streamCount: 0n,
      errorReason: "unsubscribed",
    });
  }

  #openGroup(): OpenGroup {
    if (this.#group === undefined || this.#group.finished) throw new Error("no group is open");
    return this.#group;
  }

  #finish(): void {
    if (this.#group === undefined) return;
    this.#group.finished = true;
    for (const stream of this.#subscribers.values()) stream?.finish();
  }

  async #openStream(requestId: number): Promise<void> {
    const group = this.#group;
    if (group === undefined || !this.#subscribers.has(requestId)) return;
    const stream = await this.#connection.transport.openUni();
    this.#subscribers.set(requestId, stream);
    const header = encodeSubgroupHeader({
      trackAlias: requestId,
      groupId: group.id,
      subgroupId: 0,
      publisherPriority: 127,
      extensionsPresent: EXTENSIONS_PRESENT,
      endOfGroup: false,
    });
    await this.#writeTo(stream, [header, ...group.written]);
    if (group.finished) stream.finish();
  }

  async #write(group: OpenGroup, bytes: Uint8Array): Promise<void> {
    group.written.push(bytes);
    for (const stream of this.#subscribers.values()) {
      if (stream !== undefined) await this.#writeTo(stream, [bytes]);
    }
  }

  /** A subscriber that stopped its stream or left gets no more of it; the others do. */
  async #writeTo(stream: SendStream, chunks: readonly Uint8Array[]): Promise<void> {
    await stream.write(chunks).catch(() => {});
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    const done = this.#work.then(task);
    this.#work = done.catch(() => {});
    return done;
  }
}
