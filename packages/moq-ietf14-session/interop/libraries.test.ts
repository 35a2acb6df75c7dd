import { createHash } from "node:crypto";
import { Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MoqNetPeer } from "../../testing/src/moq-net-peer.js";
import { Scene } from "../../testing/src/scene.js";
import { eventually, within } from "../../testing/src/wait.js";
import { moqRelay } from "../src/index.js";
import { connectTo, publishTrack } from "./relay.fixture.js";
import { ServingRelay } from "./serving-relay.js";

/** The libraries of the moq-lite project, where they speak draft-14. */

const TRANSPORTS = ["WebTransport", "WebSocket"] as const;
const SOON = { timeoutMs: 10_000 };

let scene: Scene;

beforeEach(async (context) => {
  scene = await Scene.create(`draft-14 libraries ${context.task.name}`);
});

afterEach(async () => {
  await scene.end();
});

describe.each(TRANSPORTS)("interop | our server | moq-rs 0.5.1 | moq-00 | %s", (transport) => {
  it("carries groups from one client to another, byte for byte", async () => {
    const relay = await ServingRelay.start(scene, moqRelay);
    const url = transport === "WebSocket" ? relay.wsUrl : relay.url;
    const publisher = await scene.python("publisher", url);
    await publisher.publish("p", "room/one", "chat");
    const viewer = await scene.python("viewer", url);
    await viewer.announced("room/one", SOON);
    await viewer.view("v", "room/one", "chat");
    await publisher.tick("p", 50, 5);
    const read = await viewer.framesRead("v", 12, SOON);
    await publisher.wrote("p", read.at(-1), SOON.timeoutMs);
    const written = new Map(
      publisher.frames("p").map((frame) => [`${frame.group}/${frame.index}`, frame.sha256]),
    );
    for (const frame of read) {
      expect(frame.sha256).toBe(written.get(`${frame.group}/${frame.index}`));
    }
    await publisher.finish("p");
    await viewer.announced("room/one", { active: false, ...SOON });
    expect(relay.protocols).toEqual(["moq-00", "moq-00"]);
    expect(relay.failures).toEqual([]);
  });
});

describe.each(TRANSPORTS)(
  "interop | our server | @moq/net 0.3.4 on Node 24 | draft-14 by SETUP | %s",
  (transport) => {
    it("carries groups from one client to another, byte for byte", async () => {
      const relay = await ServingRelay.start(scene, moqRelay);
      const url = transport === "WebSocket" ? relay.wsUrl : relay.url;
      const what = { url, path: "room/one", track: "chat" };
      await scene.moqNet({ role: "publish", ...what });
      await eventually(() => relay.namespaces.has("room/one"), { what: "the name", ...SOON });
      const viewer = await scene.moqNet({ role: "view", ...what });
      for (const { group, index, text } of await viewer.framesRead(12, SOON)) {
        expect(text).toBe(MoqNetPeer.text("chat", group, index));
      }
      // It does not offer moq-00.
      expect(relay.protocols).toEqual([undefined, undefined]);
      expect(relay.failures).toEqual([]);
    });
  },
);

describe("interop | our client | moq-rs 0.5.1 server | moq-00 | WebTransport", () => {
  it("reads what the server publishes, and is read by it, byte for byte", async () => {
    const server = await scene.pythonServer("server");
    const session = await connectTo(scene, server.url, moqRelay);

    await server.publish("p", "from/server", "chat");
    const subscription = session.subscribe("from/server", "chat");
    await within(subscription.accepted, { what: "SUBSCRIBE_OK", ...SOON });
    const copy = new Origin({ runtime });
    subscription.fill(copy.createBroadcast("copy").createTrack("chat"));
    const reader = copy.broadcast("copy")?.subscribe("chat");
    for (let sequence = 0; sequence < 3; sequence++) {
      await server.openGroup("p", sequence);
      for (const text of ["one", "", "three"]) await server.write("p", `${sequence} ${text}`);
      const group = await within(reader?.nextGroup() ?? Promise.reject(), {
        what: "a group",
        ...SOON,
      });
      expect(group?.sequence).toBe(sequence);
      for (const text of ["one", "", "three"]) {
        const reading = group?.readFrame() ?? Promise.reject();
        const frame = await within(reading, { what: "an object", ...SOON });
        expect(Buffer.from(frame?.payload ?? []).toString()).toBe(`${sequence} ${text}`);
      }
    }

    const track = await publishTrack(session, "from/us", "video");
    await server.announced("from/us", SOON);
    await server.view("v", "from/us", "video", { maxAgeMs: 5_000 });
    await eventually(() => session.stats().servedSubscriptions === 1, {
      what: "its SUBSCRIBE",
      ...SOON,
    });
    const payloads = [10, 0, 100_000].map((size) =>
      Uint8Array.from({ length: size }, (_, at) => (at * 7) & 255),
    );
    const group = track.appendGroup();
    for (const payload of payloads) group.writeFrame(payload);
    group.finish();
    const read = await server.framesRead("v", payloads.length, SOON);
    expect(read.map((frame) => frame.sha256)).toEqual(
      payloads.map((payload) => createHash("sha256").update(payload).digest("hex")),
    );
  });
});
