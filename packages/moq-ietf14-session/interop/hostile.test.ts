import { type ControlMessage, DRAFT_14, encodeControlMessage } from "@moq-bridge/moq-wire/ietf14";
import { Origin, type TrackProducer } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import {
  type BidiStream,
  connectNative,
  listenNative,
  type TransportServer,
  type TransportSession,
} from "@moq-bridge/transport";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Scene } from "../../testing/src/scene.js";
import { within } from "../../testing/src/wait.js";
import { acceptIetf14, connectIetf14, IETF14_PROTOCOLS, standard } from "../src/index.js";

const SOON = 5_000;

let scene: Scene;
let server: TransportServer;
let track: TrackProducer;
let reader: ReturnType<NonNullable<ReturnType<Origin["broadcast"]>>["subscribe"]> | undefined;

/** One server for all of it, and one viewer who must not notice anything. */
beforeAll(async () => {
  scene = await Scene.create("draft-14 hostile peers");
  server = await listenNative({
    host: "127.0.0.1",
    port: 0,
    identity: scene.certificate,
    protocols: IETF14_PROTOCOLS,
  });
  const served = new Origin({ runtime });
  track = served.createBroadcast("a/b").createTrack("t");
  const accept = async () => {
    for (let next = await server.accept(); next; next = await server.accept()) {
      // It never comes about for a peer that breaks SETUP.
      acceptIetf14(next, { runtime, profile: standard, serve: served }).catch(() => {});
    }
  };
  void accept();
  const viewer = await connectIetf14(await dial(), { runtime, profile: standard });
  const subscription = viewer.subscribe("a/b", "t");
  await subscription.accepted;
  const copy = new Origin({ runtime });
  subscription.fill(copy.createBroadcast("copy").createTrack("t"));
  reader = copy.broadcast("copy")?.subscribe("t");
});

afterAll(async () => {
  await server.close();
  await scene.end();
});

