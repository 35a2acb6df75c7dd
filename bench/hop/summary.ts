import type { Row } from "./report.js";

/** What the rows come to, and the goals. */
export interface Summary {
  /** Of the bridged paths at 500 frames/s: their latency less that of both relays alone, in milliseconds. */
  readonly addedP50: number | undefined;
  readonly addedP99: number | undefined;
  /** The most that arrived whole (99 %), by path. */
  readonly saturation: Readonly<
    Record<string, { groupsPerSecond: number; megabytesPerSecond: number }>
  >;
  /** The bridge's processor time as a multiple of the addon's own for the same data, by load, the dearer direction. */
  readonly cpuTimesAddon: Readonly<Record<string, number>>;
}

const GOALS = { addedP50: 1, addedP99: 5, cpuTimesAddon: 1.5 };
const WHOLE = 0.99;
const BRIDGED = ["relay to Cloudflare", "Cloudflare to relay"];
const ALONE = ["moq-relay alone", "moq-relay-ietf alone"];

export function summarize(rows: readonly Row[], loads: readonly string[]): Summary {
  const added = (pick: (row: Row) => number | undefined) => {
    const paced = rows.filter((row) => row.load === "500 frames/s");
    const of = (paths: readonly string[]) =>
      paced.filter(({ path }) => paths.includes(path)).map((row) => pick(row) ?? 0);
    if (paced.length === 0) return undefined;
    const alone = of(ALONE).reduce((sum, one) => sum + one, 0);
    return Math.max(...of(BRIDGED)) - alone;
  };
  const saturation = Object.fromEntries(
    [...ALONE, ...BRIDGED].map((path) => {
      const whole = rows.filter((row) => row.path === path && row.received >= WHOLE * row.sent);
      return [
        path,
        {
          groupsPerSecond: Math.max(0, ...whole.map((row) => row.groupsPerSecond)),
          megabytesPerSecond: Math.max(0, ...whole.map((row) => row.megabytesPerSecond)),
        },
      ];
    }),
  );
  const cpuTimesAddon = Object.fromEntries(loads.map((load) => [load, timesAddon(rows, load)]));
  return {
    addedP50: added((row) => row.p50),
    addedP99: added((row) => row.p99),
    saturation,
    cpuTimesAddon,
  };
}

/** By group where groups are one frame, else by megabyte: either is the same for rows of the same data. */
function timesAddon(rows: readonly Row[], load: string): number {
  const cost = (row: Row) =>
    (load.includes("groups") ? row.cpuMsPerGroup : row.cpuMsPerMegabyte) ?? 0;
  const of = (paths: readonly string[]) =>
    rows.filter((row) => row.load === load && paths.includes(row.path)).map(cost);
  return Math.max(...of(BRIDGED)) / (of(["addon alone"])[0] ?? Number.NaN);
}

export function summaryText({ addedP50, addedP99, saturation, cpuTimesAddon }: Summary): string {
  const lines: string[] = [];
  if (addedP50 !== undefined && addedP99 !== undefined) {
    lines.push(
      `added by the bridge at 500 frames/s: p50 ${addedP50.toFixed(2)} ms (goal ${GOALS.addedP50}), p99 ${addedP99.toFixed(2)} ms (goal ${GOALS.addedP99})`,
    );
  }
  for (const [path, { groupsPerSecond, megabytesPerSecond }] of Object.entries(saturation)) {
    lines.push(
      `${path}: ${groupsPerSecond.toFixed(0)} groups/s and ${megabytesPerSecond.toFixed(0)} MB/s with 99 % whole`,
    );
  }
  for (const [load, times] of Object.entries(cpuTimesAddon)) {
    lines.push(
      `bridge's CPU at ${load}: ${times.toFixed(2)} x the addon's (goal ${GOALS.cpuTimesAddon})`,
    );
  }
  return `${lines.join("\n")}\n`;
}
