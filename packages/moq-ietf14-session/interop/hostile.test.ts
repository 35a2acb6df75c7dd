import {
  type ControlMessage,
  ControlReader,
  DRAFT_14,
  encodeControlMessage,
} from "@moq-bridge/moq-wire/ietf14";
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
import {
  acceptIetf14,
  connectIetf14,
  IETF14_PROTOCOLS,
  type Ietf14Session,
  type PeerNamespace,
  standard,
} from "../src/index.js";

const SOON = 5_000;

/** A peer may have four requests open at once, which the namespaces it publishes are. */
const PROFILE = { ...standard, grantedRequests: 8n };
/** Tracks that are asked of a peer that publishes this namespace. */
const WANTED = { path: "evil", tracks: ["t", "u"] };

let scene: Scene;
let server: TransportServer;
let track: TrackProducer;
let reader: ReturnType<NonNullable<ReturnType<Origin["broadcast"]>>["subscribe"]> | undefined;

/** One server for all of it, and one viewer who must not notice anything. */
beforeAll(async () => {
  scene = await Scene.create("draft-14 hostile peers");
  server = await listen();
  const served = new Origin({ runtime });
  track = served.createBroadcast("a/b").createTrack("t");
  const accept = async () => {
    for (let next = await server.accept(); next; next = await server.accept()) {
      // It never comes about for a peer that breaks SETUP.
      const options = { runtime, profile: PROFILE, serve: served, onPublishNamespace };
      acceptIetf14(next, options).catch(() => {});
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

function onPublishNamespace(namespace: PeerNamespace, session: Ietf14Session): void {
  namespace.accept();
  if (namespace.path !== WANTED.path) return;
  for (const track of WANTED.tracks) {
    const subscription = session.subscribe(namespace.path, track);
    const origin = new Origin({ runtime });
    subscription.accepted.then(
      () => subscription.fill(origin.createBroadcast("copy").createTrack(track)),
      () => {},
    );
  }
}

afterAll(async () => {
  await server.close();
  await scene.end();
});

function listen(): Promise<TransportServer> {
  return listenNative({
    host: "127.0.0.1",
    port: 0,
    identity: scene.certificate,
    protocols: IETF14_PROTOCOLS,
  });
}

function dial(port = server.port): Promise<TransportSession> {
  return connectNative(`https://127.0.0.1:${port}/`, {
    protocols: IETF14_PROTOCOLS,
    tls: { ca: scene.certificate.ca },
    timeoutMs: SOON,
  });
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const setup = (...parameters: { type: bigint; value: bigint | Uint8Array }[]) =>
  encodeControlMessage({ type: "client_setup", supportedVersions: [DRAFT_14], parameters });
const message = (value: ControlMessage) => encodeControlMessage(value);
const namespace = (requestId: number, name = "x") =>
  message({ type: "publish_namespace", requestId, trackNamespace: [name], parameters: [] });
/** A message of this type and body. */
const framed = (type: string, body: string) => {
  const payload = hex(body);
  return Buffer.concat([
    hex(type),
    Uint8Array.of(payload.byteLength >> 8, payload.byteLength),
    payload,
  ]);
};
/** SUBSCRIBE for (a, b) "t" as this ID: its tail is priority, order, forward, filter. */
const subscribe = (tail: string, id = "00") => framed("03", `${id} 02 0161 0162 0174 ${tail}`);
const kvp = (tail: string) => framed("06", `00 01 0178 ${tail}`);
/** A range of the groups 5 to 9, and an update of it: start group, start object, end group and 1. */
const RANGE = "80 01 01 04 05 00 09 00";
const update = (location: string) => framed("02", `02 00 ${location} 80 01 00`);

/** What is said on the control stream, SETUP included where it is good, and the code it must cost. */
const CONTROL: readonly (readonly [string, readonly Uint8Array[], number])[] = [
  ["no common version", [hex("20 000a 01 c0000000ff000010 00")], 0x15],
  ["PATH over WebTransport", [setup({ type: 1n, value: hex("2f") })], 0x8],
  ["AUTHORITY over WebTransport", [setup({ type: 5n, value: hex("61") })], 0x19],
  ["a known parameter twice", [setup({ type: 2n, value: 1n }, { type: 2n, value: 1n })], 3],
  ["a token that does not decode", [setup({ type: 3n, value: hex("61") })], 6],
  ["a token registered without a cache", [setup(), kvp("01 03 03 01 00 00")], 0x13],
  ["an unknown token alias", [setup({ type: 3n, value: hex("02 00") })], 0x17],
  ["another message before SETUP", [namespace(0)], 3],
  ["SETUP twice", [setup(), setup()], 3],
  ["an unknown message", [setup(), hex("3f 0000")], 3],
  ["a payload shorter than Length", [setup(), hex("0a 0002 00 00")], 3],
  ["a payload longer than Length", [setup(), hex("0d 0003 00 01 01")], 3],
  ["a namespace of no fields", [setup(), hex("06 0003 00 00 00")], 3],
  ["a namespace of 33 fields", [setup(), hex(`06 0025 00 21 ${"00".repeat(33)} 00 00`)], 3],
  ["a prefix of no fields", [setup(), hex("11 0003 00 00 00")], 3],
  ["the end of a prefix of no fields", [setup(), hex("14 0001 00")], 3],
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
  ["an answer above 2^53", [setup(), hex(`07 0008 ${"ff".repeat(8)}`)], 4],
  ["UNSUBSCRIBE of no request", [setup(), hex("0a 0001 00")], 4],
  ["SUBSCRIBE_UPDATE of no request", [setup(), hex("02 0008 00 08 00 00 00 00 01 00")], 3],
  ["MAX_REQUEST_ID that does not rise", [setup(), hex("15 0001 00")], 3],
  ["GOAWAY twice", [setup(), hex("10 0001 00"), hex("10 0001 00")], 3],
  ["GOAWAY with a URI to a server", [setup(), hex("10 0002 01 61")], 3],
  ["a GOAWAY URI above 8,192 bytes", [setup(), hex(`10 2003 6001 ${"61".repeat(8193)}`)], 3],
  ["a fetch type that is none", [setup(), hex("16 0006 00 00 01 04 00 00")], 3],
  ["content exists 2", [setup(), framed("04", "00 00 00 01 02 00")], 3],
  ["group order 0 in SUBSCRIBE_OK", [setup(), framed("04", "00 00 00 00 00 00")], 3],
  ["group order 0 in PUBLISH", [setup(), framed("1d", "00 01 0161 0174 00 00 00 01 00")], 3],
  ["group order 0 in PUBLISH_OK", [setup(), framed("1e", "00 01 80 00 02 00")], 3],
  ["group order 0 in FETCH_OK", [setup(), framed("18", "00 00 00 00 00 00")], 3],
  ["FETCH_OK for no FETCH", [setup(), framed("18", "01 01 00 00 00 00")], 4],
  ["DELIVERY_TIMEOUT twice", [setup(), kvp("02 02 01 02 01")], 3],
  ["parameters cut short", [setup(), kvp("01 09 05 61")], 3],
  ["a SUBSCRIBE_UPDATE that starts before", [setup(), subscribe(RANGE), update("04 00 0a")], 3],
  ["a SUBSCRIBE_UPDATE that ends after", [setup(), subscribe(RANGE), update("05 00 0b")], 3],
  ["a SUBSCRIBE_UPDATE without an end", [setup(), subscribe(RANGE), update("05 00 00")], 3],
  ["a SUBSCRIBE_UPDATE that ends first", [setup(), subscribe(RANGE), update("08 00 06")], 3],
  [
    "a FETCH that joins another filter than LargestObject",
    [setup(), subscribe("80 01 01 01 00"), framed("16", "02 80 01 02 00 01 00")],
    3,
  ],
  [
    "a second subscription to one track",
    [setup(), subscribe("80 01 01 02 00"), subscribe("80 01 01 02 00", "02")],
    3,
  ],
  [
    "a request beyond the grant",
    [setup(), ...["v", "w", "x", "y", "z"].map((name, i) => namespace(2 * i, name))],
    7,
  ],
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

/** A session that has answered the server's two SUBSCRIBEs, with the aliases 5 and 6 unless told otherwise, and gone on. */
async function publishing(
  aliases = ["05", "06"],
  ...then: readonly Uint8Array[]
): Promise<TransportSession> {
  const { session, control } = await ready();
  await control.send.write(namespace(0, WANTED.path));
  const reader = new ControlReader();
  for (let asked = 0; asked < WANTED.tracks.length; ) {
    const chunk = await within(control.recv.read(), { what: "SUBSCRIBE", timeoutMs: SOON });
    if (!chunk) throw new Error("the control stream ended");
    reader.push(chunk);
    for (let next = reader.next(); next; next = reader.next()) {
      if (next.type === "subscribe") asked++;
    }
  }
  for (const [index, alias] of aliases.entries()) {
    await control.send.write(framed("04", `0${index * 2 + 1} ${alias} 00 01 00 00`));
  }
  for (const bytes of then) await control.send.write(bytes);
  return session;
}

it("a track alias in use", async () => {
  await expectClose(await publishing(["05", "05"]), 5);
  await expectServing();
});

it("a PUBLISH with the alias of another track", async () => {
  const session = await publishing(["05"], framed("1d", "02 01 0165 0174 05 01 00 01 00"));
  await expectClose(session, 5);
  await expectServing();
});

it.each([
  ["an object status that is none", "10 05 00 00 00 00 02", false],
  ["extensions of an object that does not exist", "11 05 00 00 00 02 02 01 00 01", false],
  ["a FIN inside an object", "10 05 00 00 00 09 61", true],
  ["a FIN inside a header", "14 05 00", true],
])("%s", async (_name, bytes, ends) => {
  const session = await publishing();
  const stream = await session.openUni();
  await stream.write(hex(bytes));
  if (ends) stream.finish();
  await expectClose(session, 3);
  await expectServing();
});

it.each([
  ["an unknown datagram type", hex("1f 00 00 00")],
  ["an extension bit with no extensions", hex("05 00 00 00 00 61")],
  ["a datagram with a status that is none", hex("20 00 00 00 00 02")],
  ["a datagram with extensions of no object", hex("21 00 00 00 00 02 02 01 01")],
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

it.each([
  ["FIN", (control: BidiStream) => control.send.finish()],
  ["RESET_STREAM", (control: BidiStream) => control.send.reset(0)],
  ["STOP_SENDING", (control: BidiStream) => control.recv.stop(0)],
])("%s on the control stream", async (_name, end) => {
  const { session, control } = await ready();
  end(control);
  await expectClose(session, 3);
  await expectServing();
});

it("silence instead of SETUP", async () => {
  const hasty = await listen();
  try {
    const accepted = hasty.accept().then((transport) => {
      if (!transport) throw new Error("nobody came");
      return acceptIetf14(transport, { runtime, profile: { ...standard, setupTimeoutMs: 100 } });
    });
    const refused = expect(accepted).rejects.toMatchObject({ code: "setup_timeout" });
    const session = await dial(hasty.port);
    await session.openBidi();
    await expectClose(session, 0x11);
    await refused;
    await expectServing();
  } finally {
    await hasty.close();
  }
});

const serverSetup = (
  version: number,
  ...parameters: { type: bigint; value: bigint | Uint8Array }[]
) => message({ type: "server_setup", selectedVersion: version, parameters });

/** What a server may not say to our client. */
it.each([
  ["a version that was not offered", [serverSetup(0xff000010)], 0x15],
  ["a PATH", [serverSetup(DRAFT_14, { type: 1n, value: hex("2f") })], 0x8],
  ["an AUTHORITY", [serverSetup(DRAFT_14, { type: 5n, value: hex("61") })], 0x19],
  ["CLIENT_SETUP", [setup()], 3],
  ["GOAWAY twice", [serverSetup(DRAFT_14), hex("10 0001 00"), hex("10 0001 00")], 3],
  ["a request ID of the client's parity", [serverSetup(DRAFT_14), namespace(0)], 4],
])("%s from a server", async (_name, bytes, code) => {
  const scripted = await listen();
  try {
    const connecting = dial(scripted.port).then((transport) =>
      connectIetf14(transport, { runtime, profile: standard }),
    );
    connecting.catch(() => {});
    const session = await within(scripted.accept(), { what: "the client", timeoutMs: SOON });
    const control = await session?.acceptBidi();
    if (!session || !control) throw new Error("nobody came");
    await control.send.write(Buffer.concat(bytes));
    await expectClose(session, code);
    await expectServing();
  } finally {
    await scripted.close();
  }
});
