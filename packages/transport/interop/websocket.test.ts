import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
// By path: as a dependency it would depend on itself, for that package needs this one.
import type { MoqRelay } from "../../testing/src/moq-relay.js";
import { Scene } from "../../testing/src/scene.js";
import { elapse, eventually } from "../../testing/src/wait.js";
import { errorOf, present, readAtLeast } from "../src/compliance/subject.js";
import type { TransportSession } from "../src/transport.js";
import { connectWebSocket } from "../src/websocket/connect.js";
import type { Framing } from "../src/websocket/frame.js";
import type { WebSocketConnectOptions } from "../src/websocket/options.js";

const UNI_SETUP = 1;
const LITE_SETUP = Uint8Array.of(UNI_SETUP, 1, 0);
const BIDI_ANNOUNCE = 1;
/** ANNOUNCE_REQUEST for every path: empty prefix, no hop to leave out. */
const ANNOUNCE_ALL = Uint8Array.of(BIDI_ANNOUNCE, 2, 0, 0);

let scene: Scene;
let relay: MoqRelay;
beforeAll(async () => {
  scene = await Scene.create("transport websocket");
  relay = await scene.moqRelay();
});
afterAll(() => scene.end());

const sessions: TransportSession[] = [];
afterEach(() => {
  for (const session of sessions.splice(0)) session.close(0, "");
});

async function connect(options: Partial<WebSocketConnectOptions>): Promise<TransportSession> {
  const session = await connectWebSocket(relay.wsUrl, {
    protocols: ["moq-lite-05"],
    timeoutMs: 5_000,
    ...options,
  });
  sessions.push(session);
  return session;
}

/** Sends our SETUP, asks what is announced, and expects the relay's SETUP and answer. */
async function exchangeLite05(session: TransportSession): Promise<void> {
  const setup = await session.openUni();
  await setup.write(LITE_SETUP);
  setup.finish();
  const theirs = present(await session.acceptUni());
  expect((await readAtLeast(theirs, 1))[0]).toBe(UNI_SETUP);

  const announce = await session.openBidi();
  await announce.send.write(ANNOUNCE_ALL);
  expect((await readAtLeast(announce.recv, 1)).byteLength).toBeGreaterThan(0);

  const request = present(await session.acceptBidi());
  expect((await readAtLeast(request.recv, 1))[0]).toBe(BIDI_ANNOUNCE);
}

describe("moq-relay 0.17.10", () => {
  it.each(["qmux-00", "qmux-01"] as const)("speaks moq-lite-05 over %s", async (framing) => {
    const session = await connect({ framings: [framing] });
    expect(session.protocol).toBe("moq-lite-05");
    await exchangeLite05(session);
  });

  it("agrees on its own preference when everything is offered", async () => {
    const session = await connect({ protocols: ["moq-lite-04", "moq-lite-05"] });
    expect(session.protocol).toBe("moq-lite-05");
    expect(session.capabilities.perStreamFlowControl).toBe(true);
    await exchangeLite05(session);
  });

  it("speaks the legacy framing, without a protocol", async () => {
    const session = await connect({ framings: ["webtransport"] });
    expect(session.protocol).toBeUndefined();
    expect(session.capabilities.perStreamFlowControl).toBe(false);
    // CLIENT_SETUP: lite-02 only, no parameters. SERVER_SETUP is 0x21.
    const setup = await session.openBidi();
    await setup.send.write(Uint8Array.of(0x20, 0, 10, 1, 0xc0, 0, 0, 0, 0xff, 0x0d, 0xad, 0x02, 0));
    expect((await readAtLeast(setup.recv, 1))[0]).toBe(0x21);
  });

  it("refuses qmux-02 with a protocol, offered alone", async () => {
    const refused = errorOf(connect({ framings: ["qmux-02"] }));
    expect(await refused).toMatchObject({ code: "connect_http", wireCode: 400 });
  });

  it("refuses a protocol it does not know", async () => {
    const refused = errorOf(connect({ protocols: ["moq-unknown"], framings: ["qmux-01"] }));
    expect(await refused).toMatchObject({ code: "connect_http", wireCode: 400 });
  });

  const quiet: readonly (readonly [Framing, string])[] = [
    ["qmux-01", "pings of the framing"],
    ["qmux-00", "pings of the WebSocket"],
  ];
  it.each(quiet)("is kept alive in %s by %s", async (framing) => {
    const session = await connect({
      framings: [framing],
      idleTimeoutMs: 3_000,
      keepAliveMs: 1_000,
    });
    await exchangeLite05(session);
    let ended = false;
    void session.closed.then(() => {
      ended = true;
    });
    await elapse(10_000);
    expect(ended).toBe(false);
    const announce = await session.openBidi();
    await announce.send.write(ANNOUNCE_ALL);
    expect((await readAtLeast(announce.recv, 1)).byteLength).toBeGreaterThan(0);
  });

  it("sees our close", async () => {
    const session = await connect({ framings: ["qmux-01"] });
    await exchangeLite05(session);
    await eventually(async () => (await relay.sessions()).length > 0, {
      what: "the relay to list the session",
      timeoutMs: 5_000,
    });
    for (const open of sessions.splice(0)) open.close(0, "done");
    await eventually(async () => (await relay.sessions()).length === 0, {
      what: "the relay to forget the session",
      timeoutMs: 5_000,
    });
  });
});

describe("a relay that goes away", () => {
  it("is noticed at once when killed, and with its code when it leaves", async () => {
    const other = await scene.moqRelay({ name: "leaving" });
    const open = () =>
      connectWebSocket(other.wsUrl, { protocols: ["moq-lite-05"], timeoutMs: 5_000 });
    const killed = await open();
    await other.kill();
    expect(await killed.closed).toMatchObject({ by: "transport", code: undefined });

    await other.start();
    const left = await open();
    await exchangeLite05(left);
    await other.stop();
    expect(await left.closed).toMatchObject({ by: "peer", code: 0 });

    const refused = await errorOf(open());
    expect(refused).toMatchObject({ code: "connect_refused" });
  });
});
