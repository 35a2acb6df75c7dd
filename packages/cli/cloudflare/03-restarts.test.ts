import {
  connectScriptedIetf,
  elapse,
  eventually,
  type IetfConnection,
  type IetfRelay,
  type PythonPeer,
  type Scene,
} from "@moq-bridge/testing";
import { expect, test } from "vitest";
import {
  BACK_AFTER_KILL_MS,
  expectCleanOutput,
  inScene,
  PATIENCE_MS,
  SCHEMES,
  type Scheme,
  startClock,
} from "../interop/fixture.js";

const TO_RELAY = "live/clock";
const TO_CLOUDFLARE = "room/ticker";
/** How long after a clean restart everything is back, in milliseconds (done-when 3). */
const BACK_AFTER_RESTART_MS = 3_000;

/** Streams both ways between both relays, each behind a proxy that counts the bridge's connections. */
async function startStreams(scene: Scene, scheme: Scheme) {
  const [relay, ietf, registry] = await Promise.all([
    scene.moqRelay(),
    scene.ietfRelay(),
    scene.registry(),
  ]);
  const relayProxy =
    scheme === "https" ? await scene.udpProxy(relay.port) : await scene.tcpProxy(relay.port);
  const ietfProxy = await scene.udpProxy(ietf.port);
  const clock = await startClock(scene, ietf, TO_RELAY);
  registry.list(TO_RELAY);
  const bridge = await scene.bridge({
    relayUrl: relayProxy.url,
    cloudflareUrl: ietfProxy.url,
    registryUrl: registry.url,
  });
  // Clients of the relay use WebSocket, which notices a dead relay at once.
  const publisher = await scene.python("publisher", relay.wsUrl);
  await publisher.publish("ticker", TO_CLOUDFLARE, "now");
  await publisher.tick("ticker", 100, 10);
  const stayer = await scene.python("stayer", relay.wsUrl);
  await stayer.announced(TO_RELAY, { timeoutMs: PATIENCE_MS });
  await stayer.view("clock", TO_RELAY, "now");
  await stayer.framesRead("clock", 2, { timeoutMs: PATIENCE_MS });
  await ietf.received("PUBLISH_NAMESPACE", TO_CLOUDFLARE, { timeoutMs: PATIENCE_MS });
  const subscriber = await subscribeToTicker(scene, ietf);
  return { relay, ietf, registry, relayProxy, ietfProxy, clock, bridge, stayer, subscriber };
}

/** A draft-14 client that reads what comes from the relay. */
async function subscribeToTicker(scene: Scene, ietf: IetfRelay): Promise<IetfConnection> {
  const connection = await connectScriptedIetf(scene, ietf.url);
  await eventually(async () => (await connection.subscribe(TO_CLOUDFLARE, "now")) !== undefined, {
    what: "a SUBSCRIBE to be accepted",
    timeoutMs: PATIENCE_MS,
  });
  await nextObject(connection, 0);
  return connection;
}

/** Waits for an object after the events counted by `from`. */
function nextObject(connection: IetfConnection, from: number, timeoutMs = PATIENCE_MS) {
  return connection.events.waitFor((event) => event.type === "object-end", {
    what: "an object on Cloudflare's side",
    timeoutMs,
    from,
  });
}

/** Nothing was announced on the relay while it was announced already. */
function expectNoDoubleAnnouncement(viewer: PythonPeer, path: string): void {
  let live = false;
  for (const event of viewer.events.all()) {
    // The relay's own restart ends everything it had announced without a word.
    if (event.event === "status" && event.status === "disconnected") live = false;
    if (event.event !== "announced" || event.path !== path) continue;
    if (event.active) expect(live, `${path} announced twice`).toBe(false);
    live = event.active;
  }
}

/** Every PUBLISH_NAMESPACE was for a name that was not published at that time, and none was refused. */
function expectNoDoublePublication(ietf: IetfRelay, path: string, from = 0): void {
  let live = false;
  for (const message of ietf.control.all(from)) {
    expect(message.type).not.toBe("PUBLISH_NAMESPACE_ERROR");
    if (message.direction !== "recv" || message.namespace !== path) continue;
    if (message.type === "PUBLISH_NAMESPACE") {
      expect(live, `${path} published twice`).toBe(false);
      live = true;
    } else if (message.type === "PUBLISH_NAMESPACE_DONE") live = false;
  }
}

