import { Cursor } from "@moq-bridge/moq-wire";
import {
  BIDI_STREAM,
  decodeFrameHeader,
  encodeAnnounceInit,
  encodeDatagram,
  encodeFetch,
  encodeProbe,
  encodeServerSetup,
  encodeStreamType,
  type LiteVersion,
  liteAlpn,
  liteVersionCode,
} from "@moq-bridge/moq-wire/lite";
import { Origin } from "@moq-bridge/origin";
import { VirtualRuntime } from "@moq-bridge/runtime";
import { memoryPair } from "@moq-bridge/transport";
import { beforeEach, describe, expect, it } from "vitest";
import { acceptLite, connectLite } from "./connect.js";
import { rawSession } from "./raw-peer.fixture.js";
import { announced, bytes, connectPair, readGroup } from "./session.fixture.js";

let runtime: VirtualRuntime;
beforeEach(() => {
  runtime = new VirtualRuntime();
});

const FETCHING: LiteVersion[] = ["lite-03", "lite-04", "lite-05", "lite-06"];

/** Asks for a group by FETCH; its frames as text, or the code it was refused with. */
async function fetched(
  version: LiteVersion,
  request: Partial<Parameters<typeof encodeFetch>[1]>,
): Promise<string[] | number | undefined> {
  const peer = await rawSession(runtime, version);
  const track = peer.publish.createBroadcast("room").createTrack("video");
  for (const frames of [
    ["a", "b"],
    ["c", "", "d"],
  ]) {
    const group = track.appendGroup();
    for (const frame of frames) group.writeFrame(bytes(frame), 50);
    group.finish();
  }
  const fetch = { broadcast: "room", track: "video", priority: 1, group: 0, startFrame: 0 };
  const { stream } = await peer.open(
    encodeStreamType(BIDI_STREAM.fetch),
    encodeFetch(version, { ...fetch, ...request }),
  );
  stream.send.finish();
  await runtime.advance(2_000);
  const chunks: Uint8Array[] = [];
  try {
    for (let chunk = await stream.recv.read(); chunk; chunk = await stream.recv.read()) {
      chunks.push(chunk);
    }
  } catch (error) {
    return (error as { wireCode?: number }).wireCode;
  }
  expect(peer.session.stats()).toMatchObject({ fetchesServed: 1, fetchesRefused: 0 });
  const cursor = new Cursor(Buffer.concat(chunks));
  const frames: string[] = [];
  while (cursor.remaining > 0) {
    const { size } = decodeFrameHeader(version, cursor);
    frames.push(Buffer.from(cursor.bytes(size, "payload")).toString());
  }
  return frames;
}

describe("FETCH", () => {
  it.each(FETCHING)("in %s gives the frames of a stored group", async (version) => {
    expect(await fetched(version, { group: 0 })).toEqual(["a", "b"]);
    expect(await fetched(version, { group: 1 })).toEqual(["c", "", "d"]);
  });

  it("in lite-06 gives the frames that were asked for", async () => {
    const range = { group: 1, startFrame: 1 };
    expect(await fetched("lite-06", range)).toEqual(["", "d"]);
    expect(await fetched("lite-06", { ...range, endFrame: 1 })).toEqual([""]);
  });

  it("refuses what is not here", async () => {
    expect(await fetched("lite-05", { broadcast: "none" })).toBe(54);
    expect(await fetched("lite-05", { track: "none" })).toBe(51);
    expect(await fetched("lite-05", { group: 9 })).toBe(51);
  });
});

describe("a datagram", () => {
  it.each(["lite-05", "lite-06"] as const)("in %s is a group of one frame", async (version) => {
    const { transport, client, server } = await connectPair(runtime, version);
    server.publish.createBroadcast("room").createTrack("chat");
    const reader = (await announced(client.receive, "room")).subscribe("chat");
    await runtime.advance(0);
    const send = async (sequence: number, text: string, subscribeId = 0) => {
      const payload = bytes(text);
      const datagram = { subscribeId, sequence, timestamp: 7n, payload };
      transport.server.sendDatagram(encodeDatagram(version, datagram));
      await runtime.advance(0);
    };
    await send(3, "hello");
    expect(await readGroup(reader)).toBe("3: hello");
    await send(3, "hello");
    await send(5, "", 0);
    expect(await readGroup(reader)).toBe("5: ");
    await send(6, "nobody's", 99);
    expect(client.session.stats()).toMatchObject({ datagramsIn: 2, datagramsDropped: 2 });
  });

  it("that cannot be decoded ends the session", async () => {
    const { transport, client } = await connectPair(runtime, "lite-05");
    transport.server.sendDatagram(Uint8Array.of(0x40));
    await runtime.advance(0);
    expect(await client.session.closed).toMatchObject({ by: "local", code: 3 });
  });
});

