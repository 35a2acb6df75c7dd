import {
  type Announce,
  encodeAnnounce,
  encodeAnnounceInit,
  encodeAnnounceOk,
  hasAnnounceIds,
  hasAnnounceInit,
  hasAnnounceOk,
  type LiteVersion,
  MAX_HOPS,
  restartsByRepeat,
  senderAppendsHop,
} from "@moq-bridge/moq-wire/lite";
import type { Hops, Path } from "@moq-bridge/origin";

/** One live broadcast. */
export interface LiveBroadcast {
  readonly path: Path;
  readonly hops: Hops;
  /** The same object for as long as it is the same instance. */
  readonly instance: unknown;
}

export interface AnnounceSenderOptions {
  readonly version: LiteVersion;
  /** What was asked for. */
  readonly prefix: Path;
  /** Our hop id. */
  readonly originId: bigint;
  /** Broadcasts that passed one of these are not announced: the peer's ids. */
  readonly excluded: ReadonlySet<bigint>;
}

interface Sent {
  readonly hops: Hops;
  readonly instance: unknown;
  /** lite-06: the ordinal of its START. */
  readonly id: number;
}

/** Suffixes in an ANNOUNCE_INIT; what is live beyond them follows as START. */
const MAX_INIT_SUFFIXES = 512;

/**
 * The publisher's side of one announce stream.
 *
 * | for one path | live, same instance          | live, other instance | ended   | live, but the peer's own |
 * |--------------|------------------------------|----------------------|---------|--------------------------|
 * | silent       | START                        | START                | –       | –                        |
 * | announced    | RESTART (05 and later) if the chain changed | END, START | END | END                    |
 *
 * lite-05 says RESTART by repeating START.
 */
export class AnnounceSender {
  readonly #options: AnnounceSenderOptions;
  readonly #sent = new Map<Path, Sent>();
  #nextId = 0;
  #messages: Uint8Array[] = [];

  constructor(options: AnnounceSenderOptions) {
    this.#options = options;
  }

  /** How many broadcasts the peer holds announced. */
  get announced(): number {
    return this.#sent.size;
  }

  /** Whether the peer holds this path announced. */
  has(path: Path): boolean {
    return this.#sent.has(path);
  }

  /** What to send, in order. */
  poll(): readonly Uint8Array[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  /** The request arrived while these are live. */
  handleRequest(live: readonly LiveBroadcast[]): void {
    const { version, originId } = this.#options;
    const announced = live.filter((broadcast) => this.#outgoing(broadcast.hops));
    if (hasAnnounceOk(version)) {
      this.#messages.push(encodeAnnounceOk(version, { originId, activeCount: announced.length }));
    }
    const inInit = hasAnnounceInit(version) ? announced.slice(0, MAX_INIT_SUFFIXES) : [];
    if (hasAnnounceInit(version)) {
      const suffixes = inInit.map(({ path }) => this.#suffix(path));
      this.#messages.push(encodeAnnounceInit(version, { suffixes }));
      for (const { path, hops, instance } of inInit)
        this.#sent.set(path, { hops, instance, id: 0 });
    }
    for (const broadcast of announced.slice(inInit.length)) this.handleLive(broadcast);
  }

  /** A broadcast is live: new, another instance, or with another chain. */
  handleLive({ path, hops, instance }: LiveBroadcast): void {
    const outgoing = this.#outgoing(hops);
    const before = this.#sent.get(path);
    if (before && (!outgoing || before.instance !== instance)) this.handleEnded(path);
    if (!outgoing) return;
    const current = this.#sent.get(path);
    if (!current) this.#start(path, outgoing, { hops, instance, id: this.#nextId });
    else if (!sameHops(current.hops, hops)) this.#restart(path, outgoing, { ...current, hops });
  }

  /** A broadcast is gone. */
  handleEnded(path: Path): void {
    const sent = this.#sent.get(path);
    if (!sent) return;
    this.#sent.delete(path);
    this.#push({ type: "end", target: this.#target(path, sent) });
  }

  #start(path: Path, outgoing: Hops, sent: Sent): void {
    this.#nextId++;
    this.#sent.set(path, sent);
    this.#push({ type: "start", suffix: this.#suffix(path), hops: outgoing });
  }

  #restart(path: Path, outgoing: Hops, sent: Sent): void {
    const { version } = this.#options;
    // Before lite-05 a route cannot be changed, and the peer need not know of it.
    if (!hasAnnounceOk(version)) return;
    this.#sent.set(path, sent);
    if (restartsByRepeat(version)) {
      this.#push({ type: "start", suffix: this.#suffix(path), hops: outgoing });
    } else {
      this.#push({ type: "restart", target: this.#target(path, sent), hops: outgoing });
    }
  }

  #push(message: Announce): void {
    this.#messages.push(encodeAnnounce(this.#options.version, message));
  }

  #target(path: Path, sent: Sent) {
    return hasAnnounceIds(this.#options.version) ? { id: sent.id } : { suffix: this.#suffix(path) };
  }

  #suffix(path: Path): string {
    const { prefix } = this.#options;
    return prefix === "" ? path : path.slice(prefix.length + 1);
  }

  /** The chain as it goes out, or `undefined` when the peer is not to hear of it. */
  #outgoing(hops: Hops): Hops | undefined {
    const { version, originId, excluded } = this.#options;
    if (hops.includes(originId) || hops.some((hop) => excluded.has(hop))) return undefined;
    if (hops.length >= MAX_HOPS) return undefined;
    return senderAppendsHop(version) ? [...hops, originId] : hops;
  }
}

function sameHops(a: Hops, b: Hops): boolean {
  return a.length === b.length && a.every((hop, index) => hop === b[index]);
}
