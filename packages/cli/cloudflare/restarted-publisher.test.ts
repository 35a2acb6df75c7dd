import { elapse, eventually, type Scene } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { ADMIN_FLAGS, adminUrl, statusOf } from "../interop/admin-fixture.js";
import {
  clockLines,
  inScene,
  PATIENCE_MS,
  relayUrlOf,
  SCHEMES,
  startBridged,
  startClock,
} from "../interop/fixture.js";
import { clockAccepted, expectUnaltered, SteadyViewer } from "./fixture.js";

/** moq-relay-ietf holds the name of a publisher that died for 14 s; the rest is for noticing that it is free. */
const VISIBLE_MS = 18_000;
/** From here on the status has to say why nothing comes: 10 s of silence, and the time of a look and of a sample. */
const SAID_MS = 12_000;
/** A publisher that the relay knows is shown on Cloudflare's side, and read there by who stayed. */
const READ_AGAIN_MS = 3_000;
const TRACK = "now";

interface Sample {
  /** `performance.now()`. */
  readonly at: number;
  readonly state: string;
  readonly reason: string | undefined;
}

/** What the bridge's status says of a broadcast, twice a second from now on. */
function sampleStatus(scene: Scene, url: string, path: string) {
  const samples: Sample[] = [];
  let stopped = false;
  const sample = async () => {
    while (!stopped) {
      const { broadcasts } = await statusOf(url);
      const found = broadcasts.find((broadcast) => broadcast.path === path);
      const { state = "not listed", reason } = found ?? {};
      samples.push({ at: performance.now(), state, reason });
      await elapse(500);
    }
  };
  const sampling = sample();
  const stop = () => {
    stopped = true;
    return sampling;
  };
  scene.onEnd(stop);
  return { samples, stop };
}

/** Both relays, and a bridge whose status is at `url`. */
async function start(scene: Scene) {
  const bridged = await startBridged(scene, "https", { flags: ADMIN_FLAGS });
  return { ...bridged, url: await adminUrl(bridged.bridge) };
}

test.concurrent("moq-clock-ietf is killed and restarted: visible on the relay as soon as its name is free, and the status said why not", () =>
  inScene("clock restarted", async (scene) => {
    const path = "live/clock";
    const { ietf, registry, relayUrl, url } = await start(scene);
    registry.list(path);
    const viewer = await scene.python("viewer", relayUrl);
    const first = await startClock(scene, ietf, path);
    await viewer.announced(path, { timeoutMs: PATIENCE_MS });
    await viewer.view("clock", path, TRACK);
    await viewer.framesRead("clock", 3, { timeoutMs: PATIENCE_MS });
    await first.kill();
    const killedAt = performance.now();
    const { samples, stop } = sampleStatus(scene, url, path);
    const second = await clockAccepted(scene, ietf, path);
    const line = await second.ticks.waitFor(() => true, {
      what: "a tick",
      timeoutMs: PATIENCE_MS,
    });
    const frame = await viewer.events.waitFor(
      (event) =>
        event.event === "frame" &&
        event.at > killedAt &&
        second.ticks.all().includes(clockLines(viewer.frames("clock")).at(-1) ?? ""),
      { what: `${line} or a later one at the viewer`, timeoutMs: PATIENCE_MS },
    );
    await stop();
    expect(frame.at - killedAt).toBeLessThan(VISIBLE_MS);
    const silent = samples.filter(({ at }) => at > killedAt + SAID_MS && at < frame.at);
    expect(silent.length).toBeGreaterThan(0);
    for (const { state, reason } of silent) {
      expect(`${state}: ${reason}`).toMatch(
        /^(silent: Cloudflare has the stream, but nothing comes|gone: the publisher left Cloudflare|announced: not verified)/,
      );
    }
    await eventually(
      async () => {
        const [broadcast] = (await statusOf(url)).broadcasts;
        return broadcast?.state === "announced" && broadcast.reason === undefined;
      },
      { what: "the status to say that it is well again", timeoutMs: PATIENCE_MS },
    );
  }));

test.concurrent.each(SCHEMES)(
  "a publisher on the relay is killed and restarted, over %s: Cloudflare's viewers read it again",
  (scheme) =>
    inScene(`publisher restarted ${scheme}`, async (scene) => {
      const path = "room/talk";
      const { relay, ietf } = await startBridged(scene, "https");
      const publish = async (name: string) => {
        const publisher = await scene.python(name, relayUrlOf(relay, scheme));
        await publisher.publish(name, path, TRACK);
        await publisher.tick(name, 100, 10);
        return publisher;
      };
      const first = await publish("first");
      await ietf.received("PUBLISH_NAMESPACE", path, { timeoutMs: PATIENCE_MS });
      const viewer = await SteadyViewer.start(scene, ietf.url, path, TRACK);
      await viewer.frames.waitForCount(() => true, 5, { what: "frames", timeoutMs: PATIENCE_MS });
      await first.kill();
      const from = viewer.frames.length;
      await publish("second");
      const publishedAt = performance.now();
      const frame = await viewer.frames.waitFor(({ text }) => text.startsWith("second "), {
        what: "a frame of the second run",
        timeoutMs: PATIENCE_MS,
        from,
      });
      expect(frame.at - publishedAt).toBeLessThan(READ_AGAIN_MS);
      const frames = viewer.frames.filter(({ text }) => text.startsWith("second "), from);
      expectUnaltered(frames, "second");
    }),
);

test.concurrent("a stream whose publisher died on Cloudflare's side comes from the relay instead: shown as soon as the name is free, a conflict until then", () =>
  inScene("publisher moved", async (scene) => {
    const path = "room/moved";
    const { relayUrl, ietf, registry, bridge, url } = await start(scene);
    const chrome = await startClock(scene, ietf, path);
    registry.list(path);
    await bridge.process.waitForLine(/shown on the relay/, { timeoutMs: PATIENCE_MS });
    await chrome.kill();
    const killedAt = performance.now();
    registry.list();
    const safari = await scene.python("safari", relayUrl);
    await safari.publish("safari", path, TRACK);
    await safari.tick("safari", 100, 10);
    const { samples, stop } = sampleStatus(scene, url, path);
    const viewer = await SteadyViewer.start(scene, ietf.url, path, TRACK);
    const frame = await viewer.frames.waitFor(({ text }) => text.startsWith("safari "), {
      what: "a frame of the relay's publisher",
      timeoutMs: 2 * PATIENCE_MS,
    });
    await stop();
    expect(frame.at - killedAt).toBeLessThan(VISIBLE_MS);
    const conflicts = samples.filter(({ state }) => state === "conflict");
    expect(conflicts.length).toBeGreaterThan(0);
    for (const { reason } of conflicts) expect(reason).toMatch(/^Cloudflare refused the name: /);
  }));
