import {
  type BridgeProcess,
  connectScriptedIetf,
  elapse,
  eventually,
  type IetfRelay,
  type PythonPeer,
  type Scene,
  type TimedPythonEvent,
} from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { ADMIN_FLAGS, adminUrl, statusOf } from "../interop/admin-fixture.js";
import {
  expectCleanOutput,
  inScene,
  PATIENCE_MS,
  relayUrlOf,
  SCHEMES,
  type Scheme,
  textOf,
} from "../interop/fixture.js";
import { expectUnaltered, longestGap, type ReadFrame, SteadyViewer, tick } from "./fixture.js";

const TO_RELAY = ["live/one", "live/two"];
const TO_CLOUDFLARE = ["room/one", "room/two"];
const ALL = [...TO_RELAY, ...TO_CLOUDFLARE];
const TRACK = "now";
const RUN_MS = 60_000;
/** When the first bridge is ended, when it is there again, and when it is ended once more. */
const END_AT_MS = 5_000;
const BACK_AT_MS = 26_000;
const END_AGAIN_AT_MS = 36_000;
const ENDS = 2;
/** How long nothing may come. SIGKILL: moq-relay-ietf holds the names for 14 s, and they are tried every 1 to 3 s. */
const GAP_MS = { SIGKILL: 18_000, SIGTERM: 3_000 } as const;
const SIGNALS = ["SIGKILL", "SIGTERM"] as const;

interface World {
  readonly ietf: IetfRelay;
  readonly first: BridgeProcess;
  readonly second: BridgeProcess;
  startBridge(name: string): Promise<BridgeProcess>;
  /** Watches on the relay what comes from Cloudflare's side. */
  readonly onRelay: PythonPeer;
  /** Watch on Cloudflare's side what comes from the relay. */
  readonly onCloudflare: readonly SteadyViewer[];
}

async function startWorld(scene: Scene, scheme: Scheme): Promise<World> {
  const [relay, ietf, registry] = await Promise.all([
    scene.moqRelay(),
    scene.ietfRelay(),
    scene.registry(),
  ]);
  // The registry is wrong about the relay's own, which must not make an echo.
  registry.list(...ALL);
  const relayUrl = relayUrlOf(relay, scheme);
  const startBridge = (name: string) =>
    scene.bridge({
      name,
      relayUrl,
      cloudflareUrl: ietf.url,
      registryUrl: registry.url,
      flags: ADMIN_FLAGS,
    });
  const cdn = await connectScriptedIetf(scene, ietf.url);
  for (const path of TO_RELAY) {
    tick(scene, cdn.serve(path, TRACK), path, 100);
    await cdn.publishNamespace(path);
  }
  const first = await startBridge("bridge-1");
  const publisher = await scene.python("publisher", relay.wsUrl);
  for (const path of TO_CLOUDFLARE) {
    await publisher.publish(path, path, TRACK);
    await publisher.tick(path, 100, 10);
  }
  await ietf.publishes(...ALL);
  const second = await startBridge("bridge-2");
  const onRelay = await scene.python("viewer", relay.wsUrl);
  for (const path of TO_RELAY) {
    await onRelay.announced(path, { timeoutMs: PATIENCE_MS });
    await onRelay.view(path, path, TRACK);
    await onRelay.framesRead(path, 5, { timeoutMs: PATIENCE_MS });
  }
  const onCloudflare: SteadyViewer[] = [];
  for (const path of TO_CLOUDFLARE) {
    const viewer = await SteadyViewer.start(scene, ietf.url, path, TRACK);
    await viewer.frames.waitForCount(() => true, 5, { what: path, timeoutMs: PATIENCE_MS });
    onCloudflare.push(viewer);
  }
  return { ietf, first, second, startBridge, onRelay, onCloudflare };
}

/** The relay's broadcasts as one bridge sees them. */
async function seenBy(bridge: BridgeProcess) {
  const { broadcasts } = await statusOf(await adminUrl(bridge));
  return broadcasts.filter(({ direction }) => direction === "to-cloudflare");
}

/** One of them carries the relay's broadcasts, the other stands by and says so. */
async function expectStandby(carrying: BridgeProcess, standby: BridgeProcess): Promise<void> {
  const inStates = async () => {
    const [active, waiting] = [await seenBy(carrying), await seenBy(standby)];
    const isSettled =
      active.filter(({ state }) => state === "announced").length === TO_CLOUDFLARE.length &&
      waiting.filter(({ state }) => state === "conflict").length === TO_CLOUDFLARE.length;
    return isSettled ? waiting : undefined;
  };
  const waiting = await eventually(inStates, {
    what: "one bridge to carry and the other to stand by",
    timeoutMs: PATIENCE_MS,
  });
  for (const { reason } of waiting) expect(reason).toMatch(/refused the name/);
}

/** What comes across is whole, in order, and comes until now without a longer gap than `limit`. */
function expectCarried(frames: readonly ReadFrame[], path: string, limit: number): void {
  expectUnaltered(frames, path);
  expect(longestGap(frames)).toBeLessThan(limit);
  expect(performance.now() - (frames.at(-1)?.at ?? 0)).toBeLessThan(1_000);
}

/** moq-relay may end a subscription with the bridge it was asking for; moq-rs then subscribes again, from the same group on. */
function repeatedGroups(frames: readonly ReadFrame[]): Set<number> {
  const seen = new Set<string>();
  const repeated = new Set<number>();
  for (const { text, group } of frames) {
    if (seen.has(text)) repeated.add(group);
    seen.add(text);
  }
  return repeated;
}

test.concurrent.each(
  SCHEMES.flatMap((scheme) => SIGNALS.map((signal) => [signal, scheme] as const)),
)(
  "two bridges: one is ended twice by %s and comes back once, over %s; the other takes over, without an echo",
  (signal, scheme) =>
    inScene(`two bridges ${signal} ${scheme}`, async (scene) => {
      const world = await startWorld(scene, scheme);
      const { ietf, first, second, onRelay, onCloudflare } = world;
      const end = (bridge: BridgeProcess) =>
        signal === "SIGKILL" ? bridge.process.kill() : bridge.stop();
      // The relay's broadcasts are carried by the bridge that was first, Cloudflare's by the one that came last.
      await expectStandby(first, second);
      const startedAt = performance.now();
      const until = (ms: number) => elapse(startedAt + ms - performance.now());
      const from = onRelay.events.length;
      await until(END_AT_MS);
      await end(first);
      await until(BACK_AT_MS);
      const again = await world.startBridge("bridge-1-again");
      await expectStandby(second, again);
      await until(END_AGAIN_AT_MS);
      await end(again);
      await until(RUN_MS);

      // Nothing but what is published, once on each side.
      expect(onRelay.live()).toEqual(ALL.toSorted());
      await ietf.publishes(...ALL);
      const limit = GAP_MS[signal];
      for (const [index, path] of TO_CLOUDFLARE.entries()) {
        expectCarried(onCloudflare[index]?.frames.all() ?? [], path, limit);
      }
      for (const path of TO_RELAY) {
        const frames = onRelay.frames(path).map((frame) => ({ ...frame, text: textOf(frame) }));
        expectCarried(frames, path, limit);
        expect(repeatedGroups(frames).size).toBeLessThanOrEqual(ENDS);
      }
      // The relay takes the other bridge's copy of a stream without its viewers' hearing of it.
      const isMove = (event: TimedPythonEvent) =>
        event.event === "subscribed" || (event.event === "announced" && !event.active);
      expect(onRelay.events.filter(isMove, from)).toEqual([]);
      expectCleanOutput(second);
    }),
);
