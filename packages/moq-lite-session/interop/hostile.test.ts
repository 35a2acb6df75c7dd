import {
  BIDI_STREAM,
  encodeClientSetup,
  encodeSetup,
  encodeStreamType,
  type LiteVersion,
  liteVersionCode,
  UNI_STREAM,
} from "@moq-bridge/moq-wire/lite";
import { Origin, type TrackConsumer, type TrackProducer } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import {
  type BidiStream,
  connectWebSocket,
  listenWebSocket,
  type TransportServer,
  type TransportSession,
} from "@moq-bridge/transport";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { within } from "../../testing/src/wait.js";
import { acceptLite, connectLite, type LiteSession } from "../src/index.js";
import { PROTOCOL } from "./serving-lite.js";

const SOON = 5_000;
/** Most broadcasts a peer may announce here. */
const BROADCASTS = 20;
/** A broadcast that is read as soon as a peer announces it. */
const WANTED = "w";
let server: TransportServer;
let track: TrackProducer;
let reader: TrackConsumer | undefined;
/** Sessions of the server, the newest last. */
const sessions: LiteSession[] = [];

/** One server for all of it, and one viewer who must not notice anything. */
beforeAll(async () => {
  const protocols = [...new Set(Object.values(PROTOCOL))];
  server = await listenWebSocket({ host: "127.0.0.1", port: 0, protocols });
  const publish = new Origin({ runtime });
  track = publish.createBroadcast("a").createTrack("t");
  const accept = async () => {
    for (let next = await server.accept(); next; next = await server.accept()) {
      const subscribe = new Origin({ runtime });
      const limits = { broadcasts: BROADCASTS };
      const accepted = acceptLite(next, { runtime, originId: 7n, publish, subscribe, limits });
      void readWanted(subscribe);
      accepted.then(
        (session) => sessions.push(session),
        () => {}, // It never comes about for a peer that breaks SETUP.
      );
    }
  };
  void accept();
  const receive = new Origin({ runtime });
  const viewer = await connectLite(await dial("lite-05"), {
    runtime,
    originId: 8n,
    subscribe: receive,
  });
  await viewer.announced;
  reader = receive.broadcast("a")?.subscribe("t");
});

async function readWanted(origin: Origin): Promise<void> {
  for await (const each of origin.announced()) {
    if (each.type === "active" && each.path === WANTED) {
      const wanted = each.broadcast.subscribe("t");
      wanted.nextGroup().catch(() => {});
    }
  }
}

afterAll(async () => {
  await server.close();
});

function dial(version: LiteVersion, port = server.port): Promise<TransportSession> {
  return connectWebSocket(`ws://127.0.0.1:${port}/`, {
    protocols: [PROTOCOL[version]],
    timeoutMs: SOON,
  });
}

async function uni(peer: TransportSession, ...bytes: Uint8Array[]): Promise<void> {
  const stream = await peer.openUni();
  await stream.write(bytes);
  stream.finish();
}

/** The stream type and what follows it, on a stream of our own. */
async function request(peer: TransportSession, type: number, ...bytes: number[]) {
  const stream = await peer.openBidi();
  await stream.send.write([encodeStreamType(type), Uint8Array.from(bytes)]);
  return stream;
}

/** Answers the announce request of the server with these bytes. */
async function announce(peer: TransportSession, ...bytes: number[]): Promise<void> {
  const stream = await peer.acceptBidi();
  await stream?.send.write(Uint8Array.from(bytes));
}

/**
 * A session that announced the broadcast the server reads, up to the stream on
 * which it asks: TRACK from lite-05 on, SUBSCRIBE before.
 */
async function asked(version: LiteVersion): Promise<{ peer: TransportSession; ask: BidiStream }> {
  const peer = await ready(version);
  const W = 0x77;
  if (version === "lite-05") await announce(peer, 2, 9, 1, 4, 1, 1, W, 0);
  else await announce(peer, 4, 1, 1, W, 0);
  const what = { what: "the server's request", timeoutMs: SOON };
  const ask = await within(peer.acceptBidi(), what);
  if (!ask) throw new Error("the session ended");
  return { peer, ask };
}

