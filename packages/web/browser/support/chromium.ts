import { existsSync } from "node:fs";
import {
  type BrowserServer,
  chromium,
  type Page,
  type Browser as PlaywrightBrowser,
} from "playwright-core";
import type { Browser } from "./tab.js";

const EXECUTABLE = process.env["CHROMIUM"] || "/usr/bin/chromium";

/** Without the background traffic that a closed network refuses; as root there is no sandbox. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

const VIEWPORT = { width: 800, height: 760 };

/** A camera and a microphone that Chromium makes up, and the visitor's consent. */
export const MADE_UP_CAMERA = [
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

/** Debian's Chromium, headless. */
export class Chromium implements Browser {
  readonly #server: BrowserServer;
  readonly #browser: PlaywrightBrowser;
  readonly #page: Page;

  private constructor(server: BrowserServer, browser: PlaywrightBrowser, page: Page) {
    this.#server = server;
    this.#browser = browser;
    this.#page = page;
  }

  /** @param extra further arguments */
  static async start(extra: readonly string[] = []): Promise<Chromium> {
    if (!existsSync(EXECUTABLE)) throw new Error("no Chromium: npm run browsers");
    const server = await chromium.launchServer({
      executablePath: EXECUTABLE,
      args: [...ARGUMENTS, ...extra],
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
    });
    const browser = await chromium.connect(server.wsEndpoint());
    return new Chromium(server, browser, await browser.newPage({ viewport: VIEWPORT }));
  }

  /** A further tab; `without` are globals that its pages do not have. */
  async newTab(without: readonly string[] = []): Promise<Chromium> {
    const page = await this.#browser.newPage({ viewport: VIEWPORT });
    await page.addInitScript(`for (const name of ${JSON.stringify(without)}) delete window[name];`);
    return new Chromium(this.#server, this.#browser, page);
  }

  /** For tests that use the page as a visitor does. */
  get page(): Page {
    return this.#page;
  }

  async open(url: string): Promise<void> {
    await this.#page.goto(url);
  }

  evaluate(expression: string): Promise<unknown> {
    return this.#page.evaluate(expression);
  }

  async screenshot(file: string): Promise<void> {
    await this.#page.screenshot({ path: file });
  }

  async closeTab(): Promise<void> {
    await this.#page.close({ runBeforeUnload: false });
  }

  async kill(): Promise<void> {
    await this.#server.kill();
  }

  async stop(): Promise<void> {
    await this.#server.kill();
  }
}
