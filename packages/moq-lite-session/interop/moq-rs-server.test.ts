import { createHash } from "node:crypto";
import { type BroadcastConsumer, Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { connectNative } from "@moq-bridge/transport";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Scene } from "../../testing/src/scene.js";
import { eventually, within } from "../../testing/src/wait.js";
import { connectLite } from "../src/index.js";
import { PROTOCOL } from "./serving-lite.js";

const SOON = { timeoutMs: 10_000 };

let scene: Scene;

beforeEach(async (context) => {
  scene = await Scene.create(`moq-rs server ${context.task.name}`);
});

afterEach(async () => {
  await scene.end();
});

describe.each(["lite-06", "lite-05", "lite-04", "lite-03", "lite-02", "lite-01"] as const)(
  "interop | our client | moq-rs 0.5.1 server | moq-%s | WebTransport",
  (version) => {
    it("reads what the server publishes, and is read by it, byte for byte", async () => {
      const server = await scene.pythonServer("server");
      const publish = new Origin({ runtime });
      const receive = new Origin({ runtime });
      const session = await connectLite(
        await connectNative(server.url, {
          protocols: [PROTOCOL[version]],
          tls: { ca: scene.certificate.ca },
          ...SOON,
        }),
        {
          runtime,
          originId: 5n,
          publish,
          subscribe: receive,
          ...(version === "lite-01" ? { setupVersions: [version] } : {}),
        },
      );
      scene.onEnd(async () => session.close());
      expect(session.version).toBe(version);

      await server.publish("p", "from/server", "chat");
      const reader = (await announced(receive, "from/server")).subscribe("chat");
      for (let sequence = 0; sequence < 3; sequence++) {
        await server.openGroup("p", sequence);
        for (const text of ["one", "", "three"]) await server.write("p", `${sequence} ${text}`);
        const group = await within(reader.nextGroup(), { what: "a group", ...SOON });
        expect(group?.sequence).toBe(sequence);
        for (const text of ["one", "", "three"]) {
          const reading = group?.readFrame() ?? Promise.reject(new Error("no group"));
          const frame = await within(reading, { what: "a frame", ...SOON });
          expect(Buffer.from(frame?.payload ?? []).toString()).toBe(`${sequence} ${text}`);
        }
      }

      const track = publish.createBroadcast("from/us").createTrack("video");
      await server.announced("from/us", SOON);
      await server.view("v", "from/us", "video", { maxAgeMs: 5_000 });
      await eventually(() => session.stats().subscriptionsOut === 1, {
        what: "its subscription",
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
  },
);

async function announced(origin: Origin, path: string): Promise<BroadcastConsumer> {
  const what = `${path} to be announced`;
  return eventually(() => origin.broadcast(path), { what, ...SOON });
}