/** The same, with TRACK answered, up to SUBSCRIBE. */
async function subscribed(): Promise<{ peer: TransportSession; ask: BidiStream }> {
  const { peer, ask } = await asked("lite-05");
  await ask.send.write(Uint8Array.of(6, 0, 0, 0x53, 0x88, 0x43, 0xe8));
  ask.send.finish();
  const next = await within(peer.acceptBidi(), { what: "SUBSCRIBE", timeoutMs: SOON });
  if (!next) throw new Error("the session ended");
  return { peer, ask: next };
}

/** A session after its SETUP, where the version has one. */
async function ready(version: LiteVersion): Promise<TransportSession> {
  const peer = await dial(version);
  if (version === "lite-01" || version === "lite-02") {
    const stream = await peer.openBidi();
    const versions = [liteVersionCode(version)];
    await stream.send.write(encodeClientSetup({ versions, parameters: [] }));
    await within(stream.recv.read(), { what: "SERVER_SETUP", timeoutMs: SOON });
  }
  if (version === "lite-05" || version === "lite-06") {
    const setup = encodeSetup(version, { originId: 9n, unknown: [] });
    await uni(peer, encodeStreamType(UNI_STREAM.setup), setup);
  }
  return peer;
}

const A = 0x61;
const zeros = (count: number) => new Array<number>(count).fill(0);
const PARTS_33 = [...Buffer.from(new Array(33).fill("a").join("/"))];
const VIOLATIONS: readonly (readonly [
  string,
  LiteVersion,
  (peer: TransportSession) => Promise<unknown>,
])[] = [
  [
    "a second SETUP",
    "lite-05",
    (peer) =>
      uni(peer, encodeStreamType(UNI_STREAM.setup), encodeSetup("lite-05", { unknown: [] })),
  ],
  [
    "a SETUP parameter twice",
    "lite-05",
    (peer) => uni(peer, Uint8Array.of(1, 7, 2, 1, 1, 0, 1, 1, 0)),
  ],
  [
    "a broadcast announced twice",
    "lite-04",
    (peer) => announce(peer, 4, 1, 1, A, 0, 4, 1, 1, A, 0),
  ],
  ["an announcement with bytes too many", "lite-04", (peer) => announce(peer, 5, 1, 1, A, 0, 0)],
  ["a hop chain with an id twice", "lite-04", (peer) => announce(peer, 6, 1, 1, A, 2, 5, 5)],
  ["an announcement of no known kind", "lite-04", (peer) => announce(peer, 4, 9, 1, A, 0)],
  ["the end of an unknown number", "lite-06", (peer) => announce(peer, 2, 9, 0, 1, 1, 9)],
  [
    "the reset of the announce request",
    "lite-05",
    async (peer) => {
      const stream = await peer.acceptBidi();
      stream?.send.reset(0);
    },
  ],
  [
    "a SUBSCRIBE that does not decode",
    "lite-05",
    (peer) => request(peer, BIDI_STREAM.subscribe, 1, 0),
  ],
  [
    "an UPDATE that does not decode",
    "lite-05",
    (peer) => request(peer, BIDI_STREAM.subscribe, 10, 0, 1, A, 1, 0x74, 0, 0, 0, 0, 0, 1, 0),
  ],
  ["a TRACK that does not decode", "lite-05", (peer) => request(peer, BIDI_STREAM.track, 1, 9)],
  ["a FETCH that does not decode", "lite-05", (peer) => request(peer, BIDI_STREAM.fetch, 1, 9)],
  ["a GOAWAY that does not decode", "lite-05", (peer) => request(peer, BIDI_STREAM.goaway, 1, 9)],
  ["a chain of 33 hops", "lite-04", (peer) => announce(peer, 38, 1, 1, A, 33, ...zeros(34))],
  [
    "a path of 33 parts",
    "lite-04",
    (peer) => announce(peer, 0x40, 69, 1, 0x40, 65, ...PARTS_33, 0),
  ],
  [
    "a path of 33 parts in SUBSCRIBE",
    "lite-05",
    (peer) => request(peer, BIDI_STREAM.subscribe, 0x40, 75, 0, 0x40, 65, ...PARTS_33, ...zeros(7)),
  ],
  [
    "a message longer than any",
    "lite-05",
    (peer) => request(peer, BIDI_STREAM.track, 0x84, 0, 0, 1),
  ],
  [
    "more broadcasts than are taken",
    "lite-04",
    (peer) =>
      announce(
        peer,
        ...Array.from({ length: BROADCASTS + 1 }, (_, i) => [4, 1, 1, A + i, 0]).flat(),
      ),
  ],
  [
    "an announce stream that ends inside a message",
    "lite-04",
    async (peer) => {
      const stream = await peer.acceptBidi();
      await stream?.send.write(Uint8Array.of(9));
      stream?.send.finish();
    },
  ],
  ["an ANNOUNCE_OK that does not decode", "lite-05", (peer) => announce(peer, 1, 0)],
  [
    "a restart of an unknown number",
    "lite-06",
    (peer) => announce(peer, 2, 9, 0, 2, 4, 9, 0, 0, 0),
  ],
  [
    "an origin id twice in one route",
    "lite-06",
    (peer) => announce(peer, 2, 9, 0, 0, 7, 1, A, 2, 5, 5, 0, 0),
  ],
  ["a SETUP stream without a message", "lite-05", (peer) => uni(peer, Uint8Array.of(1))],
  [
    "a SETUP path that is not UTF-8",
    "lite-05",
    (peer) => uni(peer, Uint8Array.of(1, 4, 1, 2, 1, 0xff)),
  ],
  [
    "an UPDATE where the version has none",
    "lite-02",
    (peer) => request(peer, BIDI_STREAM.subscribe, 6, 0, 1, A, 1, 0x74, 1, 1, 1),
  ],
  [
    "bytes after ANNOUNCE_REQUEST",
    "lite-04",
    (peer) => request(peer, BIDI_STREAM.announce, 2, 0, 0, 1),
  ],
];

