import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { eventually, freePort } from "@moq-bridge/testing";
import type { Browser } from "./tab.js";

const MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";
const READY_MS = 20_000;
/** There is no GPU under Xvfb, and on an imitated one the page process of 2.50.6 dies now and then in Skia's cache. */
const WITHOUT_GPU = { WEBKIT_SKIA_ENABLE_CPU_RENDERING: "1" };

/** WebKitGTK's MiniBrowser on a screen of its own, driven over WebDriver: what is nearest to Safari here. */
export class WebKit implements Browser {
  readonly #screen: ChildProcess;
  readonly #driver: ChildProcess;
  readonly #url: string;
  #session = "";

  private constructor(screen: ChildProcess, driver: ChildProcess, url: string) {
    this.#screen = screen;
    this.#driver = driver;
    this.#url = url;
  }

  static async start(): Promise<WebKit> {
    if (!existsSync(MINI_BROWSER)) throw new Error("no WebKitGTK: npm run browsers");
    const screen = spawn(
      "Xvfb",
      ["-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp"],
      {
        stdio: ["ignore", "ignore", "ignore", "pipe"],
      },
    );
    const [line] = await once(createInterface(screen.stdio[3] as Readable), "line");
    const port = await freePort();
    const driver = spawn("WebKitWebDriver", ["--host=127.0.0.1", `--port=${port}`], {
      env: { ...process.env, DISPLAY: `:${line}`, ...WITHOUT_GPU },
      stdio: "ignore",
    });
    const browser = new WebKit(screen, driver, `http://127.0.0.1:${port}`);
    await browser.#open();
    return browser;
  }

  async open(url: string): Promise<void> {
    await this.#command("POST", "/url", { url });
  }

  evaluate(expression: string): Promise<unknown> {
    return this.#command("POST", "/execute/sync", { script: `return ${expression};`, args: [] });
  }

  async screenshot(file: string): Promise<void> {
    const png = await this.#command("GET", "/screenshot");
    await writeFile(file, Buffer.from(String(png), "base64"));
  }

  async closeTab(): Promise<void> {
    await this.#command("DELETE", "/window");
  }

  async kill(): Promise<void> {
    for (const pid of descendants(this.#driver.pid ?? 0)) killQuietly(pid);
  }

  async stop(): Promise<void> {
    await this.kill();
    for (const child of [this.#driver, this.#screen]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }

  async #open(): Promise<void> {
    const ready = async () => {
      const response = await fetch(`${this.#url}/status`).catch(() => undefined);
      return response?.ok === true;
    };
    await eventually(ready, { what: "WebKitWebDriver", timeoutMs: READY_MS });
    const capabilities = {
      alwaysMatch: {
        "webkitgtk:browserOptions": { binary: MINI_BROWSER, args: ["--automation"] },
      },
    };
    const value = await this.#request("POST", "/session", { capabilities });
    this.#session = String((value as { sessionId: string }).sessionId);
    await this.#command("POST", "/window/rect", { width: 800, height: 760 });
  }

  #command(method: string, path: string, body?: object): Promise<unknown> {
    return this.#request(method, `/session/${this.#session}${path}`, body);
  }

  async #request(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(this.#url + path, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    });
    const { value } = (await response.json()) as { value: unknown };
    if (!response.ok) throw new Error(`WebDriver ${method} ${path}: ${JSON.stringify(value)}`);
    return value;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}

/** The processes below one, from /proc. */
function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It ended while we looked.
    }
  }
  const found = [root];
  for (const parent of found) {
    for (const [pid, of] of parents) if (of === parent) found.push(pid);
  }
  return found.slice(1);
}
