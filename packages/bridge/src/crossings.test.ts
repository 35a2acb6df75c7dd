import { Origin } from "@moq-bridge/origin";
import { MoqError } from "@moq-bridge/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { Reader } from "./reader.fixture.js";
import { Publisher, World } from "./world.fixture.js";

const bytes = (value: string) => new TextEncoder().encode(value);
const CLOUDFLARE = { url: "https://cdn.example/", tls: {} };

let world: World;

afterEach(async () => {
  const stopped = world.bridge.stop();
  await world.runtime.advance(20_000);
  await stopped;
  await world.runtime.advance(60_000);
  expect(world.runtime.pendingTimers).toBe(0);
});

async function begin(options?: ConstructorParameters<typeof World>[0]): Promise<World> {
  world = new World(options);
  await world.start();
  return world;
}

/** Each broadcast as one line. */
const lines = () =>
  world.bridge
    .status()
    .broadcasts.map(({ path, shownAs, direction, state, reason }) =>
      [path, shownAs ? `as ${shownAs}` : "", direction, state, reason ?? ""].join(" "),
    )
    .sort();

/** Reads a track on Cloudflare's side, as a viewer of its newest session. */
async function readOnCloudflare(path: string): Promise<string[]> {
  const { runtime, cdn } = world;
  const origin = new Origin({ runtime });
  const track = origin.createBroadcast(path).createTrack("t");
  const subscription = cdn.sessions.at(-1)?.subscribe(path, "t");
  void subscription?.accepted.then(() => subscription.fill(track));
  const reader = new Reader(origin, path);
  await runtime.advance(1_000);
  return reader.frames;
}

describe("names on the other side", () => {
  it("are stripped and added to, in each direction", async () => {
    const { runtime, relay, cdn } = await begin({
      toCloudflare: { strip: "room", add: "earthseed/live" },
      toRelay: { add: "cdn" },
    });
    const own = new Publisher(relay.native, "room/a", [5n]);
    const theirs = new Publisher(cdn.native, "show/b");
    world.list("show/b");
    await runtime.advance(2_000);
    expect([...cdn.names.keys()]).toEqual(["earthseed/live/a"]);
    expect(world.announced(relay.bridged)).toEqual(["cdn/show/b"]);
    const reader = new Reader(relay.bridged, "cdn/show/b");
    await runtime.advance(100);
    theirs.tracks.get("t")?.openGroup(4)?.writeFrame(bytes("x"));
    await runtime.advance(100);
    expect(reader.frames).toEqual(["4:x"]);
    const read = readOnCloudflare("earthseed/live/a");
    await runtime.advance(100);
    own.tracks.get("t")?.openGroup(2)?.writeFrame(bytes("y"));
    expect(await read).toEqual(["2:y"]);
    expect(lines()).toEqual([
      "room/a as earthseed/live/a to-cloudflare announced ",
      "show/b as cdn/show/b to-relay announced ",
    ]);
  });

  it("that cannot be are refused with the reason, for as long as the broadcast is there", async () => {
    const { runtime, relay, cdn, bridge } = await begin({
      toCloudflare: { strip: "room", deny: ["room/secret"] },
      toRelay: { allow: ["show/**"] },
    });
    const other = new Publisher(relay.native, "elsewhere/a", [5n]);
    new Publisher(relay.native, "room/secret", [5n]);
    new Publisher(relay.native, "room/internal/x", [5n]);
    world.list("film/b");
    await runtime.advance(2_000);
    expect([...cdn.names.keys()]).toEqual([]);
    expect(lines()).toEqual([
      "elsewhere/a  to-cloudflare refused it is not below the prefix that is stripped",
      "film/b  to-relay refused no allow pattern matches it",
      "room/internal/x  to-cloudflare refused names below internal/ never cross",
      "room/secret  to-cloudflare refused a deny pattern matches it",
    ]);
    other.broadcast.finish();
    world.rows = [];
    await runtime.advance(10_000);
    expect(lines()).toHaveLength(2);
    expect(bridge.status().refused).toEqual({
      outside_prefix: 1,
      not_allowed: 1,
      internal: 1,
      denied: 1,
    });
  });

  it("that the relay's own publishers have are left to them", async () => {
    const { runtime, relay } = await begin({ toRelay: { add: "cdn" } });
    world.list("a");
    await runtime.advance(2_000);
    expect(world.announced(relay.bridged)).toEqual(["cdn/a"]);
    const own = new Publisher(relay.native, "cdn/a", [5n]);
    await runtime.advance(1_000);
    expect(world.announced(relay.bridged)).toEqual([]);
    expect(lines()).toEqual([
      "a as cdn/a to-relay conflict the registry lists it on Cloudflare, but the relay has its own publisher",
      "cdn/a  to-cloudflare announced ",
    ]);
    own.broadcast.finish();
    await runtime.advance(2_000);
    expect(world.announced(relay.bridged)).toEqual(["cdn/a"]);
  });

  it("that the bridge gives to the relay's broadcasts do not come back from a stale registry", async () => {
    const { runtime, relay, cdn } = await begin({ toCloudflare: { add: "relay" } });
    new Publisher(relay.native, "a", [5n]);
    world.list("relay/a");
    await runtime.advance(3_000);
    expect([...cdn.names.keys()]).toEqual(["relay/a"]);
    expect(world.announced(relay.bridged)).toEqual([]);
    expect(lines()).toEqual([
      "a as relay/a to-cloudflare announced ",
      "relay/a  to-relay conflict the relay's a has this name there",
    ]);
  });
});

