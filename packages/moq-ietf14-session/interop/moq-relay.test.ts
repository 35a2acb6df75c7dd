import { Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { connectNative, connectWebSocket } from "@moq-bridge/transport";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Scene } from "../../testing/src/scene.js";
import { eventually, within } from "../../testing/src/wait.js";
import { connectIetf14, IETF14_PROTOCOLS, type Ietf14Session, moqRelay } from "../src/index.js";

const SOON = 10_000;

let scene: Scene;
let nextName = 0;

beforeEach(async (context) => {
  scene = await Scene.create(`draft-14 moq-relay ${context.task.name}`);
});

afterEach(async () => {
  await scene.end();
});

const RELAYS = [
  ["0.17.10", "WebTransport"],
  ["0.17.10", "WebSocket"],
  ["0.10.0", "WebTransport"],
  ["0.10.0", "WebSocket"],
] as const;

/** Where a relay listens. */
async function start(
  version: (typeof RELAYS)[number][0],
  transport: (typeof RELAYS)[number][1],
): Promise<string> {
  if (version === "0.10.0") {
    const relay = await scene.oldMoqRelay();
    return transport === "WebSocket" ? relay.wsUrl("room") : relay.httpsUrl;
  }
  const relay = await scene.moqRelay();
  return transport === "WebSocket" ? relay.wsUrl : relay.httpsUrl;
}

describe.each(RELAYS)("interop | our client | moq-relay %s | moq-00 | %s", (version, transport) => {
  /** A session, and the namespaces its peer publishes to it. */
  async function connect(url: string, namespaces: string[] = []): Promise<Ietf14Session> {
    const options = {
      protocols: IETF14_PROTOCOLS,
      tls: { ca: scene.certificate.ca },
      timeoutMs: SOON,
    };
    const connection = await (transport === "WebSocket"
      ? connectWebSocket(url, options)
      : connectNative(url, options));
    // The older one takes no part in choosing a protocol: its SETUP says draft-14.
    if (version === "0.17.10") expect(connection.protocol).toBe("moq-00");
    const session = await connectIetf14(connection, {
      runtime,
      profile: moqRelay,
      onPublishNamespace: (namespace) => {
        namespaces.push(namespace.path);
        namespace.accept();
      },
    });
    scene.onEnd(async () => session.close());
    return session;
  }

  it("announces, is asked, and carries groups byte for byte", async () => {
    const url = await start(version, transport);
    const path = `room/${nextName++}`;
    const publisher = await connect(url);
    const origin = new Origin({ runtime });
    const track = origin.createBroadcast(path).createTrack("video");
    const broadcast = origin.broadcast(path);
    if (!broadcast) throw new Error("nothing is announced");
    const soon = <T>(promise: Promise<T>, what: string) =>
      within(promise, { what, timeoutMs: SOON });
    await soon(publisher.publishNamespace(path, broadcast).accepted, "PUBLISH_NAMESPACE_OK");

    const namespaces: string[] = [];
    const viewer = await connect(url, namespaces);
    await eventually(() => namespaces.includes(path), { what: "the name", timeoutMs: SOON });
    const subscription = viewer.subscribe(path, "video");
    await soon(subscription.accepted, "SUBSCRIBE_OK");
    const copy = new Origin({ runtime });
    subscription.fill(copy.createBroadcast("copy").createTrack("video"));
    const reader = copy.broadcast("copy")?.subscribe("video");
    await eventually(() => publisher.stats().servedSubscriptions === 1, {
      what: "the relay's SUBSCRIBE",
      timeoutMs: SOON,
    });
    for (let sequence = 3; sequence < 8; sequence++) {
      const payload = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 3 + sequence) & 255);
      const group = track.openGroup(sequence);
      group?.writeFrame(payload);
      group?.writeFrame(new Uint8Array(0));
      group?.finish();
      const arrived = await soon(reader?.nextGroup() ?? Promise.reject(), "a group");
      expect(arrived?.sequence).toBe(sequence);
      const frame = await arrived?.readFrame();
      expect(Buffer.compare(frame?.payload ?? payload.subarray(1), payload)).toBe(0);
      expect((await arrived?.readFrame())?.payload.byteLength).toBe(0);
      expect(await arrived?.readFrame()).toBeUndefined();
    }
  });

  it("says what does not exist", async () => {
    const viewer = await connect(await start(version, transport));
    const missing = viewer.subscribe("no/such", "video");
    await expect(
      within(missing.accepted, { what: "the refusal", timeoutMs: SOON }),
    ).rejects.toMatchObject({ code: "request_refused" });
  });
});
