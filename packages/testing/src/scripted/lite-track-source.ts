import {
  encodeFrameHeader,
  encodeGroupHeader,
  encodeStreamType,
  UNI_STREAM,
} from "@moq-bridge/moq-wire/lite";
import type { SendStream, TransportSession } from "@moq-bridge/transport";
import { SCRIPTED_LITE_VERSION } from "./lite-version.js";

interface OpenGroup {
  readonly sequence: number;
  /** Everything written to the group's stream after its header. */
  readonly written: Uint8Array[];
  finished: boolean;
}

/** A track served on a scripted moq-lite session: a new subscriber gets the newest group from frame 0. */
export class LiteTrackSource {
  readonly #transport: TransportSession;
  /** Subscribe id to the stream of the newest group. */
  readonly #subscribers = new Map<number, SendStream | undefined>();
  #group: OpenGroup | undefined;
  /** One writer at a time, in the order of the calls. */
  #work: Promise<void> = Promise.resolve();

  constructor(transport: TransportSession) {
    this.#transport = transport;
  }

  /** Subscriptions now. */
  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Finishes the open group and opens the next. */
  openGroup(sequence: number): Promise<void> {
    return this.#enqueue(async () => {
      this.#finish();
      this.#group = { sequence, written: [], finished: false };
      for (const id of this.#subscribers.keys()) await this.#openStream(id);
    });
  }

  /** A whole frame. */
  writeFrame(payload: Uint8Array | string): Promise<void> {
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    void this.beginFrame(bytes.byteLength);
    return this.writeBytes(bytes);
  }

  /** The header of the next frame; its bytes follow with {@link writeBytes}. */
  beginFrame(size: number): Promise<void> {
    return this.writeBytes(encodeFrameHeader(SCRIPTED_LITE_VERSION, { size, timestampDelta: 0n }));
  }

  /** Bytes of the frame begun last. Resolves when every subscriber's transport has room for more. */
  writeBytes(bytes: Uint8Array): Promise<void> {
    return this.#enqueue(async () => {
      const group = this.#group;
      if (group === undefined || group.finished) throw new Error("no group is open");
      group.written.push(bytes);
      for (const stream of this.#subscribers.values()) {
        if (stream !== undefined) await this.#writeTo(stream, [bytes]);
      }
    });
  }

  finishGroup(): Promise<void> {
    return this.#enqueue(async () => this.#finish());
  }

  /** For the connection: a SUBSCRIBE arrived. */
  add(id: number): void {
    this.#subscribers.set(id, undefined);
    void this.#enqueue(() => this.#openStream(id));
  }

  /** For the connection: the subscriber left. */
  remove(id: number): void {
    this.#subscribers.get(id)?.reset(1);
    this.#subscribers.delete(id);
  }

  #finish(): void {
    if (this.#group === undefined) return;
    this.#group.finished = true;
    for (const stream of this.#subscribers.values()) stream?.finish();
  }

  async #openStream(id: number): Promise<void> {
    const group = this.#group;
    if (group === undefined || !this.#subscribers.has(id)) return;
    const stream = await this.#transport.openUni();
    this.#subscribers.set(id, stream);
    const { sequence } = group;
    const header = encodeGroupHeader(SCRIPTED_LITE_VERSION, {
      subscribeId: id,
      sequence,
      startFrame: 0,
    });
    await this.#writeTo(stream, [encodeStreamType(UNI_STREAM.group), header, ...group.written]);
    if (group.finished) stream.finish();
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
