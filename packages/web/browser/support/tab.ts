import { eventually } from "@moq-bridge/testing";

/** Cells of the code below the picture. */
const CELLS = 32;

/** When the page was asked for, and when it drew, are on its timeline. */
const FIRST_PICTURE = `performance.getEntriesByName("first picture")[0]?.startTime ?? null`;

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

/** How old pictures were when they were drawn, in milliseconds, as the page says it. */
export interface ShownLatency {
  readonly pictures: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** One publisher or viewer on a page, as a visitor sees it. */
export class Tab {
  readonly browser: Browser;
  readonly #root: string;

  /** @param root a selector: the element that has the state, the picture and the words */
  constructor(browser: Browser, root = "body") {
    this.browser = browser;
    this.#root = root;
  }

  async state(): Promise<string> {
    return String(await this.#evaluate("root.dataset.state"));
  }

  /** What it says in sentences. */
  words(): Promise<string> {
    return this.#text(".words");
  }

  /** What it says in figures. */
  facts(): Promise<string> {
    return this.#text(".facts");
  }

  /** A number of the facts, for example of `pictures`. */
  async number(pattern: RegExp): Promise<number> {
    return Number(pattern.exec(await this.facts())?.[1] ?? Number.NaN);
  }

  async latency(): Promise<ShownLatency> {
    const text = await this.#text(".latency");
    const [, pictures, p50, p90, p99] =
      /Last (\d+) pictures: p50 (\d+), p90 (\d+), p99 (\d+) ms/.exec(text)?.map(Number) ?? [];
    if (!pictures || p50 === undefined || p90 === undefined || p99 === undefined) {
      throw new Error(`no latency in "${text}"`);
    }
    return { pictures, p50, p90, p99 };
  }

  /** The counter drawn in the picture, `undefined` while none is to be seen. */
  async counter(): Promise<number | undefined> {
    // The luminance in the middle of each cell, read off the canvas.
    const cells = await this.#evaluate(`(() => {
      const canvas = root.querySelector("canvas");
      const top = canvas.height - 15;
      const data = canvas.getContext("2d").getImageData(0, top, canvas.width, 1).data;
      return Array.from({ length: ${CELLS} }, (_, cell) => {
        const at = Math.floor(((cell + 0.5) * canvas.width) / ${CELLS}) * 4;
        return (data[at] + data[at + 1] + data[at + 2]) / 3;
      });
    })()`);
    return decodeCells(cells as number[]);
  }

  /** Which side's colour the picture has. */
  async shownSide(): Promise<"relay" | "cloudflare"> {
    const [red, , blue] = (await this.#evaluate(
      `[...root.querySelector("canvas").getContext("2d").getImageData(4, 4, 1, 1).data]`,
    )) as [number, number, number];
    return blue > red ? "relay" : "cloudflare";
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
    await this.until(advances, "the counter to advance", timeoutMs);
    return last ?? 0;
  }

  /** Waits until the counter is past `value`. */
  async seesCounterBeyond(value: number, timeoutMs: number): Promise<void> {
    const beyond = async () => ((await this.counter()) ?? 0) > value;
    await this.until(beyond, `the counter to be past ${value}`, timeoutMs);
  }

  /** How long after it was asked for the page drew its first picture, by its own clock. */
  async firstPictureAfterMs(): Promise<number> {
    let found: unknown;
    const drawn = async () => {
      found = await this.browser.evaluate(FIRST_PICTURE);
      return typeof found === "number";
    };
    await this.until(drawn, "a first picture", 20_000);
    return found as number;
  }

  async isIn(state: string, timeoutMs: number): Promise<void> {
    await this.until(
      async () => (await this.state()) === state,
      `the page to be ${state}`,
      timeoutMs,
    );
  }

  async leaves(state: string, timeoutMs: number): Promise<void> {
    await this.until(
      async () => (await this.state()) !== state,
      `the page not to be ${state} any more`,
      timeoutMs,
    );
  }

  async saysInWords(words: RegExp, timeoutMs: number): Promise<void> {
    await this.until(async () => words.test(await this.words()), `the words ${words}`, timeoutMs);
  }

  async decodesSound(timeoutMs: number): Promise<void> {
    const decoded = async () => (await this.number(/(\d+) sound frames/)) > 50;
    await this.until(decoded, "sound to be decoded", timeoutMs);
  }

  /** Waits; a failure tells what the page said. */
  async until(check: () => Promise<boolean>, what: string, timeoutMs: number): Promise<void> {
    await eventually(check, { what, timeoutMs }).catch(async (error: Error) => {
      const [state, words, facts] = [await this.state(), await this.words(), await this.facts()];
      throw new Error(`${error.message}; the page is ${state} and says: ${words} ${facts}`);
    });
  }

  #text(selector: string): Promise<string> {
    return this.#evaluate(`root.querySelector("${selector}").textContent`) as Promise<string>;
  }

  #evaluate(expression: string): Promise<unknown> {
    return this.browser.evaluate(
      `(() => { const root = document.querySelector("${this.#root}"); return ${expression}; })()`,
    );
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