test.concurrent.each(SCHEMES)("3. moq-relay is killed and restarted, over %s", (scheme) =>
  inScene(`3 relay killed ${scheme}`, async (scene) => {
    const streams = await startStreams(scene, scheme);
    const { relay, ietf, ietfProxy, stayer, subscriber, bridge } = streams;
    const seen = { frames: stayer.events.length, objects: subscriber.events.length };
    await relay.kill();
    const killedAt = performance.now();
    await relay.start();
    const limit = BACK_AFTER_KILL_MS[scheme];
    const announced = await stayer.announced(TO_RELAY, {
      timeoutMs: PATIENCE_MS,
      from: seen.frames,
    });
    expect(announced.at - killedAt).toBeLessThan(limit);
    const from = stayer.events.length;
    const [frame] = await stayer.framesRead("clock", 1, { timeoutMs: PATIENCE_MS, from });
    // The clock ticks once a second.
    expect((frame?.at ?? 0) - killedAt).toBeLessThan(limit + 1_000);
    await stayer.framesRead("clock", 3, { timeoutMs: PATIENCE_MS, from });

    // The publisher is back too, and read by somebody who comes now.
    const late = await subscribeToTicker(scene, ietf);
    await nextObject(late, late.events.length);
    expect(ietfProxy.connections).toBe(1);
    expectNoDoubleAnnouncement(stayer, TO_RELAY);
    expectNoDoublePublication(ietf, TO_CLOUDFLARE);
    expectCleanOutput(bridge);
  }),
);

test.concurrent.each(SCHEMES)(
  "3. moq-relay restarted cleanly is back within 3 s, over %s",
  (scheme) =>
    inScene(`3 relay restarted ${scheme}`, async (scene) => {
      const { relay, ietf, ietfProxy, stayer } = await startStreams(scene, scheme);
      const from = stayer.events.length;
      await relay.stop();
      await relay.start();
      const startedAt = performance.now();
      const announced = await stayer.announced(TO_RELAY, { timeoutMs: PATIENCE_MS, from });
      expect(announced.at - startedAt).toBeLessThan(BACK_AFTER_RESTART_MS);
      const [frame] = await stayer.framesRead("clock", 1, {
        timeoutMs: PATIENCE_MS,
        from: stayer.events.length,
      });
      expect((frame?.at ?? 0) - startedAt).toBeLessThan(BACK_AFTER_RESTART_MS + 1_000);
      const late = await subscribeToTicker(scene, ietf);
      await nextObject(late, late.events.length);
      expect(ietfProxy.connections).toBe(1);
      expectNoDoubleAnnouncement(stayer, TO_RELAY);
      expectNoDoublePublication(ietf, TO_CLOUDFLARE);
    }),
);

test.concurrent.each(SCHEMES)("3. moq-relay-ietf is killed and restarted, over %s", (scheme) =>
  inScene(`3 ietf killed ${scheme}`, async (scene) => {
    const streams = await startStreams(scene, scheme);
    const { ietf, relayProxy, stayer, clock, bridge } = streams;
    const messages = ietf.control.length;
    const from = stayer.events.length;
    await ietf.kill();
    const killedAt = performance.now();
    // A real publisher does not come back by itself.
    await clock.kill();
    await ietf.start();
    await startClock(scene, ietf, TO_RELAY);
    const published = await ietf.received("PUBLISH_NAMESPACE", TO_CLOUDFLARE, {
      timeoutMs: PATIENCE_MS,
      from: messages,
    });
    expect(published.at - killedAt).toBeLessThan(BACK_AFTER_KILL_MS.https);
    // The viewer who stayed reads on, without asking again.
    const [frame] = await stayer.framesRead("clock", 1, {
      timeoutMs: PATIENCE_MS,
      from: Math.max(from, stayer.events.length),
    });
    expect((frame?.at ?? 0) - killedAt).toBeLessThan(BACK_AFTER_KILL_MS.https + 1_000);
    const late = await subscribeToTicker(scene, ietf);
    await nextObject(late, late.events.length);
    expect(relayProxy.connections).toBe(1);
    expectNoDoubleAnnouncement(stayer, TO_RELAY);
    expectNoDoublePublication(ietf, TO_CLOUDFLARE, messages);
    expectCleanOutput(bridge);
  }),
);

test.concurrent("3. the registry is killed, away for a while, and restarted", () =>
  inScene("3 registry killed", async (scene) => {
    const streams = await startStreams(scene, "ws");
    const { registry, ietfProxy, relayProxy, stayer, subscriber, bridge, ietf } = streams;
    await registry.stop();
    await elapse(6_000);
    const asked = registry.requests.length;
    await registry.start();
    await registry.requests.waitFor(() => true, {
      what: "the registry to be asked again",
      timeoutMs: PATIENCE_MS,
      from: asked,
    });
    await stayer.framesRead("clock", 2, { timeoutMs: PATIENCE_MS, from: stayer.events.length });
    await nextObject(subscriber, subscriber.events.length);
    const ofClock = stayer.events.filter(
      (event) => event.event === "announced" && event.path === TO_RELAY,
    );
    expect(ofClock).toHaveLength(1);
    expectNoDoublePublication(ietf, TO_CLOUDFLARE);
    expect([relayProxy.connections, ietfProxy.connections]).toEqual([1, 1]);

    // And it is listened to again.
    registry.list(TO_RELAY, "live/new");
    await stayer.announced("live/new", { timeoutMs: PATIENCE_MS });
    expectCleanOutput(bridge);
  }));
