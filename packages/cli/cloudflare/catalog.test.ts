import {
  connectScriptedIetf,
  elapse,
  eventually,
  type PythonPeer,
  type Scene,
} from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { inScene, PATIENCE_MS, textOf } from "../interop/fixture.js";
import { connectRelayPeer, SteadyViewer, startPreset } from "./fixture.js";

const TRACK = "catalog.json";
const CATALOG = '{"tracks":["audio","video"]}';
const READ_ONCE = [`7/0 ${CATALOG}`];
const LATER_MS = 60_000;
/** What would come twice has come by then. */
const SETTLED_MS = 3_000;
const TO_CLOUDFLARE = "room/talk";
const TO_RELAY = "live/show";

/** Where the draft-14 side's relay is, for each of them. */
const CLOUDFLARE = {
  "moq-relay-ietf": async (scene: Scene) => (await scene.ietfRelay()).url,
  "the preset cloudflare-hosted": (scene: Scene) => startPreset(scene, "cloudflare-hosted"),
};

async function bridgeTo(scene: Scene, cloudflareUrl: string) {
  const [relay, registry] = await Promise.all([scene.moqRelay(), scene.registry()]);
  registry.list(TO_RELAY);
  await scene.bridge({ relayUrl: relay.httpsUrl, cloudflareUrl, registryUrl: registry.url });
  return relay.httpsUrl;
}

/** What a draft-14 viewer reads of the relay's catalog, from now on. */
async function watchOnCloudflare(scene: Scene, url: string): Promise<() => string[]> {
  const viewer = await SteadyViewer.start(scene, url, TO_CLOUDFLARE, TRACK);
  await viewer.frames.waitFor(() => true, { what: "the catalog", timeoutMs: PATIENCE_MS });
  return () => viewer.frames.all().map(({ group, index, text }) => `${group}/${index} ${text}`);
}

/** The same for a viewer on the relay who watches already. */
async function readOnRelay(viewer: PythonPeer, name: string): Promise<() => string[]> {
  await viewer.framesRead(name, 1, { timeoutMs: PATIENCE_MS });
  return () => viewer.frames(name).map((frame) => `${frame.group}/${frame.index} ${textOf(frame)}`);
}

test.concurrent.each(Object.entries(CLOUDFLARE))(
  "a catalog written once on the relay is read once by viewers on %s: at first, and 60 s later",
  (name, start) =>
    inScene(`catalog from relay ${name}`, async (scene) => {
      const url = await start(scene);
      const relayUrl = await bridgeTo(scene, url);
      const { publish } = await connectRelayPeer(scene, relayUrl);
      const group = publish.createBroadcast(TO_CLOUDFLARE).createTrack(TRACK).openGroup(7);
      group?.writeFrame(Buffer.from(CATALOG));
      group?.finish();
      const early = await watchOnCloudflare(scene, url);
      await elapse(LATER_MS);
      const late = await watchOnCloudflare(scene, url);
      await elapse(SETTLED_MS);
      expect({ early: early(), late: late() }).toEqual({ early: READ_ONCE, late: READ_ONCE });
    }),
);

test.concurrent.each(Object.entries(CLOUDFLARE))(
  "a catalog written once on %s is read once by viewers on the relay: at first, and 60 s later",
  (name, start) =>
    inScene(`catalog from ${name}`, async (scene) => {
      const url = await start(scene);
      const relayUrl = await bridgeTo(scene, url);
      const publisher = await connectScriptedIetf(scene, url);
      const source = publisher.serve(TO_RELAY, TRACK);
      await publisher.publishNamespace(TO_RELAY);
      const viewers = await scene.python("viewers", relayUrl);
      await viewers.announced(TO_RELAY, { timeoutMs: PATIENCE_MS });
      await viewers.view("early", TO_RELAY, TRACK);
      await eventually(() => source.subscribers === 1, {
        what: "the publisher to be asked",
        timeoutMs: PATIENCE_MS,
      });
      await source.openGroup(7);
      await source.writeObject(CATALOG);
      await source.finishGroup();
      const early = await readOnRelay(viewers, "early");
      await elapse(LATER_MS);
      await viewers.view("late", TO_RELAY, TRACK);
      const late = await readOnRelay(viewers, "late");
      await elapse(SETTLED_MS);
      expect({ early: early(), late: late() }).toEqual({ early: READ_ONCE, late: READ_ONCE });
    }),
);

test.concurrent("a catalog written once on moq-relay-ietf is read by a viewer on the relay who comes 60 s after the last one left", () =>
  inScene("catalog nobody watched", async (scene) => {
    const ietf = await scene.ietfRelay();
    const relayUrl = await bridgeTo(scene, ietf.url);
    const publisher = await connectScriptedIetf(scene, ietf.url);
    const source = publisher.serve(TO_RELAY, TRACK);
    await source.openGroup(7);
    await source.writeObject(CATALOG);
    await source.finishGroup();
    await publisher.publishNamespace(TO_RELAY);
    const viewers = await scene.python("viewers", relayUrl);
    await viewers.announced(TO_RELAY, { timeoutMs: PATIENCE_MS });
    await viewers.view("early", TO_RELAY, TRACK);
    const early = await readOnRelay(viewers, "early");
    await viewers.leave("early");
    await elapse(LATER_MS);
    await viewers.view("late", TO_RELAY, TRACK);
    const late = await readOnRelay(viewers, "late");
    await elapse(SETTLED_MS);
    expect({ early: early(), late: late() }).toEqual({ early: READ_ONCE, late: READ_ONCE });
  }));
