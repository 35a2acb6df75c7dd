import { CLOUDFLARE_HOSTED, CLOUDFLARE_OSS } from "@moq-bridge/relay";
import { expect, it } from "vitest";
import { FRAMES_PER_GROUP } from "./simulated-publisher.fixture.js";
import { SimulatedWorld } from "./simulated-world.fixture.js";

const BROADCASTS = 500;
const TRACKS = ["video", "audio"];
const TOTAL_MS = 600_000;
const LIFE_MS = 40_000;
const STEP_MS = 1_000;
const FRAME_MS = 4_000;
/** A new broadcast is on the other side this soon: the registry is asked every second. */
const SHOWN_MS = 2_000;
/** One that ended is off the other side this soon: the interval and 1 s. */
const GONE_MS = 2_000;
/** A viewer has waited for the beginning of a group, and the way here. */
const READ_MS = FRAME_MS * FRAMES_PER_GROUP + 2_000;

/** Where a broadcast stands, and who watches it. */
interface Life {
  readonly path: string;
  readonly toRelay: boolean;
  readonly from: number;
  readonly frames: (() => { total: number; ended: boolean })[];
}

/** What sessions with Cloudflare spent, at most. */
class Ledger {
  requests = 0;
  names = 0;
  sessions = 0;
  waiting = 0;

  note(world: SimulatedWorld): void {
    const { cloudflare } = world.bridges[0]?.bridge.status() ?? {};
    if (!cloudflare) throw new Error("there is a bridge");
    for (const session of cloudflare.sessions) {
      this.requests = Math.max(this.requests, session.requests);
      this.names = Math.max(this.names, session.names);
    }
    this.sessions = Math.max(this.sessions, cloudflare.sessions.length);
    this.waiting = Math.max(this.waiting, cloudflare.waiting);
  }
}

function begin(world: SimulatedWorld, { path, toRelay }: Life): void {
  if (toRelay) {
    world.startCdnPublisher(path);
    world.registry.rows.set(path, "2026-01-01 00:00:00");
  } else world.startRelayPublisher(path);
}

function end(world: SimulatedWorld, { path, toRelay }: Life): void {
  world.registry.rows.delete(path);
  if (toRelay) world.endCdnPublisher(path, "stop");
  else world.stopRelayPublisher(path);
}

/** A viewer for each track, on the other side. */
function watch(world: SimulatedWorld, { path, toRelay, frames }: Life): void {
  for (const track of TRACKS) {
    if (toRelay) {
      const viewer = world.joinRelay(path, track);
      expect(viewer, `${path} on the relay`).toBeDefined();
      frames.push(() => ({
        total: viewer?.frames.total ?? 0,
        ended: viewer?.frames.ended ?? false,
      }));
    } else {
      expect(world.cdn.names).toContain(path);
      const viewer = world.joinCdn(path, track);
      frames.push(() => {
        const [view] = viewer.views;
        return { total: view?.total ?? 0, ended: view?.ended ?? false };
      });
    }
  }
}

it.each([CLOUDFLARE_OSS, CLOUDFLARE_HOSTED])(
  "500 broadcasts of two tracks come and go in 10 minutes on $name",
  async (rules) => {
    const world = new SimulatedWorld({
      seed: 11,
      rules,
      bridges: 1,
      latencyMs: 0,
      protocol: "moq-lite-05",
      frameMs: FRAME_MS,
    });
    await world.runtime.advance(2_000);
    const lives = Array.from({ length: BROADCASTS }, (_, index): Life => {
      const from = Math.floor(((TOTAL_MS - LIFE_MS) * index) / BROADCASTS);
      return { path: `live/${index}`, toRelay: index % 2 === 0, from, frames: [] };
    });
    const ledger = new Ledger();
    /** What is due at a time since a broadcast's beginning. */
    const due: [number, (life: Life) => void][] = [
      [0, (life) => begin(world, life)],
      [SHOWN_MS, (life) => watch(world, life)],
      [
        SHOWN_MS + READ_MS,
        ({ path, frames }) => {
          for (const read of frames) expect(read().total, `frames of ${path}`).toBeGreaterThan(0);
        },
      ],
      [LIFE_MS, (life) => end(world, life)],
      [
        LIFE_MS + GONE_MS,
        ({ path, frames }) => {
          expect(world.announcedOnRelay()).not.toContain(path);
          expect(world.cdn.names).not.toContain(path);
          for (const read of frames) expect(read(), path).toMatchObject({ ended: true });
          for (const viewer of world.cdnViewers.filter((each) => each.path === path)) {
            world.leaveCdn(world.cdnViewers.indexOf(viewer));
          }
        },
      ],
    ];
    for (let now = 0; now < TOTAL_MS + 10_000; now += STEP_MS) {
      for (const [after, act] of due) {
        for (const life of lives) {
          if (life.from + after <= now && now - STEP_MS < life.from + after) act(life);
        }
      }
      await world.runtime.advance(STEP_MS);
      ledger.note(world);
    }
    expect(lives.every(({ frames }) => frames.length === TRACKS.length)).toBe(true);
    // No session was killed, and nothing was asked beyond what each bears.
    expect(world.lines.filter((line) => line.includes("session ended"))).toEqual([]);
    const { counts } = world.cdn;
    for (const rule of ["onFatalMessage", "answeredRequests", "namesPerSession"] as const) {
      expect(counts[rule], rule).toBeUndefined();
    }
    expect(ledger.requests).toBeLessThanOrEqual(50);
    expect(ledger.names).toBeLessThanOrEqual(20);
    // At a time there are about 18 names and as many broadcasts with two tracks to read.
    expect(ledger.sessions).toBeGreaterThan(1);
    expect(ledger.sessions).toBeLessThanOrEqual(6);
    expect(ledger.waiting).toBe(0);
    const [bridge] = world.bridges.map((running) => running.bridge.status());
    expect(bridge?.broadcasts).toEqual([]);
    expect(bridge?.cloudflare.sessions.map(({ names, tracks }) => names + tracks)).toEqual([0]);
    expect(await world.end()).toEqual([]);
    expect(world.faults).toEqual([]);
  },
  120_000,
);
