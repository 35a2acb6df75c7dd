import { afterEach, describe, expect, it } from "vitest";
import { Reader } from "./reader.fixture.js";
import { Publisher, World } from "./world.fixture.js";

const bytes = (value: string) => new TextEncoder().encode(value);

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
  const token = (claims: object) =>
    `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;

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