function dial(): Promise<TransportSession> {
  return connectNative(`https://127.0.0.1:${server.port}/`, {
    protocols: IETF14_PROTOCOLS,
    tls: { ca: scene.certificate.ca },
    timeoutMs: SOON,
  });
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const setup = (...parameters: { type: bigint; value: bigint | Uint8Array }[]) =>
  encodeControlMessage({ type: "client_setup", supportedVersions: [DRAFT_14], parameters });
const message = (value: ControlMessage) => encodeControlMessage(value);
const namespace = (requestId: number) =>
  message({ type: "publish_namespace", requestId, trackNamespace: ["x"], parameters: [] });
/** SUBSCRIBE for (a, b) "t" as ID 0: its tail is priority, order, forward, filter. */
const subscribe = (tail: string) => {
  const body = hex(`00 02 0161 0162 0174 ${tail}`);
  return Buffer.concat([hex("03"), Uint8Array.of(0, body.byteLength), body]);
};
const kvp = (tail: string) => {
  const body = hex(`00 01 0178 ${tail}`);
  return Buffer.concat([hex("06"), Uint8Array.of(0, body.byteLength), body]);
};

/** What is said on the control stream, SETUP included where it is good, and the code it must cost. */
const CONTROL: readonly (readonly [string, readonly Uint8Array[], number])[] = [
  ["no common version", [hex("20 000a 01 c0000000ff000010 00")], 0x15],
  ["PATH over WebTransport", [setup({ type: 1n, value: hex("2f") })], 0x8],
  ["AUTHORITY over WebTransport", [setup({ type: 5n, value: hex("61") })], 0x19],
  ["a known parameter twice", [setup({ type: 2n, value: 1n }, { type: 2n, value: 1n })], 3],
  ["a token that does not decode", [setup({ type: 3n, value: hex("61") })], 6],
  ["a token registered without a cache", [setup({ type: 3n, value: hex("01 00 00") })], 0x13],
  ["an unknown token alias", [setup({ type: 3n, value: hex("02 00") })], 0x17],
  ["another message before SETUP", [namespace(0)], 3],
  ["SETUP twice", [setup(), setup()], 3],
  ["an unknown message", [setup(), hex("3f 0000")], 3],
  ["a payload shorter than Length", [setup(), hex("0a 0002 00 00")], 3],
  ["a payload longer than Length", [setup(), hex("0d 0003 00 01 01")], 3],
  ["a namespace of no fields", [setup(), hex("06 0003 00 00 00")], 3],
  ["a namespace of 33 fields", [setup(), hex(`06 0025 00 21 ${"00".repeat(33)} 00 00`)], 3],
  ["a prefix of no fields", [setup(), hex("11 0003 00 00 00")], 3],
  ["a full track name above 4,096 bytes", [setup(), longName()], 3],
  ["a reason above 1,024 bytes", [setup(), hex(`0c 0406 01 0161 00 4401 ${"61".repeat(1025)}`)], 3],
  ["a KVP above 65,535 bytes", [setup(), kvp("01 03 80010000 00")], 3],
  ["a filter that is none", [setup(), subscribe("80 01 01 09 00")], 3],
  ["a group order above 2", [setup(), subscribe("80 03 01 02 00")], 3],
  ["a forward flag of 2", [setup(), subscribe("80 01 02 02 00")], 3],
  ["a known parameter of the wrong form", [setup(), kvp("01 03 01 61")], 6],
  ["a request ID of the server's parity", [setup(), namespace(1)], 4],
  ["a request ID left out", [setup(), namespace(2)], 4],
  ["a request ID again", [setup(), namespace(0), namespace(0)], 4],
  ["an answer to no request", [setup(), hex("07 0001 01")], 4],
  ["UNSUBSCRIBE of no request", [setup(), hex("0a 0001 00")], 4],
  ["SUBSCRIBE_UPDATE of no request", [setup(), hex("02 0008 00 08 00 00 00 00 01 00")], 3],
  ["MAX_REQUEST_ID that does not rise", [setup(), hex("15 0001 00")], 3],
  ["GOAWAY twice", [setup(), hex("10 0001 00"), hex("10 0001 00")], 3],
  ["GOAWAY with a URI to a server", [setup(), hex("10 0002 01 61")], 3],
  ["a GOAWAY URI above 8,192 bytes", [setup(), hex(`10 2003 6001 ${"61".repeat(8193)}`)], 3],
  ["a fetch type that is none", [setup(), hex("16 0006 00 00 01 04 00 00")], 3],
];

function longName(): Uint8Array {
  const body = Buffer.concat([hex("00 01 5000"), Buffer.alloc(4096), hex("01 74 80 01 01 02 00")]);
  return Buffer.concat([hex("03"), Uint8Array.of(body.byteLength >> 8, body.byteLength), body]);
}

async function expectClose(session: TransportSession, code: number): Promise<void> {
  const end = await within(session.closed, { what: "the close", timeoutMs: SOON });
  expect(end).toMatchObject({ by: "peer", code });
}

/** The other peers go on: a group written now arrives. */
async function expectServing(): Promise<void> {
  const group = track.appendGroup();
  group.writeFrame(Uint8Array.of(1));
  group.finish();
  let next = await within(reader?.nextGroup() ?? Promise.reject(), {
    what: "a group at the other viewer",
    timeoutMs: SOON,
  });
  while (next && next.sequence < group.sequence) next = await reader?.nextGroup();
  expect(next?.sequence).toBe(group.sequence);
}

it.each(CONTROL)("%s", async (_name, bytes, code) => {
  const session = await dial();
  const control = await session.openBidi();
  await control.send.write(bytes);
  await expectClose(session, code);
  await expectServing();
});

async function ready(): Promise<{ session: TransportSession; control: BidiStream }> {
  const session = await dial();
  const control = await session.openBidi();
  await control.send.write(setup({ type: 2n, value: 100n }));
  await control.recv.read();
  return { session, control };
}

it("an unknown stream type", async () => {
  const { session } = await ready();
  const stream = await session.openUni();
  await stream.write(hex("06 00 00 00"));
  await expectClose(session, 3);
  await expectServing();
});

it.each([
  ["an unknown datagram type", hex("1f 00 00 00")],
  ["an extension bit with no extensions", hex("05 00 00 00 00 61")],
])("%s", async (_name, bytes) => {
  const { session } = await ready();
  session.sendDatagram(bytes);
  await expectClose(session, 3);
  await expectServing();
});

it("a second bidirectional stream", async () => {
  const { session } = await ready();
  const second = await session.openBidi();
  await second.send.write(hex("00"));
  await expectClose(session, 3);
  await expectServing();
});

it("the end of the control stream", async () => {
  const { session, control } = await ready();
  control.send.finish();
  await expectClose(session, 3);
  await expectServing();
});
