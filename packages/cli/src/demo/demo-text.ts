import type { BridgeStatus } from "@moq-bridge/bridge";
import type { DemoDirection, DemoStream } from "./demo-stream.js";
import { percentile } from "./latencies.js";
import type { CheckCounts } from "./track-check.js";

const SIDES: Readonly<Record<DemoDirection, string>> = {
  "to-cloudflare": "cloudflare",
  "to-relay": "relay",
};

const ARROWS: Readonly<Record<DemoDirection, string>> = {
  "to-cloudflare": "relay → cloudflare",
  "to-relay": "cloudflare → relay",
};

const DIRECTIONS: readonly DemoDirection[] = ["to-cloudflare", "to-relay"];

const HEADINGS = [
  "direction",
  "broadcast",
  "state",
  "tracks",
  "frames",
  "Mbit/s",
  "last s",
  "added ms",
  "lost",
  "", // The reason: last, so that a narrow terminal cuts it and not the figures.
] as const;

/** One line for each stream: where it goes, how it is doing, what came through. */
export class DemoTable {
  readonly #streams: readonly DemoStream[];
  readonly #rates = new Map<DemoStream, { at: number; bytes: number }>();

  constructor(streams: readonly DemoStream[]) {
    this.#streams = streams;
  }

  /** The table as of now, a line each, none longer than `width`: one that wraps would be two to draw over. Rates are since the last call. */
  lines(status: BridgeStatus, width: number): string[] {
    const rows = this.#streams.map((stream) => this.#row(stream, status));
    const widths = HEADINGS.map((heading, column) =>
      Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
    );
    const whole = widths.reduce((sum, each) => sum + each + 2, -2);
    const between = whole > width ? " " : "  ";
    const format = (cells: readonly string[]) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join(between)
        .trimEnd()
        .slice(0, Math.max(0, width));
    return [format(HEADINGS), ...rows.map(format)];
  }

  #row(stream: DemoStream, { broadcasts }: BridgeStatus): string[] {
    const { counts, path, direction, name } = stream;
    const now = performance.now();
    const before = this.#rates.get(stream);
    this.#rates.set(stream, { at: now, bytes: counts.bytes });
    const rate = before ? ((counts.bytes - before.bytes) * 8) / (now - before.at) / 1_000 : 0;
    const { lastAt } = stream;
    const known = broadcasts.find((each) => each.path === path && each.direction === direction);
    return [
      `→ ${SIDES[direction]}`,
      name,
      known?.state ?? "unknown",
      `${stream.tracksWell}/${stream.tracks.length}`,
      String(counts.frames),
      rate.toFixed(2),
      lastAt === undefined ? "-" : ((now - lastAt) / 1_000).toFixed(1),
      [0.5, 0.99].map((p) => addedLatency([stream], p)?.toFixed(1) ?? "-").join("/"),
      String(counts.lost + counts.altered),
      known ? (known.reason ?? "") : "the bridge does not know it",
    ];
  }
}

/** All streams in one line, for a log. */
export function demoLine(seconds: number, streams: readonly DemoStream[]): string {
  const directions = DIRECTIONS.map((direction) => {
    const own = streams.filter((stream) => stream.direction === direction);
    const { frames, lost, missed, altered } = sum(own);
    const well = own.filter((stream) => stream.tracksWell === stream.tracks.length).length;
    const p50 = milliseconds(addedLatency(own, 0.5));
    const down = missed > 0 ? `, ${missed} missed` : "";
    return `${ARROWS[direction]} ${well}/${own.length} streams, ${frames} frames, ${lost} lost${down}, ${altered} altered, added ${p50}`;
  });
  return `${seconds.toFixed(0).padStart(3)} s  ${directions.join(" | ")}`;
}

/** What came of a demo. */
export interface DemoResult {
  /** Both directions carried every stream, and nothing was lost or altered. */
  readonly ok: boolean;
  readonly lines: readonly string[];
}

/** The summary, and whether all was well. Frames missed while something was down on purpose do no harm. */
export function demoResult(seconds: number, streams: readonly DemoStream[]): DemoResult {
  const lines = [`${seconds.toFixed(1)} s`];
  const faults: string[] = [];
  for (const direction of DIRECTIONS) {
    const own = streams.filter((stream) => stream.direction === direction);
    const { frames, bytes, lost, missed, altered } = sum(own);
    const down = missed > 0 ? `, ${missed} missed while something was down` : "";
    const [p50, p99] = [0.5, 0.99].map((p) => milliseconds(addedLatency(own, p)));
    lines.push(
      `${ARROWS[direction]}: ${frames} frames, ${(bytes / 1e6).toFixed(1)} MB, ${lost} lost, ${altered} altered${down}; added latency p50 ${p50}, p99 ${p99}`,
    );
    if (lost + altered > 0) faults.push(`${lost} frames lost and ${altered} altered`);
    for (const { path, tracks } of own) {
      for (const { far } of tracks) {
        if (!far.well) faults.push(`${path} ${far.published.spec.name} does not come through`);
      }
    }
  }
  const ok = faults.length === 0;
  const outages = sum(streams).missed > 0 ? "; after each outage every stream came back" : "";
  lines.push(
    ok ? `both directions carried everything unaltered${outages}` : `failed: ${faults.join("; ")}`,
  );
  return { ok, lines };
}

function sum(streams: readonly DemoStream[]): CheckCounts {
  const total: CheckCounts = { frames: 0, bytes: 0, lost: 0, missed: 0, altered: 0 };
  for (const { counts } of streams) {
    for (const key of Object.keys(total) as (keyof CheckCounts)[]) total[key] += counts[key];
  }
  return total;
}

/** In milliseconds. */
function addedLatency(streams: readonly DemoStream[], p: number): number | undefined {
  return percentile(
    streams.flatMap(({ latencies }) => latencies.samples),
    p,
  );
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? "-" : `${value.toFixed(1)} ms`;
}
