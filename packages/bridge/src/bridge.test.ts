import { MoqError } from "@moq-bridge/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { Reader } from "./reader.fixture.js";
import type { BridgeStatus } from "./status.js";
import { Publisher, World } from "./world.fixture.js";

const bytes = (value: string) => new TextEncoder().encode(value);

let world: World;

afterEach(async () => {
  const stopped = world.bridge.stop();
  await world.runtime.advance(20_000);
  await stopped;
});

async function begin(options?: ConstructorParameters<typeof World>[0]): Promise<World> {
  world = new World(options);
  await world.start();
  return world;
}

const stateOf = (status: BridgeStatus, path: string) =>
  status.broadcasts
    .filter((one) => one.path === path)
    .map((one) => `${one.direction} ${one.state}`);

describe.each(["moq-lite-05", "moq-lite-04", "moql"])("both ways over %s", (protocol) => {
  it("shows a listed stream on the relay and pulls it once for its viewers", async () => {
    const { runtime, relay, cdn } = await begin({ protocol });
    const publisher = new Publisher(cdn.native, "live/a");
    world.list("live/a");
    await runtime.advance(2_000);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
    expect(publisher.requests).toHaveLength(0);

    const one = new Reader(relay.bridged, "live/a");
    const two = new Reader(relay.bridged, "live/a");
    await runtime.advance(100);
    expect(publisher.requests).toHaveLength(1);
    const track = publisher.tracks.get("t");
    const group = track?.openGroup(7);
    group?.writeFrame(bytes("x"));
    await runtime.advance(100);
    group?.writeFrame(bytes("y"));
    group?.finish();
    await runtime.advance(100);
    expect(one.frames).toEqual(["7:x", "7:y"]);
    expect(two.frames).toEqual(["7:x", "7:y"]);

    one.track.close();
    two.track.close();
    await runtime.advance(20_000);
    expect(track?.demand).toBeUndefined();
  });

  it("shows the relay's broadcasts on Cloudflare and withdraws them", async () => {
    const { runtime, relay, cdn } = await begin({ protocol });
    const publisher = new Publisher(relay.native, "room/x", [5n]);
    await runtime.advance(100);
    expect([...cdn.names.keys()]).toEqual(["room/x"]);
    publisher.broadcast.finish();
    await runtime.advance(100);
    expect([...cdn.names.keys()]).toEqual([]);
    await runtime.advance(20_000);
    expect(world.bridge.status().broadcasts).toEqual([]);
  });
});

describe("what is live is shown once", () => {
  it("prefers the relay's own publisher to a row of the registry", async () => {
    const { runtime, relay, cdn } = await begin();
    new Publisher(relay.native, "both", [5n]);
    world.list("both");
    await runtime.advance(5_000);
    expect([...cdn.names.keys()]).toEqual(["both"]);
    expect(world.announced(relay.bridged)).toEqual([]);
    expect(stateOf(world.bridge.status(), "both")).toEqual([
      "to-cloudflare announced",
      "to-relay conflict",
    ]);
  });

  it("takes its own back when the relay's publisher comes later", async () => {
    const { runtime, relay, cdn } = await begin();
    world.list("both");
    await runtime.advance(3_000);
    expect(world.announced(relay.bridged)).toEqual(["both"]);
    new Publisher(relay.native, "both", [5n]);
    await runtime.advance(1_000);
    expect(world.announced(relay.bridged)).toEqual([]);
    expect([...cdn.names.keys()]).toEqual(["both"]);
  });

  it("says that a name is held by somebody else, and takes it when it is free", async () => {
    const { runtime, relay, cdn } = await begin();
    cdn.held.add("mine");
    new Publisher(relay.native, "mine", [5n]);
    await runtime.advance(30_000);
    expect(stateOf(world.bridge.status(), "mine")).toEqual(["to-cloudflare conflict"]);
    expect(world.lines.filter((line) => line.includes("refused"))).toHaveLength(1);
    expect(cdn.sessions).toHaveLength(1);
    cdn.held.clear();
    await runtime.advance(5_000);
    expect(stateOf(world.bridge.status(), "mine")).toEqual(["to-cloudflare announced"]);
  });

  it("stands by for many names at little cost, and takes all of them when their holder leaves", async () => {
    const { runtime, relay, cdn } = await begin();
    const names = Array.from({ length: 60 }, (_, index) => `live/${index}`);
    for (const name of names) {
      cdn.held.add(name);
      new Publisher(relay.native, name);
    }
    await runtime.advance(5_000);
    const requests = () =>
      cdn.sessions.reduce((sum, session) => sum + session.stats().requestsReceived, 0);
    const before = requests();
    await runtime.advance(60_000);
    expect(requests() - before).toBeLessThanOrEqual(121);
    cdn.held.clear();
    await runtime.advance(2_000);
    expect([...cdn.names.keys()].sort()).toEqual(names.toSorted());
  });

  it("announces a name again that was cancelled", async () => {
    const { runtime, relay, cdn } = await begin();
    new Publisher(relay.native, "mine", [5n]);
    await runtime.advance(100);
    const entry = cdn.names.get("mine");
    cdn.names.delete("mine");
    entry?.namespace.cancel("done", 0);
    expect(stateOf(world.bridge.status(), "mine")).toEqual(["to-cloudflare announced"]);
    await runtime.advance(10);
    expect(stateOf(world.bridge.status(), "mine")).toEqual(["to-cloudflare announcing"]);
    await runtime.advance(5_000);
    expect([...cdn.names.keys()]).toEqual(["mine"]);
  });

  it("announces a name that is cancelled each time ever more slowly", async () => {
    const { runtime, relay, cdn } = await begin();
    new Publisher(relay.native, "mine", [5n]);
    const cancelForever = async () => {
      for (let seconds = 0; seconds < 600; seconds++) {
        await runtime.advance(1_000);
        cdn.names.get("mine")?.namespace.cancel("not now", 0);
        cdn.names.delete("mine");
      }
    };
    await cancelForever();
    expect(cdn.sessions).toHaveLength(1);
    const requests = cdn.sessions[0]?.stats().requestsReceived ?? 0;
    expect(requests).toBeGreaterThan(20);
    expect(requests).toBeLessThan(50);
  });
});