async function expectServing(): Promise<void> {
  const group = track.appendGroup();
  group.writeFrame(Uint8Array.of(1));
  group.finish();
  const next = () =>
    within(reader?.nextGroup() ?? Promise.reject(), {
      what: "a group at the other viewer",
      timeoutMs: SOON,
    });
  let found = await next();
  while (found && found.sequence < group.sequence) found = await next();
  expect(found?.sequence).toBe(group.sequence);
}

async function expectClose(peer: TransportSession, code: number): Promise<void> {
  const end = await within(peer.closed, { what: "the close", timeoutMs: SOON });
  expect(end).toMatchObject({ by: "peer", code });
  await expectServing();
}

it.each(VIOLATIONS)("%s (%s)", async (name, version, violate) => {
  const peer = name.startsWith("a SETUP") ? await dial(version) : await ready(version);
  await violate(peer);
  await expectClose(peer, 3);
});

it.each([
  ["SUBSCRIBE_OK twice", "lite-04", [0, 5, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0]],
  ["SUBSCRIBE_DROP before SUBSCRIBE_OK", "lite-04", [1, 3, 0, 1, 0]],
  ["a reply of no known type", "lite-04", [9, 0]],
  ["a timescale of 0", "lite-05", [4, 0, 0, 0, 0]],
  ["a TRACK_INFO that does not decode", "lite-05", [1, 0]],
] as const)("%s (%s)", async (_name, version, bytes) => {
  const { peer, ask } = await asked(version);
  await ask.send.write(Uint8Array.from(bytes));
  await expectClose(peer, 3);
});

