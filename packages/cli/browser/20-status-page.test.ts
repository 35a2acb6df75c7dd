import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN_FLAGS, adminUrl } from "../interop/admin-fixture.js";
import { startDemo } from "../interop/demo-fixture.js";
import { inScene, PATIENCE_MS, startBridged, startClock } from "../interop/fixture.js";
import {
  isSomethingDrawn,
  launchChromium,
  openPage,
  screenshot,
  scrollWidth,
} from "../interop/page-fixture.js";

const DESK = { width: 1200, height: 900 };
const PHONE = { width: 375, height: 700 };
/** How soon a killed relay is shown. */
const SHOWN_MS = 2_000;
/** "Connecting" would be no reason. */
const REASON = /^not connected: (?!connecting$)\S+/;

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser?.close());

/** The row of a broadcast once it is in a state. */
function row(page: Page, path: string, state: string) {
  return page.waitForSelector(`tr[data-path="${path}"][data-state="${state}"]`, {
    timeout: PATIENCE_MS,
  });
}

/** What the page says of a side, once it says why that is not connected. */
async function outage(page: Page, side: "relay" | "cloudflare", timeout: number): Promise<string> {
  const line = page.locator(`#${side} .bad`, { hasText: /^not connected: / });
  await line.waitFor({ timeout });
  return (await line.textContent()) ?? "";
}

/** That the page fits a phone. */
async function expectFit(page: Page): Promise<void> {
  expect(await page.evaluate(scrollWidth)).toBeLessThanOrEqual(PHONE.width);
}

test("20a. during the demo every broadcast has its row, and a killed relay shows with its reason", async () => {
  const { demo, url, stop } = await startDemo();
  try {
    const desk = await openPage(browser, url, DESK);
    const phone = await openPage(browser, url, PHONE);
    const everyRow = async ({ page }: typeof desk) => {
      for (const { path } of demo.streams) await row(page, path, "announced");
      expect(await page.locator("#broadcasts tr").count()).toBe(demo.streams.length);
    };
    for (const opened of [desk, phone]) {
      await everyRow(opened);
      await opened.page.waitForFunction(isSomethingDrawn, undefined, { timeout: PATIENCE_MS });
    }
    await expectFit(phone.page);
    expect(await desk.page.locator("#cloudflare meter").getAttribute("max")).toMatch(/^\d+$/);
    await screenshot(desk.page, "demo");
    await screenshot(phone.page, "demo-phone");

    for (const part of ["relay", "cloudflare"] as const) {
      demo.expectOutage();
      await demo.world.kill(part);
      expect(await outage(desk.page, part, SHOWN_MS)).toMatch(REASON);
      await screenshot(desk.page, `demo-${part}-killed`);
      await screenshot(phone.page, `demo-${part}-killed-phone`);
      await demo.world.revive(part);
      const lost = desk.page.locator(`#${part} .lost`, { hasText: "ago: closed by the peer" });
      await lost.waitFor({ timeout: PATIENCE_MS });
      await everyRow(desk);
    }
    await expectFit(phone.page);
    expect([...desk.problems, ...phone.problems]).toEqual([]);
  } finally {
    await stop();
  }
});

test("20b. between real relays it shows every broadcast, and a killed relay with its reason", () =>
  inScene("20b status page", async (scene) => {
    const { relay, ietf, registry, bridge, relayUrl } = await startBridged(scene, "ws", {
      flags: ADMIN_FLAGS,
    });
    const url = await adminUrl(bridge);
    await startClock(scene, ietf, "live/clock");
    registry.list("live/clock", "live/none");
    const peer = await scene.python("peer", relayUrl);
    await peer.publish("talk", "room/talk", "now");
    await peer.tick("talk", 100, 10);
    await peer.announced("live/clock", { timeoutMs: PATIENCE_MS });
    await peer.view("clock", "live/clock", "now");
    await peer.framesRead("clock", 2, { timeoutMs: PATIENCE_MS });

    const { page, problems } = await openPage(browser, url, DESK);
    for (const path of ["live/clock", "live/none", "room/talk"]) await row(page, path, "announced");
    expect(await page.locator("#broadcasts tr").count()).toBe(3);
    expect(await page.locator("#summary").textContent()).toMatch(/^bridging/);
    expect(await page.locator("#relay").textContent()).toContain("connected");
    expect(await page.locator("#cloudflare").textContent()).toMatch(/\d+ names?, \d+ tracks?/);

    await relay.kill();
    expect(await outage(page, "relay", SHOWN_MS)).toMatch(REASON);
    const waiting = await row(page, "live/clock", "waiting");
    expect(await waiting.textContent()).toContain("no session with the relay: ");
    expect(await page.locator("#summary").textContent()).toContain("not ready: relay");
    await screenshot(page, "real-relay-killed");
    expect(problems).toEqual([]);
  }));
