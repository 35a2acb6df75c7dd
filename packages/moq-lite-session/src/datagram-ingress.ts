import { Cursor, WireError } from "@moq-bridge/moq-wire";
import { type Datagram, decodeDatagram } from "@moq-bridge/moq-wire/lite";
import { MoqError } from "@moq-bridge/runtime";
import type { GroupIngressHost } from "./group-ingress.js";

/** The peer's datagrams (lite-05 and later): each is a whole group of one frame. */
export class DatagramIngress {
  readonly #host: GroupIngressHost;

  constructor(host: GroupIngressHost) {
    this.#host = host;
  }

  /** Takes datagrams until the session ends. @throws {WireError} when one cannot be decoded */
  async run(): Promise<void> {
    const { transport, version, counters } = this.#host.context;
    for (;;) {
      const bytes = await transport.readDatagram();
      if (!bytes) return;
      counters.bytesIn += bytes.byteLength;
      try {
        this.#handle(decodeDatagram(version, new Cursor(bytes)));
      } catch (error) {
        if (!(error instanceof WireError) || error.kind !== "unsupported") throw error;
        counters.unsupportedMessages++;
      }
    }
  }

  #handle({ subscribeId, sequence, timestamp, payload }: Datagram): void {
    const { counters, runtime } = this.#host.context;
    const subscription = this.#host.find(subscribeId);
    const group = subscription?.producer?.openGroup(sequence);
    // One that overtook the answer to its subscription is lost like any other lost datagram.
    if (!subscription || !group || group.nextFrame > 0) {
      group?.finish();
      counters.datagramsDropped++;
      return;
    }
    counters.datagramsIn++;
    const timestampMs = (Number(timestamp) * 1000) / subscription.timescale;
    try {
      group.beginFrame({ size: payload.byteLength, timestampMs, arrivedAt: runtime.now() });
      if (payload.byteLength > 0) group.writeChunk(payload);
      group.finish();
      subscription.noteGroup(sequence);
    } catch (error) {
      // The Origin refused: it has ended the track itself.
      if (!(error instanceof MoqError)) throw error;
      counters.datagramsDropped++;
    }
  }
}
