import {
  acceptIetf14,
  cloudflare,
  connectIetf14,
  type Ietf14Session,
} from "@moq-bridge/moq-ietf14-session";
import { Origin, type TrackProducer, type TrackRequest } from "@moq-bridge/origin";
import { MoqError, VirtualRuntime } from "@moq-bridge/runtime";
import { memoryPair } from "@moq-bridge/transport";
import { expect, it } from "vitest";
import { type Lease, SessionPool, type Work } from "./session-pool.js";
import { TrackPull } from "./track-pull.js";

/** A pool of which each session is given at the moment in which it is not wanted any more. */
class LatePool extends SessionPool<Ietf14Session> {
  onLease = () => {};

  override async lease(work: Work, signal: AbortSignal): Promise<Lease<Ietf14Session>> {
    const lease = await super.lease(work, signal);
    this.onLease();
    return lease;
  }
}

const HOLD_MS = 1_000;

/** A pool over a CDN that has the track `t` of `live/a`, and what asks for a track there. */
async function cdnWithTrack() {
  const runtime = new VirtualRuntime();
  const cdn = new Origin({ runtime });
  const published: TrackProducer[] = [];
  cdn.createBroadcast("live/a", {
    onTrack: (request) => {
      const { name } = request;
      if (name === "t") published.push(request.accept({ priority: 1, maxLatencyMs: 5_000 }));
      else request.reject(new MoqError("track_not_found", "no", { scope: "subscription" }));
    },
  });
  const sessions = new LatePool({
    runtime,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    name: "cloudflare",
    limits: { names: 20, streams: 99 },
    maxSessions: 1,
    connect: async () => {
      const { client, server } = memoryPair({ runtime });
      void acceptIetf14(server, { runtime, profile: cloudflare, serve: cdn });
      return connectIetf14(client, { runtime, profile: cloudflare });
    },
  });
  sessions.start();
  await runtime.advance(100);
  const near = new Origin({ runtime });
  let request: TrackRequest | undefined;
  near.dynamic((asked) => {
    request = asked;
  });
  const ask = async (name: string, signal: AbortSignal) => {
    const track = near.request("live/a").subscribe(name);
    await runtime.advance(1);
    const options = { sessions, runtime, holdMs: HOLD_MS, onAccepted() {}, onGone() {} };
    const asked = request ?? expect.fail("it was asked for");
    return { track, running: new TrackPull({ ...options, request: asked }, signal).run() };
  };
  const stop = async () => {
    const stopped = sessions.stop();
    await runtime.advance(1_000);
    await stopped;
  };
  return { runtime, published, sessions, ask, stop };
}

it("a pull that ends while it is given a session leaves no subscription on it", async () => {
  const { runtime, published, sessions, ask, stop } = await cdnWithTrack();
  const controller = new AbortController();
  sessions.onLease = () => controller.abort();
  const { track, running } = await ask("t", controller.signal);
  await running;
  await expect(track.info).rejects.toMatchObject({ code: "track_not_found" });
  await runtime.advance(10_000);
  expect(published.filter(({ demand }) => demand !== undefined)).toEqual([]);
  await stop();
});

it.each([
  ["that is not there is held for a while and then refused", "nothing", 3 * HOLD_MS],
  ["whose name is too long for draft-14 is refused at once", "n".repeat(5_000), 1],
])("a track %s, and its request answered once", async (_what, name, withinMs) => {
  const { runtime, ask, stop } = await cdnWithTrack();
  const { track, running } = await ask(name, new AbortController().signal);
  let refused = false;
  track.info.catch(() => {
    refused = true;
  });
  await runtime.advance(withinMs);
  expect(refused).toBe(true);
  await expect(track.info).rejects.toMatchObject({ code: "track_not_found" });
  await running;
  await stop();
});
