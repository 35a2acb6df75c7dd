import { expect, test } from "vitest";
import { Scene } from "../src/index.js";

/** What the tests of the bridge rest on: if one of these fails, the peers are at fault, not the bridge. */

async function inScene(title: string, body: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = await Scene.create(title);
  try {
    await body(scene);
  } finally {
    await scene.end();
  }
}

test.each(["https", "ws"] as const)(
  "peers: moq-rs reads moq-rs through moq-relay over %s",
  (scheme) =>
    inScene(`peers moq-relay ${scheme}`, async (scene) => {
      const relay = await scene.moqRelay();
      const url = scheme === "https" ? relay.httpsUrl : relay.wsUrl;
      const publisher = await scene.python("publisher", url);
      await publisher.publish("p", "room/one", "chat");
      await publisher.tick("p", 50, 5);
      const viewer = await scene.python("viewer", url);
      await viewer.announced("room/one", { timeoutMs: 5_000 });
      await viewer.view("v", "room/one", "chat");
      const read = await viewer.framesRead("v", 12, { timeoutMs: 10_000 });
      const written = new Map(
        publisher.frames("p").map((frame) => [`${frame.group}/${frame.index}`, frame.payload]),
      );
      for (const frame of read) {
        expect(frame.payload).toBe(written.get(`${frame.group}/${frame.index}`));
      }
      const transports = (await relay.sessions()).map((session) => session.transport);
      expect(transports).toEqual(Array(2).fill(scheme === "https" ? "quic" : "websocket"));

      await publisher.finish("p");
      await viewer.announced("room/one", { active: false, timeoutMs: 5_000 });
      expect(viewer.live()).toEqual([]);
    }),
);

test("peers: a moq-rs client comes back after moq-relay was killed", () =>
  inScene("peers restart", async (scene) => {
    const relay = await scene.moqRelay();
    const publisher = await scene.python("publisher", relay.wsUrl);
    await publisher.publish("p", "room/two", "chat");
    await publisher.tick("p", 50, 5);
    const viewer = await scene.python("viewer", relay.wsUrl);
    await viewer.view("v", "room/two", "chat");
    await viewer.framesRead("v", 3, { timeoutMs: 10_000 });
    await relay.kill();
    await relay.start();
    const from = viewer.events.length;
    await viewer.announced("room/two", { timeoutMs: 10_000, from });
    await viewer.framesRead("v", 3, { timeoutMs: 10_000, from });
  }));

test("peers: moq-clock-ietf reads moq-clock-ietf through moq-relay-ietf and its proxy", () =>
  inScene("peers moq-relay-ietf", async (scene) => {
    const relay = await scene.ietfRelay();
    const proxy = await scene.udpProxy(relay.port);
    const publisher = await scene.clock({ url: relay.url, namespace: "a/clock", publish: true });
    await relay.received("PUBLISH_NAMESPACE", "a/clock", { timeoutMs: 5_000 });
    expect(await relay.namespaces()).toEqual(["a/clock"]);
    const subscriber = await scene.clock({ url: proxy.url, namespace: "a/clock" });
    const ticks = await subscriber.ticks.waitForCount(() => true, 3, {
      what: "three ticks",
      timeoutMs: 10_000,
    });
    expect(publisher.ticks.all().slice(0, 3)).toEqual(ticks);
    expect(proxy.connections).toBe(1);
  }));
