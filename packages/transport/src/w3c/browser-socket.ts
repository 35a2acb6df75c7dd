import type { MessageSocket, SocketHandlers } from "../websocket/socket.js";
import { OPEN, type W3cWebSocket } from "./web-socket.js";

/** How often what is buffered is looked at, in milliseconds: there is no event for it. */
const LOOK_EVERY_MS = 5;

/** Codes a page may close with (the standard's `close()`); 1002 is not among them. */
const WS_NORMAL = 1000;
const FIRST_PRIVATE_CODE = 3000;

/**
 * An open W3C WebSocket. It can neither be paused nor ping, so only framings
 * with flow control and pings of their own go over it.
 */
export class BrowserSocket implements MessageSocket {
  readonly #webSocket: W3cWebSocket;
  #handlers: SocketHandlers | undefined;
  #bytesRead = 0;
  #bytesSent = 0;
  readonly #sending: { readonly upTo: number; readonly onSent: () => void }[] = [];
  #stopLooking: (() => void) | undefined;
  #closed = false;

  constructor(webSocket: W3cWebSocket) {
    this.#webSocket = webSocket;
  }

  get isOpen(): boolean {
    return this.#webSocket.readyState === OPEN;
  }

  get buffered(): number {
    return this.#webSocket.bufferedAmount;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  listen(handlers: SocketHandlers): void {
    this.#handlers = handlers;
    const webSocket = this.#webSocket;
    webSocket.onmessage = ({ data }: { readonly data: unknown }) => {
      const message = data instanceof ArrayBuffer ? new Uint8Array(data) : undefined;
      this.#bytesRead += message?.byteLength ?? 1;
      handlers.onMessage(message);
    };
    webSocket.onerror = () => handlers.onError("the connection was lost");
    webSocket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) =>
      this.#handleClosed(code, reason);
  }

  send(message: Uint8Array, onSent?: () => void): void {
    this.#webSocket.send(message as Uint8Array<ArrayBuffer>);
    this.#bytesSent += message.byteLength;
    if (onSent) this.#sending.push({ upTo: this.#bytesSent, onSent });
    this.#stopLooking ??= this.setTimer(LOOK_EVERY_MS, () => this.#look());
  }

  cork(): void {}

  uncork(): void {}

  ping(): void {}

  pong(): void {}

  pause(): void {}

  resume(): void {}

  close(code: number, timeoutMs: number): void {
    this.#webSocket.close(code >= FIRST_PRIVATE_CODE ? code : WS_NORMAL);
    // A page cannot cut a connection; for its session it ends here.
    this.setTimer(timeoutMs, () => this.#handleClosed(code, ""));
  }

  defer(callback: () => void): void {
    queueMicrotask(callback);
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  }

  #look(): void {
    this.#stopLooking = undefined;
    const gone = this.#bytesSent - this.#webSocket.bufferedAmount;
    while (this.#sending[0] && this.#sending[0].upTo <= gone) this.#sending.shift()?.onSent();
    this.#handlers?.onDrain();
    if (this.#webSocket.bufferedAmount === 0 || this.#closed) return;
    this.#stopLooking = this.setTimer(LOOK_EVERY_MS, () => this.#look());
  }

  #handleClosed(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopLooking?.();
    this.#handlers?.onClosed(code, reason);
  }
}