describe("each side is supervised on its own", () => {
  it("goes on with a track where a lost session with Cloudflare left it", async () => {
    const { runtime, relay, cdn } = await begin();
    const publisher = new Publisher(cdn.native, "live/a");
    world.list("live/a");
    await runtime.advance(2_000);
    const reader = new Reader(relay.bridged, "live/a");
    await runtime.advance(100);
    const group = publisher.tracks.get("t")?.openGroup(3);
    group?.writeFrame(bytes("a"));
    await runtime.advance(100);
    cdn.cut();
    await runtime.advance(1_000);
    group?.writeFrame(bytes("b"));
    group?.finish();
    await runtime.advance(1_000);
    expect(reader.frames).toEqual(["3:a", "3:b"]);
    expect(relay.sessions).toHaveLength(1);
  });

  it("shows everything again after the relay was away, to a relay that has heard first", async () => {
    const { runtime, relay, cdn } = await begin();
    world.list("live/a");
    new Publisher(relay.native, "room/x", [5n]);
    await runtime.advance(2_000);
    relay.up = false;
    relay.cut();
    await runtime.advance(1_000);
    expect([...cdn.names.keys()]).toEqual([]);
    expect(world.announced(relay.bridged)).toEqual([]);
    relay.up = true;
    // This Cloudflare sends no CANCEL, for which a name waits.
    await runtime.advance(16_000);
    expect([...cdn.names.keys()]).toEqual(["room/x"]);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
    expect(cdn.sessions).toHaveLength(1);
  });

  it("ends nothing while the registry is down", async () => {
    const { runtime, relay } = await begin();
    world.list("live/a");
    await runtime.advance(2_000);
    world.registryUp = false;
    await runtime.advance(3_600_000);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
    world.registryUp = true;
    world.rows = [];
    await runtime.advance(40_000);
    expect(world.announced(relay.bridged)).toEqual([]);
  });
});

