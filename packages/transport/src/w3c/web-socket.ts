/**
 * The part of the W3C WebSocket interface that is used here
 * (https://websockets.spec.whatwg.org/): a browser's.
 */
export interface W3cWebSocket {
  readonly readyState: number;
  /** The subprotocol the server chose. */
  readonly protocol: string;
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** `readyState` of an open one. */
export const OPEN = 1;
