import type { WireError } from "@moq-bridge/moq-wire";
import { STREAM_ERROR, type SubgroupHeader } from "@moq-bridge/moq-wire/ietf14";
import { type CancelTimer, MoqError, type Runtime } from "@moq-bridge/runtime";
import type { TransportSession } from "@moq-bridge/transport";
import { HOLD_MS, MAX_HELD_BYTES } from "../limits.js";
import type { PeerProfile } from "../profile.js";
import type { Counters } from "../stats.js";
import { IncomingStream, type StreamOwner } from "./incoming-stream.js";

/** What takes the streams of one track alias. */
export interface AliasOwner {
  /** Namespace and name of the track, as one text. */
  readonly trackKey: string;
  /** A stream of the alias: let it flow, or leave it held. */
  handleStream(stream: IncomingStream): void;
  /** A stream given by {@link handleStream} is over. */
  handleStreamOver(stream: IncomingStream): void;
  /** The track has numbers that cannot be represented. */
  handleUnsupported(error: WireError): void;
}

const GONE_KEPT = 256;

/**
 * The peer's data streams. A stream may come before the SUBSCRIBE_OK that
 * tells its track: it is held for a while, all together within a budget.
 */
export class Ingress implements StreamOwner {
  readonly counters: Counters;
  readonly #runtime: Runtime;
  readonly #onViolation: (error: unknown) => void;
  readonly #finInsideObject: PeerProfile["finInsideObject"];
  readonly #aliases = new Map<number, AliasOwner>();
  readonly #isAsked: (trackKey: string) => boolean;
  /** Aliases that were in use, with their track and the time until which late streams of it are expected. */
  readonly #gone = new Map<number, { readonly trackKey: string; readonly until: number }>();
  readonly #waiting = new Map<IncomingStream, { alias: number; cancel: CancelTimer }>();
  readonly #owners = new Map<IncomingStream, AliasOwner>();
  #heldBytes = 0;

  constructor(options: {
    runtime: Runtime;
    counters: Counters;
    finInsideObject: PeerProfile["finInsideObject"];
    /** Whether a SUBSCRIBE for the track is without its answer. */
    isAsked: (trackKey: string) => boolean;
    onViolation: (error: unknown) => void;
  }) {
    this.#runtime = options.runtime;
    this.counters = options.counters;
    this.#finInsideObject = options.finInsideObject;
    this.#isAsked = options.isAsked;
    this.#onViolation = options.onViolation;
  }

  now(): number {
    return this.#runtime.now();
  }

  /** Takes streams until the session ends. */
  async run(transport: TransportSession): Promise<void> {
    for (;;) {
      const recv = await transport.acceptUni();
      if (!recv) return;
      this.counters.openRecvStreams++;
      void new IncomingStream(recv, this).run();
    }
  }

  /** The track of an alias is known; streams that waited for it are handed on. */
  bind(alias: number, owner: AliasOwner): void {
    this.#aliases.set(alias, owner);
    this.#gone.delete(alias);
    for (const [stream, waiting] of [...this.#waiting]) {
      if (waiting.alias !== alias) continue;
      waiting.cancel();
      this.#waiting.delete(stream);
      this.#owners.set(stream, owner);
      owner.handleStream(stream);
    }
  }

  /** The subscription of an alias is over; its late streams are not waited for. */
  release(alias: number, owner: AliasOwner): void {
    // The peer may have given the alias to the track's next subscription already.
    if (this.#aliases.get(alias) !== owner) return;
    this.#aliases.delete(alias);
    this.#gone.delete(alias);
    const until = this.#runtime.now() + HOLD_MS;
    this.#gone.set(alias, { trackKey: owner.trackKey, until });
    const [oldest] = this.#gone.keys();
    if (this.#gone.size > GONE_KEPT && oldest !== undefined) this.#gone.delete(oldest);
  }

  /** The session is over. */
  close(): void {
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }

  handleHeader(stream: IncomingStream, header: SubgroupHeader): void {
    const alias = header.trackAlias;
    const owner = this.#aliases.get(alias);
    if (owner) {
      this.#owners.set(stream, owner);
      owner.handleStream(stream);
    } else if (this.#isLate(alias)) {
      stream.abandon();
    } else {
      const cancel = this.#runtime.setTimer(HOLD_MS, () => this.#expire(stream));
      this.#waiting.set(stream, { alias, cancel });
    }
  }

  hold(bytes: number): boolean {
    if (this.#heldBytes + bytes > MAX_HELD_BYTES) return false;
    this.#heldBytes += bytes;
    return true;
  }

  unhold(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  handleOver(stream: IncomingStream): void {
    this.counters.openRecvStreams--;
    const waiting = this.#waiting.get(stream);
    if (waiting) {
      waiting.cancel();
      this.#waiting.delete(stream);
      this.counters.unknownAliases++;
    }
    this.#owners.get(stream)?.handleStreamOver(stream);
    this.#owners.delete(stream);
  }

  handleViolation(error: unknown): void {
    this.#onViolation(error);
  }

  handleFinInside(error: unknown): void {
    if (this.#finInsideObject === "violation") this.#onViolation(error);
  }

  handleUnsupported(stream: IncomingStream, error: WireError): void {
    this.counters.unsupported++;
    const { trackAlias } = stream;
    if (trackAlias !== undefined) this.#aliases.get(trackAlias)?.handleUnsupported(error);
  }

  /** A track that is asked for again may get the alias it had: then a stream of it is early, not late. */
  #isLate(alias: number): boolean {
    const gone = this.#gone.get(alias);
    return gone !== undefined && gone.until > this.#runtime.now() && !this.#isAsked(gone.trackKey);
  }

  #expire(stream: IncomingStream): void {
    const message = "no SUBSCRIBE_OK told the track of a stream";
    const error = new MoqError("track_alias_unknown", message, { scope: "stream" });
    stream.drop(STREAM_ERROR.cancelled, error);
  }
}
