import { cloudflare, connectIetf14 } from "@moq-bridge/moq-ietf14-session";
import { Origin, type TrackProducer } from "@moq-bridge/origin";
import { CLOUDFLARE_HOSTED, CLOUDFLARE_OSS, type Ietf14Rules } from "@moq-bridge/relay";
import { MoqError } from "@moq-bridge/runtime";
import { afterEach, describe, expect, it } from "vitest";
import type { CloudflareOptions } from "../cloudflare-connection.js";
import { encodeLabel } from "./observed-frames.fixture.js";
import { SimulatedWorld } from "./simulated-world.fixture.js";

let world: SimulatedWorld;

afterEach(async () => {
  expect(await world.end()).toEqual([]);
  expect(world.faults).toEqual([]);
});

async function begin(rules: Ietf14Rules, cloudflare: Partial<CloudflareOptions> = {}) {
  world = new SimulatedWorld({
    seed: 5,
    rules,
    bridges: 1,
    latencyMs: 0,
    protocol: "moq-lite-05",
    cloudflare,
  });
  await world.runtime.advance(2_000);
}

/** A publisher on Cloudflare's side that does what the test says; it refuses the track `none`. */
async function handPublisher(path: string) {
  const { runtime, cdnNetwork, registry } = world;
  const origin = new Origin({ runtime });
  const tracks = new Map<string, TrackProducer>();
  origin.createBroadcast(path, {
    onTrack: (request) => {
      if (request.name === "none") {
        request.reject(new MoqError("track_not_found", "no such track", { scope: "subscription" }));
      } else {
        tracks.set(request.name, request.accept({ priority: 1, maxLatencyMs: 5_000 }));
      }
    },
  });
  const opening = connectIetf14(cdnNetwork.connect(origin), { runtime, profile: cloudflare });
  await runtime.advance(10);
  const session = await opening;
  const broadcast = origin.broadcast(path) ?? expect.fail("it was created");
  session.publishNamespace(path, broadcast);
  registry.rows.set(path, "2026-01-01 00:00:00");
  await runtime.advance(3_000);
  return { tracks, session };
}

const sessionsLost = () => world.lines.filter((line) => line.includes("session ended"));

