import { eventually } from "@moq-bridge/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Which, World } from "./support/world.js";

/** Both ways: who publishes, who watches. */
const WAYS: readonly { readonly from: Which; readonly to: Which }[] = [
  { from: "chromium", to: "webkit" },
  { from: "webkit", to: "chromium" },
];

/** A key frame comes each second. */
const PICTURE_WITHIN_MS = 2_000;
/** Detection of a killed peer, 3 s for what follows, and starting a process. */
const HEALED_WITHIN_MS = 20_000;

describe.each(WAYS)("what $from publishes, $to shows:", ({ from, to }) => {
  let world: World;
  const name = `demo/from-${from}`;

  beforeEach(async ({ task }) => {
    world = await World.start(`browser ${from} to ${to} ${task.name}`);
  });

  afterEach(() => world.end());

  it("a picture that goes on, and sound; to one who comes late, at once", async () => {
    const publisher = await world.publish(from, name);
    const viewer = await world.watch(to, name);
    await viewer.seesCounterAdvance(30_000);
    await viewer.decodesSound(15_000);
    await publisher.isIn("publishing", 1_000);
    expect(await viewer.statusLine()).toContain(to === "webkit" ? "WebSocket" : "WebTransport");
    expect(await viewer.number(/latency (\d+) ms/)).toBeLessThan(5_000);
    await world.screenshot(publisher, `${from}-publishes`);
    await world.screenshot(viewer, `${to}-shows-${from}`);

    const age = async () => (await publisher.number(/(\d+) pictures/)) > 20 * 15;
    await eventually(age, { what: "the stream to be 20 s old", timeoutMs: 60_000 });
    const late = await world.watch(to, name);
    expect(await late.firstPictureAfterMs()).toBeLessThan(PICTURE_WITHIN_MS);
  });

  it("again after the bridge, and then each relay, was killed and started anew", async () => {
    await world.publish(from, name);
    const viewer = await world.watch(to, name);
    await viewer.seesCounterAdvance(30_000);
    for (const restart of [
      () => world.restartBridge(),
      () => world.restartRelay(),
      () => world.restartCloudflare(),
    ]) {
      const before = (await viewer.counter()) ?? 0;
      await restart();
      await viewer.seesCounterBeyond(before + 15, HEALED_WITHIN_MS);
      await viewer.seesCounterAdvance(HEALED_WITHIN_MS);
      await viewer.isIn("playing", 5_000);
    }
  });

  it("that the stream ended, when its tab was closed, and when its browser was killed", async () => {
    const closed = await world.publish(from, name);
    const viewer = await world.watch(to, name);
    await viewer.seesCounterAdvance(30_000);
    await closed.browser.closeTab();
    await viewer.isIn("ended", 10_000);
    expect(await viewer.statusLine()).toContain("The stream has ended.");
    await world.screenshot(viewer, `${to}-says-that-${from}-ended`);

    const killed = await world.publish(from, name);
    await viewer.isIn("playing", 30_000);
    await viewer.seesCounterAdvance(30_000);
    await killed.browser.kill();
    await viewer.isIn("ended", 20_000);
  });
});