describe("instances", () => {
  it("hides a stream whose publisher is gone and shows it again when it is back", async () => {
    const { runtime, relay, cdn } = await begin();
    const first = new Publisher(cdn.native, "live/a");
    world.list("live/a");
    await runtime.advance(2_000);
    const reader = new Reader(relay.bridged, "live/a");
    await runtime.advance(100);
    const group = first.tracks.get("t")?.openGroup(1);
    group?.writeFrame(bytes("old"));
    group?.finish();
    await runtime.advance(100);
    const hops = relay.bridged.broadcast("live/a")?.hops;
    first.broadcast.finish();
    first.tracks.get("t")?.finish();
    await runtime.advance(3_000);
    expect(world.announced(relay.bridged)).toEqual([]);
    expect(stateOf(world.bridge.status(), "live/a")).toEqual(["to-relay gone"]);

    const second = new Publisher(cdn.native, "live/a");
    await runtime.advance(5_000);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
    expect(relay.bridged.broadcast("live/a")?.hops).not.toEqual(hops);
    const again = new Reader(relay.bridged, "live/a");
    await runtime.advance(100);
    second.tracks.get("t")?.openGroup(1)?.writeFrame(bytes("new"));
    await runtime.advance(100);
    expect(reader.frames).toEqual(["1:old"]);
    expect(again.frames).toEqual(["1:new"]);
  });

  it("makes a row that started anew a new instance", async () => {
    const { runtime, relay } = await begin();
    world.list("live/a", "2026-11-23 01:00:00");
    await runtime.advance(2_000);
    const before = relay.bridged.broadcast("live/a");
    world.rows = [];
    world.list("live/a", "2026-11-23 02:00:00");
    await runtime.advance(2_000);
    const after = relay.bridged.broadcast("live/a");
    expect(after?.hops).not.toEqual(before?.hops);
    expect(after?.hops).toHaveLength(before?.hops.length ?? 0);
  });
});

describe("ends", () => {
  it("gives a viewer a clean end when the registry's row ends", async () => {
    const { runtime, relay, cdn } = await begin();
    const publisher = new Publisher(cdn.native, "live/a");
    world.list("live/a");
    world.list("live/b");
    await runtime.advance(2_000);
    const track = relay.bridged.broadcast("live/a")?.subscribe("t");
    await runtime.advance(100);
    const group = publisher.tracks.get("t")?.openGroup(1);
    group?.writeFrame(bytes("x"));
    group?.finish();
    await runtime.advance(100);
    expect((await track?.nextGroup())?.sequence).toBe(1);
    world.rows = world.rows.slice(1);
    await runtime.advance(5_000);
    expect(world.announced(relay.bridged)).toEqual(["live/b"]);
    const next = track?.nextGroup();
    await runtime.advance(1_000);
    expect(await next).toBeUndefined();
    expect(publisher.tracks.get("t")?.demand).toBeUndefined();
  });

  it("asks once about a stream that fell silent and says since when", async () => {
    const { runtime, relay, cdn } = await begin();
    const publisher = new Publisher(cdn.native, "live/a");
    world.list("live/a");
    await runtime.advance(2_000);
    expect(world.bridge.status().broadcasts[0]?.reason).toContain("not verified");
    const reader = new Reader(relay.bridged, "live/a");
    await runtime.advance(100);
    const group = publisher.tracks.get("t")?.openGroup(1);
    group?.writeFrame(bytes("a"));
    await runtime.advance(100);
    expect(world.bridge.status().broadcasts[0]?.reason).toBeUndefined();
    const before = cdn.sessions[0]?.stats().requestsReceived ?? 0;
    const silentFrom = runtime.wallClock();
    await runtime.advance(12_000);
    expect(cdn.sessions[0]?.stats().requestsReceived).toBe(before + 1);
    await runtime.advance(120_000);
    const [silent] = world.bridge.status().broadcasts;
    expect(silent?.state).toBe("silent");
    expect(Math.abs((silent?.since ?? 0) - silentFrom)).toBeLessThanOrEqual(2_000);
    expect(cdn.sessions[0]?.stats().requestsReceived).toBe(before + 1);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
    group?.writeFrame(bytes("b"));
    await runtime.advance(2_000);
    expect(world.bridge.status().broadcasts[0]).toMatchObject({
      state: "announced",
      reason: undefined,
    });
    expect(reader.frames).toEqual(["1:a", "1:b"]);
  });

  it("refuses a track that does not exist after holding its viewer for a while", async () => {
    const { runtime, relay, cdn } = await begin();
    cdn.native.createBroadcast("live/a", {
      onTrack: (request) =>
        request.reject(new MoqError("track_not_found", "no such track", { scope: "subscription" })),
    });
    world.list("live/a");
    await runtime.advance(2_000);
    const reader = new Reader(relay.bridged, "live/a", "nothing");
    await runtime.advance(9_000);
    expect(reader.error).toBeUndefined();
    await runtime.advance(8_000);
    expect(reader.error).toBeInstanceOf(MoqError);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
  });

  it("reads a stream that was listed before its publisher came", async () => {
    const { runtime, relay, cdn } = await begin();
    world.list("live/a");
    await runtime.advance(2_000);
    const reader = new Reader(relay.bridged, "live/a");
    await runtime.advance(5_000);
    const publisher = new Publisher(cdn.native, "live/a");
    await runtime.advance(4_000);
    publisher.tracks.get("t")?.openGroup(1)?.writeFrame(bytes("x"));
    await runtime.advance(100);
    expect(reader.frames).toEqual(["1:x"]);
  });
});

