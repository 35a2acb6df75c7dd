import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "./tab.js";

const OUTPUT = join(process.cwd(), "test-output");

/** Keeps what the page looks like now. */
export async function keepScreenshot(browser: Browser, name: string): Promise<void> {
  const folder = join(OUTPUT, "screenshots");
  await mkdir(folder, { recursive: true });
  await browser.screenshot(join(folder, `${name}.png`));
}

/** Keeps figures as `test-output/measured/<name>.json`. */
export async function keepFigures(name: string, figures: object): Promise<void> {
  const folder = join(OUTPUT, "measured");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(figures, null, 2)}\n`);
}
