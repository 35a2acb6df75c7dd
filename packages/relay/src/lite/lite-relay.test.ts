import { connectLite, type LiteSession } from "@moq-bridge/moq-lite-session";
import { Origin } from "@moq-bridge/origin";
import { VirtualRuntime } from "@moq-bridge/runtime";
import { memoryPair, type TransportSession } from "@moq-bridge/transport";
import { describe, expect, test } from "vitest";
import { LiteRelay } from "./lite-relay.js";
import { type Claims, parseTokenKey, signToken } from "./token.js";

const KEY = new Uint8Array(32).fill(7);
const ALL = { put: [""], get: [""] };
/** As `VirtualRuntime.wallClock` begins, in seconds. */
const NOW = Date.UTC(2026, 0, 1) / 1000;

class World {
  readonly runtime = new VirtualRuntime({ seed: 5 });
  readonly relay: LiteRelay;
  #nextId = 100n;

  constructor(options: { key?: Uint8Array } = { key: KEY }) {
    this.relay = new LiteRelay({ runtime: this.runtime, ...options });
  }

  /** Connects by a URL path; the first to know of a refusal is `closed`. */
  async connect(path: string) {
    const { runtime } = this;
    const pair = memoryPair({ runtime, protocol: "moq-lite-05" });
    void this.relay.serve(withPath(pair.server, path));
    const publish = new Origin({ runtime });
    const seen = new Origin({ runtime });
    const originId = this.#nextId++;
    let session: LiteSession | undefined;
    let answered = false;
    connectLite(pair.client, { runtime, publish, subscribe: seen, originId })
      .then(
        (opened) => {
          session = opened;
        },
        () => undefined,
      )
      .finally(() => {
        answered = true;
      });
    // Verifying a token takes real time, in another thread.
    while (!answered) {
      await runtime.advance(1);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return { publish, seen, session, closed: pair.client.closed };
  }

  async join(claims: Partial<Claims>, path = "/") {
    return this.connect(`${path}?jwt=${await signToken(KEY, claims)}`);
  }

  async names(origin: Pick<Origin, "announced">): Promise<string[]> {
    for (let turn = 0; turn < 5; turn++) await this.runtime.advance(1);
    const announced = origin.announced();
    const names: string[] = [];
    for (let next = announced.tryNext(); next; next = announced.tryNext()) names.push(next.path);
    announced.close();
    return names.sort();
  }
}

function withPath(session: TransportSession, path: string): TransportSession {
  return new Proxy(session, {
    get: (target, key) => {
      if (key === "path") return path;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("the cluster model", () => {
  test("a node learns what ordinary sessions publish, and those see both", async () => {
    const world = new World();
    const client = await world.join(ALL);
    const viewer = await world.join(ALL);
    const node = await world.join({ ...ALL, cluster: true });
    const other = await world.join({ ...ALL, cluster: true });
    client.publish.createBroadcast("ours");
    node.publish.createBroadcast("theirs");
    expect(await world.names(viewer.seen)).toEqual(["ours", "theirs"]);
    expect(await world.names(client.seen)).toEqual(["theirs"]);
    expect(await world.names(node.seen)).toEqual(["ours"]);
    expect(await world.names(other.seen)).toEqual(["ours"]);
    expect(await world.names(world.relay.primary)).toEqual(["ours"]);
    expect(await world.names(world.relay.secondary)).toEqual(["theirs"]);
    expect(world.relay.sessions).toBe(4);
    node.session?.close();
    expect(await world.names(viewer.seen)).toEqual(["ours"]);
  });

  test("media passes from a node to an ordinary session", async () => {
    const world = new World();
    const viewer = await world.join(ALL);
    const node = await world.join({ ...ALL, cluster: true });
    const track = node.publish.createBroadcast("clock").createTrack("now");
    track.appendGroup().writeFrame(new TextEncoder().encode("tick"));
    expect(await world.names(viewer.seen)).toEqual(["clock"]);
    const reader = viewer.seen.broadcast("clock")?.subscribe("now");
    const next = reader?.nextGroup();
    await world.runtime.advance(50);
    const frame = (await next)?.readFrame();
    await world.runtime.advance(50);
    expect(new TextDecoder().decode((await frame)?.payload)).toBe("tick");
  });

  test("without a key everybody is an ordinary session below the path asked for", async () => {
    const world = new World({});
    const room = await world.connect("/room");
    const everything = await world.connect("/");
    room.publish.createBroadcast("a");
    everything.publish.createBroadcast("room/b");
    expect(await world.names(everything.seen)).toEqual(["room/a"]);
    expect(await world.names(room.seen)).toEqual(["b"]);
  });
});

describe("what a token grants", () => {
  test("paths are relative to root and path, and only granted prefixes count", async () => {
    const world = new World();
    const all = await world.join(ALL);
    const some = await world.join({ root: "room", put: ["me", "x/y"], get: ["you"] }, "/room");
    for (const path of ["room/you/cam", "room/other", "you"]) all.publish.createBroadcast(path);
    for (const path of ["me/cam", "x/y", "you/cam", "mean"]) some.publish.createBroadcast(path);
    expect(await world.names(some.seen)).toEqual(["you/cam"]);
    expect(await world.names(all.seen)).toEqual(["room/me/cam", "room/x/y"]);
  });

  test("a longer path narrows the grants, which must lie below it", async () => {
    const world = new World();
    const all = await world.join(ALL);
    const some = await world.join({ root: "r", put: ["a/b", "c", ""], get: [] }, "/r/a");
    some.publish.createBroadcast("b");
    expect(await world.names(all.seen)).toEqual(["r/a/b"]);
    const narrow = await world.join({ root: "r", put: ["c"], get: ["a"] }, "/r/a");
    narrow.publish.createBroadcast("c");
    expect(await world.names(all.seen)).toEqual(["r/a/b"]);
    expect(await world.names(narrow.seen)).toEqual(["b"]);
  });

  test.each([
    ["none", async () => "/", "a token is needed: connect with ?jwt="],
    ["an empty one", async () => "/?jwt=", "a token is needed: connect with ?jwt="],
    ["no token at all", async () => "/?jwt=x.y.z", "the token is not one of this relay's"],
    [
      "one of another key",
      async () => `/?jwt=${await signToken(new Uint8Array(32), ALL)}`,
      "the token is not one of this relay's",
    ],
    [
      "an expired one",
      async () => `/?jwt=${await signToken(KEY, { ...ALL, exp: NOW - 1 })}`,
      "the token has expired",
    ],
    [
      "one for another path",
      async () => `/other?jwt=${await signToken(KEY, { ...ALL, root: "room" })}`,
      "the path is outside the token's",
    ],
    [
      "one without grants",
      async () => `/?jwt=${await signToken(KEY, { root: "" })}`,
      "the token grants nothing: it has neither put nor get",
    ],
  ])("with %s the session is refused with code 2", async (_, path, reason) => {
    const world = new World();
    const { closed } = await world.connect(await path());
    expect(await closed).toMatchObject({ by: "peer", code: 2, reason });
    expect(world.relay.sessions).toBe(0);
  });

  test("a session ends when its token expires", async () => {
    const world = new World();
    const { session, closed } = await world.join({ ...ALL, exp: NOW + 60 });
    await world.runtime.advance(58_000);
    expect(world.relay.sessions).toBe(1);
    await world.runtime.advance(2_000);
    expect(session).toBeDefined();
    expect(await closed).toMatchObject({ code: 2, reason: "the token has expired" });
    expect(world.relay.sessions).toBe(0);
  });
});

describe("a key", () => {
  const jwk = JSON.stringify({
    alg: "HS256",
    kty: "oct",
    k: Buffer.from(KEY).toString("base64url"),
  });

  test("is a JWK, plain or in base64url", () => {
    expect(parseTokenKey(`${jwk}\n`)).toEqual(KEY);
    expect(parseTokenKey(Buffer.from(jwk).toString("base64url"))).toEqual(KEY);
  });

  test.each([
    ["nonsense", "it is no JSON web key"],
    ['{"alg":"HS256"}', 'it has no "k"'],
    [jwk.replace("HS256", "ES256"), "it is not for HS256"],
    ['{"k":"c2hvcnQ"}', "it has under 32 bytes"],
  ])("%j is none", (text, why) => {
    expect(() => parseTokenKey(text)).toThrow(why);
  });
});
