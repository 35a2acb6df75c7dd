import { Demo, type DemoOptions } from "./demo.js";
import { demoEnd } from "./demo-end.js";
import { DemoTable, demoLine, demoResult } from "./demo-text.js";
import type { DemoWorld } from "./demo-world.js";
import { introduction } from "./introduction.js";

/** How a demo runs. */
export interface RunDemoOptions extends DemoOptions {
  /** Ends after this long, and once all is back that was killed; otherwise when it is asked to. */
  readonly durationMs: number | undefined;
  /** Kills each part once and starts it again, spread over the duration. */
  readonly kill: boolean;
  readonly write: (text: string) => void;
  /** How wide the terminal is on which a table is drawn again and again; without one, a line a second. */
  readonly terminalColumns: () => number | undefined;
  /** Serves the bridge's status page; returns how to stop. */
  readonly startAdmin?: (world: DemoWorld) => Promise<() => Promise<void>>;
  readonly stopRequested: Promise<string>;
}

const TICK_MS = 1_000;
const CURSOR_UP = "\u001b[A";
const CLEAR_LINE = "\u001b[2K\r";

/** Runs the demo to its end; true if both directions carried everything unaltered. */
export async function runDemo(options: RunDemoOptions): Promise<boolean> {
  const { write, terminalColumns, durationMs, kill, stopRequested, startAdmin } = options;
  const demo = await Demo.start(options);
  const stopAdmin = await startAdmin?.(demo.world);
  for (const line of introduction(demo.world)) write(`${line}\n`);
  const table = new DemoTable(demo.streams);
  let drawn = 0;
  const draw = () => {
    const columns = terminalColumns();
    if (columns === undefined) {
      write(`${demoLine(demo.seconds, demo.streams)}\n`);
      return;
    }
    const lines = ["", ...table.lines(demo.world.bridge.status(), columns - 1)];
    write(`${(CURSOR_UP + CLEAR_LINE).repeat(drawn)}${lines.join("\n")}\n`);
    drawn = lines.length;
  };
  const ticking = setInterval(() => {
    demo.settle();
    draw();
  }, TICK_MS);
  const killing = kill && durationMs !== undefined ? demo.restartAll(durationMs) : undefined;
  try {
    await demoEnd(durationMs, stopRequested, killing);
  } finally {
    clearInterval(ticking);
  }
  const { seconds } = demo;
  await demo.stop();
  await stopAdmin?.();
  const { ok, lines } = demoResult(seconds, demo.streams);
  write(`\n${lines.join("\n")}\n`);
  return ok;
}
