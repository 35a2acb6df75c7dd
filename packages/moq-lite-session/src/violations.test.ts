import { encodeExact } from "@moq-bridge/moq-wire";
import {
  type Announce,
  BIDI_STREAM,
  encodeAnnounce,
  encodeClientSetup,
  encodeFetch,
  encodeGoaway,
  encodeServerSetup,
  encodeSetup,
  encodeStreamType,
  type LiteVersion,
  liteAlpn,
  liteVersionCode,
  UNI_STREAM,
} from "@moq-bridge/moq-wire/lite";
import { Origin } from "@moq-bridge/origin";
import { settle, VirtualRuntime } from "@moq-bridge/runtime";
import { memoryPair, type TransportSession } from "@moq-bridge/transport";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { acceptLite, connectLite } from "./connect.js";
import { rawSession } from "./raw-peer.fixture.js";

let runtime: VirtualRuntime;
beforeEach(() => {
  runtime = new VirtualRuntime();
});

const options = () => ({ runtime, originId: 1n, subscribe: new Origin({ runtime }) });

async function uni(peer: TransportSession, ...chunks: Uint8Array[]): Promise<void> {
  const stream = await peer.openUni();
  await stream.write(chunks);
  stream.finish();
}

describe("the setup of a client", () => {
  const pair = (protocol?: string) =>
    memoryPair({ runtime, ...(protocol === undefined ? {} : { protocol }) });

  it("refuses a protocol of something else, and an origin id of 0", async () => {
    const { client } = pair("moq-00");
    await expect(connectLite(client, options())).rejects.toMatchObject({
      code: "protocol_unsupported",
    });
    expect(await client.closed).toMatchObject({ code: 21 });
    const other = pair().client;
    await expect(connectLite(other, { ...options(), originId: 0n })).rejects.toMatchObject({
      code: "origin_id_invalid",
    });
  });

  it.each([undefined, "moql"])("exchanges SETUP under protocol %s", async (protocol) => {
    const { client, server } = pair(protocol);
    const opening = connectLite(client, options());
    const stream = await server.acceptBidi();
    const offer = await stream?.recv.read();
    expect(offer).toEqual(
      Uint8Array.from(
        encodeClientSetup({
          versions: [liteVersionCode("lite-02"), liteVersionCode("lite-01")],
          parameters: [],
        }),
      ),
    );
    await stream?.send.write(
      encodeServerSetup({ version: liteVersionCode("lite-01"), parameters: [] }),
    );
    const session = await opening;
    expect(session.version).toBe("lite-01");
    stream?.send.finish();
    expect(await session.closed).toEqual({ by: "local", code: 0, reason: "" });
  });

  it("refuses a version that was not offered", async () => {
    const { client, server } = pair("moql");
    const opening = connectLite(client, options());
    const refused = expect(opening).rejects.toMatchObject({ code: "version_unsupported" });
    const stream = await server.acceptBidi();
    await stream?.send.write(encodeServerSetup({ version: 0xff00000e, parameters: [] }));
    await refused;
    expect(await server.closed).toMatchObject({ code: 21 });
  });

  it.each(["moql", "moq-lite-05"])(
    "of %s gives up on a server that says nothing",
    async (protocol) => {
      const { client, server } = pair(protocol);
      const refused = expect(connectLite(client, options())).rejects.toMatchObject({
        code: "session_timeout",
      });
      await runtime.advance(10_000);
      await refused;
      expect(await server.closed).toMatchObject({ code: 17 });
      expect(runtime.pendingTimers).toBe(0);
    },
  );

  it.each(["moql", "moq-lite-05"])("of %s says why the server closed", async (protocol) => {
    const { client, server } = pair(protocol);
    const refused = expect(connectLite(client, options())).rejects.toMatchObject({
      code: protocol === "moql" ? "session_closed" : "session_unauthorized",
      wireCode: 2,
    });
    await settle();
    server.close(2, "unauthorized");
    await refused;
  });
});

