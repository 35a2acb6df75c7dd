import {
  type ReadableStreamDefaultController,
  ReadableStream as WebReadable,
  WritableStream as WebWritable,
  type WritableStreamDefaultController,
} from "node:stream/web";
import { MoqError } from "@moq-bridge/runtime";
import type { BidiStream, RecvStream, SendStream, TransportSession } from "../transport.js";
import type { W3cCloseInfo, W3cWebTransport, W3cWritable } from "./web-transport.js";

/** `signal` is missing in the types of Node. */
type AbortableController = WritableStreamDefaultController & { readonly signal: AbortSignal };

/**
 * For tests: a W3C `WebTransport` object whose streams are those of another
 * session, with the stream errors, aborts and back-pressure the W3C interface
 * prescribes. It waits for a place when the peer's stream limit is reached.
 */
export function fakeWebTransport(session: TransportSession): W3cWebTransport {
  return {
    ready: Promise.resolve(),
    closed: closedOf(session),
    protocol: session.protocol ?? "",
    datagrams: {
      maxDatagramSize: session.maxDatagramSize,
      readable: incoming(() => session.readDatagram()),
      writable: new WebWritable<Uint8Array>({ write: (payload) => session.sendDatagram(payload) }),
    },
    incomingUnidirectionalStreams: incoming(async () => {
      const stream = await session.acceptUni();
      return stream && readable(stream);
    }),
    incomingBidirectionalStreams: incoming(async () => {
      const stream = await session.acceptBidi();
      return stream && bidirectional(stream);
    }),
    createUnidirectionalStream: async () => writable(await session.openUni()),
    createBidirectionalStream: async () => bidirectional(await session.openBidi()),
    close: (info) => session.close(info?.closeCode ?? 0, info?.reason ?? ""),
  };
}

function closedOf(session: TransportSession): Promise<W3cCloseInfo> {
  return session.closed.then((info) => {
    if (info.code === undefined) throw sessionError(info.reason);
    return { closeCode: info.code, reason: info.reason };
  });
}

function bidirectional({ send, recv }: BidiStream) {
  return { readable: readable(recv), writable: writable(send) };
}

/** A stream of what `next` gives, asked only when somebody reads. */
function incoming<T>(next: () => Promise<T | undefined>): WebReadable<T> {
  return new WebReadable<T>(
    {
      async pull(controller) {
        const item = await next();
        if (item === undefined) controller.close();
        else controller.enqueue(item);
      },
    },
    { highWaterMark: 0 },
  );
}

function readable(recv: RecvStream): WebReadable<Uint8Array> {
  let cancelled = false;
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    try {
      const chunk = await recv.read();
      if (cancelled) return;
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    } catch (error) {
      if (!cancelled) controller.error(w3cError(error));
    }
  };
  return new WebReadable<Uint8Array>({
    pull,
    cancel(reason) {
      cancelled = true;
      recv.stop(codeOf(reason));
    },
  });
}

function writable(send: SendStream): W3cWritable {
  const stream = new WebWritable<Uint8Array>({
    start(controller) {
      const { signal } = controller as AbortableController;
      signal.addEventListener("abort", () => send.reset(codeOf(signal.reason)));
      void send.stopped.then(async (code) => {
        if (code !== undefined) controller.error(streamError(code));
        else await send.finished.catch((error) => controller.error(w3cError(error)));
      });
    },
    async write(chunk) {
      await send.write(chunk).catch((error) => {
        throw w3cError(error);
      });
    },
    async close() {
      send.finish();
      await send.finished.catch((error) => {
        throw w3cError(error);
      });
    },
  });
  return Object.assign(stream, { sendOrder: 0 });
}

function w3cError(error: unknown): unknown {
  if (!(error instanceof MoqError)) return error;
  if (error.code === "session_closed") return sessionError(error.message);
  return streamError(error.wireCode ?? 0);
}

function streamError(streamErrorCode: number): Error {
  return webTransportError("the stream failed", { source: "stream", streamErrorCode });
}

function sessionError(message: string): Error {
  return webTransportError(message, { source: "session", streamErrorCode: null });
}

function webTransportError(
  message: string,
  details: { source: "stream" | "session"; streamErrorCode: number | null },
): Error {
  return Object.assign(new Error(message), { name: "WebTransportError", ...details });
}

function codeOf(reason: unknown): number {
  if (typeof reason !== "object" || reason === null || !("streamErrorCode" in reason)) return 0;
  return typeof reason.streamErrorCode === "number" ? reason.streamErrorCode : 0;
}
