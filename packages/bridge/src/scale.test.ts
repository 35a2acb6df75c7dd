import { afterEach, expect, it } from "vitest";
import { Publisher, World } from "./world.fixture.js";

const BROADCASTS = 500;
const TRACKS = ["video", "audio"];
/** Ten minutes of virtual time, in steps of this many milliseconds. */
const STEP_MS = 1_000;
const LIFE_MS = 120_000;
const TOTAL_MS = 600_000;
/** A new broadcast is visible on the other side after this long. */
const SHOWN_MS = 3_000;

let world: World;

afterEach(async () => {
  const stopped = world.bridge.stop();
  await world.runtime.advance(20_000);
  await stopped;
});

it("carries 500 broadcasts of two tracks that come and go within 50 requests a session", async () => {
  world = new World();
  world.cdn.grant = 100n;
  const { runtime, relay, cdn, bridge } = world;
  await world.start();
  const lives = Array.from({ length: BROADCASTS }, (_, index) => ({
    path: `live/${index}`,
    toRelay: index % 2 === 0,
    from: Math.floor(((TOTAL_MS - LIFE_MS) * index) / BROADCASTS),
    publisher: undefined as Publisher | undefined,
    seen: false,
  }));
  const pending = [...lives];
  const live: typeof lives = [];
  for (let now = 0; now < TOTAL_MS + 10_000; now += STEP_MS) {
    while (pending[0] && pending[0].from <= now) {
      const life = pending.shift();
      if (!life) break;
      life.publisher = new Publisher(life.toRelay ? cdn.native : relay.native, life.path, [9n]);
      if (life.toRelay) world.list(life.path);
      live.push(life);
    }
    while (live[0] && live[0].from + LIFE_MS <= now) {
      const life = live.shift();
      life?.publisher?.broadcast.finish();
      for (const track of life?.publisher?.tracks.values() ?? []) track.finish();
      world.rows = world.rows.filter((row) => row.stream_id !== life?.path);
    }
    await runtime.advance(STEP_MS);
    for (const life of live) {
      if (life.seen || now < life.from + SHOWN_MS) continue;
      life.seen = await watched(life);
      expect(life.seen).toBe(true);
    }
  }
  expect(lives.every((life) => life.seen)).toBe(true);
  await runtime.advance(30_000);
  expect(world.announced(relay.bridged)).toEqual([]);
  expect([...cdn.names.keys()]).toEqual([]);
  expect(bridge.status().broadcasts).toEqual([]);
  expect(bridge.status().cloudflare.waiting).toBe(0);
  // 250 names, and two tracks of 250 streams, of 50 requests a session at most.
  expect(cdn.sessions.length).toBeGreaterThanOrEqual(15);
  expect(cdn.sessions.length).toBeLessThanOrEqual(30);
  for (const session of cdn.sessions) {
    expect(session.stats().requestsReceived).toBeLessThanOrEqual(50);
  }
}, 120_000);

/** Whether a viewer on the other side reads a frame of every track. */
async function watched(life: { path: string; toRelay: boolean; publisher: Publisher | undefined }) {
  const { runtime, relay, cdn } = world;
  if (life.toRelay) {
    const broadcast = relay.bridged.broadcast(life.path);
    if (!broadcast) return false;
    for (const name of TRACKS) {
      const track = broadcast.subscribe(name);
      await runtime.advance(50);
      life.publisher?.tracks
        .get(name)
        ?.appendGroup()
        .writeFrame(new Uint8Array([1]));
      await runtime.advance(50);
      const group = await track.nextGroup();
      track.close();
      if (group?.sequence !== 0) return false;
    }
    return true;
  }
  return cdn.names.has(life.path);
}
