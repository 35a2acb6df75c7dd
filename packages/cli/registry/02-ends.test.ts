import { elapse } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { inScene, PATIENCE_MS, startBridged } from "../interop/fixture.js";

const POLL_MS = 1_000;
/** Poll interval + 1 s (decision 15), and the time a message takes on a busy machine. */
const UNANNOUNCED_MS = POLL_MS + 1_000 + 1_000;

test.concurrent("2. a registry row that disappears is un-announced in time, the others stay", () =>
  inScene("2 row ends", async (scene) => {
    const { registry, relayUrl } = await startBridged(scene, "ws");
    registry.list("live/a", "live/b", "live/c");
    const viewer = await scene.python("viewer", relayUrl);
    for (const name of ["live/a", "live/b", "live/c"]) {
      await viewer.announced(name, { timeoutMs: PATIENCE_MS });
    }
    registry.list("live/a", "live/c");
    const removedAt = performance.now();
    const ended = await viewer.announced("live/b", { active: false, timeoutMs: PATIENCE_MS });
    expect(ended.at - removedAt).toBeLessThan(UNANNOUNCED_MS);
    expect(viewer.live()).toEqual(["live/a", "live/c"]);

    registry.list("live/a", "live/b", "live/c");
    const from = viewer.events.length;
    await viewer.announced("live/b", { timeoutMs: PATIENCE_MS, from });
  }));

test.concurrent("2. an answer that would end everything is asked again, and the second counts", () =>
  inScene("2 all end", async (scene) => {
    const { registry, relayUrl } = await startBridged(scene, "ws", { pollInterval: 3 });
    registry.list("live/a", "live/b");
    const viewer = await scene.python("viewer", relayUrl);
    await viewer.announced("live/a", { timeoutMs: PATIENCE_MS });
    await viewer.announced("live/b", { timeoutMs: PATIENCE_MS });

    // One empty answer, then the truth again: nothing ends.
    registry.rows = [];
    let asked = registry.requests.length;
    await registry.requests.waitForCount(() => true, 1, {
      what: "a poll",
      timeoutMs: PATIENCE_MS,
      from: asked,
    });
    registry.list("live/a", "live/b");
    await registry.requests.waitForCount(() => true, 3, {
      what: "the check and another poll",
      timeoutMs: PATIENCE_MS,
      from: asked,
    });
    const [blip, check] = registry.requests.all(asked);
    expect((check?.at ?? 0) - (blip?.at ?? 0)).toBeGreaterThan(900);
    expect((check?.at ?? 0) - (blip?.at ?? 0)).toBeLessThan(2_000);
    await elapse(500);
    expect(viewer.events.filter((event) => event.event === "announced" && !event.active)).toEqual(
      [],
    );

    // Empty twice: everything ends with the second answer.
    registry.rows = [];
    asked = registry.requests.length;
    await viewer.announced("live/a", { active: false, timeoutMs: PATIENCE_MS });
    await viewer.announced("live/b", { active: false, timeoutMs: PATIENCE_MS });
    expect(registry.requests.all(asked).length).toBeGreaterThanOrEqual(2);
  }));

test.concurrent("2. a publisher that leaves the relay is withdrawn from Cloudflare", () =>
  inScene("2 publisher leaves", async (scene) => {
    const { ietf, relayUrl } = await startBridged(scene, "ws");
    const publisher = await scene.python("publisher", relayUrl);
    await publisher.publish("a", "room/a", "now");
    await publisher.publish("b", "room/b", "now");
    const other = await scene.python("other", relayUrl);
    await other.publish("c", "room/c", "now");
    for (const name of ["room/a", "room/b", "room/c"]) {
      await ietf.received("PUBLISH_NAMESPACE", name, { timeoutMs: PATIENCE_MS });
    }
    // It ends one of its broadcasts cleanly, then its process is killed.
    await publisher.finish("a");
    await ietf.received("PUBLISH_NAMESPACE_DONE", "room/a", { timeoutMs: PATIENCE_MS });
    await ietf.publishes("room/b", "room/c");
    await publisher.kill();
    await ietf.received("PUBLISH_NAMESPACE_DONE", "room/b", { timeoutMs: PATIENCE_MS });
    await ietf.publishes("room/c");
  }));

test.concurrent.each(["SIGTERM", "SIGINT"] as const)(
  "2. %s withdraws what was announced on both sides and exits with 0 within 3 s",
  (signal) =>
    inScene(`2 ${signal}`, async (scene) => {
      const { ietf, registry, bridge, relayUrl } = await startBridged(scene, "ws");
      registry.list("live/a");
      const peer = await scene.python("peer", relayUrl);
      await peer.publish("b", "room/b", "now");
      await peer.announced("live/a", { timeoutMs: PATIENCE_MS });
      await ietf.received("PUBLISH_NAMESPACE", "room/b", { timeoutMs: PATIENCE_MS });
      const signalledAt = performance.now();
      bridge.process.signal(signal);
      const exit = await bridge.process.exited;
      expect(performance.now() - signalledAt).toBeLessThan(3_000);
      expect(exit).toEqual({ code: 0, signal: null });
      await ietf.received("PUBLISH_NAMESPACE_DONE", "room/b", { timeoutMs: 2_000 });
      await peer.announced("live/a", { active: false, timeoutMs: 2_000 });
    }),
);
