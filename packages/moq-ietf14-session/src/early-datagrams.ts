import type { ObjectDatagram } from "@moq-bridge/moq-wire/ietf14";
import { HOLD_MS, MAX_EARLY_DATAGRAMS } from "./limits.js";
import type { Counters } from "./stats.js";

/** Datagrams that overtook the SUBSCRIBE_OK that tells their track: a few are held, not long. */
export class EarlyDatagrams {
  readonly #counters: Counters;
  readonly #now: () => number;
  #held: { readonly datagram: ObjectDatagram; readonly until: number }[] = [];

  constructor(counters: Counters, now: () => number) {
    this.#counters = counters;
    this.#now = now;
  }

  hold(datagram: ObjectDatagram): void {
    this.#dropOld();
    if (this.#held.length >= MAX_EARLY_DATAGRAMS) this.#counters.datagramsDropped++;
    else this.#held.push({ datagram, until: this.#now() + HOLD_MS });
  }

  /** What is held of one track, in the order it came. */
  take(trackAlias: number): readonly ObjectDatagram[] {
    this.#dropOld();
    const found = this.#held.filter(({ datagram }) => datagram.trackAlias === trackAlias);
    this.#held = this.#held.filter(({ datagram }) => datagram.trackAlias !== trackAlias);
    return found.map(({ datagram }) => datagram);
  }

  #dropOld(): void {
    const now = this.#now();
    const kept = this.#held.filter(({ until }) => until > now);
    this.#counters.datagramsDropped += this.#held.length - kept.length;
    this.#held = kept;
  }
}
