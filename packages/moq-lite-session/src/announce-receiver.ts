import {
  type Announce,
  hasAnnounceIds,
  hopForm,
  type LiteVersion,
  MAX_HOPS,
  restartsByRepeat,
  senderAppendsHop,
} from "@moq-bridge/moq-wire/lite";
import type { Hops, Path } from "@moq-bridge/origin";
import { violation } from "./errors.js";

/** What an announce stream brought. */
export type AnnounceEvent =
  | { readonly type: "active"; readonly path: Path; readonly hops: Hops }
  /** The route of a live broadcast changed. */
  | { readonly type: "rerouted"; readonly path: Path; readonly hops: Hops }
  | { readonly type: "ended"; readonly path: Path }
  /** An announcement that came back to where it passed, or has passed too many. */
  | { readonly type: "looped"; readonly path: Path };

export interface AnnounceReceiverOptions {
  readonly version: LiteVersion;
  readonly prefix: Path;
  /** Our hop id. */
  readonly originId: bigint;
  /** Where announcements carry no ids: an id that stands for the peer, appended to each chain. */
  readonly peerId?: bigint | undefined;
  /** Most live broadcasts accepted. */
  readonly maxBroadcasts: number;
  /** Whether a path that is announced is only our own, come back: it is dropped as a loop is. */
  readonly isOwn?: (path: Path) => boolean;
}

/**
 * The subscriber's side of one announce stream, from the first reply on.
 *
 * | for one path | START                       | RESTART                | END        |
 * |--------------|-----------------------------|------------------------|------------|
 * | unknown      | live, or dropped if looped  | violation              | ignored *  |
 * | live         | lite-05: as RESTART; else violation | rerouted, or dropped if looped | unknown |
 * | dropped      | as live                     | live, or stays dropped | unknown    |
 *
 * `*` From lite-06 on announcements have numbers, and an unknown number is a violation.
 */
export class AnnounceReceiver {
  readonly #options: AnnounceReceiverOptions;
  /** What the peer holds announced, and whether it was passed on. */
  readonly #known = new Map<Path, "live" | "dropped">();
  /** lite-06: path by ordinal; `undefined` for one that could not be read. */
  readonly #byId = new Map<number, Path | undefined>();
  #nextId = 0;
  /** The publisher's id (ANNOUNCE_OK), appended to each chain. */
  #publisherId: bigint | undefined;
  readonly #events: AnnounceEvent[] = [];

  constructor(options: AnnounceReceiverOptions) {
    this.#options = options;
  }

  /** How many broadcasts the peer holds announced; those dropped because they looped count, too. */
  get announced(): number {
    return this.#known.size;
  }

  /** What happened, oldest first. */
  pollEvent(): AnnounceEvent | undefined {
    return this.#events.shift();
  }

  /** ANNOUNCE_INIT. @throws {MoqError} `protocol_violation` */
  handleInit(suffixes: readonly string[]): void {
    for (const suffix of suffixes) this.#start(suffix, []);
  }

  /** ANNOUNCE_OK. */
  handleOk(publisherId: bigint): void {
    this.#publisherId = publisherId;
  }

  /** An announcement that could not be read. It still has its number. */
  handleUnreadableStart(): void {
    if (hasAnnounceIds(this.#options.version)) this.#byId.set(this.#nextId++, undefined);
  }

  /** START, RESTART or END. @throws {MoqError} `protocol_violation` */
  handleAnnounce(message: Announce): void {
    switch (message.type) {
      case "start":
        this.#start(message.suffix, message.hops);
        break;
      case "restart":
        if ("id" in message.target) this.#restartById(message.target.id, message.hops);
        else this.#restart(this.#path(message.target.suffix), message.hops);
        break;
      case "end":
        if ("id" in message.target) this.#endById(message.target.id);
        else this.#end(this.#path(message.target.suffix));
        break;
      case "unknown":
        break;
    }
  }

  #start(suffix: string, hops: Hops): void {
    const path = this.#path(suffix);
    const { version, maxBroadcasts } = this.#options;
    if (this.#known.has(path)) {
      if (!restartsByRepeat(version)) throw violation("a broadcast was announced twice");
      this.#restart(path, hops);
      return;
    }
    if (this.#known.size >= maxBroadcasts) {
      throw violation(`more than ${maxBroadcasts} broadcasts were announced`);
    }
    if (hasAnnounceIds(version)) this.#byId.set(this.#nextId++, path);
    const chain = this.#options.isOwn?.(path) ? undefined : this.#chain(hops);
    this.#known.set(path, chain ? "live" : "dropped");
    this.#events.push(chain ? { type: "active", path, hops: chain } : { type: "looped", path });
  }

  #restart(path: Path, hops: Hops): void {
    const before = this.#known.get(path);
    if (!before) throw violation("a broadcast was restarted without being announced");
    const chain = this.#chain(hops);
    this.#known.set(path, chain ? "live" : "dropped");
    if (chain) {
      this.#events.push({ type: before === "live" ? "rerouted" : "active", path, hops: chain });
      return;
    }
    if (before === "live") this.#events.push({ type: "ended", path });
    this.#events.push({ type: "looped", path });
  }

  #end(path: Path): void {
    const before = this.#known.get(path);
    this.#known.delete(path);
    if (before === "live") this.#events.push({ type: "ended", path });
  }

  #restartById(id: number, hops: Hops): void {
    const path = this.#pathOf(id);
    if (path !== undefined) this.#restart(path, hops);
  }

  #endById(id: number): void {
    const path = this.#pathOf(id);
    this.#byId.delete(id);
    if (path !== undefined) this.#end(path);
  }

  #pathOf(id: number): Path | undefined {
    if (!this.#byId.has(id)) throw violation(`announcement ${id} is not live`);
    return this.#byId.get(id);
  }

  #path(suffix: string): Path {
    const { prefix } = this.#options;
    return prefix === "" || suffix === "" ? prefix + suffix : `${prefix}/${suffix}`;
  }

  /** The whole chain to us, or `undefined` when the announcement is to be dropped. */
  #chain(received: Hops): Hops | undefined {
    const { version, originId, peerId } = this.#options;
    if (hasRepeatedId(received)) throw violation("a hop chain has an id twice");
    const chain = [...received];
    if (hopForm(version) === "chain" && !senderAppendsHop(version)) {
      chain.push(this.#publisherId ?? 0n);
    }
    // A source that says nothing of itself is an unknown hop.
    if (chain.length === 0) chain.push(0n);
    if (peerId !== undefined) chain.push(peerId);
    const looped = chain.includes(originId) || hasRepeatedId(chain) || chain.length > MAX_HOPS;
    return looped ? undefined : chain;
  }
}

function hasRepeatedId(hops: Hops): boolean {
  const known = hops.filter((hop) => hop !== 0n);
  return new Set(known).size < known.length;
}