it.each([
  ["a reply of no known type", [9, 0]],
  ["a SUBSCRIBE_START that does not decode", [0, 1, 0xff]],
  ["a reply that ends inside", [0, 5, 1]],
] as const)("%s to SUBSCRIBE (lite-05)", async (_name, bytes) => {
  const { peer, ask } = await subscribed();
  await ask.send.write(Uint8Array.from(bytes));
  ask.send.finish();
  await expectClose(peer, 3);
});

it("a session stream with something else than SESSION_INFO (lite-02)", async () => {
  const peer = await dial("lite-02");
  const stream = await peer.openBidi();
  const setup = encodeClientSetup({ versions: [liteVersionCode("lite-02")], parameters: [] });
  await stream.send.write([setup, Uint8Array.of(1, 0xff)]);
  await expectClose(peer, 3);
});

it("silence instead of SETUP", async () => {
  const hasty = await listenWebSocket({
    host: "127.0.0.1",
    port: 0,
    protocols: [PROTOCOL["lite-05"]],
  });
  try {
    const accepted = hasty.accept().then((transport) => {
      if (!transport) throw new Error("nobody came");
      return acceptLite(transport, { runtime, originId: 7n, limits: { setupMs: 100 } });
    });
    const refused = expect(accepted).rejects.toMatchObject({ code: "session_timeout" });
    const peer = await dial("lite-05", hasty.port);
    await expectClose(peer, 17);
    await refused;
  } finally {
    await hasty.close();
  }
});

/** Groups cost their own stream, with a code of streams: 18 for one that does not decode. */
it.each([
  ["a header that does not decode", [0, 1, 0xff], 18],
  ["a header with bytes too many", [0, 3, 0, 1, 0], 18],
  ["a header longer than any message", [0, 0x80, 1, 0, 0], 18],
  ["a subscription that is not", [0, 2, 50, 0], 1],
  ["a timestamp below zero", [0, 2, 0, 0, 1, 1, A], 18],
] as const)("a group with %s costs its own stream alone", async (_name, bytes, code) => {
  const { peer } = await subscribed();
  const stream = await peer.openUni();
  await stream.write(Uint8Array.from(bytes));
  expect(await within(stream.stopped, { what: "the stop", timeoutMs: SOON })).toBe(code);
  await expectAlive(peer);
});

it("a group that ends inside a frame costs itself alone", async () => {
  const { peer } = await subscribed();
  await uni(peer, Uint8Array.of(0, 2, 0, 0, 0, 9, A));
  await vi.waitFor(() => expect(sessions.at(-1)?.stats().groupsBroken).toBe(1), SOON);
  await expectAlive(peer);
});

/** The session goes on: it answers another request. */
async function expectAlive(peer: TransportSession): Promise<void> {
  const again = await request(peer, BIDI_STREAM.announce, 2, 0, 0);
  expect(await within(again.recv.read(), { what: "an answer", timeoutMs: SOON })).toBeDefined();
  peer.close(0, "");
  await expectServing();
}

it("a SETUP with no version of ours", async () => {
  const peer = await dial("lite-02");
  const stream = await peer.openBidi();
  await stream.send.write(encodeClientSetup({ versions: [0xff00000e], parameters: [] }));
  await expectClose(peer, 21);
});

it("a SETUP that is none", async () => {
  const peer = await dial("lite-02");
  const stream = await peer.openBidi();
  await stream.send.write(Uint8Array.of(0x40, 0x40, 0, 0));
  await expectClose(peer, 3);
});

it.each([
  ["an unknown stream type", [77], 1],
  ["a subscription to what is not here", [2, 10, 0, 1, 0x7a, 1, 0x74, 0, 0, 0, 0, 0], 54],
])("%s costs its own stream alone", async (_name, bytes, code) => {
  const peer = await ready("lite-05");
  const [type = 0, ...rest] = bytes;
  const stream = await request(peer, type, ...rest);
  await expect(
    within(stream.recv.read(), { what: "the reset", timeoutMs: SOON }),
  ).rejects.toMatchObject({ wireCode: code });
  await expectAlive(peer);
});