describe("the setup of a server", () => {
  it("waits for the client's SETUP, then speaks", async () => {
    const { client, server } = memoryPair({ runtime, protocol: "moq-lite-05" });
    const accepting = acceptLite(server, options());
    await settle();
    const setup = encodeSetup("lite-05", { originId: 4n, unknown: [] });
    await uni(client, encodeStreamType(UNI_STREAM.setup), setup);
    expect((await accepting).version).toBe("lite-05");
    const refused = memoryPair({ runtime, protocol: "moq-lite-05" });
    const waiting = expect(acceptLite(refused.server, options())).rejects.toMatchObject({
      code: "session_timeout",
    });
    await runtime.advance(10_000);
    await waiting;
    expect(await refused.client.closed).toMatchObject({ code: 17 });
  });

  it("takes the first version the client lists that it speaks", async () => {
    const { client, server } = memoryPair({ runtime, protocol: "moql" });
    const accepting = acceptLite(server, options());
    const stream = await client.openBidi();
    const versions = [0xff00000e, liteVersionCode("lite-01"), liteVersionCode("lite-02")];
    await stream.send.write(encodeClientSetup({ versions, parameters: [] }));
    expect((await accepting).version).toBe("lite-01");
  });

  it("refuses a client without such a version, and one that begins otherwise", async () => {
    for (const [bytes, code] of [
      [encodeClientSetup({ versions: [0xff00000e], parameters: [] }), 21],
      [Uint8Array.of(0x40, 0x40, 0, 0), 3],
    ] as const) {
      const { client, server } = memoryPair({ runtime });
      const refused = expect(acceptLite(server, options())).rejects.toMatchObject({
        wireCode: code,
      });
      const stream = await client.openBidi();
      await stream.send.write(bytes);
      await refused;
      expect(await client.closed).toMatchObject({ code });
    }
  });
});

describe("a violation closes the session with code 3 and one reason", () => {
  async function expectClosed(
    version: LiteVersion,
    violate: (raw: Awaited<ReturnType<typeof rawSession>>) => Promise<unknown>,
    reason: RegExp,
  ): Promise<void> {
    const raw = await rawSession(runtime, version);
    await violate(raw);
    const end = await raw.session.closed;
    expect(end).toMatchObject({ by: "local", code: 3, error: { code: "protocol_violation" } });
    expect(end.reason).toMatch(reason);
    expect(await raw.peer.closed).toMatchObject({ code: 3, by: "peer" });
    await settle();
    expect(runtime.pendingTimers).toBe(0);
  }

  it("a second SETUP", () =>
    expectClosed(
      "lite-05",
      (raw) =>
        uni(raw.peer, encodeStreamType(UNI_STREAM.setup), encodeSetup("lite-05", { unknown: [] })),
      /SETUP came twice/,
    ));

  it("a second START in lite-04", () =>
    expectClosed(
      "lite-04",
      async (raw) => {
        await raw.announce("a");
        await raw.announce("a");
      },
      /a broadcast was announced twice/,
    ));

  it("an announcement with bytes too many", () =>
    expectClosed(
      "lite-05",
      (raw) => raw.announces.stream.send.write(Uint8Array.of(4, 1, 0, 0, 0)),
      /bytes too many/,
    ));

  it("an announce stream that ends inside a message", () =>
    expectClosed(
      "lite-05",
      async (raw) => {
        await raw.announces.stream.send.write(Uint8Array.of(9));
        raw.announces.stream.send.finish();
      },
      /ended inside a message/,
    ));

  it("the reset of our announce request, which would leave us deaf", () =>
    expectClosed(
      "lite-05",
      async (raw) => raw.announces.stream.send.reset(0),
      /gave up announcing/,
    ));

  it("an unknown number in lite-06", () =>
    expectClosed(
      "lite-06",
      (raw) =>
        raw.announces.stream.send.write(
          encodeAnnounce("lite-06", { type: "end", target: { id: 4 } }),
        ),
      /announcement 4 is not live/,
    ));

  it("a request that does not decode", () =>
    expectClosed(
      "lite-05",
      (raw) => raw.open(encodeStreamType(BIDI_STREAM.subscribe), Uint8Array.of(1, 0)),
      /SUBSCRIBE/,
    ));
});

