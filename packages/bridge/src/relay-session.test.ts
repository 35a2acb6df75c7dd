import { Origin } from "@moq-bridge/origin";
import { afterEach, describe, expect, it } from "vitest";
import { Reader } from "./reader.fixture.js";
import { Publisher, World } from "./world.fixture.js";

const bytes = (value: string) => new TextEncoder().encode(value);

const token = (claims: object) =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;

let world: World;

afterEach(async () => {
  const stopped = world.bridge.stop();
  await world.runtime.advance(20_000);
  await stopped;
});

describe("GOAWAY of the relay", () => {
  it.each(["moq-lite-05", "moq-lite-04"])(
    "moves everything to a new session without a gap (%s)",
    async (protocol) => {
      world = new World({ protocol });
      await world.start();
      const { runtime, relay, cdn } = world;
      const own = new Publisher(relay.native, "relay/a", [5n]);
      const theirs = new Publisher(cdn.native, "cdn/b");
      world.list("cdn/b");
      await runtime.advance(2_000);
      const reader = new Reader(relay.bridged, "cdn/b");
      const viewer = cdn.sessions[0]?.subscribe("relay/a", "t");
      const ends: string[] = [];
      void viewer?.done.then(({ type }) => ends.push(type));
      await runtime.advance(100);
      const name = cdn.names.get("relay/a");
      const group = theirs.tracks.get("t")?.openGroup(1);
      group?.writeFrame(bytes("before"));
      await runtime.advance(100);

      await relay.sessions[0]?.sendGoaway();
      await runtime.advance(1_000);
      expect(relay.sessions).toHaveLength(2);
      expect(world.announced(relay.bridged)).toEqual(["cdn/b"]);
      for (let second = 0; second < 10; second++) {
        await runtime.advance(1_000);
        expect(world.announced(relay.bridged)).toEqual(["cdn/b"]);
        // Neither withdrawn nor announced again: it is the same publication.
        expect(cdn.names.get("relay/a")).toBe(name);
      }
      expect(await relay.sessions[0]?.closed).toMatchObject({ by: "peer" });
      group?.writeFrame(bytes("after"));
      await runtime.advance(1_000);
      expect(reader.frames).toEqual(["1:before", "1:after"]);
      expect(ends).toEqual([]);
      expect(own.tracks.get("t")?.demand).toBeDefined();
      expect(cdn.sessions).toHaveLength(1);
    },
  );
});

describe("a relay whose announcements say no origins", () => {
  it.each([
    [{ cluster: true }, ["relay/a"]],
    [{ cluster: false }, []],
  ])("with a token that claims %j", async (claims, names) => {
    world = new World({
      protocol: "moql",
      relay: {
        url: "https://relay.example/",
        token: async () => token(claims),
        tls: {},
        insecureWs: false,
      },
    });
    world.registryUp = false;
    await world.start();
    new Publisher(world.relay.native, "relay/a", [5n]);
    await world.runtime.advance(2_000);
    expect([...world.cdn.names.keys()]).toEqual(names);
  });

  it.each([
    ["to-cloudflare", 1],
    ["to-relay", 0],
  ] as const)("and without a registry says what that means (%s)", async (direction, warnings) => {
    world = new World({ protocol: "moql", direction, registries: [] });
    await world.start();
    const said = world.lines.filter((line) => line.includes("carried back to Cloudflare"));
    expect(said).toHaveLength(warnings);
  });

  it("asks the registry about new names at most once a second", async () => {
    world = new World({ protocol: "moql" });
    await world.start();
    const before = world.bridge.status().registry?.polls ?? 0;
    for (let index = 0; index < 200; index++) {
      new Publisher(world.relay.native, `relay/${index}`, [5n]);
      await world.runtime.advance(50);
    }
    await world.runtime.advance(2_000);
    expect(world.cdn.names.size).toBe(200);
    // Its own interval is a second as well.
    expect((world.bridge.status().registry?.polls ?? 0) - before).toBeLessThanOrEqual(30);
  });
});

