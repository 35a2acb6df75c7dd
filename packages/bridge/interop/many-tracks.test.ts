import { cloudflare, connectIetf14, IETF14_PROTOCOLS } from "@moq-bridge/moq-ietf14-session";
import { connectLite, LITE_PROTOCOLS } from "@moq-bridge/moq-lite-session";
import { Origin, type TrackProducer } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { connectNative } from "@moq-bridge/transport";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Scene } from "../../testing/src/scene.js";
import { eventually } from "../../testing/src/wait.js";
import { Bridge } from "../src/index.js";

/** More than the 98 requests that moq-relay 0.10.0 admits on a session. */
const TRACKS = 150;
const SOON = 20_000;
/** What one session of the publisher, and of the viewer, is asked for. */
const SHARE = 50;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

let scene: Scene;

beforeEach(async (context) => {
  scene = await Scene.create(`bridge ${context.task.name}`);
});

afterEach(async () => {
  await scene.end();
});

it("150 tracks of a moq-relay 0.10.0 are read on moq-relay-ietf at once", async () => {
  const relay = await scene.oldMoqRelay();
  const ietf = await scene.ietfRelay();
  const tls = { ca: scene.certificate.ca };
  const bridge = new Bridge({
    runtime,
    log: quiet,
    relay: { url: relay.httpsUrl, token: async () => undefined, tls, insecureWs: false },
    cloudflare: { url: ietf.url, tls },
    direction: "to-cloudflare",
    allow: [],
    deny: [],
  });
  bridge.start();
  scene.onEnd(() => bridge.stop());

  const tracks: TrackProducer[] = [];
  for (let from = 0; from < TRACKS; from += SHARE) {
    const origin = new Origin({ runtime });
    origin.createBroadcast(`show/${from}`, {
      onTrack: (request) => tracks.push(request.accept({ priority: 1, maxLatencyMs: 5_000 })),
    });
    const transport = await connectNative(relay.httpsUrl, {
      protocols: LITE_PROTOCOLS,
      tls,
      timeoutMs: SOON,
    });
    const originId = BigInt(100 + from);
    const session = await connectLite(transport, { runtime, originId, publish: origin });
    scene.onEnd(async () => session.close());
  }
  const isShown = () =>
    bridge.status().broadcasts.filter(({ state }) => state === "announced").length === 3;
  await eventually(isShown, { what: "three broadcasts on moq-relay-ietf", timeoutMs: SOON });

  const read = new Set<string>();
  for (let from = 0; from < TRACKS; from += SHARE) {
    const transport = await connectNative(ietf.url, {
      protocols: IETF14_PROTOCOLS,
      tls,
      timeoutMs: SOON,
    });
    const session = await connectIetf14(transport, { runtime, profile: cloudflare });
    scene.onEnd(async () => session.close());
    const origin = new Origin({ runtime });
    const copy = origin.createBroadcast("copy");
    for (let index = 0; index < SHARE; index++) {
      const copied = copy.createTrack(`${index}`);
      const subscription = session.subscribe(`show/${from}`, `${index}`);
      void subscription.accepted.then(() => subscription.fill(copied));
      const reader = origin.broadcast("copy")?.subscribe(`${index}`);
      void reader?.nextGroup().then(() => read.add(`${from} ${index}`));
    }
  }
  await eventually(() => tracks.length === TRACKS, { what: "every request", timeoutMs: SOON });
  for (const track of tracks) {
    const group = track.appendGroup();
    group.writeFrame(new Uint8Array(100));
    group.finish();
  }
  await eventually(() => read.size === TRACKS, {
    what: "a group of every track",
    timeoutMs: SOON,
  });
  expect(bridge.status().traffic.relay).toMatchObject({ sessionsOpen: 2, reconnects: 0 });
});
