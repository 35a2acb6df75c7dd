import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PeerProcess } from "../../testing/src/peer-process.js";
import { peerExecutable } from "../../testing/src/peers/locate.js";
import { Scene } from "../../testing/src/scene.js";
import { eventually } from "../../testing/src/wait.js";
import { ServingLite } from "./serving-lite.js";

const MOQ_NET_PEER = fileURLToPath(new URL("../../testing/node/moq-net-peer.mjs", import.meta.url));

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

describe.each(cases)("interop | our server | moq-rs 0.5.1 | moq-%s | %s", (version, transport) => {
  it("carries groups from one client to another, byte for byte", async () => {
    const relay = await ServingLite.start(scene, version);
    const url = transport === "WebSocket" ? relay.wsUrl : relay.httpsUrl;
    const publisher = await scene.python("publisher", url);
    await publisher.publish("p", "room/one", "chat");
    const viewer = await scene.python("viewer", url);
    await viewer.announced("room/one", { timeoutMs: 5_000 });
    await viewer.view("v", "room/one", "chat");
    await publisher.tick("p", 50, 5);
    const read = await viewer.framesRead("v", 12, { timeoutMs: 10_000 });
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

describe.each(["lite-05", "lite-04", "lite-03", "lite-02", "lite-01"] as const)(
  "interop | our server | @moq/net 0.3.4 on Node 24 | moq-%s | WebSocket",
  (version) => {
    async function peer(role: "publish" | "view", url: string): Promise<PeerProcess> {
      const process = await PeerProcess.start({
        name: `moq-net-${role}`,
        command: peerExecutable("node"),
        args: [MOQ_NET_PEER, role, url, "room/one", "chat"],
        logFile: scene.logFile(`moq-net-${role}`),
      });
      scene.onEnd(() => process.stop());
      return process;
    }

    it("carries groups from one client to another, byte for byte", async () => {
      const relay = await ServingLite.start(scene, version);
      await peer("publish", relay.wsUrl);
      await eventually(() => relay.origin.broadcast("room/one") !== undefined, {
        what: "the announcement",
        timeoutMs: 10_000,
      });
      const viewer = await peer("view", relay.wsUrl);
      const frame = (line: { readonly text: string }) => line.text.startsWith("frame ");
      const lines = await viewer.output.waitForCount(frame, 12, {
        what: "twelve frames",
        timeoutMs: 10_000,
      });
      for (const [index, { text }] of lines.entries()) {
        const [, group = "", hex = ""] = text.split(" ");
        const payload = Buffer.from(hex, "hex").toString();
        expect(payload).toBe(`chat ${group}/${index % 3}`);
      }
      expect(relay.sessions.map((session) => session.version)).toEqual([version, version]);
      expect(relay.failures).toEqual([]);
    });
  },
);
