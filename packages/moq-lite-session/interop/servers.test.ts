import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MoqNetPeer } from "../../testing/src/moq-net-peer.js";
import { Scene } from "../../testing/src/scene.js";
import { eventually } from "../../testing/src/wait.js";
import { ServingLite } from "./serving-lite.js";

let scene: Scene;

beforeEach(async (context) => {
  scene = await Scene.create(`moq-lite servers ${context.task.name}`);
});

afterEach(async () => {
  await scene.end();
});

const VERSIONS = ["lite-06", "lite-05", "lite-04", "lite-03", "lite-02", "lite-01"] as const;
const cases = (["WebTransport", "WebSocket"] as const).flatMap((transport) =>
  VERSIONS.map((version) => [version, transport] as const),
);
/** @moq/net does not offer lite-06. */
const moqNetCases = cases.filter(([version]) => version !== "lite-06");

describe.each(cases)("interop | our server | moq-rs 0.5.1 | moq-%s | %s", (version, transport) => {
  it("carries groups from one client to another, byte for byte", async () => {
    const relay = await ServingLite.start(scene, version);
    const url = transport === "WebSocket" ? relay.wsUrl : relay.httpsUrl;
    const publisher = await scene.python("publisher", url);
    // In lite-01 and 02 moq-rs never ends what was live when it was asked for everything.
    const asked = await eventually(() => relay.sessions[0], {
      what: "the publisher's session",
      timeoutMs: 5_000,
    });
    await asked.announced;
    await publisher.publish("p", "room/one", "chat");
    const viewer = await scene.python("viewer", url);
    await viewer.announced("room/one", { timeoutMs: 5_000 });
    await viewer.view("v", "room/one", "chat");
    await publisher.tick("p", 50, 5);
    const read = await viewer.framesRead("v", 12, { timeoutMs: 10_000 });
    await publisher.wrote("p", read.at(-1), 5_000);
    const written = new Map(
      publisher.frames("p").map((frame) => [`${frame.group}/${frame.index}`, frame.sha256]),
    );
    for (const frame of read) {
      expect(frame.sha256).toBe(written.get(`${frame.group}/${frame.index}`));
    }
    expect(relay.sessions.map((session) => session.version)).toEqual([version, version]);
    await publisher.finish("p");
    await viewer.announced("room/one", { active: false, timeoutMs: 5_000 });
    expect(relay.failures).toEqual([]);
  });
});

describe.each(moqNetCases)(
  "interop | our server | @moq/net 0.3.4 on Node 24 | moq-%s | %s",
  (version, transport) => {
    it("carries groups from one client to another, byte for byte", async () => {
      const relay = await ServingLite.start(scene, version);
      const url = transport === "WebSocket" ? relay.wsUrl : relay.httpsUrl;
      const what = { url, path: "room/one", track: "chat" };
      await scene.moqNet({ role: "publish", ...what });
      await eventually(() => relay.origin.broadcast("room/one") !== undefined, {
        what: "the announcement",
        timeoutMs: 10_000,
      });
      const viewer = await scene.moqNet({ role: "view", ...what });
      for (const { group, index, text } of await viewer.framesRead(12, { timeoutMs: 10_000 })) {
        expect(text).toBe(MoqNetPeer.text("chat", group, index));
      }
      expect(relay.sessions.map((session) => session.version)).toEqual([version, version]);
      expect(relay.failures).toEqual([]);
    });
  },
);