describe("what is only unknown", () => {
  it("costs its own stream alone", async () => {
    const raw = await rawSession(runtime, "lite-05");
    const strange = await raw.open(encodeStreamType(77));
    await expect(strange.stream.recv.read()).rejects.toMatchObject({ wireCode: 1 });
    const request = { broadcast: "none", track: "t", priority: 0, group: 0, startFrame: 0 };
    const fetch = await raw.open(
      encodeStreamType(BIDI_STREAM.fetch),
      encodeFetch("lite-05", request),
    );
    await expect(fetch.stream.recv.read()).rejects.toMatchObject({ wireCode: 54 });
    const probe = await raw.open(encodeStreamType(BIDI_STREAM.probe));
    expect(await probe.stream.recv.read()).toBeUndefined();
    const silent = await raw.peer.openBidi();
    silent.send.finish();
    const reset = await raw.peer.openBidi();
    reset.send.reset(0);
    const stream = await raw.peer.openUni();
    await stream.write(encodeStreamType(9));
    expect(await stream.stopped).toBe(1);
    raw.peer.sendDatagram(new Uint8Array(10));
    await raw.announce("still/here");
    await settle();
    expect(raw.receive.broadcast("still/here")).toBeDefined();
    expect(raw.session.stats()).toMatchObject({
      unknownStreams: 2,
      fetchesRefused: 1,
      datagramsDropped: 1,
    });
  });

  it("a number above 2^53 costs its request alone", async () => {
    const raw = await rawSession(runtime, "lite-05");
    const huge = encodeExact((writer) => {
      writer.varint(8 + 3, "length");
      writer.varint((1n << 60n) - 1n, "subscribeId");
      writer.bytes(Uint8Array.of(0, 0, 0));
    });
    const stream = await raw.open(encodeStreamType(BIDI_STREAM.subscribe), huge);
    await expect(stream.stream.recv.read()).rejects.toMatchObject({ wireCode: 1 });
    expect(raw.session.stats().unsupportedMessages).toBe(1);
  });

  const long = (bytes: number) => "x".repeat(bytes);
  /** An announcement of this path, written by hand as no encoder writes it. */
  const start = (version: LiteVersion, path: string) =>
    encodeExact((writer) => {
      const body = (into: typeof writer) => {
        if (version !== "lite-06") into.u8(1, "status");
        into.string(path, "suffix");
        if (version === "lite-03" || version === "lite-04" || version === "lite-05")
          into.u8(0, "hops");
        if (version === "lite-06") into.bytes(Uint8Array.of(0, 0, 0));
      };
      if (version === "lite-06") writer.u8(0, "type");
      writer.prefixedBytes(encodeExact(body), "message");
    });

  it.each(["lite-03", "lite-04", "lite-05", "lite-06"] as const)(
    "in %s an announcement of any length costs itself alone",
    async (version) => {
      const raw = await rawSession(runtime, version);
      const { send } = raw.announces.stream;
      for (const path of [long(1_025), long(20_000), long(100_000)]) {
        await send.write(start(version, path));
      }
      await raw.announce("a");
      const end: Announce =
        version === "lite-06"
          ? { type: "end", target: { id: 3 } }
          : { type: "end", target: { suffix: "a" } };
      await settle();
      expect(raw.receive.broadcast("a")).toBeDefined();
      await send.write(encodeAnnounce(version, end));
      await settle();
      expect(raw.receive.broadcast("a")).toBeUndefined();
      expect(raw.session.stats().unsupportedMessages).toBe(3);
    },
  );

  it.each([20_000, 100_000])("a request of %i bytes costs its stream alone", async (bytes) => {
    const raw = await rawSession(runtime, "lite-06");
    const body = encodeExact((writer) => {
      writer.string("room", "broadcast");
      writer.string(long(bytes), "track");
    });
    const message = encodeExact((writer) => writer.prefixedBytes(body, "message"));
    const track = await raw.open(encodeStreamType(BIDI_STREAM.track), message);
    await expect(track.stream.recv.read()).rejects.toMatchObject({ wireCode: 1 });
    expect(raw.session.stats().unsupportedMessages).toBe(1);
    await raw.announce("still/here");
    await settle();
    expect(raw.receive.broadcast("still/here")).toBeDefined();
  });

  it.each(["lite-01", "lite-02"] as const)(
    "in %s what a peer lists first and cannot be carried is left out",
    async (version) => {
      const { client, server } = memoryPair({ runtime, protocol: "moql" });
      const receive = new Origin({ runtime });
      const opening = connectLite(client, { ...options(), subscribe: receive });
      const control = await server.acceptBidi();
      const chosen = { version: liteVersionCode(version), parameters: [] };
      await control?.send.write(encodeServerSetup(chosen));
      const session = await opening;
      const announces = await server.acceptBidi();
      const listed = ["a", long(1_025), new Array(33).fill("p").join("/"), "b"];
      const init = encodeExact((writer) => {
        writer.varint(listed.length, "suffixes");
        for (const suffix of listed) writer.string(suffix, "suffix");
      });
      await announces?.send.write(encodeExact((writer) => writer.prefixedBytes(init, "init")));
      await session.announced;
      expect(["a", "b"].map((path) => receive.broadcast(path) !== undefined)).toEqual([true, true]);
      expect(session.stats()).toMatchObject({ broadcastsIn: 2, unsupportedMessages: 2 });
    },
  );

  it("a FIN of the announce stream is the end of what was announced, not of the session", async () => {
    const raw = await rawSession(runtime, "lite-05");
    await raw.announce("a");
    raw.announces.stream.send.finish();
    await settle();
    expect(raw.receive.broadcast("a")).toBeUndefined();
    expect(raw.session.stats().broadcastsIn).toBe(0);
    await raw.session.announced;
  });
});