describe("an announced prefix", () => {
  const below = { cloudflare: { ...CLOUDFLARE, announcePrefix: "live" } };

  it("stands for all that is shown below it, for one request", async () => {
    const { runtime, relay, cdn } = await begin(below);
    const publishers = Array.from(
      { length: 60 },
      (_, index) => new Publisher(relay.native, `live/${index}`, [5n]),
    );
    new Publisher(relay.native, "other", [5n]);
    await runtime.advance(2_000);
    expect([...cdn.names.keys()].sort()).toEqual(["live", "other"]);
    expect(cdn.sessions[0]?.stats().requestsReceived).toBe(2);
    const read = readOnCloudflare("live/17");
    await runtime.advance(100);
    publishers[17]?.tracks.get("t")?.openGroup(0)?.writeFrame(bytes("x"));
    expect(await read).toEqual(["0:x"]);
    expect(lines()).toHaveLength(61);
    expect(lines()).toContain("live/17  to-cloudflare announced ");
    publishers[17]?.broadcast.finish();
    await runtime.advance(1_000);
    const refused = cdn.sessions[0]?.subscribe("live/17", "u").accepted;
    await Promise.all([
      expect(refused).rejects.toMatchObject({ wireCode: 4 }),
      runtime.advance(1_000),
    ]);
  });

  it("is answered for itself, though nothing has that name, so that it is not taken for lost", async () => {
    const { runtime, cdn } = await begin(below);
    const ask = async (track: string) => {
      const refused = cdn.sessions[0]?.subscribe("live", track).accepted.catch((error) => error);
      await runtime.advance(1_000);
      return (await refused).wireCode;
    };
    expect(await ask("t")).toBe(4);
    expect(await ask(".moq-bridge")).not.toBe(4);
  });

  it("keeps what the registry lists below it from coming back", async () => {
    const { runtime, relay } = await begin(below);
    world.list("live/x");
    world.list("show/y");
    await runtime.advance(3_000);
    expect(world.announced(relay.bridged)).toEqual(["show/y"]);
    expect(lines()).toContain(
      "live/x  to-relay refused it is below the prefix that the bridge announces as its own",
    );
  });

  it("that somebody else holds is a conflict of all below it, until it is free", async () => {
    world = new World(below);
    world.cdn.held.add("live");
    await world.start();
    const { runtime, relay, cdn } = world;
    new Publisher(relay.native, "live/a", [5n]);
    await runtime.advance(10_000);
    expect(lines()[0]).toContain("live/a  to-cloudflare conflict");
    cdn.held.clear();
    await runtime.advance(5_000);
    expect(lines()).toEqual(["live/a  to-cloudflare announced "]);
  });
});

