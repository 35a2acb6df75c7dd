/** What happens on a {@link MessageSocket}. */
export interface SocketHandlers {
  /** A message arrived; `undefined` for one of text. */
  onMessage(message: Uint8Array | undefined): void;
  onPing(data: Uint8Array): void;
  onPong(): void;
  /** Why it is about to close. */
  onError(message: string): void;
  /** Once, last; the code of RFC 6455 section 7.4.1. */
  onClosed(code: number, reason: string): void;
  /** What was buffered went on its way. */
  onDrain(): void;
}

/** An open WebSocket with the timers of its host: Node with `ws`, or a browser. */
export interface MessageSocket {
  readonly isOpen: boolean;
  /** Bytes taken that the operating system has not. */
  readonly buffered: number;
  /** Grows with every byte that arrives. */
  readonly bytesRead: number;
  /** Once, before anything else. */
  listen(handlers: SocketHandlers): void;
  /** @param onSent called when the operating system has the message; never after a failure */
  send(message: Uint8Array, onSent?: () => void): void;
  /** What is sent until {@link uncork} travels together. */
  cork(): void;
  uncork(): void;
  /** Only for framings without pings of their own. */
  ping(): void;
  pong(data: Uint8Array): void;
  /** Only for framings without flow control of their own. */
  pause(): void;
  resume(): void;
  /** Closes it, by force when the peer has not answered after `timeoutMs`. */
  close(code: number, timeoutMs: number): void;
  /** Runs `callback` later, after what is going on now. */
  defer(callback: () => void): void;
  /** Runs `callback` after `delayMs` without keeping the process alive; returns how to cancel. */
  setTimer(delayMs: number, callback: () => void): () => void;
}
