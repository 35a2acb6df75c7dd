import { CLOUDFLARE_HOSTED, CLOUDFLARE_OSS, type Ietf14Rules } from "@moq-bridge/relay";
import { afterEach, describe, expect, it } from "vitest";
import { encodeLabel } from "./observed-frames.fixture.js";
import { SimulatedWorld } from "./simulated-world.fixture.js";

let world: SimulatedWorld;

async function begin(rules: Ietf14Rules): Promise<SimulatedWorld> {
  world = new SimulatedWorld({
    seed: 5,
    rules,
    bridges: 1,
    latencyMs: 0,
    protocol: "moq-lite-05",
  });
  await world.runtime.advance(2_000);
  return world;
}

afterEach(async () => {
  expect(await world.end()).toEqual([]);
  expect(world.faults).toEqual([]);
});

/** Whether a viewer who comes to Cloudflare's side now is served within some seconds. */
async function readOnCdn(path: string, withinMs = 3_000): Promise<boolean> {
  const viewer = world.joinCdn(path);
  await world.runtime.advance(withinMs);
  world.leaveCdn(world.cdnViewers.indexOf(viewer));
  return viewer.counts.size > 0;
}

describe.each([CLOUDFLARE_OSS, CLOUDFLARE_HOSTED])("on $name", (rules) => {
  it("a session lost without a close costs a name no longer than the network holds it", async () => {
    const { runtime, cdn } = await begin(rules);
    world.startRelayPublisher("a");
    await runtime.advance(1_000);
    world.cdnNetwork.cut(world.bridges[0]?.owner);
    await runtime.advance(rules.heldAfterLossMs + 10_000);
    expect(cdn.names).toEqual(["a"]);
    expect(await readOnCdn("a")).toBe(true);
    await runtime.advance(120_000);
    expect(await readOnCdn("a")).toBe(true);
  });

  it("a bridge that is killed and started again has its names, and has them to stay", async () => {
    const { runtime } = await begin(rules);
    const paths = ["a", "b", "c", "d"];
    for (const path of paths) world.startRelayPublisher(path);
    await runtime.advance(5_000);
    world.killBridge(0);
    world.restartBridge(0);
    const checkRead = async () => {
      const viewers = paths.map((path) => world.joinCdn(path));
      await runtime.advance(3_000);
      for (const viewer of viewers) {
        expect(viewer.counts.size, viewer.path).toBe(1);
        world.leaveCdn(world.cdnViewers.indexOf(viewer));
      }
    };
    await runtime.advance(18_000);
    await checkRead();
    // The network lets go of the dead one's claims; where it takes the names with them, one that is missed brings all back.
    await runtime.advance(rules.heldAfterLossMs - 21_000 + 11_000);
    for (let check = 0; check < 3; check++) {
      await checkRead();
      await runtime.advance(20_000);
    }
  });

  it("a name that another publisher there had as well is there again when that one is gone", async () => {
    const { runtime } = await begin(rules);
    world.startCdnPublisher("a");
    await runtime.advance(1_000);
    world.startRelayPublisher("a");
    await runtime.advance(5_000);
    world.endCdnPublisher("a", "kill");
    await runtime.advance(rules.heldAfterLossMs + 11_000);
    expect(await readOnCdn("a")).toBe(true);
  });

  it("100 names and 100 reads are served without one request too many", async () => {
    const { runtime, cdn } = await begin(rules);
    const paths = Array.from({ length: 100 }, (_, index) => `n/${index}`);
    for (const path of paths) world.startRelayPublisher(`relay/${path}`);
    for (const path of paths) {
      world.startCdnPublisher(`cdn/${path}`);
      world.registry.rows.set(`cdn/${path}`, "2026-01-01 00:00:00");
    }
    await runtime.advance(30_000);
    expect(cdn.names).toHaveLength(200);
    const viewers = paths.map((path) => world.joinRelay(`cdn/${path}`));
    await runtime.advance(10_000);
    expect(viewers.filter((viewer) => viewer?.frames.total)).toHaveLength(100);
    expect(world.bridges[0]?.bridge.status().cloudflare.waiting).toBe(0);
    expect(cdn.counts).not.toHaveProperty("answeredRequests");
    expect(cdn.counts).not.toHaveProperty("namesPerSession");
    expect(cdn.counts).not.toHaveProperty("onFatalMessage");
  });

  it("a publisher that leaves and returns at once keeps its name", async () => {
    const { runtime, cdn } = await begin(rules);
    for (let round = 0; round < 10; round++) {
      world.startRelayPublisher("a");
      await runtime.advance(20);
      world.stopRelayPublisher("a");
      await runtime.advance(round % 3);
    }
    world.startRelayPublisher("a");
    await runtime.advance(2_000);
    expect(await readOnCdn("a")).toBe(true);
    expect(cdn.counts).not.toHaveProperty("announcedBeforeCancel");
    expect(cdn.counts).not.toHaveProperty("secondAnnounceFatal");
  });

  it("a publisher that returns at once keeps its name although the CANCEL is late", async () => {
    const { runtime, cdn } = await begin({ ...rules, cancelDelayMs: 3_000 });
    world.startRelayPublisher("a");
    await runtime.advance(1_000);
    world.stopRelayPublisher("a");
    await runtime.advance(100);
    world.startRelayPublisher("a");
    await runtime.advance(4_000);
    expect(await readOnCdn("a")).toBe(true);
    expect(cdn.counts).not.toHaveProperty("announcedBeforeCancel");
  });

  it("a viewer who comes 60 s later reads a catalog that was written once, once", async () => {
    const { runtime, cdn, lite } = await begin(rules);
    let writes = 0;
    lite.primary.createBroadcast("show", {
      hops: [7n],
      onTrack: (request) => {
        const track = request.accept({ priority: 1, maxLatencyMs: 5_000 });
        const group = track.openGroup(0);
        group?.writeFrame(encodeLabel({ publisher: "catalog", group: 0, frame: 0 }));
        group?.finish();
        writes++;
      },
    });
    await runtime.advance(1_000);
    const first = world.joinCdn("show", "catalog.json");
    await runtime.advance(60_000);
    const late = world.joinCdn("show", "catalog.json");
    await runtime.advance(60_000);
    for (const viewer of [first, late]) expect(viewer.counts.get("catalog")).toBe(1);
    expect(writes).toBe(1);
    // The stream it was written on is still open: nothing was taken from the cache.
    expect(cdn.counts).not.toHaveProperty("replaysClosedGroups");
  });
});

describe("a name that is held on Cloudflare's side", () => {
  it("is shown as a conflict, asked for without offence, and taken when it is free", async () => {
    const { runtime, cdn } = await begin(CLOUDFLARE_OSS);
    world.startCdnPublisher("a");
    await runtime.advance(1_000);
    world.startRelayPublisher("a");
    await runtime.advance(30_000);
    const states = () => world.bridges[0]?.bridge.status().broadcasts.map(({ state }) => state);
    expect(states()).toEqual(["conflict"]);
    expect(cdn.counts.nameHeld).toBeGreaterThan(8);
    expect(cdn.counts).not.toHaveProperty("secondAnnounceFatal");
    world.endCdnPublisher("a", "kill");
    await runtime.advance(14_000 + 4_000);
    expect(states()).toEqual(["announced"]);
  });
});