describe("a relay that admits few streams", () => {
  const TRACKS = 200;

  /** A viewer on Cloudflare's side of each track. */
  function readAll() {
    const [session] = world.cdn.sessions;
    const origin = new Origin({ runtime: world.runtime });
    const copy = origin.createBroadcast("relay/a");
    return Array.from({ length: TRACKS }, (_, index) => {
      const track = copy.createTrack(`${index}`);
      const subscription = session?.subscribe("relay/a", `${index}`);
      void subscription?.accepted.then(() => subscription.fill(track));
      return { subscription, reader: new Reader(origin, "relay/a", `${index}`) };
    });
  }

  function writeAll({ tracks }: Publisher, sequence: number): void {
    for (const track of tracks.values()) {
      const group = track.openGroup(sequence);
      group?.writeFrame(bytes("x"));
      group?.finish();
    }
  }

  it("is read over further sessions, as many as it takes, and only so long", async () => {
    world = new World({ protocol: "moql" });
    world.relay.streams = 98;
    await world.start();
    const { runtime, relay, cdn, bridge } = world;
    const own = new Publisher(relay.native, "relay/a", [5n]);
    await runtime.advance(2_000);
    const readers = readAll();
    await runtime.advance(2_000);
    writeAll(own, 1);
    await runtime.advance(2_000);
    expect(readers.filter(({ reader }) => reader.frames[0] === "1:x")).toHaveLength(TRACKS);
    expect(relay.sessions).toHaveLength(3);
    expect(world.announced(relay.bridged)).toEqual([]);
    expect([...cdn.names.keys()]).toEqual(["relay/a"]);
    for (const { subscription } of readers) subscription?.unsubscribe();
    await runtime.advance(70_000);
    expect(bridge.status().traffic.relay).toMatchObject({ sessionsOpen: 1, sessionsOpened: 3 });
    expect([...cdn.names.keys()]).toEqual(["relay/a"]);
  });

  it("is read on after its main session was replaced, also when it ends those beside the old one", async () => {
    let expiresMs = 90_000;
    world = new World({
      relay: {
        url: "https://relay.example/",
        token: async () =>
          token({ exp: Math.floor((world.runtime.wallClock() + expiresMs) / 1_000) }),
        tls: {},
        insecureWs: false,
      },
    });
    world.relay.streams = 98;
    world.relay.kind = "websocket";
    await world.start();
    const { runtime, relay } = world;
    const own = new Publisher(relay.native, "relay/a", [5n]);
    await runtime.advance(2_000);
    const readers = readAll();
    await runtime.advance(2_000);
    writeAll(own, 1);
    await runtime.advance(1_000);
    expect(relay.sessions).toHaveLength(3);
    expiresMs = 3_600_000;
    await runtime.advance(80_000);
    expect(relay.sessions.length).toBeGreaterThan(3);
    // Their token has expired.
    for (const session of relay.sessions.slice(0, 3)) session.close();
    await runtime.advance(3_000);
    writeAll(own, 2);
    await runtime.advance(1_000);
    const whole = readers.filter(({ reader }) => reader.frames.join() === "1:x,2:x");
    expect(whole).toHaveLength(TRACKS);
  });

  it("that refuses another session is read as far as the first one goes", async () => {
    world = new World({ protocol: "moql" });
    world.relay.streams = 98;
    await world.start();
    const { runtime, relay, cdn } = world;
    new Publisher(relay.native, "relay/a", [5n]);
    await runtime.advance(2_000);
    relay.up = false;
    const accepted: string[] = [];
    const refused: unknown[] = [];
    for (let index = 0; index < 120; index++) {
      cdn.sessions[0]?.subscribe("relay/a", `${index}`).accepted.then(
        () => accepted.push(`${index}`),
        (error) => refused.push(error),
      );
    }
    await runtime.advance(12_000);
    expect(accepted.length).toBeGreaterThan(90);
    expect(accepted.length + refused.length).toBe(120);
  });
});
