import { cloudflare, connectIetf14, type Ietf14Session } from "@moq-bridge/moq-ietf14-session";
import { Origin, type TrackProducer } from "@moq-bridge/origin";
import { CLOUDFLARE_HOSTED, CLOUDFLARE_OSS, type Ietf14Rules } from "@moq-bridge/relay";
import { afterEach, describe, expect, it } from "vitest";
import { encodeLabel } from "./observed-frames.fixture.js";
import { SimulatedWorld, type SimulatedWorldOptions } from "./simulated-world.fixture.js";

const INFO = { priority: 1, maxLatencyMs: 5_000 };

let world: SimulatedWorld;

afterEach(async () => {
  expect(await world.end()).toEqual([]);
  expect(world.faults).toEqual([]);
});

async function begin(
  rules: Ietf14Rules,
  options: Partial<SimulatedWorldOptions> = {},
): Promise<void> {
  world = new SimulatedWorld({
    seed: 5,
    rules,
    bridges: 1,
    latencyMs: 0,
    protocol: "moq-lite-05",
    ...options,
  });
  await world.runtime.advance(2_000);
}

/** A publisher on the relay that does with each track that is asked of it what `onTrack` says. */
async function publish(path: string, onTrack: (track: TrackProducer) => void): Promise<void> {
  world.lite.primary.createBroadcast(path, {
    hops: [7n],
    onTrack: (request) => onTrack(request.accept(INFO)),
  });
  await world.runtime.advance(1_000);
}

const label = (group: number, frame: number) => encodeLabel({ publisher: "hand", group, frame });

describe.each([CLOUDFLARE_OSS, CLOUDFLARE_HOSTED])("toward $name", (rules) => {
  it("a group that is half sent when its track is asked for again comes from its first object", async () => {
    await begin(rules);
    const tracks: TrackProducer[] = [];
    await publish("show", (track) => tracks.push(track));
    const viewer = world.joinCdn("show");
    await world.runtime.advance(1_000);
    const group = tracks[0]?.openGroup(5);
    for (const frame of [0, 1, 2]) group?.writeFrame(label(5, frame));
    await world.runtime.advance(1_000);
    expect(viewer.counts.get("hand")).toBe(3);
    // The name goes to another session, where the track is asked for anew.
    await world.cdnNetwork.offend(world.bridges[0]?.owner);
    await world.runtime.advance(3_000);
    group?.writeFrame(label(5, 3));
    group?.finish();
    await world.runtime.advance(1_000);
    // What it has of the second view has its places: see `faults`.
    expect(viewer.views.map((view) => view.total)).toEqual([3, 4]);
    expect(world.cdn.counts.renumbersObjects).toBe(2);
  });

  it("groups that the relay's publisher writes side by side never overtake each other", async () => {
    await begin(rules);
    let track: TrackProducer | undefined;
    await publish("show", (asked) => {
      track = asked;
    });
    const viewer = world.joinCdn("show");
    await world.runtime.advance(1_000);
    for (let group = 0; group < 40; group += 2) {
      const first = track?.openGroup(group);
      await world.runtime.advance(10);
      const second = track?.openGroup(group + 1);
      for (const frame of [0, 1]) second?.writeFrame(label(group + 1, frame));
      await world.runtime.advance(10);
      for (const frame of [0, 1]) first?.writeFrame(label(group, frame));
      first?.finish();
      second?.finish();
      await world.runtime.advance(180);
    }
    expect(viewer.counts.get("hand")).toBe(80);
    expect(viewer.views).toHaveLength(1);
    expect(world.cdn.counts).not.toHaveProperty("overtakenGroupEndsTrack");
  });

  it("more tracks are served than the relay takes streams, of which the oldest held one gives way", async () => {
    await begin(rules, { cloudflare: { announcePrefix: "live" } });
    const paths = Array.from({ length: 120 }, (_, index) => `live/${index}`);
    for (const path of paths) {
      await publish(path, (track) => {
        const group = track.openGroup(0);
        group?.writeFrame(label(0, 0));
        group?.finish();
      });
    }
    // Each catalog's stream stays open.
    const viewers = paths.map((path) => world.joinCdn(path, "catalog.json"));
    await world.runtime.advance(4_000);
    expect(viewers.filter((viewer) => viewer.counts.get("hand") === 1)).toHaveLength(120);
    for (const viewer of viewers) expect(viewer.views).toHaveLength(1);
    expect(world.cdn.counts.incomingStreams).toBeGreaterThan(0);
  });

  it("a viewer on a slow connection is answered while it is sent more than fits", async () => {
    await begin(rules);
    const { runtime } = world;
    await publish("show", (track) => {
      const group = track.openGroup(0);
      for (let frame = 0; frame < 8; frame++) group?.writeFrame(new Uint8Array(256_000));
      group?.finish();
    });
    const opening = connectIetf14(world.cdnNetwork.connect({}, 500_000), {
      runtime,
      profile: cloudflare,
    });
    await runtime.advance(100);
    const session = await opening;
    fillFrom(session, "video");
    await runtime.advance(500);
    const askedAt = runtime.now();
    let answeredAt: number | undefined;
    void session.subscribe("show", "audio").accepted.then(() => {
      answeredAt = runtime.now();
    });
    await runtime.advance(2_000);
    expect((answeredAt ?? Infinity) - askedAt).toBeLessThan(200);
    session.close();
  });
});

/** Reads a track of `show` and lets go of what comes. */
function fillFrom(session: Ietf14Session, name: string): void {
  const sink = new Origin({ runtime: world.runtime }).createBroadcast("sink").createTrack("t");
  session.subscribe("show", name).fill(sink);
}
