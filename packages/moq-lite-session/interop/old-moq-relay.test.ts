import { type BroadcastConsumer, Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { connectNative, connectWebSocket } from "@moq-bridge/transport";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OldMoqRelay } from "../../testing/src/old-moq-relay.js";
import { Scene } from "../../testing/src/scene.js";
import { elapse, eventually, within } from "../../testing/src/wait.js";
import { connectLite, LITE_PROTOCOLS } from "../src/index.js";

const SOON = 5_000;

let scene: Scene;
let relay: OldMoqRelay;
let nextOriginId = 2_000;

beforeEach(async (context) => {
  scene = await Scene.create(`old moq-relay ${context.task.name}`);
  relay = await scene.oldMoqRelay();
});

afterEach(async () => {
  await scene.end();
});

describe.each([
  ["lite-02", "WebTransport"],
  ["lite-01", "WebTransport"],
  ["lite-02", "WebSocket"],
  ["lite-01", "WebSocket"],
] as const)("interop | our client | moq-relay 0.10.0 | moq-%s | %s", (version, transport) => {
  async function connect() {
    const options = {
      protocols: LITE_PROTOCOLS,
      tls: { ca: scene.certificate.ca },
      timeoutMs: SOON,
    };
    const connection = await (transport === "WebSocket"
      ? connectWebSocket(relay.wsUrl("room"), { ...options, framings: ["webtransport"] })
      : connectNative(relay.httpsUrl, options));
    const publish = new Origin({ runtime });
    const receive = new Origin({ runtime, idleMs: 200 });
    const session = await connectLite(connection, {
      runtime,
      originId: BigInt(nextOriginId++),
      publish,
      subscribe: receive,
      setupVersions: [version],
    });
    scene.onEnd(async () => session.close());
    expect(session.version).toBe(version);
    await session.announced;
    return { session, publish, receive };
  }

  async function broadcast(origin: Origin, path: string): Promise<BroadcastConsumer> {
    await eventually(() => origin.broadcast(path) !== undefined, {
      what: `${path} to be announced`,
      timeoutMs: SOON,
    });
    const found = origin.broadcast(path);
    if (!found) throw new Error(`${path} is gone`);
    return found;
  }

  it("carries groups, and tells us of no broadcast of our own", async () => {
    const publisher = await connect();
    const viewer = await connect();
    const source = publisher.publish.createBroadcast("a/b");
    const track = source.createTrack("video");
    const seen = await broadcast(viewer.receive, "a/b");
    const reader = seen.subscribe("video");
    await eventually(() => publisher.session.stats().subscriptionsOut === 1, {
      what: "the subscription",
      timeoutMs: SOON,
    });
    for (let sequence = 0; sequence < 5; sequence++) {
      const payload = Uint8Array.from({ length: 50_000 }, (_, at) => (at + sequence * 7) & 255);
      const group = track.appendGroup();
      group.writeFrame(payload);
      group.writeFrame(new Uint8Array(0));
      group.finish();
      const arrived = await within(reader.nextGroup(), { what: "a group", timeoutMs: SOON });
      expect(arrived?.sequence).toBe(sequence);
      const frame = await arrived?.readFrame();
      expect(Buffer.compare(frame?.payload ?? payload.subarray(1), payload)).toBe(0);
      expect((await arrived?.readFrame())?.payload.byteLength).toBe(0);
    }
    source.finish();
    await eventually(() => viewer.receive.broadcast("a/b") === undefined, {
      what: "the end",
      timeoutMs: SOON,
    });
    // This relay announces everything back to its publisher.
    expect(publisher.session.stats()).toMatchObject({ loopsDropped: 1, broadcastsIn: 0 });
  });

  it("asks for nothing that nobody reads, and says what does not exist", async () => {
    const publisher = await connect();
    const viewer = await connect();
    publisher.publish.createBroadcast("a").createTrack("video");
    const seen = await broadcast(viewer.receive, "a");
    await elapse(300);
    expect(publisher.session.stats().subscriptionsOut).toBe(0);
    const missing = seen.subscribe("nothing");
    await expect(
      within(missing.nextGroup(), { what: "the refusal", timeoutMs: SOON }),
    ).rejects.toMatchObject({ scope: "subscription" });
  });
});
