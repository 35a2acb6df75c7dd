import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MoqNetPeer } from "../../testing/src/moq-net-peer.js";
import { Scene } from "../../testing/src/scene.js";
import { eventually } from "../../testing/src/wait.js";
import { moqRelay } from "../src/index.js";
import { ServingRelay } from "./serving-relay.js";

/** The libraries of the moq-lite project, where they speak draft-14. */

const TRANSPORTS = ["WebTransport", "WebSocket"] as const;
const SOON = { timeoutMs: 10_000 };

let scene: Scene;
let relay: ServingRelay;

beforeEach(async (context) => {
  scene = await Scene.create(`draft-14 libraries ${context.task.name}`);
  relay = await ServingRelay.start(scene, moqRelay);
});

afterEach(async () => {
  await scene.end();
});

describe.each(TRANSPORTS)("interop | our server | moq-rs 0.5.1 | moq-00 | %s", (transport) => {
  it("carries groups from one client to another, byte for byte", async () => {
    const url = transport === "WebSocket" ? relay.wsUrl : relay.url;
    const publisher = await scene.python("publisher", url);
    await publisher.publish("p", "room/one", "chat");
    const viewer = await scene.python("viewer", url);
    await viewer.announced("room/one", SOON);
    await viewer.view("v", "room/one", "chat");
    await publisher.tick("p", 50, 5);
    const read = await viewer.framesRead("v", 12, SOON);
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
