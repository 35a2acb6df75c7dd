import {
  acceptIetf14,
  cloudflare,
  connectIetf14,
  type Ietf14Session,
} from "@moq-bridge/moq-ietf14-session";
import { Origin, type TrackProducer, type TrackRequest } from "@moq-bridge/origin";
import { VirtualRuntime } from "@moq-bridge/runtime";
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

it("a pull that ends while it is given a session leaves no subscription on it", async () => {
  const runtime = new VirtualRuntime();
  const cdn = new Origin({ runtime });
  const published: TrackProducer[] = [];
  cdn.createBroadcast("live/a", {
    onTrack: (request) => published.push(request.accept({ priority: 1, maxLatencyMs: 5_000 })),
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
  const controller = new AbortController();
  sessions.onLease = () => controller.abort();
  const near = new Origin({ runtime });
  let request: TrackRequest | undefined;
  near.dynamic((asked) => {
    request = asked;
  });
  const track = near.request("live/a").subscribe("t");
  await runtime.advance(1);
  const options = { sessions, runtime, holdMs: 1_000, onAccepted() {}, onGone() {} };
  const pull = new TrackPull(
    { ...options, request: request ?? expect.fail("it was asked for") },
    controller.signal,
  );
  await pull.run();
  await expect(track.info).rejects.toMatchObject({ code: "track_not_found" });
  await runtime.advance(10_000);
  expect(published.filter(({ demand }) => demand !== undefined)).toEqual([]);
  const stopped = sessions.stop();
  await runtime.advance(1_000);
  await stopped;
});
