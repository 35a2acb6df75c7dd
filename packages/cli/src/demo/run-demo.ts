import { Demo, type DemoOptions } from "./demo.js";
import { DemoTable, demoLine, demoResult } from "./demo-text.js";
import type { DemoWorld } from "./demo-world.js";

/** How a demo runs. */
export interface RunDemoOptions extends DemoOptions {
  /** Ends after this long; otherwise when it is asked to. */
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
    // A line that wraps would be two to draw over.
    const lines = ["", ...table.lines(demo.world.bridge.status())].map((line) =>
      line.slice(0, Math.max(0, columns - 1)),
    );
    write(`${(CURSOR_UP + CLEAR_LINE).repeat(drawn)}${lines.join("\n")}\n`);
    drawn = lines.length;
  };
  const ticking = setInterval(() => {
    demo.settle();
    draw();
  }, TICK_MS);
  const killing = kill && durationMs !== undefined ? demo.restartAll(durationMs) : undefined;
  try {
    await Promise.all([endOf(durationMs, stopRequested), killing]);
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

/** What runs where. Tokens are not shown. */
function introduction(world: DemoWorld): string[] {
  const origin = (url: string) => new URL(url).origin;
  const withoutQuic = world.withoutWebTransport;
  return [
    "A demo on this machine alone: nothing of it can be reached from outside.",
    `  moq-lite relay   ${origin(world.relayForClients.url)} for its clients, ${origin(world.relayForBridge.url)} for the bridge, a cluster node there`,
    `  draft-14 relay   ${origin(world.cloudflareForClients.url)}, behaving like Cloudflare's`,
    `  registry         ${world.registryUrl}`,
    withoutQuic === undefined
      ? "  draft-14 runs over WebTransport, as on Cloudflare"
      : `  draft-14 runs over WebSocket, which Cloudflare does not have: ${withoutQuic}`,
    "",
  ];
}

function endOf(durationMs: number | undefined, stopRequested: Promise<string>): Promise<unknown> {
  if (durationMs === undefined) return stopRequested;
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, durationMs);
  });
  return Promise.race([over, stopRequested]).finally(() => clearTimeout(timer));
}