describe("what never crosses", () => {
  it("counts rows and announcements that are refused, once each", async () => {
    const { runtime, relay, cdn } = await begin({ deny: ["secret/**"] });
    world.list("internal/origins/evil.example:443");
    world.list("a/../b");
    new Publisher(relay.native, "internal/origins/evil.example:443");
    new Publisher(relay.native, "secret/x");
    await runtime.advance(10_000);
    expect(world.announced(relay.bridged)).toEqual([]);
    expect([...cdn.names.keys()]).toEqual([]);
    expect(world.bridge.status().refused).toEqual({ internal: 2, dot_segment: 1, denied: 1 });
  });

  it("refuses a track of a name the bridge did not announce", async () => {
    const { runtime, relay, cdn } = await begin();
    new Publisher(relay.native, "room", [5n]);
    await runtime.advance(100);
    const below = cdn.sessions[0]?.subscribe("room/below", "t");
    const refused = expect(below?.accepted).rejects.toMatchObject({ wireCode: 4 });
    await runtime.advance(1_000);
    await refused;
  });
});

describe("direction", () => {
  it("to-cloudflare shows nothing on the relay", async () => {
    const { runtime, relay, cdn } = await begin({ direction: "to-cloudflare" });
    world.list("live/a");
    new Publisher(relay.native, "room/x");
    await runtime.advance(5_000);
    expect(world.announced(relay.bridged)).toEqual([]);
    expect([...cdn.names.keys()]).toEqual(["room/x"]);
  });

  it("to-relay shows nothing on Cloudflare", async () => {
    const { runtime, relay, cdn } = await begin({ direction: "to-relay" });
    world.list("live/a");
    new Publisher(relay.native, "room/x");
    await runtime.advance(5_000);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
    expect([...cdn.names.keys()]).toEqual([]);
  });
});

describe("stop", () => {
  it("withdraws everything, closes both sides and leaves no timer", async () => {
    const { runtime, relay, cdn, bridge } = await begin();
    world.list("live/a");
    new Publisher(relay.native, "room/x");
    await runtime.advance(2_000);
    const stopped = bridge.stop();
    await runtime.advance(3_000);
    await stopped;
    expect([...cdn.names.keys()]).toEqual([]);
    expect(world.announced(relay.bridged)).toEqual([]);
    await runtime.advance(60_000);
    expect(runtime.pendingTimers).toBe(0);
  });

  it("serves on what is read after the end of its announcement, until the relay has taken it from another bridge", async () => {
    const { runtime, relay, cdn, bridge } = await begin();
    const publisher = new Publisher(cdn.native, "live/a");
    world.list("live/a");
    await runtime.advance(2_000);
    const reader = new Reader(relay.bridged, "live/a");
    await runtime.advance(100);
    const group = publisher.tracks.get("t")?.openGroup(1);
    group?.writeFrame(bytes("a"));
    await runtime.advance(100);
    let isStopped = false;
    const stopped = bridge.stop().then(() => {
      isStopped = true;
    });
    await runtime.advance(300);
    expect(world.announced(relay.bridged)).toEqual([]);
    group?.writeFrame(bytes("b"));
    await runtime.advance(100);
    expect([reader.frames, isStopped]).toEqual([["1:a", "1:b"], false]);
    reader.track.close();
    await runtime.advance(100);
    expect(isStopped).toBe(true);
    await stopped;
  });

  it("does not serve on for long", async () => {
    const { runtime, relay, cdn, bridge } = await begin();
    const publisher = new Publisher(cdn.native, "live/a");
    world.list("live/a");
    await runtime.advance(2_000);
    const reader = new Reader(relay.bridged, "live/a");
    await runtime.advance(100);
    publisher.tracks.get("t")?.openGroup(1)?.writeFrame(bytes("a"));
    await runtime.advance(100);
    const stopped = bridge.stop();
    await runtime.advance(2_000);
    await stopped;
    expect(reader.frames).toEqual(["1:a"]);
  });
});
