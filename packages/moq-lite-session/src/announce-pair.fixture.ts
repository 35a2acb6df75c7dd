import { Cursor } from "@moq-bridge/moq-wire";
import {
  decodeAnnounce,
  decodeAnnounceInit,
  decodeAnnounceOk,
  hasAnnounceInit,
  hasAnnounceOk,
  type LiteVersion,
} from "@moq-bridge/moq-wire/lite";
import { AnnounceReceiver } from "./announce-receiver.js";
import { AnnounceSender, type LiveBroadcast } from "./announce-sender.js";

export const SENDER = 1n;
export const RECEIVER = 2n;
const PREFIX = "p";

/** What happens at the publisher, or on the way. */
export type AnnounceCall =
  | ({ readonly type: "live" } & LiveBroadcast)
  | { readonly type: "ended"; readonly path: string }
  /** The next message arrives. */
  | { readonly type: "carry" };

/** Both ends of one announce stream, and what is on its way between them. */
export class AnnouncePair {
  readonly sender: AnnounceSender;
  readonly receiver: AnnounceReceiver;
  /** What is live at the publisher. */
  readonly truth = new Map<string, LiveBroadcast>();
  /** What the receiver was told, by path, with the chain it came by. */
  readonly seen = new Map<string, string>();
  readonly #version: LiteVersion;
  readonly #way: Uint8Array[] = [];

  constructor(version: LiteVersion, first: readonly LiveBroadcast[]) {
    this.#version = version;
    this.sender = new AnnounceSender({
      version,
      prefix: PREFIX,
      originId: SENDER,
      excluded: new Set([RECEIVER]),
    });
    this.receiver = new AnnounceReceiver({
      version,
      prefix: PREFIX,
      originId: RECEIVER,
      maxBroadcasts: 10,
    });
    for (const broadcast of first) this.truth.set(broadcast.path, broadcast);
    this.sender.handleRequest(first);
    this.#handshake();
  }

  /** False when there was nothing to do. */
  do(call: AnnounceCall): boolean {
    switch (call.type) {
      case "live":
        this.truth.set(call.path, call);
        this.sender.handleLive(call);
        break;
      case "ended":
        if (!this.truth.delete(call.path)) return false;
        this.sender.handleEnded(call.path);
        break;
      case "carry":
        return this.#carry();
    }
    this.#way.push(...this.sender.poll());
    return true;
  }

  /** What must hold once everything has arrived: both ends hold the same, and no more than is live. */
  check(): void {
    while (this.#carry());
    const wanted = [...this.truth.values()].filter(
      ({ hops }) => !hops.includes(SENDER) && !hops.includes(RECEIVER),
    );
    const expected = String(wanted.map(({ path }) => path).sort());
    const seen = String([...this.seen.keys()].sort());
    if (seen !== expected) throw new Error(`live is ${expected}, seen is ${seen}`);
    for (const [who, count] of [
      ["sender", this.sender.announced],
      ["receiver", this.receiver.announced],
    ] as const) {
      if (count !== wanted.length) throw new Error(`the ${who} holds ${count}`);
    }
    for (const path of [...this.truth.keys()]) this.do({ type: "ended", path });
    while (this.#carry());
    if (this.seen.size + this.sender.announced + this.receiver.announced > 0) {
      throw new Error("something is held after everything has ended");
    }
  }

  /** What comes before announcements is of another form. */
  #handshake(): void {
    const cursor = new Cursor(Buffer.concat(this.sender.poll()));
    if (hasAnnounceOk(this.#version)) {
      this.receiver.handleOk(decodeAnnounceOk(this.#version, cursor).originId);
    }
    if (hasAnnounceInit(this.#version)) {
      this.receiver.handleInit(decodeAnnounceInit(this.#version, cursor).suffixes);
    }
    while (cursor.remaining > 0) this.#receive(cursor);
    this.#poll();
  }

  #carry(): boolean {
    const message = this.#way.shift();
    if (!message) return false;
    const cursor = new Cursor(message);
    this.#receive(cursor);
    if (cursor.remaining > 0) throw new Error("bytes are left over");
    this.#poll();
    return true;
  }

  #receive(cursor: Cursor): void {
    this.receiver.handleAnnounce(decodeAnnounce(this.#version, cursor));
  }

  #poll(): void {
    for (let event = this.receiver.pollEvent(); event; event = this.receiver.pollEvent()) {
      const { type, path } = event;
      const known = this.seen.has(path);
      if (type === "looped") throw new Error(`${path} was announced in a loop`);
      if (known !== (type !== "active")) throw new Error(`${type} ${path}, known: ${known}`);
      if (type === "ended") this.seen.delete(path);
      else this.seen.set(path, event.hops.join());
    }
  }
}
