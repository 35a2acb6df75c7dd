import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { present, readAll } from "../compliance/subject.js";
import type { TransportServer, TransportSession } from "../transport.js";
import type { Frame, Framing } from "./frame.js";
import { listenWebSocket } from "./listen.js";
import { NO_PARAMETERS } from "./parameters-codec.js";
import { RawClient } from "./testing/raw-client.js";

let server: TransportServer;
beforeEach(async () => {
  server = await listenWebSocket({
    host: "127.0.0.1",
    port: 0,
    protocols: ["p"],
    limits: { connectionWindow: 100_000, streamWindow: 50_000, maxStreams: 10 },
  });
});
afterEach(() => server.close());

async function start(framing: Framing): Promise<{ client: RawClient; session: TransportSession }> {
  const name = framing === "webtransport" ? framing : `${framing}.p`;
  const client = await RawClient.connect(server.port, framing, name);
  return { client, session: present(await server.accept()) };
}

const parameters: Frame = { type: "transport_parameters", parameters: NO_PARAMETERS };

function stream(id: number, size: number): Frame {
  return { type: "stream", id, offset: undefined, data: new Uint8Array(size), fin: false };
}

describe("a hostile client", () => {
  const cases: readonly (readonly [string, Framing, readonly Frame[]])[] = [
    ["overruns its credit", "qmux-01", Array.from({ length: 10 }, () => stream(2, 10_000))],
    ["opens more streams than it may", "qmux-00", [stream(42, 1)]],
    ["uses a stream that is not there", "qmux-01", [stream(3, 1)]],
    ["sends its parameters twice", "qmux-02", [parameters]],
    [
      "takes back bytes",
      "qmux-01",
      [stream(2, 10), { type: "reset_stream", id: 2, code: 0, finalSize: 5 }],
    ],
  ];

  it.each(cases)("that %s is told so and cut off (%s)", async (_what, framing, frames) => {
    const { client, session } = await start(framing);
    client.send(parameters, ...frames);
    expect(await client.frame("connection_close")).toMatchObject({ code: 1002 });
    expect(await client.closed()).toBe(1002);
    expect(await session.closed).toMatchObject({ by: "transport", code: undefined });
  });

  it.each(["qmux-00", "qmux-01"] as const)(
    "that sends a message too large for %s is told so and cut off",
    async (framing) => {
      const { client, session } = await start(framing);
      client.send(parameters, stream(2, 16_384));
      expect(await client.frame("connection_close")).toMatchObject({ code: 1002 });
      expect((await session.closed).reason).toContain("a message has");
    },
  );

  it("that sends a message of a megabyte in qmux is cut off before it has arrived", async () => {
    const { client, session } = await start("qmux-01");
    client.webSocket.send(new Uint8Array(1_000_000));
    expect(await client.closed()).toBe(1009);
    expect(await session.closed).toMatchObject({ by: "transport" });
  });

  it.each(["qmux-01", "webtransport"] as const)(
    "that sends text is cut off in %s",
    async (framing) => {
      const { client, session } = await start(framing);
      client.webSocket.send("hello");
      expect(await client.closed()).toBe(1002);
      expect((await session.closed).reason).toContain("text");
    },
  );

  it("that sends what is no WebSocket frame is cut off", async () => {
    const { client, session } = await start("qmux-01");
    client.webSocket.on("upgrade", () => {});
    // A reserved bit set, and no mask.
    const socket = Reflect.get(client.webSocket, "_socket");
    socket.write(Uint8Array.of(0xf2, 0x01, 0x00));
    expect(await session.closed).toMatchObject({ by: "transport", code: undefined });
  });

  it("that pings without end and reads nothing costs no memory", async () => {
    const { client, session } = await start("qmux-01");
    client.send(parameters);
    client.webSocket.pause();
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    for (let count = 0; count < 100; count++) {
      for (let index = 0; index < 1_000; index++) {
        client.send({ type: "ping", sequence: count * 1_000 + index, response: false });
        client.webSocket.ping(Buffer.alloc(100));
      }
      await new Promise((resolve) => client.webSocket.send(new Uint8Array(1), resolve));
    }
    const after = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    expect(after - before).toBeLessThan(32 * 1024 * 1024);
    session.close(0, "");
    client.webSocket.terminate();
  });

  it("that opens streams without end in the legacy framing is read on only as they are accepted", async () => {
    const { client, session } = await start("webtransport");
    const paused = new Promise<void>((resolve) => {
      const { pause } = WebSocket.prototype;
      vi.spyOn(WebSocket.prototype, "pause").mockImplementation(function (this: WebSocket) {
        resolve();
        pause.call(this);
      });
    });
    const total = 20_000;
    for (let index = 0; index < total; index++) {
      const data = Uint8Array.of(1);
      client.send({ type: "stream", id: index * 4 + 2, offset: undefined, data, fin: true });
    }
    await paused;
    let seen = 0;
    while (seen < total) seen += (await readAll(present(await session.acceptUni()))).byteLength;
    vi.restoreAllMocks();
  });

  it("that is killed is noticed at once", async () => {
    const { client, session } = await start("qmux-01");
    client.webSocket.terminate();
    expect(await session.closed).toMatchObject({ by: "transport", code: undefined });
  });

  it("that closes the WebSocket without a close of the session ends it without a code", async () => {
    const { client, session } = await start("qmux-01");
    client.webSocket.close(1000, "enough");
    expect(await session.closed).toEqual({ code: undefined, reason: "enough", by: "peer" });
  });
});

describe("a client that leaves", () => {
  it("leaves behind what it had finished", async () => {
    const { client, session } = await start("qmux-01");
    client.send(parameters);
    for (const id of [2, 6]) {
      client.send({ type: "stream", id, offset: 0, data: Uint8Array.of(id), fin: true });
    }
    client.send({ type: "stream", id: 10, offset: 0, data: Uint8Array.of(10), fin: false });
    client.send({ type: "application_close", code: 3, reason: "done" });
    expect(await session.closed).toEqual({ code: 3, reason: "done", by: "peer" });
    expect(await readAll(present(await session.acceptUni()))).toEqual(Buffer.of(2));
    expect(await readAll(present(await session.acceptUni()))).toEqual(Buffer.of(6));
    const cutShort = present(await session.acceptUni());
    expect(await cutShort.read()).toEqual(Uint8Array.of(10));
    await expect(cutShort.read()).rejects.toMatchObject({ code: "session_closed", wireCode: 3 });
    expect(await session.acceptUni()).toBeUndefined();
  });
});

describe("pings of the WebSocket", () => {
  it("are answered with pongs", async () => {
    const { client } = await start("qmux-00");
    client.webSocket.ping("are you there");
    const [data] = await once(client.webSocket, "pong");
    expect(String(data)).toBe("are you there");
  });
});
