import { loadavg } from "node:os";
import { eventually } from "@moq-bridge/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keepFigures, keepScreenshot } from "./support/output.js";
import type { Tab } from "./support/tab.js";
import { type Part, type Which, World } from "./support/world.js";

/** Both ways: who publishes, who watches. */
const WAYS: readonly { readonly from: Which; readonly to: Which }[] = [
  { from: "chromium", to: "webkit" },
  { from: "webkit", to: "chromium" },
];

const FRAMES_PER_SECOND = 15;
/** A key frame comes each second; then one second more. */
const PICTURE_WITHIN_MS = 2_000;
/** Pictures the latencies are of, and those before them, which came in one go for the viewer who joined. */
const MEASURED_PICTURES = 300;
const CATCH_UP_PICTURES = 30;
/** QUIC's idle time after which the bridge gives up a relay that was killed, and the design's 3 s. */
const HEALED_WITHIN_MS = 6_000 + 3_000;
/** moq-relay-ietf keeps a killed bridge's names for its own idle time. */
const NAMES_FREE_WITHIN_MS = 14_000 + 3_000;
/** Chromium's connection with moq-relay-ietf lives through 10 s of silence; then the name, the catalog and a key frame. */
const CHROMIUM_BACK_WITHIN_MS = 10_000 + 3_000 + PICTURE_WITHIN_MS;
/** A page without WebTransport's close learns of a loss by 4 s of silence. */
const NOTICED_WITHIN_MS = 8_000;

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
    expect(await viewer.shownSide()).toBe(from === "chromium" ? "cloudflare" : "relay");
    await viewer.decodesSound(15_000);
    // Nothing is wrong: the registry has answered, too.
    await publisher.saysInWords(/^Publishing\.$/, 5_000);
    for (const [tab, which] of [
      [publisher, from],
      [viewer, to],
    ] as const) {
      const over = which === "webkit" ? "WebSocket, moq-lite-05" : "WebTransport, draft-14";
      expect(await tab.facts()).toContain(over);
    }

    const picturesOf = (tab: Tab) => tab.number(/(\d+) pictures/);
    const isOld = async () => (await picturesOf(publisher)) > 20 * FRAMES_PER_SECOND;
    await publisher.until(isOld, "the stream to be 20 s old", 60_000);
    const late = await world.watch(to, name);
    const joinedAfterMs = await late.firstPictureAfterMs();
    expect(joinedAfterMs).toBeLessThan(PICTURE_WITHIN_MS);
    expect(await late.seesCounterAdvance(5_000)).toBeGreaterThan(20 * FRAMES_PER_SECOND);
    await late.browser.stop();

    const measured = MEASURED_PICTURES + CATCH_UP_PICTURES;
    const hasSeen = async () => (await picturesOf(viewer)) > measured;
    await viewer.until(hasSeen, `${measured} pictures`, 60_000);
    const latency = await viewer.latency();
    expect(latency.pictures).toBe(MEASURED_PICTURES);
    expect(latency.p99).toBeLessThan(5_000);
    await keepFigures(`latency-${from}-to-${to}`, {
      ...{ from, to, ...latency, joinedAfterMs },
      loadAverage: loadavg()[0],
    });
    await keepScreenshot(publisher.browser, `${from}-publishes`);
    await keepScreenshot(viewer.browser, `${to}-shows-${from}`);
  });

  const limitFor = (part: Part): number => {
    if (part === "bridge" && to === "chromium") return NAMES_FREE_WITHIN_MS;
    if (part === "cloudflare" && from === "chromium") return CHROMIUM_BACK_WITHIN_MS;
    return HEALED_WITHIN_MS;
  };

  it("nothing while the bridge or a relay is killed, and on by itself when it runs again", async () => {
    await world.publish(from, name);
    const viewer = await world.watch(to, name);
    await viewer.seesCounterAdvance(30_000);
    const healed: Partial<Record<Part, number>> = {};
    for (const part of ["bridge", "relay", "cloudflare"] as const) {
      await world.kill(part);
      await viewer.leaves("playing", NOTICED_WITHIN_MS);
      const last = (await viewer.counter()) ?? 0;
      await world.startAgain(part);
      const startedAt = performance.now();
      await viewer.seesCounterBeyond(last + FRAMES_PER_SECOND, limitFor(part));
      healed[part] = Math.round(performance.now() - startedAt);
      await viewer.seesCounterAdvance(5_000);
      await viewer.isIn("playing", 5_000);
    }
    await keepFigures(`healed-${from}-to-${to}`, { from, to, milliseconds: healed });
  });

  it("that the stream ended, when its tab was closed, and when its browser was killed", async () => {
    const closed = await world.publish(from, name);
    const viewer = await world.watch(to, name);
    await viewer.seesCounterAdvance(30_000);
    expect(await world.isListed(name)).toBe(true);
    await closed.browser.closeTab();
    const closedAt = performance.now();
    const isGone = async () => !(await world.isListed(name));
    // Its lease would still hold for 6 s at least: it was told.
    await eventually(isGone, { what: "the registry to be told of the end", timeoutMs: 4_000 });
    await viewer.isIn("ended", 10_000 - (performance.now() - closedAt));
    expect(await viewer.words()).toContain("The stream has ended.");
    await keepScreenshot(viewer.browser, `${to}-says-that-${from}-ended`);

    const killed = await world.publish(from, name);
    await viewer.isIn("playing", 30_000);
    await viewer.seesCounterAdvance(30_000);
    await killed.browser.kill();
    await viewer.isIn("ended", 20_000);
  });
});
