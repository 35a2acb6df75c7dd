import { eventually } from "@moq-bridge/testing";

/** Cells of the code below the picture. */
const CELLS = 32;

/** Reads the luminance of each cell of the counter's code off the canvas. */
const READ_CELLS = `(() => {
  const canvas = document.getElementById("picture");
  const top = canvas.height - 15;
  const data = canvas.getContext("2d").getImageData(0, top, canvas.width, 1).data;
  return Array.from({ length: ${CELLS} }, (_, cell) => {
    const at = (Math.floor(((cell + 0.5) * canvas.width) / ${CELLS})) * 4;
    return (data[at] + data[at + 1] + data[at + 2]) / 3;
  });
})()`;

/** When the page began to watch, and when it drew, are marks on its timeline. */
const FIRST_PICTURE = `(() => {
  const at = (name) => performance.getEntriesByName(name)[0]?.startTime;
  const drawn = at("first picture");
  return drawn === undefined ? null : drawn - at("start");
})()`;

/** One page in one browser. */
export interface Browser {
  open(url: string): Promise<void>;
  /** The value of an expression in the page. */
  evaluate(expression: string): Promise<unknown>;
  screenshot(file: string): Promise<void>;
  /** As a visitor closes a tab. */
  closeTab(): Promise<void>;
  /** SIGKILL to all its processes. */
  kill(): Promise<void>;
  /** Ends it, however it is. */
  stop(): Promise<void>;
}

/** What the page shows, as a visitor sees it. */
export class Tab {
  readonly browser: Browser;

  constructor(browser: Browser) {
    this.browser = browser;
  }

  async state(): Promise<string> {
    return String(await this.browser.evaluate("document.body.dataset.state"));
  }

  async statusLine(): Promise<string> {
    return String(await this.browser.evaluate("document.getElementById('status').textContent"));
  }

  /** A number of the status line, for example of `pictures`. */
  async number(pattern: RegExp): Promise<number> {
    return Number(pattern.exec(await this.statusLine())?.[1] ?? Number.NaN);
  }

  /** The counter drawn in the picture, `undefined` while none is to be seen. */
  async counter(): Promise<number | undefined> {
    return decodeCells((await this.browser.evaluate(READ_CELLS)) as number[]);
  }

  /** Waits until the picture shows a counter that goes on; gives it. */
  async seesCounterAdvance(timeoutMs: number): Promise<number> {
    let first: number | undefined;
    let last: number | undefined;
    const advances = async () => {
      last = await this.counter();
      first ??= last;
      return first !== undefined && last !== undefined && last > first + 5;
    };
    await this.#until(advances, "the counter to advance", timeoutMs);
    return last ?? 0;
  }

  /** Waits until the counter is past `value`. */
  async seesCounterBeyond(value: number, timeoutMs: number): Promise<void> {
    const beyond = async () => ((await this.counter()) ?? 0) > value;
    await this.#until(beyond, `the counter to be past ${value}`, timeoutMs);
  }

  /** How long after it was loaded the page drew its first picture, by its own clock. */
  async firstPictureAfterMs(): Promise<number> {
    let found: unknown;
    const drawn = async () => {
      found = await this.browser.evaluate(FIRST_PICTURE);
      return typeof found === "number";
    };
    await this.#until(drawn, "a first picture", 20_000);
    return found as number;
  }

  async isIn(state: string, timeoutMs: number): Promise<void> {
    await this.#until(
      async () => (await this.state()) === state,
      `the page to be ${state}`,
      timeoutMs,
    );
  }

  async decodesSound(timeoutMs: number): Promise<void> {
    const decoded = async () => (await this.number(/(\d+) sound frames/)) > 50;
    await this.#until(decoded, "sound to be decoded", timeoutMs);
  }

  async #until(check: () => Promise<boolean>, what: string, timeoutMs: number): Promise<void> {
    await eventually(check, { what, timeoutMs }).catch(async (error: Error) => {
      throw new Error(`${error.message}; the page says: ${await this.statusLine()}`);
    });
  }
}

/** 24 bits of the counter and 8 of their check sum. */
export function decodeCells(luminances: readonly number[]): number | undefined {
  const bits = luminances.map((luminance) => (luminance > 127 ? 1 : 0));
  const value = bits.slice(0, 24).reduce<number>((sum, bit) => sum * 2 + bit, 0);
  const check = bits.slice(24).reduce<number>((sum, bit) => sum * 2 + bit, 0);
  const blank = value === 0 && check === 0;
  return !blank && ((value + (value >>> 8) + (value >>> 16)) & 0xff) === check ? value : undefined;
}
