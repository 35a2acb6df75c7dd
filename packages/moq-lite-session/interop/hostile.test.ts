import {
  BIDI_STREAM,
  encodeClientSetup,
  encodeSetup,
  encodeStreamType,
  type LiteVersion,
  UNI_STREAM,
} from "@moq-bridge/moq-wire/lite";
import { Origin, type TrackConsumer, type TrackProducer } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import {
  connectWebSocket,
  listenWebSocket,
  type TransportServer,
  type TransportSession,
} from "@moq-bridge/transport";
import { afterAll, beforeAll, expect, it } from "vitest";
import { within } from "../../testing/src/wait.js";
import { acceptLite, connectLite } from "../src/index.js";
import { PROTOCOL } from "./serving-lite.js";

const SOON = 5_000;
let server: TransportServer;
let track: TrackProducer;
let reader: TrackConsumer | undefined;

/** One server for all of it, and one viewer who must not notice anything. */
beforeAll(async () => {
  const protocols = [...new Set(Object.values(PROTOCOL))];
  server = await listenWebSocket({ host: "127.0.0.1", port: 0, protocols });
  const publish = new Origin({ runtime });
  track = publish.createBroadcast("a").createTrack("t");
  const accept = async () => {
    for (let next = await server.accept(); next; next = await server.accept()) {
      const subscribe = new Origin({ runtime });
      // It never comes about for a peer that breaks SETUP.
      acceptLite(next, { runtime, originId: 7n, publish, subscribe }).catch(() => {});
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

afterAll(async () => {
  await server.close();
});

function dial(version: LiteVersion): Promise<TransportSession> {
  return connectWebSocket(`ws://127.0.0.1:${server.port}/`, {
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

/** A session after its SETUP, where the version has one. */
async function ready(version: LiteVersion): Promise<TransportSession> {
  const peer = await dial(version);
  if (version === "lite-05" || version === "lite-06") {
    const setup = encodeSetup(version, { originId: 9n, unknown: [] });
    await uni(peer, encodeStreamType(UNI_STREAM.setup), setup);
  }
  return peer;
}

const A = 0x61;
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
  const peer =
    version === "lite-05" && name.startsWith("a SETUP")
      ? await dial(version)
      : await ready(version);
  await violate(peer);
  await expectClose(peer, 3);
});

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
  const again = await request(peer, BIDI_STREAM.announce, 2, 0, 0);
  expect(await within(again.recv.read(), { what: "an answer", timeoutMs: SOON })).toBeDefined();
  peer.close(0, "");
  await expectServing();
});
