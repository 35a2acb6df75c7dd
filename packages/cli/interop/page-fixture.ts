import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";

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

/** Whether pixels of the first series' colour are on some plot; runs inside the page. */
export function isSomethingDrawn(): boolean {
  const { document } = globalThis as unknown as PageGlobals;
  return [...document.querySelectorAll("canvas")].some((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] === 0x2a && data[at + 1] === 0x78 && data[at + 2] === 0xd6) return true;
    }
    return false;
  });
}

/** How wide the page is, whatever of it is in view; runs inside the page. */
export function scrollWidth(): number {
  return (globalThis as unknown as PageGlobals).document.documentElement.scrollWidth;
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
}

/** Opens the page; collects what goes wrong in it and what it asks for elsewhere. */
export async function openPage(
  browser: Browser,
  url: string,
  viewport: { width: number; height: number },
) {
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

/** Keeps what the page looks like as test output. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = join(process.cwd(), "test-output", "screenshots");
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
