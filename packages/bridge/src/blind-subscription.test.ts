import type { BroadcastProducer, TrackProducer, TrackRequest } from "@moq-bridge/origin";
import { MoqError } from "@moq-bridge/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Reader } from "./reader.fixture.js";
import { World } from "./world.fixture.js";

const bytes = (value: string) => new TextEncoder().encode(value);
const INFO = { priority: 128, maxLatencyMs: 5_000 };

let world: World;
/** What the publisher on Cloudflare's side was asked for, in order. */
let asked: TrackRequest[];
let broadcast: BroadcastProducer;
let reader: Reader;

beforeEach(async () => {
  world = new World();
  await world.start();
  const { runtime, cdn, relay } = world;
  asked = [];
  broadcast = publish();
  world.list("live/a");
  await runtime.advance(2_000);
  reader = new Reader(relay.bridged, "live/a");
  await runtime.advance(100);
  expect(cdn.sessions).toHaveLength(1);
});

afterEach(async () => {
  const stopped = world.bridge.stop();
  await world.runtime.advance(20_000);
  await stopped;
});

function publish() {
  return world.cdn.native.createBroadcast("live/a", { onTrack: (request) => asked.push(request) });
}

/** SUBSCRIBEs so far. */
const subscribes = () => world.cdn.sessions[0]?.stats().requestsReceived;
const requests = () =>
  world.cdn.sessions.reduce((sum, session) => sum + session.stats().requestsReceived, 0);
const status = () => world.bridge.status().broadcasts[0];
const hops = () => world.relay.bridged.broadcast("live/a")?.hops;

function write(track: TrackProducer | undefined, sequence: number, text: string): void {
  const group = track?.openGroup(sequence);
  group?.writeFrame(bytes(text));
  group?.finish();
}

/** The publisher's answer to a request, with a first group. */
function answer(request: TrackRequest | undefined, sequence: number, text: string) {
  const track = request?.accept(INFO);
  write(track, sequence, text);
  return track;
}

const failure = (code: string) => new MoqError(code, "because", { scope: "subscription" });

describe("a track that Cloudflare ends", () => {
  it.each([
    ["TRACK_ENDED", undefined],
    ["INTERNAL_ERROR", "other"],
    ["UNAUTHORIZED", "unauthorized"],
    ["TRACK_DOES_NOT_EXIST", "track_not_found"],
  ])("with %s is asked for once more and goes on as the same instance", async (_, code) => {
    const { runtime, relay } = world;
    const before = hops();
    const first = answer(asked[0], 1, "a");
    await runtime.advance(1_000);
    expect(subscribes()).toBe(1);
    if (code === undefined) first?.finish();
    else first?.abort(failure(code));
    await runtime.advance(3_000);
    expect(subscribes()).toBe(2);
    expect(asked).toHaveLength(2);
    const second = answer(asked[1], 2, "b");
    await runtime.advance(1_000);
    expect(reader.frames).toEqual(["1:a", "2:b"]);
    expect(reader.error).toBeUndefined();
    expect(hops()).toEqual(before);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
    expect(status()).toMatchObject({ state: "announced", reason: undefined });
    write(second, 3, "c");
    await runtime.advance(1_000);
    expect(reader.frames).toEqual(["1:a", "2:b", "3:c"]);
    expect(subscribes()).toBe(2);
  });

  it("and then gives nothing stays announced, silent, and its viewers are kept", async () => {
    const { runtime, relay } = world;
    answer(asked[0], 1, "a")?.finish();
    await runtime.advance(3_000);
    const second = asked[1]?.accept(INFO);
    await runtime.advance(60_000);
    expect(status()?.state).toBe("silent");
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
    // One for the end, one for the silence.
    expect(subscribes()).toBe(3);
    expect(reader.error).toBeUndefined();
    write(second, 2, "b");
    await runtime.advance(2_000);
    expect(reader.frames).toEqual(["1:a", "2:b"]);
    expect(status()?.state).toBe("announced");
  });

  it.each([
    ["is refused, but not for want of its name", true],
    ["is not answered", false],
  ])("and then %s stays announced, and its viewers are kept", async (_, isRefused) => {
    const { runtime, relay } = world;
    const before = hops();
    answer(asked[0], 1, "a")?.finish();
    await runtime.advance(3_000);
    if (isRefused) asked[1]?.reject(failure("other"));
    await runtime.advance(12_000);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
    expect(status()).toMatchObject({ state: "silent" });
    expect(status()?.reason).toMatch(/^SUBSCRIBE was /);
    let answered = asked.length;
    while (reader.frames.length < 2 && runtime.now() < 90_000) {
      for (const request of asked.slice(answered)) answer(request, 2, "b");
      answered = asked.length;
      await runtime.advance(1_000);
    }
    expect(reader.frames).toEqual(["1:a", "2:b"]);
    expect(reader.error).toBeUndefined();
    expect(hops()).toEqual(before);
    expect(status()).toMatchObject({ state: "announced", reason: undefined });
  });

  it("again and again without anything new is asked for ever more slowly", async () => {
    const { runtime } = world;
    answer(asked[0], 1, "a")?.finish();
    let answered = 1;
    for (let second = 0; second < 600; second++) {
      for (const request of asked.slice(answered)) request.accept(INFO).finish();
      answered = asked.length;
      await runtime.advance(1_000);
    }
    expect(asked.length).toBeLessThan(40);
    expect(reader.error).toBeUndefined();
  });
});

describe("a track whose name Cloudflare does not know any more", () => {
  it("un-announces the stream, which is asked for within the credit until it is back", async () => {
    const { runtime, relay } = world;
    const first = answer(asked[0], 1, "a");
    await runtime.advance(1_000);
    const before = hops();
    broadcast.finish();
    first?.finish();
    await runtime.advance(4_000);
    expect(world.announced(relay.bridged)).toEqual([]);
    expect(status()?.state).toBe("gone");
    await runtime.advance(600_000);
    // Soon at first, then ever more seldom.
    expect(requests()).toBeLessThan(100);
    await runtime.advance(4 * 3_600_000);
    const then = requests();
    await runtime.advance(3_600_000);
    expect(requests() - then).toBeLessThanOrEqual(120);
    world.cdn.native.createBroadcast("live/a", { onTrack: (request) => request.accept(INFO) });
    await runtime.advance(61_000);
    expect(world.announced(relay.bridged)).toEqual(["live/a"]);
    expect(hops()).not.toEqual(before);
  });
});