describe.each([CLOUDFLARE_OSS, CLOUDFLARE_HOSTED])("on $name", (rules) => {
  it("a track that was accepted before its publisher refused it is refused on the relay in time", async () => {
    await begin(rules);
    const { session } = await handPublisher("cdn/a");
    const viewer = world.joinRelay("cdn/a", "none");
    await world.runtime.advance(8_000);
    expect(viewer?.frames.ended).toBe(false);
    await world.runtime.advance(8_000);
    expect(viewer?.frames.ended).toBe(true);
    expect(world.cdn.counts.acceptsAtOnce).toBeGreaterThan(1);
    // The broadcast is there all the same.
    expect(world.announcedOnRelay()).toEqual(["cdn/a"]);
    session.close();
  });

  it("a track that ended goes on for its viewers when it is there again, and its stream is hidden when it is not", async () => {
    await begin(rules);
    const { tracks, session } = await handPublisher("cdn/a");
    const viewer = world.joinRelay("cdn/a");
    await world.runtime.advance(100);
    for (let group = 0; group < 3; group++) {
      const written = tracks.get("t")?.openGroup(group);
      written?.writeFrame(encodeLabel({ publisher: "hand", group, frame: 0 }));
      written?.finish();
      await world.runtime.advance(100);
      tracks.get("t")?.finish();
      await world.runtime.advance(3_000);
    }
    expect(viewer?.frames.counts.get("hand")).toBe(3);
    expect(viewer?.frames.ended).toBe(false);
    expect(world.announcedOnRelay()).toEqual(["cdn/a"]);
    session.close();
    await world.runtime.advance(4_000);
    expect(world.announcedOnRelay()).toEqual([]);
  });

  it("a session that the relay takes for faulty is left, and what it carried is there again", async () => {
    await begin(rules);
    world.startRelayPublisher("relay/a");
    const { session } = await handPublisher("cdn/a");
    const viewer = world.joinRelay("cdn/a");
    await world.runtime.advance(2_000);
    await world.cdnNetwork.offend(world.bridges[0]?.owner);
    await world.runtime.advance(1_500);
    expect(world.cdn.counts.onFatalMessage).toBe(1);
    expect(world.cdn.names).toEqual(["cdn/a", "relay/a"]);
    world.joinCdn("relay/a");
    await world.runtime.advance(2_000);
    expect(world.cdnViewers.map(({ counts }) => counts.size)).toEqual([1]);
    expect(viewer?.frames.ended).toBe(false);
    expect(world.announcedOnRelay()).toEqual(["cdn/a", "relay/a"]);
    session.close();
  });

  it("where no further session may be opened, work waits rather than be asked for beyond the grant", async () => {
    await begin(rules, { maxSessions: 1 });
    const paths = Array.from({ length: 60 }, (_, index) => `cdn/${index}`);
    for (const path of paths) {
      world.startCdnPublisher(path);
      world.registry.rows.set(path, "2026-01-01 00:00:00");
    }
    await world.runtime.advance(3_000);
    const viewers = paths.map((path) => world.joinRelay(path));
    await world.runtime.advance(30_000);
    const [bridge] = world.bridges.map((running) => running.bridge.status());
    expect(bridge?.cloudflare.waiting).toBe(10);
    expect(sessionsLost()).toEqual([]);
    expect(world.cdn.counts).not.toHaveProperty("answeredRequests");
    expect(viewers.filter((viewer) => viewer?.frames.total)).toHaveLength(50);
  });

  it("a group that its publisher reset, which comes as ended, costs that group alone", async () => {
    await begin(rules);
    const { tracks, session } = await handPublisher("cdn/a");
    const viewer = world.joinRelay("cdn/a");
    await world.runtime.advance(100);
    const track = tracks.get("t");
    const label = { publisher: "hand", frame: 0 };
    const broken = track?.openGroup(0);
    broken?.beginFrame({ size: 100 });
    broken?.writeChunk(new Uint8Array(40));
    await world.runtime.advance(100);
    broken?.abort(new MoqError("gone", "the camera was unplugged", { scope: "stream" }));
    await world.runtime.advance(100);
    expect(world.cdn.counts.resetBecomesFin).toBe(1);
    const whole = track?.openGroup(1);
    whole?.writeFrame(encodeLabel({ ...label, group: 1 }));
    whole?.finish();
    await world.runtime.advance(1_000);
    expect(viewer?.frames.counts.get("hand")).toBe(1);
    expect(sessionsLost()).toEqual([]);
    session.close();
  });

  it("a viewer who comes in the middle of a group gets it from its first object", async () => {
    await begin(rules);
    world.startRelayPublisher("relay/a");
    await world.runtime.advance(2_000);
    const first = world.joinCdn("relay/a");
    for (let join = 0; join < 6; join++) {
      await world.runtime.advance(500);
      world.joinCdn("relay/a");
    }
    await world.runtime.advance(5_000);
    for (const viewer of [first, ...world.cdnViewers]) expect(viewer.counts.size).toBe(1);
    expect(world.cdn.counts.renumbersObjects).toBeGreaterThan(0);
    // The places of the frames are compared with their labels: see `faults`.
  });

  it("what nobody on Cloudflare watches any more is let go with its name", async () => {
    await begin(rules);
    world.startRelayPublisher("relay/a");
    await world.runtime.advance(2_000);
    const fresh = world.bridgeStreams;
    world.joinCdn("relay/a");
    await world.runtime.advance(3_000);
    expect(world.bridgeStreams).toBeGreaterThan(fresh);
    world.leaveCdn(0);
    await world.runtime.advance(60_000);
    expect(world.cdn.counts.unsubscribesUpstream).toBeGreaterThan(0);
    world.stopRelayPublisher("relay/a");
    await world.runtime.advance(10_000);
    expect(world.bridgeStreams).toBeLessThan(fresh + 1);
    const [session] = world.bridges[0]?.bridge.status().cloudflare.sessions ?? [];
    expect(session).toMatchObject({ names: 0, tracks: 0 });
  });

  it("what nobody on Cloudflare watches any more is not pulled beyond its session", async () => {
    await begin(rules);
    const track = await pulledOnce("show");
    // The relay there does not tell.
    await world.runtime.advance(60_000);
    expect(track().demand).toBeDefined();
    await world.cdnNetwork.offend(world.bridges[0]?.owner);
    // Three Origins on the way keep it for 2 s each.
    await world.runtime.advance(10_000);
    expect(world.cdn.names).toEqual(["show"]);
    expect(track().demand).toBeUndefined();
  });

  it("a bridge that comes back to the relay does not take a name there before it has listened", async () => {
    await begin(rules);
    world.startCdnPublisher("a");
    world.registry.rows.set("a", "2026-01-01 00:00:00");
    await world.runtime.advance(3_000);
    expect(world.announcedOnRelay()).toEqual(["a"]);
    world.relayNetwork.up = false;
    world.relayNetwork.cutAll();
    await world.runtime.advance(1_000);
    world.startRelayPublisher("a");
    await world.runtime.advance(10);
    const viewer = world.joinRelay("a");
    world.relayNetwork.up = true;
    await world.runtime.advance(10_000);
    // Whoever watches the relay's own publisher is not cut off, not for a moment.
    expect(viewer?.frames.ended).toBe(false);
    const own = world.relayPublishers.get("a")?.content.label;
    expect([...(viewer?.frames.counts.keys() ?? [])]).toEqual([own]);
    expect(world.bridges[0]?.bridge.status().broadcasts).toContainEqual(
      expect.objectContaining({ path: "a", direction: "to-relay", state: "conflict" }),
    );
  });
});

it("what nobody on Cloudflare watches any more is not pulled beyond the name's renewal", async () => {
  await begin(CLOUDFLARE_HOSTED);
  const track = await pulledOnce("show");
  world.cdnNetwork.cut(world.bridges[0]?.owner);
  await world.runtime.advance(5_000);
  await watchOnce("show");
  expect(track().demand).toBeDefined();
  // The name is announced once more when the lost session cannot take it away any more.
  await world.runtime.advance(45_000);
  expect(track().demand).toBeUndefined();
});

/** A broadcast of the relay that was watched from Cloudflare for a moment; gives its track. */
async function pulledOnce(path: string): Promise<() => TrackProducer> {
  let track: TrackProducer | undefined;
  world.lite.primary.createBroadcast(path, {
    hops: [7n],
    onTrack: (request) => {
      track = request.accept({ priority: 1, maxLatencyMs: 5_000 });
    },
  });
  await world.runtime.advance(2_000);
  await watchOnce(path);
  return () => track ?? expect.fail("it was asked for");
}

async function watchOnce(path: string): Promise<void> {
  const viewer = world.joinCdn(path);
  await world.runtime.advance(2_000);
  expect(viewer.views).toHaveLength(1);
  world.leaveCdn(world.cdnViewers.indexOf(viewer));
}