describe("GOAWAY", () => {
  it.each(["lite-04", "lite-05", "lite-06"] as const)("goes either way in %s", async (version) => {
    const { client, server } = await connectPair(runtime, version);
    await server.session.sendGoaway("https://other.example/");
    await client.session.sendGoaway();
    await runtime.advance(0);
    expect(await client.session.goaway).toBe("https://other.example/");
    expect(await server.session.goaway).toBe("");
  });

  it("does not exist before lite-04", async () => {
    const { server } = await connectPair(runtime, "lite-03");
    await expect(server.session.sendGoaway()).rejects.toMatchObject({
      code: "message_not_allowed",
    });
  });
});

describe("PROBE", () => {
  it("gives what the peer reports until it ends", async () => {
    const peer = await rawSession(runtime, "lite-05");
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const probe of peer.session.probe()) seen.push(probe);
    })();
    const asked = await peer.accept();
    expect(await asked.stream.recv.read()).toEqual(encodeStreamType(BIDI_STREAM.probe));
    await asked.stream.send.write(encodeProbe("lite-05", { bitrate: 1_000, rttMs: 20 }));
    await asked.stream.send.write(encodeProbe("lite-05", { bitrate: 2_000, rttMs: 0 }));
    asked.stream.send.finish();
    await runtime.advance(0);
    await reading;
    expect(seen).toEqual([
      { bitrate: 1_000, rttMs: 20 },
      { bitrate: 2_000, rttMs: 0 },
    ]);
  });

  it("of a peer that measures nothing is empty", async () => {
    const { client } = await connectPair(runtime, "lite-04");
    const reading = client.session.probe().next();
    await runtime.advance(0);
    expect(await reading).toMatchObject({ done: true });
  });

  it("does not exist before lite-03", async () => {
    const { client } = await connectPair(runtime, "lite-03");
    await expect(client.session.probe().next()).resolves.toBeDefined();
    const peer = memoryPair({ runtime, protocol: "moql" });
    const options = { runtime, publish: new Origin({ runtime }) };
    const both = Promise.all([
      connectLite(peer.client, { ...options, originId: 1n }),
      acceptLite(peer.server, { ...options, originId: 2n }),
    ]);
    await runtime.advance(0);
    const [session] = await both;
    expect(session.version).toBe("lite-02");
    await expect(session.probe().next()).rejects.toMatchObject({ code: "message_not_allowed" });
  });
});

describe("lite-01", () => {
  it("carries announcements and groups between our client and our server", async () => {
    const { client, server } = memoryPair({ runtime, protocol: liteAlpn("lite-01") });
    const publish = new Origin({ runtime });
    const receive = new Origin({ runtime });
    const both = Promise.all([
      connectLite(client, {
        runtime,
        originId: 1n,
        subscribe: receive,
        setupVersions: ["lite-01"],
      }),
      acceptLite(server, { runtime, originId: 2n, publish }),
    ]);
    await runtime.advance(0);
    const sessions = await both;
    expect(sessions.map((session) => session.version)).toEqual(["lite-01", "lite-01"]);
    const broadcast = publish.createBroadcast("room");
    const group = broadcast.createTrack("t").appendGroup();
    group.writeFrame(bytes("a"));
    group.finish();
    const reader = (await announced(receive, "room")).subscribe("t");
    expect(await readGroup(reader)).toBe("0: a");
    broadcast.finish();
    await runtime.advance(0);
    expect(receive.broadcast("room")).toBeUndefined();
  });

  it("is refused by a server that takes only lite-02", async () => {
    const { client, server } = memoryPair({ runtime, protocol: "moql" });
    const options = { runtime, originId: 1n };
    const accepting = acceptLite(server, { ...options, setupVersions: ["lite-02"] });
    const refused = expect(accepting).rejects.toMatchObject({ code: "version_unsupported" });
    const connecting = connectLite(client, { ...options, setupVersions: ["lite-01"] });
    await expect(connecting).rejects.toMatchObject({ wireCode: 21 });
    await refused;
  });
});

describe("a relay of December 2025", () => {
  it("that echoes our announcements does not make us announce them to ourselves", async () => {
    const { client, server } = memoryPair({ runtime });
    const publish = new Origin({ runtime });
    const receive = new Origin({ runtime });
    publish.createBroadcast("ours").createTrack("t");
    const connecting = connectLite(client, { runtime, originId: 1n, publish, subscribe: receive });
    const setup = await server.acceptBidi();
    await setup?.recv.read();
    const version = liteVersionCode("lite-02");
    await setup?.send.write(encodeServerSetup({ version, parameters: [] }));
    const session = await connecting;
    const announces = await server.acceptBidi();
    const asking = await server.openBidi();
    await asking.send.write(Uint8Array.of(BIDI_STREAM.announce, 1, 0));
    await runtime.advance(0);
    const suffixes = ["ours", "theirs"];
    await announces?.send.write(encodeAnnounceInit("lite-02", { suffixes }));
    await session.announced;
    expect(receive.broadcast("ours")).toBeUndefined();
    expect(receive.broadcast("theirs")).toBeDefined();
    expect(session.stats()).toMatchObject({ loopsDropped: 1, broadcastsIn: 1 });
  });
});
