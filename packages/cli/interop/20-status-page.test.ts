import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN_FLAGS, adminUrl } from "./admin-fixture.js";
import { inScene, PATIENCE_MS, startBridged, startClock } from "./fixture.js";

const PHONE = { width: 375, height: 700 };
/** How soon a killed relay is shown. */
const SHOWN_MS = 2_000;

/** What the functions that run inside the page use of it; this project knows no DOM types. */
interface PageGlobals {
  readonly document: {
    readonly documentElement: { readonly scrollWidth: number };
    querySelectorAll(selector: "canvas"): Iterable<{
      readonly width: number;
      readonly height: number;
      getContext(kind: "2d"): {
        getImageData(...area: [x: number, y: number, width: number, height: number]): {
          readonly data: Uint8ClampedArray;
        };
      };
    }>;
  };
}

/** Whether pixels of the first series' colour are on some plot. */
function isSomethingDrawn(): boolean {
  const { document } = globalThis as unknown as PageGlobals;
  return [...document.querySelectorAll("canvas")].some((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] === 0x2a && data[at + 1] === 0x78 && data[at + 2] === 0xd6) return true;
    }
    return false;
  });
}

function scrollWidth(): number {
  return (globalThis as unknown as PageGlobals).document.documentElement.scrollWidth;
}

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
});
afterAll(() => browser?.close());

/** Opens the page; collects what goes wrong in it and what it asks for elsewhere. */
async function openPage(url: string, viewport: { width: number; height: number }) {
  const page = await browser.newPage({ viewport });
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) problems.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  return { page, problems };
}

async function screenshot(page: Page, name: string): Promise<void> {
  const folder = join(process.cwd(), "test-output", "screenshots");
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

test("20. the status page shows every broadcast, a killed relay and plots, on a desk and on a phone", () =>
  inScene("20 status page", async (scene) => {
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

    const { page, problems } = await openPage(url, { width: 1200, height: 900 });
    const state = (path: string, name: string) =>
      page.waitForSelector(`tr[data-path="${path}"][data-state="${name}"]`, {
        timeout: PATIENCE_MS,
      });
    await state("live/clock", "announced");
    await state("live/none", "announced");
    await state("room/talk", "announced");
    expect(await page.locator("#broadcasts tr").count()).toBe(3);
    expect(await page.locator("#summary").innerText()).toMatch(/^bridging/);
    expect(await page.locator("#relay").innerText()).toContain("connected");
    expect(await page.locator("#cloudflare").innerText()).toMatch(/\d+ names, \d+ tracks/);

    await page.waitForFunction(isSomethingDrawn, undefined, { timeout: PATIENCE_MS });
    await screenshot(page, "status-page");

    const phone = await openPage(url, PHONE);
    await phone.page.waitForSelector('tr[data-path="room/talk"]');
    const width = await phone.page.evaluate(scrollWidth);
    expect(width).toBeLessThanOrEqual(PHONE.width);
    await screenshot(phone.page, "status-page-phone");

    const killedAt = performance.now();
    await relay.kill();
    await page.locator("#relay", { hasText: "not connected:" }).waitFor({ timeout: PATIENCE_MS });
    const shownAfter = performance.now() - killedAt;
    const why = await page.locator("#relay .bad").first().innerText();
    expect(why).toMatch(/^not connected: \S+/);
    expect(shownAfter).toBeLessThan(SHOWN_MS + 1_000);
    await state("live/clock", "waiting");
    expect(await page.locator('tr[data-path="live/clock"]').innerText()).toContain(
      "no session with the relay: ",
    );
    expect(await page.locator("#summary").innerText()).toContain("not ready: relay");
    await screenshot(page, "status-page-relay-killed");
    expect([...problems, ...phone.problems]).toEqual([]);
  }));
