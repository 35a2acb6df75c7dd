import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { freePort } from "./ports.js";

const LONG_HEADER = 0x80;
const INITIAL = 0x00;
const PACKET_TYPE = 0x30;

/** Forwards UDP between clients and one server, counts QUIC connections, and can go silent. */
export class UdpProxy {
  readonly port: number;
  readonly #target: number;
  readonly #listener: Socket;
  readonly #upstream = new Map<number, Socket>();
  readonly #connections = new Set<string>();
  #frozen = false;

  private constructor(port: number, target: number, listener: Socket) {
    this.port = port;
    this.#target = target;
    this.#listener = listener;
    listener.on("message", (packet, from) => {
      if (this.#frozen) return;
      this.#countConnection(packet);
      this.#to(from.port).send(packet, this.#target, "127.0.0.1");
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

  /** From now on nothing passes, in either direction. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
  }

  async stop(): Promise<void> {
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
      if (!this.#frozen) this.#listener.send(packet, clientPort, "127.0.0.1");
    });
    socket.on("error", () => {});
    this.#upstream.set(clientPort, socket);
    return socket;
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
