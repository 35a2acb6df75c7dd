import { CLOUDFLARE_OSS } from "@moq-bridge/relay";
import { afterEach, describe, expect, it } from "vitest";
import { SimulatedWorld, type SimulatedWorldOptions } from "./simulated-world.fixture.js";

let world: SimulatedWorld;

afterEach(async () => {
  expect(await world.end()).toEqual([]);
  expect(world.faults).toEqual([]);
});

/** What each bridge says of a name, as `direction state`. */
function states(path: string): string[][] {
  return world.bridges
    .filter(({ alive }) => alive)
    .map(({ bridge }) =>
      bridge
        .status()
        .broadcasts.filter((one) => one.path === path)
        .map(({ direction, state }) => `${direction} ${state}`),
    );
}

const withdrawals = () => world.lines.filter((line) => line.includes("Cloudflare refused")).length;

// No protocol at all is the relay of December 2025, which also echoes.
describe.each([undefined, "moql"])(
  "two bridges on a relay whose announcements say no origins (%s)",
  (protocol) => {
    async function begin(bridges = 2, options: Partial<SimulatedWorldOptions> = {}) {
      world = new SimulatedWorld({
        seed: 3,
        rules: CLOUDFLARE_OSS,
        bridges,
        latencyMs: 0,
        protocol,
        ...options,
      });
      await world.runtime.advance(2_000);
    }

    it("do not take each other's streams for the relay's own, together or apart", async () => {
      await begin();
      world.startCdnPublisher("cdn/a");
      world.registry.rows.set("cdn/a", "2026-01-01 00:00:00");
      await world.runtime.advance(3_000);
      expect(world.announcedOnRelay()).toEqual(["cdn/a"]);
      world.killBridge(1);
      await world.runtime.advance(3_000);
      world.restartBridge(1);
      await world.runtime.advance(60_000);
      expect(world.announcedOnRelay()).toEqual(["cdn/a"]);
      expect(
        states("cdn/a")
          .flat()
          .filter((state) => state === "to-cloudflare announced"),
      ).toEqual([]);
      // Nobody asked Cloudflare for the name: nobody was refused it.
      expect(withdrawals()).toBe(0);
      const viewer = world.joinRelay("cdn/a");
      await world.runtime.advance(3_000);
      expect(viewer?.frames.total).toBeGreaterThan(3);
    });

    it("that both showed a stream before they heard of each other leave it shown", async () => {
      await begin(2, { latencyMs: 600 });
      await world.runtime.advance(5_000);
      world.startCdnPublisher("cdn/a");
      world.registry.rows.set("cdn/a", "2026-01-01 00:00:00");
      await world.runtime.advance(4_000);
      const viewer = world.joinRelay("cdn/a");
      for (let second = 0; second < 60; second++) {
        await world.runtime.advance(1_000);
        expect(world.announcedOnRelay()).toEqual(["cdn/a"]);
      }
      expect(viewer?.frames.ended).toBe(false);
      // By both, and once.
      const shown = world.lines.filter((line) => line.includes("shown on the relay"));
      expect(shown).toHaveLength(2);
    });

    it("neither publish a name whose publisher on Cloudflare is gone, so that it comes back", async () => {
      await begin();
      world.startCdnPublisher("cdn/a");
      world.registry.rows.set("cdn/a", "2026-01-01 00:00:00");
      await world.runtime.advance(3_000);
      world.endCdnPublisher("cdn/a", "stop");
      await world.runtime.advance(30_000);
      expect(world.cdn.names).toHaveLength(0);
      world.registry.rows.delete("cdn/a");
      await world.runtime.advance(10_000);
      expect(world.announcedOnRelay()).toEqual([]);
      expect(world.cdn.names).toHaveLength(0);
      world.startCdnPublisher("cdn/a");
      world.registry.rows.set("cdn/a", "2026-01-01 00:01:00");
      await world.runtime.advance(5_000);
      const viewer = world.joinRelay("cdn/a");
      await world.runtime.advance(3_000);
      expect(viewer?.frames.total).toBeGreaterThan(3);
    });

    it("that carry one way each do not carry a stream back whose publisher is gone", async () => {
      await begin(2, { directions: ["to-cloudflare", "to-relay"] });
      world.startCdnPublisher("cdn/a");
      world.registry.rows.set("cdn/a", "2026-01-01 00:00:00");
      world.startRelayPublisher("relay/a");
      await world.runtime.advance(5_000);
      expect(world.announcedOnRelay()).toEqual(["cdn/a", "relay/a"]);
      expect(world.cdn.names).toEqual(["cdn/a", "relay/a"]);
      const viewer = world.joinRelay("cdn/a");
      await world.runtime.advance(3_000);
      expect(viewer?.frames.total).toBeGreaterThan(3);
      world.endCdnPublisher("cdn/a", "stop");
      await world.runtime.advance(5_000);
      expect(world.cdn.names).toEqual(["relay/a"]);
      expect(world.announcedOnRelay()).toEqual(["relay/a"]);
      await world.runtime.advance(60_000);
      world.registry.rows.delete("cdn/a");
      await world.runtime.advance(10_000);
      expect(world.cdn.names).toEqual(["relay/a"]);
      expect(world.announcedOnRelay()).toEqual(["relay/a"]);
    });

    it("carry the relay's own names once, as soon as the registry has been read again", async () => {
      await begin();
      world.startRelayPublisher("relay/a");
      await world.runtime.advance(2_000);
      expect(world.cdn.names).toHaveLength(1);
      expect(states("relay/a").flat().sort()).toEqual([
        "to-cloudflare announced",
        "to-cloudflare conflict",
      ]);
    });

    it("show a stream still after the one that showed it is killed", async () => {
      await begin();
      world.startCdnPublisher("cdn/a");
      world.registry.rows.set("cdn/a", "2026-01-01 00:00:00");
      await world.runtime.advance(3_000);
      for (const index of [0, 1]) {
        world.killBridge(index);
        await world.runtime.advance(3_000);
        expect(world.announcedOnRelay()).toEqual(["cdn/a"]);
        const viewer = world.joinRelay("cdn/a");
        await world.runtime.advance(3_000);
        expect(viewer?.frames.total).toBeGreaterThan(3);
        world.restartBridge(index);
        await world.runtime.advance(3_000);
      }
    });

    it("wait for the registry while it is down, and say so", async () => {
      await begin(1);
      world.registry.trouble = "unreachable";
      world.startRelayPublisher("relay/a");
      await world.runtime.advance(20_000);
      expect(world.cdn.names).toHaveLength(0);
      expect(states("relay/a")).toEqual([["to-cloudflare waiting"]]);
      world.registry.trouble = undefined;
      await world.runtime.advance(35_000);
      expect(world.cdn.names).toHaveLength(1);
    });

    it("say of a name on both sides what is the matter", async () => {
      await begin(1);
      world.registry.rows.set("both", "2026-01-01 00:00:00");
      world.startRelayPublisher("both");
      await world.runtime.advance(5_000);
      expect(world.cdn.names).toHaveLength(0);
      const [status] = world.bridges[0]?.bridge.status().broadcasts ?? [];
      expect(status).toMatchObject({ path: "both" });
      expect(states("both")[0]).toContain("to-cloudflare conflict");
      world.registry.rows.clear();
      await world.runtime.advance(70_000);
      expect(states("both")).toEqual([["to-cloudflare announced"]]);
    });
  },
);
