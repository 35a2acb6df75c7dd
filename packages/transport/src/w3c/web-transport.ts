/**
 * The part of the W3C WebTransport interface that is used here
 * (https://www.w3.org/TR/webtransport/), so that any implementation of it fits:
 * a browser's, or one for Node.
 */
export interface W3cWebTransport {
  readonly ready: Promise<unknown>;
  /** Resolves after a close by either side, rejects when the connection is lost. */
  readonly closed: Promise<W3cCloseInfo | undefined>;
  readonly protocol?: string | null;
  readonly datagrams?: W3cDatagrams;
  readonly incomingUnidirectionalStreams: W3cReadable<W3cReadable<Uint8Array>>;
  readonly incomingBidirectionalStreams: W3cReadable<W3cBidirectionalStream>;
  createUnidirectionalStream(options?: W3cStreamOptions): Promise<W3cWritable>;
  createBidirectionalStream(options?: W3cStreamOptions): Promise<W3cBidirectionalStream>;
  close(info?: { closeCode: number; reason: string }): void;
}

/** `WebTransportCloseInfo` */
export interface W3cCloseInfo {
  readonly closeCode?: number;
  readonly reason?: string;
}

/** `WebTransportSendStreamOptions` */
export interface W3cStreamOptions {
  /** Without it, opening fails where the peer's limit is reached. */
  readonly waitUntilAvailable?: boolean;
}

/** `WebTransportDatagramDuplexStream`, of the present and of former drafts. */
export interface W3cDatagrams {
  readonly maxDatagramSize: number;
  readonly readable: W3cReadable<Uint8Array>;
  readonly writable?: W3cWritable;
  createWritable?(): W3cWritable;
}

/** `WebTransportBidirectionalStream` */
export interface W3cBidirectionalStream {
  readonly readable: W3cReadable<Uint8Array>;
  readonly writable: W3cWritable;
}

/** `ReadableStream` */
export interface W3cReadable<T> {
  getReader(): W3cReader<T>;
}

/** `ReadableStreamDefaultReader` */
export interface W3cReader<T> {
  readonly closed: Promise<unknown>;
  read(): Promise<{ readonly done: boolean; readonly value?: T | undefined }>;
  cancel(reason?: unknown): Promise<unknown>;
}

/** `WritableStream`, with the `sendOrder` of a `WebTransportSendStream` where there is one. */
export interface W3cWritable {
  sendOrder?: number | null;
  getWriter(): W3cWriter;
}

/** `WritableStreamDefaultWriter` */
export interface W3cWriter {
  readonly closed: Promise<unknown>;
  readonly ready: Promise<unknown>;
  readonly desiredSize: number | null;
  write(chunk: Uint8Array): Promise<unknown>;
  close(): Promise<unknown>;
  abort(reason?: unknown): Promise<unknown>;
}

/** What an error of a W3C stream says. */
export type W3cStreamFailure =
  | { readonly kind: "stream"; readonly code: number | undefined }
  | { readonly kind: "session" };

/** How `@fails-components/webtransport` 1.6 tells a code: in the message alone. */
const CODE_IN_MESSAGE = /^(?:Resetstream|StopSending) with code:(\d+)$/;
/** How it tells a stream that its session ended. */
const SESSION_IN_MESSAGE = /^Session closed/;

/** Reads a `WebTransportError`, whichever implementation made it. */
export function readStreamFailure(error: unknown): W3cStreamFailure {
  if (typeof error !== "object" || error === null) return { kind: "stream", code: undefined };
  if ("streamErrorCode" in error && typeof error.streamErrorCode === "number") {
    return { kind: "stream", code: error.streamErrorCode };
  }
  if ("source" in error && error.source === "session") return { kind: "session" };
  const message = "message" in error ? String(error.message) : "";
  if (SESSION_IN_MESSAGE.test(message)) return { kind: "session" };
  const [, digits] = CODE_IN_MESSAGE.exec(message) ?? [];
  return { kind: "stream", code: digits === undefined ? undefined : Number(digits) };
}

type ErrorConstructor = new (
  message: string,
  options: { source: "stream"; streamErrorCode: number },
) => unknown;

/**
 * The reason that makes `abort` and `cancel` send this code: the global
 * `WebTransportError` where there is one, else an error that looks the same,
 * with the `code` (0 to 255) that `@fails-components/webtransport` sends instead.
 */
export function streamError(code: number): unknown {
  const options = { source: "stream", streamErrorCode: code } as const;
  const message = `stream abandoned with code ${code}`;
  const { WebTransportError } = globalThis as { WebTransportError?: ErrorConstructor };
  if (WebTransportError) return new WebTransportError(message, options);
  return Object.assign(new Error(message), { name: "WebTransportError", code, ...options });
}
