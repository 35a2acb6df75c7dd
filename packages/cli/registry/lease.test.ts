import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { expectRun, inScene, PATIENCE_MS, startBridged, startClock } from "../interop/fixture.js";
import { ServiceRegistry } from "./registry-service.fixture.js";

const LEASE_MS = 5_000;
const POLL_MS = 1_000;
/** Lease, poll interval and 1 s (decision 15), and the time a message takes on a busy machine. */
const GONE_MS = LEASE_MS + POLL_MS + 1_000 + 1_000;

test("a page starts a broadcast, a viewer on the relay reads it, the lease runs out, it is gone", () =>
  inScene("registry lease", async (scene) => {
    const registry = await ServiceRegistry.start(scene, LEASE_MS);
    const { ietf, relayUrl } = await startBridged(scene, "ws", { registryUrl: registry.url });
    const clock = await startClock(scene, ietf, "meeting/clock");
    const viewer = await scene.python("viewer", relayUrl);
    await viewer.view("v", "meeting/clock", "now");
    const token = await registry.token("alice", ["meeting"]);

    expect(await registry.post("other/clock", token)).toBe(403);
    expect(await registry.post("meeting/clock", token)).toBe(201);
    await viewer.announced("meeting/clock", { timeoutMs: PATIENCE_MS });
    await viewer.framesRead("v", 2, { timeoutMs: PATIENCE_MS });
    // Refreshed, it outlives its first lease.
    expect(await registry.post("meeting/clock", token)).toBe(200);
    const frames = await viewer.framesRead("v", 4, { timeoutMs: PATIENCE_MS });
    await expectRun(frames, clock);
    expect(viewer.live()).toEqual(["meeting/clock"]);

    expect(await registry.post("meeting/clock", token)).toBe(200);
    const refreshedAt = performance.now();
    const ended = await viewer.announced("meeting/clock", { active: false, timeoutMs: 30_000 });
    expect(ended.at - refreshedAt).toBeGreaterThan(LEASE_MS - 1_000);
    expect(ended.at - refreshedAt).toBeLessThan(GONE_MS);

    // Ended by its page it is gone without waiting for the lease.
    await registry.post("meeting/clock", token);
    await viewer.announced("meeting/clock", { timeoutMs: PATIENCE_MS, from: viewer.events.length });
    const from = viewer.events.length;
    const endedAt = performance.now();
    expect(await registry.post("meeting/clock", token, "broadcast/end")).toBe(200);
    const again = await viewer.announced("meeting/clock", {
      active: false,
      timeoutMs: 30_000,
      from,
    });
    expect(again.at - endedAt).toBeLessThan(POLL_MS + 2_000);
  }));

test("with POST /poll the first frame arrives within 500 ms of the page's POST", () =>
  inScene("registry poll now", async (scene) => {
    const registry = await ServiceRegistry.start(scene, 60_000);
    const port = await freePort();
    const { ietf, bridge, relayUrl } = await startBridged(scene, "ws", {
      registryUrl: registry.url,
      // So long that only POST /poll can bring a stream.
      pollInterval: 3_600,
      flags: ["--admin", `127.0.0.1:${port}`],
    });
    const token = await registry.token("alice", [""]);
    const admin = `http://127.0.0.1:${port}`;
    await expect
      .poll(
        () =>
          fetch(`${admin}/readyz`).then(
            (answer) => answer.status,
            () => 0,
          ),
        {
          timeout: PATIENCE_MS,
        },
      )
      .toBe(200);
    const tookMs: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      const name = `live/clock${attempt}`;
      const clock = await startClock(scene, ietf, name);
      await clock.ticks.waitForCount(() => true, 1, { what: "a tick", timeoutMs: PATIENCE_MS });
      const viewer = await scene.python(`viewer${attempt}`, relayUrl);
      await viewer.view("v", name, "now");
      const postedAt = performance.now();
      expect(await registry.post(name, token)).toBe(201);
      const polled = await fetch(`${admin}/poll`, { method: "POST" });
      expect(polled.status).toBe(200);
      await viewer.framesRead("v", 1, { timeoutMs: PATIENCE_MS });
      const first = viewer.events
        .all()
        .find((event) => event.event === "frame" && event.viewer === "v");
      tookMs.push(Math.round((first?.at ?? Number.NaN) - postedAt));
    }
    await mkdir("test-output", { recursive: true });
    await writeFile(
      join("test-output", "registry-poll.json"),
      `${JSON.stringify({ what: "POST of the broadcast to the first frame at the viewer", tookMs })}\n`,
    );
    const median = [...tookMs].sort((a, b) => a - b)[2];
    expect(median, `${tookMs.join(", ")} ms`).toBeLessThan(500);
    expect(bridge.text).not.toMatch(/error /);
  }));
