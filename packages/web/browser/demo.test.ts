import { Scene } from "@moq-bridge/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Chromium } from "./support/chromium.js";
import { DemoProcess } from "./support/demo-process.js";
import { keepFigures, keepScreenshot } from "./support/output.js";
import { type Browser, Tab } from "./support/tab.js";
import { WebKit } from "./support/webkit.js";

/** What the panes' viewers went through is kept in the page; a reload would lose it. */
const NOTE_STATES = `(() => {
  window.seen = { relay: [], cloudflare: [] };
  for (const side of Object.keys(window.seen)) {
    const figure = document.querySelector("#" + side + " .shows");
    new MutationObserver(() => window.seen[side].push(figure.dataset.state)).observe(figure, {
      attributeFilter: ["data-state"],
    });
  }
  return true;
})()`;

const BACK = /^Both pictures were back ([\d.]+) s after the bridge was killed\.$/;
/** Two loopback sessions and a registry that is asked each second: the design's 3 s after detection, and a load. */
const BACK_WITHIN_MS = 10_000;

let scene: Scene;

beforeEach(async ({ task }) => {
  scene = await Scene.create(`demo ${task.name}`);
});

afterEach(() => scene.end());

/** The two viewers on the page. */
function viewers(browser: Browser): readonly [relay: Tab, cloudflare: Tab] {
  return [new Tab(browser, "#relay .shows"), new Tab(browser, "#cloudflare .shows")];
}

async function bothShowTheOtherSide(browser: Browser): Promise<number[]> {
  const [relay, cloudflare] = viewers(browser);
  const counters = [
    await relay.seesCounterAdvance(20_000),
    await cloudflare.seesCounterAdvance(20_000),
  ];
  expect(await relay.shownSide()).toBe("cloudflare");
  expect(await cloudflare.shownSide()).toBe("relay");
  return counters;
}

/** Presses the button and waits until both pictures went away and came back; gives the seconds the page says. */
async function healsByButton(browser: Browser, press: () => Promise<unknown>): Promise<number> {
  const bridge = new Tab(browser, "#bridge");
  const before = await bothShowTheOtherSide(browser);
  await browser.evaluate(NOTE_STATES);
  await press();
  await bridge.saysInWords(BACK, BACK_WITHIN_MS);
  const after = await bothShowTheOtherSide(browser);
  for (const [index, counter] of after.entries())
    expect(counter).toBeGreaterThan(before[index] ?? 0);
  for (const side of ["relay", "cloudflare"]) {
    const states = (await browser.evaluate(`window.seen.${side}`)) as string[];
    expect(states.join(), side).toMatch(/^(interrupted|ended).*,playing$/);
  }
  return Number(BACK.exec(await bridge.words())?.[1]);
}

test("Chromium shows both sides to each other, and again by itself after the button restarted the bridge", async () => {
  const demo = await DemoProcess.start(scene);
  const chromium = await Chromium.start();
  scene.onEnd(() => chromium.stop());
  const { page } = chromium;
  await page.setViewportSize({ width: 1120, height: 1120 });
  await chromium.open(demo.url);
  const [relay, cloudflare] = viewers(chromium);
  await bothShowTheOtherSide(chromium);
  expect(await relay.facts()).toContain("WebSocket, moq-lite-05");
  expect(await cloudflare.facts()).toContain("WebTransport, draft-14");
  for (const viewer of [relay, cloudflare])
    expect((await viewer.latency()).p50).toBeLessThan(5_000);

  const seconds = await healsByButton(chromium, async () => {
    // By the keyboard alone: the button is the first thing on the page that takes the focus.
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
  });
  await demo.process.waitForLine(/the bridge was killed and started again/, { timeoutMs: 1_000 });
  await keepFigures("healed-in-the-demo", { seconds });
  await keepScreenshot(chromium, "demo");
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await chromium.evaluate("document.documentElement.scrollWidth")).toBe(390);
  await keepScreenshot(chromium, "demo-on-a-phone");

  // The moq-lite relay wants a token: it is in no address that is to be seen.
  const link = await page.locator("#relay a.apart").getAttribute("href");
  expect(link).not.toMatch(/jwt/);
  const apart = await chromium.newTab();
  await apart.open(new URL(link ?? "", demo.url).href);
  await new Tab(apart).seesCounterAdvance(10_000);
  expect(await apart.page.locator("[name=url]").inputValue()).toMatch(
    /^ws:\/\/127\.0\.0\.1:\d+\/$/,
  );
  expect(await apart.page.locator("[name=token]").getAttribute("type")).toBe("password");

  await demo.process.stop();
  expect(demo.process.exit).toEqual({ code: 0, signal: null });
});

test("without QUIC Chromium's side says so and goes over WebSocket", async () => {
  const demo = await DemoProcess.start(scene, ["--no-quic"]);
  const chromium = await Chromium.start();
  scene.onEnd(() => chromium.stop());
  await chromium.open(demo.url);
  await bothShowTheOtherSide(chromium);
  const [, cloudflare] = viewers(chromium);
  expect(await cloudflare.facts()).toContain("WebSocket, draft-14");
  expect(await chromium.page.locator("#cloudflare .way").textContent()).toContain(
    "No WebTransport: it was not asked for. So this side uses WebSocket",
  );
});

test("WebKitGTK, which has no WebTransport, shows the same scene over WebSocket and heals it", async () => {
  const demo = await DemoProcess.start(scene);
  const webkit = await WebKit.start();
  scene.onEnd(() => webkit.stop());
  await webkit.open(demo.url);
  await healsByButton(webkit, () => webkit.evaluate(`document.getElementById("restart").click()`));
  await keepScreenshot(webkit, "demo-in-webkit");
  expect(await webkit.evaluate(`document.querySelector("#cloudflare .way").textContent`)).toContain(
    "This browser has no WebTransport. So this side uses WebSocket",
  );
});
