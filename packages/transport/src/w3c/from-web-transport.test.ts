import { settle, VirtualRuntime } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { memoryPair } from "../memory/memory-pair.js";
import { fakeWebTransport } from "./fake-web-transport.js";
import { fromWebTransport } from "./from-web-transport.js";
import type { W3cWebTransport } from "./web-transport.js";

function start() {
  const pair = memoryPair({ runtime: new VirtualRuntime() });
  return { ...pair, webTransport: fakeWebTransport(pair.client) };
}

/** The same object with some members replaced. */
function changed(webTransport: W3cWebTransport, changes: Partial<W3cWebTransport>) {
  return { ...webTransport, ...changes };
}

it("reports a session that does not become ready", async () => {
  const { webTransport } = start();
  const failure = new Error("Opening handshake failed.");
  const broken = changed(webTransport, {
    ready: Promise.reject(failure),
    closed: Promise.reject(failure),
  });
  await expect(fromWebTransport(broken)).rejects.toMatchObject({
    name: "MoqError",
    code: "connect_refused",
    message: "no WebTransport session: Opening handshake failed.",
  });
});

describe("what an object says of itself", () => {
  it("is taken over, with careful defaults", async () => {
    const { webTransport } = start();
    const session = await fromWebTransport(webTransport);
    expect(session).toMatchObject({
      kind: "webtransport",
      side: "client",
      protocol: undefined,
      path: undefined,
      maxDatagramSize: 1_200,
      capabilities: {
        datagrams: true,
        acknowledgedFinish: false,
        priorities: false,
        perStreamFlowControl: true,
      },
    });
  });

  it("may lack datagrams", async () => {
    const { datagrams: _none, ...without } = start().webTransport;
    const session = await fromWebTransport(without);
    expect(session.capabilities.datagrams).toBe(false);
    expect(session.maxDatagramSize).toBe(0);
    session.sendDatagram(Uint8Array.of(1));
    const reading = session.readDatagram();
    session.close(0, "");
    expect(await reading).toBeUndefined();
  });

  it("may have the datagrams of the present draft", async () => {
    const { webTransport, server } = start();
    const { datagrams } = webTransport;
    const { writable, ...rest } = datagrams ?? {};
    if (!writable || !datagrams) throw new Error("the fake has datagrams");
    const session = await fromWebTransport(
      changed(webTransport, {
        datagrams: { ...rest, ...datagrams, createWritable: () => writable },
      }),
    );
    session.sendDatagram(Uint8Array.of(7));
    expect(await server.readDatagram()).toEqual(Uint8Array.of(7));
  });
});

it("waits for the peer's stream limit rather than failing", async () => {
  const { webTransport } = start();
  const asked: unknown[] = [];
  const session = await fromWebTransport(
    changed(webTransport, {
      createUnidirectionalStream(options) {
        asked.push(options);
        return webTransport.createUnidirectionalStream(options);
      },
      createBidirectionalStream(options) {
        asked.push(options);
        return webTransport.createBidirectionalStream(options);
      },
    }),
  );
  await session.openUni();
  await session.openBidi();
  expect(asked).toEqual([{ waitUntilAvailable: true }, { waitUntilAvailable: true }]);
});

it("reports an open that fails, and one that never settles once the session ends", async () => {
  const { webTransport } = start();
  const failing = await fromWebTransport(
    changed(webTransport, {
      createUnidirectionalStream: () => Promise.reject(new Error("Connection is closed")),
      createBidirectionalStream: () => new Promise(() => {}),
    }),
  );
  await expect(failing.openUni()).rejects.toMatchObject({
    code: "session_closed",
    message: "no stream can be opened: Connection is closed",
  });
  const opening = failing.openBidi();
  failing.close(3, "enough");
  await expect(opening).rejects.toMatchObject({ code: "session_closed", wireCode: 3 });
});

it("writes the chunks of one small write as one", async () => {
  const { webTransport } = start();
  const sizes: number[] = [];
  const session = await fromWebTransport(
    changed(webTransport, {
      createUnidirectionalStream: async () =>
        new WritableStream<Uint8Array>({
          write: (chunk) => {
            sizes.push(chunk.byteLength);
          },
        }),
    }),
  );
  const send = await session.openUni();
  await send.write([new Uint8Array(3), new Uint8Array(0), new Uint8Array(4)]);
  await send.write([new Uint8Array(60_000), new Uint8Array(60_000)]);
  send.finish();
  await send.finished;
  expect(sizes).toEqual([7, 60_000, 60_000]);
});

it("sets the send order where there is one", async () => {
  const { webTransport } = start();
  const stream = await webTransport.createUnidirectionalStream();
  const session = await fromWebTransport(
    changed(webTransport, { createUnidirectionalStream: async () => stream }),
  );
  (await session.openUni()).setPriority(-9);
  expect(stream.sendOrder).toBe(-9);
});

describe("errors without a code", () => {
  const failing = (error: unknown) =>
    new ReadableStream<Uint8Array>({ start: (controller) => controller.error(error) });

  it("end a stream as reset", async () => {
    const { webTransport } = start();
    const session = await fromWebTransport(
      changed(webTransport, {
        incomingUnidirectionalStreams: new ReadableStream({
          start: (controller) => controller.enqueue(failing(new Error("?"))),
        }),
      }),
    );
    const stream = await session.acceptUni();
    await settle();
    const error = await stream?.read().catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "stream_reset", wireCode: undefined });
  });

  it("end a stream with its session when they are the session's", async () => {
    const { webTransport, server } = start();
    const lost = Object.assign(new Error("gone"), { source: "session", streamErrorCode: null });
    const session = await fromWebTransport(
      changed(webTransport, {
        incomingUnidirectionalStreams: new ReadableStream({
          start: (controller) => controller.enqueue(failing(lost)),
        }),
      }),
    );
    const stream = await session.acceptUni();
    const error = stream?.read().catch((thrown) => thrown);
    await settle();
    server.close(9, "bye");
    expect(await error).toMatchObject({ code: "session_closed", wireCode: 9 });
  });
});

it("gives errors the browser's own class where there is one", async () => {
  class WebTransportError extends Error {
    readonly details: unknown;
    constructor(message: string, details: unknown) {
      super(message);
      this.details = details;
    }
  }
  const { webTransport } = start();
  const reasons: unknown[] = [];
  Object.assign(globalThis, { WebTransportError });
  try {
    const session = await fromWebTransport(
      changed(webTransport, {
        createUnidirectionalStream: async () =>
          new WritableStream<Uint8Array>({
            abort: (reason) => {
              reasons.push(reason);
            },
          }),
      }),
    );
    const send = await session.openUni();
    send.reset(5);
    await settle();
    expect(reasons[0]).toBeInstanceOf(WebTransportError);
    expect(reasons[0]).toMatchObject({ details: { source: "stream", streamErrorCode: 5 } });
  } finally {
    Reflect.deleteProperty(globalThis, "WebTransportError");
  }
});