it("tells of GOAWAY", async () => {
  const raw = await rawSession(runtime, "lite-05");
  const uri = "https://other.example/";
  await raw.open(encodeStreamType(BIDI_STREAM.goaway), encodeGoaway("lite-05", { uri }));
  expect(await raw.session.goaway).toBe(uri);
});

it("gives up on a peer that admits no stream, and says so to the reader", async () => {
  const { client, server } = memoryPair({
    runtime,
    protocol: liteAlpn("lite-05"),
    maxBidiStreams: 1,
  });
  const receive = new Origin({ runtime });
  const opening = connectLite(client, { runtime, originId: 1n, subscribe: receive });
  await uni(server, encodeStreamType(UNI_STREAM.setup), encodeSetup("lite-05", { unknown: [] }));
  const session = await opening;
  const announces = await server.acceptBidi();
  await announces?.send.write(Uint8Array.of(2, 9, 1));
  await announces?.send.write(encodeAnnounce("lite-05", { type: "start", suffix: "a", hops: [] }));
  await session.announced;
  const reader = receive.broadcast("a")?.subscribe("t");
  const refused = expect(reader?.nextGroup()).rejects.toThrow(/no further bidirectional stream/);
  await runtime.advance(10_000);
  await refused;
  expect(runtime.pendingTimers).toBe(0);
});

it("survives any bytes on any stream: at worst the session ends with a reason", async () => {
  const stream = fc.record({
    uni: fc.boolean(),
    type: fc.integer({ min: 0, max: 7 }),
    chunks: fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 4 }),
    end: fc.constantFrom("finish", "reset", "none"),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<LiteVersion>("lite-03", "lite-04", "lite-05", "lite-06"),
      fc.array(stream, { maxLength: 6 }),
      async (version, streams) => {
        const raw = await rawSession(runtime, version);
        raw.publish
          .createBroadcast("a")
          .createTrack("t")
          .appendGroup()
          .writeFrame(new Uint8Array(5));
        for (const each of streams) {
          try {
            const opened = each.uni
              ? { send: await raw.peer.openUni() }
              : await raw.peer.openBidi();
            await opened.send.write([encodeStreamType(each.type), ...each.chunks]);
            if (each.end === "finish") opened.send.finish();
            if (each.end === "reset") opened.send.reset(0);
          } catch (error) {
            expect(error).toMatchObject({
              code: expect.stringMatching(/session_closed|stream_stopped/),
            });
          }
        }
        await settle();
        raw.peer.close(0, "");
        const end = await raw.session.closed;
        if (end.error)
          expect(end).toMatchObject({ code: 3, error: { code: "protocol_violation" } });
        await settle();
        expect(raw.session.stats()).toMatchObject({ subscriptionsOut: 0, broadcastsOut: 0 });
      },
    ),
    { numRuns: 150 },
  );
});