describe("capacity", () => {
  it("beyond the sessions allowed is waited for, visibly, and used when it comes", async () => {
    const { runtime, relay, cdn } = await begin({ cloudflare: { ...CLOUDFLARE, maxSessions: 2 } });
    const publishers = Array.from(
      { length: 45 },
      (_, index) => new Publisher(relay.native, `n/${index}`, [5n]),
    );
    await runtime.advance(5_000);
    expect(cdn.names.size).toBe(40);
    const waiting = lines().filter((line) => line.includes(" waiting "));
    expect(waiting).toHaveLength(5);
    expect(waiting[0]).toContain("waiting for capacity: all 2 sessions with Cloudflare are full");
    for (const publisher of publishers.slice(0, 5)) publisher.broadcast.finish();
    await runtime.advance(20_000);
    expect(cdn.names.size).toBe(40);
    expect(lines().filter((line) => line.includes(" waiting "))).toEqual([]);
  });

  it("is not spent on looking after names where no other session may be opened", async () => {
    const { runtime, relay, cdn } = await begin({
      cloudflare: { ...CLOUDFLARE, maxSessions: 1, requestLimit: 50 },
    });
    new Publisher(relay.native, "own", [5n]);
    await runtime.advance(1_200_000);
    const theirs = new Publisher(cdn.native, "show");
    world.list("show");
    await runtime.advance(2_000);
    const reader = new Reader(relay.bridged, "show");
    await runtime.advance(1_000);
    theirs.tracks.get("t")?.openGroup(0)?.writeFrame(bytes("x"));
    await runtime.advance(1_000);
    expect(reader.frames).toEqual(["0:x"]);
  });

  it("for tracks is waited for and said of their stream", async () => {
    const { runtime, relay, cdn } = await begin({
      cloudflare: { ...CLOUDFLARE, maxSessions: 1, requestLimit: 2 },
    });
    new Publisher(cdn.native, "live/a");
    world.list("live/a");
    await runtime.advance(2_000);
    for (const track of ["1", "2", "3"]) new Reader(relay.bridged, "live/a", track);
    await runtime.advance(2_000);
    expect(cdn.sessions[0]?.stats().requestsReceived).toBe(2);
    expect(lines()[0]).toMatch(/waiting for capacity: .*; tracks that wait: 1$/);
  });
});

describe("a stream that nobody watches", () => {
  it("is looked for by the probe, once a minute, and hidden while it is not there", async () => {
    const { runtime, relay, cdn } = await begin({ probeTrack: "catalog.json" });
    const publisher = new Publisher(cdn.native, "live/a");
    world.list("live/a");
    await runtime.advance(2_000);
    expect(lines()).toEqual(["live/a  to-relay announced "]);
    expect(publisher.requests.map(({ name }) => name)).toEqual(["catalog.json"]);
    const before = cdn.sessions[0]?.stats().requestsReceived ?? 0;
    await runtime.advance(600_000);
    expect(cdn.sessions[0]?.stats().requestsReceived).toBe(before + 10);
    publisher.broadcast.finish();
    await runtime.advance(61_000);
    expect(world.announced(relay.bridged)).toEqual([]);
    expect(lines()[0]).toContain("live/a  to-relay gone");
    new Publisher(cdn.native, "live/a");
    await runtime.advance(3_000);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
  });

  it("is not asked for while it is watched, nor without a probe", async () => {
    const { runtime, relay, cdn } = await begin({ probeTrack: "catalog.json" });
    const publisher = new Publisher(cdn.native, "live/a");
    world.list("live/a");
    await runtime.advance(2_000);
    new Reader(relay.bridged, "live/a");
    const tick = () => publisher.tracks.get("t")?.appendGroup().writeFrame(bytes("x"));
    for (let second = 0; second < 180; second++) {
      await runtime.advance(1_000);
      tick();
    }
    expect(cdn.sessions[0]?.stats().requestsReceived).toBe(2);
  });

  it("says that it is not verified, before it was watched and after", async () => {
    const { runtime, relay, cdn } = await begin();
    const publisher = new Publisher(cdn.native, "live/a");
    world.list("live/a");
    await runtime.advance(60_000);
    expect(lines()[0]).toContain("not verified");
    const reader = new Reader(relay.bridged, "live/a");
    await runtime.advance(1_000);
    publisher.tracks.get("t")?.appendGroup().writeFrame(bytes("x"));
    await runtime.advance(1_000);
    expect(lines()).toEqual(["live/a  to-relay announced "]);
    reader.track.close();
    await runtime.advance(10_000);
    expect(lines()[0]).toContain("not verified");
    expect(cdn.sessions[0]?.stats().requestsReceived).toBe(1);
  });
});

describe("a viewer of a track that is not there yet", () => {
  it("is held as long as the settings say", async () => {
    const { runtime, relay } = await begin({ holdMs: 3_000 });
    world.list("live/a");
    await runtime.advance(2_000);
    const reader = new Reader(relay.bridged, "live/a");
    await runtime.advance(2_500);
    expect(reader.error).toBeUndefined();
    await runtime.advance(5_500);
    expect(reader.error).toBeInstanceOf(MoqError);
  });
});
