import { once } from "node:events";
import { WebSocket } from "ws";
import { codecOf } from "../codec.js";
import type { Frame, Framing } from "../frame.js";

/** A client that sends whatever a test wants over a real WebSocket. */
export class RawClient {
  readonly webSocket: WebSocket;
  readonly #framing: Framing;
  readonly frames: Frame[] = [];
  #closeCode: number | undefined;
  #waiting: (() => void)[] = [];

  private constructor(webSocket: WebSocket, framing: Framing) {
    this.webSocket = webSocket;
    this.#framing = framing;
    webSocket.on("error", () => {});
    webSocket.on("message", (data) => {
      if (data instanceof Uint8Array) this.frames.push(...codecOf(framing).decode(data));
      this.#wake();
    });
    webSocket.on("close", (code) => {
      this.#closeCode = code;
      this.#wake();
    });
  }

  static async connect(port: number, framing: Framing, subprotocol: string): Promise<RawClient> {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}/`, subprotocol, {
      perMessageDeflate: false,
    });
    const client = new RawClient(webSocket, framing);
    await once(webSocket, "open");
    return client;
  }

  send(...frames: Frame[]): void {
    for (const frame of frames) this.webSocket.send(codecOf(this.#framing).encode(frame));
  }

  /** The first frame of a type, already here or still to come. */
  async frame<T extends Frame["type"]>(type: T): Promise<Extract<Frame, { type: T }>> {
    for (;;) {
      const found = this.frames.find((frame) => frame.type === type);
      if (found) return found as Extract<Frame, { type: T }>;
      if (this.#closeCode !== undefined) throw new Error(`closed without a ${type} frame`);
      await this.#next();
    }
  }

  /** The code the WebSocket is closed with. */
  async closed(): Promise<number> {
    while (this.#closeCode === undefined) await this.#next();
    return this.#closeCode;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
