import type { Load } from "./load.js";

/** One measurement. Rates and times are of the whole run of a load. */
export interface Row {
  readonly path: string;
  readonly load: string;
  readonly sent: number;
  readonly received: number;
  /** In milliseconds; absent where it is not measured. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly megabytesPerSecond: number;
  readonly groupsPerSecond: number;
  /** Of both processors of the machine, in the time of this row. */
  readonly busyPercent: number;
  /** Processor seconds of the process between, and what of them each megabyte and each group took. */
  readonly cpuSeconds: number | undefined;
  readonly cpuMsPerMegabyte: number | undefined;
  readonly cpuMsPerGroup: number | undefined;
}

/** What is measured of a load, before it is put into a row. */
export interface Measured {
  readonly sent: number;
  readonly received: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly bytes: number;
  readonly groups: number;
}

/** Puts one measurement into a row. */
export function rowOf(
  what: { readonly path: string; readonly loadName: string; readonly load: Load },
  measured: Measured,
  busyPercent: number,
  cpuMs: number | undefined,
): Row {
  const megabytes = measured.bytes / 1e6;
  return {
    path: what.path,
    load: what.loadName,
    sent: measured.sent,
    received: measured.received,
    p50: measured.p50,
    p99: measured.p99,
    megabytesPerSecond: megabytes / what.load.seconds,
    groupsPerSecond: measured.groups / what.load.seconds,
    busyPercent,
    cpuSeconds: cpuMs === undefined ? undefined : cpuMs / 1000,
    cpuMsPerMegabyte: cpuMs === undefined ? undefined : cpuMs / megabytes,
    cpuMsPerGroup: cpuMs === undefined ? undefined : cpuMs / measured.groups,
  };
}

const HEAD =
  "| path | load | arrived | p50 ms | p99 ms | MB/s | groups/s | machine busy | CPU s | CPU ms/MB | CPU ms/group |";

/** The table's first lines. */
export function head(): string {
  return `${HEAD}\n${HEAD.replace(/[^|]+/g, "---")}\n`;
}

/** One row of the table. */
export function line(row: Row): string {
  const number = (value: number | undefined, digits: number) => value?.toFixed(digits) ?? "";
  const cells = [
    row.path,
    row.load,
    `${((100 * row.received) / row.sent).toFixed(1)} %`,
    number(row.p50, 2),
    number(row.p99, 2),
    number(row.megabytesPerSecond, 1),
    number(row.groupsPerSecond, 0),
    `${number(row.busyPercent, 0)} %`,
    number(row.cpuSeconds, 2),
    number(row.cpuMsPerMegabyte, 2),
    number(row.cpuMsPerGroup, 3),
  ];
  return `| ${cells.join(" | ")} |\n`;
}
