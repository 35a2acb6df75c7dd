import { WireError } from "@moq-bridge/moq-wire";
import { decodeDatagram } from "@moq-bridge/moq-wire/ietf14";
import type { Runtime } from "@moq-bridge/runtime";
import type { TransportSession } from "@moq-bridge/transport";
import { EarlyDatagrams } from "./early-datagrams.js";
import type { Counters } from "./stats.js";
import type { InboundSubscription } from "./subscription.js";

/** What {@link DatagramIngress} needs of its session. */
export interface DatagramIngressOptions {
  readonly runtime: Runtime;
  readonly counters: Counters;
  /** The subscription whose data carries this alias. */
  readonly find: (trackAlias: number) => InboundSubscription | undefined;
  /** A datagram broke the protocol. */
  readonly onViolation: (error: unknown) => void;
}

/** The peer's datagrams: each goes to its track, or waits a while for the SUBSCRIBE_OK that tells it. */
export class DatagramIngress {
  readonly #options: DatagramIngressOptions;
  readonly #early: EarlyDatagrams;

  constructor(options: DatagramIngressOptions) {
    this.#options = options;
    this.#early = new EarlyDatagrams(options.counters, () => options.runtime.now());
  }

  /** Takes datagrams until the session ends. */
  async run(transport: TransportSession): Promise<void> {
    for (;;) {
      const datagram = await transport.readDatagram();
      if (!datagram) return;
      this.#options.counters.bytesReceived += datagram.byteLength;
      this.#handle(datagram);
    }
  }

  /** The track of an alias is known: hands on what waited for it. */
  release(trackAlias: number): void {
    const subscription = this.#options.find(trackAlias);
    for (const datagram of this.#early.take(trackAlias)) subscription?.handleDatagram(datagram);
  }

  #handle(bytes: Uint8Array): void {
    try {
      const datagram = decodeDatagram(bytes);
      const subscription = this.#options.find(datagram.trackAlias);
      if (subscription) subscription.handleDatagram(datagram);
      else this.#early.hold(datagram);
    } catch (error) {
      if (error instanceof WireError && error.kind === "unsupported") {
        this.#options.counters.unsupported++;
      } else this.#options.onViolation(error);
    }
  }
}
