import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { freePort } from "./ports.js";

const LONG_HEADER = 0x80;
const INITIAL = 0x00;
const PACKET_TYPE = 0x30;

/** What a {@link UdpProxy} does to each packet that passes, in either direction. */
export interface Impairment {
  /** The share of packets that are lost, 0 to 1. */
  readonly loss: number;
  /** How long each packet takes, in milliseconds; their order stays. */
  readonly delayMs: number;
  /** Decides which packets are lost. Default 1. */
  readonly seed?: number;
}

/** Forwards UDP between clients and one server, counts QUIC connections, and can lose, delay or swallow packets. */
export class UdpProxy {
  readonly port: number;
  readonly #target: number;
  readonly #listener: Socket;
  readonly #upstream = new Map<number, Socket>();
  readonly #connections = new Set<string>();
  #frozen = false;
  #impairment: Impairment = { loss: 0, delayMs: 0 };
  #random = 1;
  #lost = 0;

  private constructor(port: number, target: number, listener: Socket) {
    this.port = port;
    this.#target = target;
    this.#listener = listener;
    listener.on("message", (packet, from) => {
      if (this.#frozen) return;
      this.#countConnection(packet);
      this.#pass(() => this.#to(from.port).send(packet, this.#target, "127.0.0.1"));
    });
    // A server that is down answers with ICMP errors, which are no concern of a proxy.
    listener.on("error", () => {});
  }

  /** @param target the server's port on 127.0.0.1 */
  static async start(target: number): Promise<UdpProxy> {
    const port = await freePort();
    const listener = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
    listener.bind(port, "127.0.0.1");
    await once(listener, "listening");
    return new UdpProxy(port, target, listener);
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}/`;
  }

  /** QUIC connections tried through this proxy so far: distinct source connection ids of Initial packets. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Packets lost on purpose so far. */
  get lost(): number {
    return this.#lost;
  }

  /** From now on packets are lost and delayed so. */
  impair(impairment: Impairment): void {
    this.#impairment = impairment;
    this.#random = impairment.seed ?? 1;
  }

  /** From now on nothing passes, in either direction. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
  }

  async stop(): Promise<void> {
    this.#frozen = true;
    for (const socket of this.#upstream.values()) socket.close();
    const closed = once(this.#listener, "close");
    this.#listener.close();
    await closed;
  }

  #to(clientPort: number): Socket {
    const known = this.#upstream.get(clientPort);
    if (known !== undefined) return known;
    const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
    socket.on("message", (packet) => {
      if (!this.#frozen) this.#pass(() => this.#listener.send(packet, clientPort, "127.0.0.1"));
    });
    socket.on("error", () => {});
    this.#upstream.set(clientPort, socket);
    return socket;
  }

  #pass(send: () => void): void {
    const { loss, delayMs } = this.#impairment;
    if (loss > 0 && this.#nextRandom() < loss) this.#lost++;
    else if (delayMs === 0) send();
    else setTimeout(() => this.#frozen || send(), delayMs);
  }

  /** 0 to 1, the same sequence for the same seed (Numerical Recipes' generator). */
  #nextRandom(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random / 2 ** 32;
  }

  #countConnection(packet: Buffer): void {
    const first = packet[0] ?? 0;
    if ((first & LONG_HEADER) === 0 || (first & PACKET_TYPE) !== INITIAL) return;
    const destinationLength = packet[5] ?? 0;
    const at = 6 + destinationLength;
    const sourceLength = packet[at] ?? 0;
    this.#connections.add(packet.subarray(at + 1, at + 1 + sourceLength).toString("hex"));
  }
}
