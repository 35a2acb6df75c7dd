import { CLOUDFLARE_HOSTED, CLOUDFLARE_OSS } from "@moq-bridge/relay";
import { afterEach, describe, expect, it } from "vitest";
import { SimulatedWorld } from "./simulated-world.fixture.js";

let world: SimulatedWorld;

afterEach(async () => {
  expect(await world.end()).toEqual([]);
  expect(world.faults).toEqual([]);
});

/** Whether a viewer who comes to Cloudflare's side now is served within some seconds. */
async function isReadOnCdn(): Promise<boolean> {
  const viewer = world.joinCdn("relay/a");
  await world.runtime.advance(3_000);
  world.leaveCdn(world.cdnViewers.indexOf(viewer));
  return viewer.counts.size === 1;
}

async function isReadOnRelay(): Promise<boolean> {
  const viewer = world.joinRelay("cdn/a");
  await world.runtime.advance(3_000);
  world.leaveRelay(world.relayViewers.indexOf(viewer ?? expect.fail("nothing is announced")));
  return viewer?.frames.counts.size === 1;
}

/** Every name once in each direction, nobody's echo, and every frame once (`faults`). */
async function checkCarried(): Promise<void> {
  expect(world.announcedOnRelay()).toEqual(["cdn/a", "relay/a"]);
  expect(world.cdn.names).toEqual(["cdn/a", "relay/a"]);
  expect(await isReadOnRelay()).toBe(true);
  expect(await isReadOnCdn()).toBe(true);
}

/** Bridges that say of a name that they have announced it. */
function announcers(path: string): number[] {
  const says = ({ bridge, alive }: (typeof world.bridges)[number]) =>
    alive &&
    bridge.status().broadcasts.some((one) => one.path === path && one.state === "announced");
  return [...world.bridges.keys()].filter((index) => {
    const running = world.bridges[index];
    return running !== undefined && says(running);
  });
}

// Announcements carry origin ids in lite-05 and lite-04, and none in what `moql` and no protocol lead to.
const PROTOCOLS = ["moq-lite-05", "moq-lite-04", "moql", undefined];

describe.each(
  [CLOUDFLARE_OSS, CLOUDFLARE_HOSTED].flatMap((rules) =>
    PROTOCOLS.map((protocol) => ({ rules, preset: rules.name, protocol })),
  ),
)("two bridges, $preset, $protocol", ({ rules, protocol }) => {
  /** A refusal tells who comes second; where there is none, names that were lost are noticed within 10 s. */
  const tellsHolder = !rules.duplicatesAccepted;
  const stoppedMs = tellsHolder ? 3_000 : 11_000;

  async function begin(apartMs = 0): Promise<void> {
    world = new SimulatedWorld({ seed: 5, rules, bridges: 2, latencyMs: 0, protocol });
    if (apartMs > 0) world.killBridge(1);
    await world.runtime.advance(2_000 + apartMs);
    world.startRelayPublisher("relay/a");
    world.startCdnPublisher("cdn/a");
    world.registry.rows.set("cdn/a", "2026-01-01 00:00:00");
    await world.runtime.advance(3_000 + apartMs);
    world.restartBridge(1);
    await world.runtime.advance(3_000);
  }

  it.each([0, 20_000])("started %i ms apart carry each name once", async (apartMs) => {
    await begin(apartMs);
    await checkCarried();
    await world.runtime.advance(90_000);
    await checkCarried();
    expect(announcers("relay/a")).toHaveLength(tellsHolder ? 1 : 2);
    expect(world.cdn.counts).not.toHaveProperty("onFatalMessage");
  });

  it.each([0, 1])("stand in for each other within 18 s when one is killed (%i)", async (index) => {
    await begin();
    world.killBridge(index);
    await world.runtime.advance(18_000);
    await checkCarried();
    expect(announcers("relay/a")).toEqual([1 - index]);
    // Where the end of the dead one's claim takes the name from both there is a second gap.
    await world.runtime.advance(rules.heldAfterLossMs + 11_000 - 18_000);
    await checkCarried();
    world.restartBridge(index);
    await world.runtime.advance(5_000);
    await checkCarried();
  });

  it.each([0, 1])(
    `stand in for each other within ${stoppedMs} ms of a stop (%i)`,
    async (index) => {
      await begin();
      world.stopBridge(index);
      await world.runtime.advance(stoppedMs);
      await checkCarried();
      expect(announcers("relay/a")).toEqual([1 - index]);
    },
  );
});
