import type { Socket } from "node:net";
import type { RawData, WebSocket } from "ws";
import type { MessageSocket, SocketHandlers } from "./socket.js";

/** A `ws` WebSocket and the socket beneath it. */
export class NodeSocket implements MessageSocket {
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;

  constructor(webSocket: WebSocket, socket: Socket) {
    this.#webSocket = webSocket;
    this.#socket = socket;
  }

  get isOpen(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  listen(handlers: SocketHandlers): void {
    const webSocket = this.#webSocket;
    webSocket.on("message", (data, isBinary) => handlers.onMessage(toMessage(data, isBinary)));
    webSocket.on("ping", (data) => handlers.onPing(data));
    webSocket.on("pong", () => handlers.onPong());
    webSocket.on("error", (error) => handlers.onError(error.message));
    webSocket.on("close", (code, reason) => handlers.onClosed(code, reason.toString()));
    this.#socket.on("drain", () => handlers.onDrain());
  }

  send(message: Uint8Array, onSent?: () => void): void {
    // With an error the session is about to end, and its streams with it.
    if (onSent) this.#webSocket.send(message, (error) => !error && onSent());
    else this.#webSocket.send(message);
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  ping(): void {
    this.#webSocket.ping();
  }

  pong(data: Uint8Array): void {
    this.#webSocket.pong(data);
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  close(code: number, timeoutMs: number): void {
    this.#webSocket.close(code);
    const cancel = this.setTimer(timeoutMs, () => this.#webSocket.terminate());
    this.#webSocket.once("close", cancel);
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  }
}

function toMessage(data: RawData, isBinary: boolean): Uint8Array | undefined {
  return isBinary && data instanceof Uint8Array ? data : undefined;
}
