/**
 * The same bytes through our codecs and those of @moq/net, in one run: draft-14
 * subgroup streams of several shapes, and control messages. Beside them a plain
 * copy of the same chunks. Ends with 1 when a goal is missed.
 */
import { cases } from "./cases.js";
import { type Measurement, measure, ROUNDS } from "./measure.js";
import { loadMoqNet } from "./moq-net.js";

interface Row extends Measurement {
  readonly what: string;
  readonly bytes: number;
  readonly goal: number;
}

const rows: Row[] = [];
for (const { what, goal, contenders } of cases(await loadMoqNet())) {
  rows.push({ what, bytes: contenders.bytes, goal, ...(await measure(contenders)) });
}
report(rows);
process.exitCode = rows.every(({ times, goal }) => times.median >= goal) ? 0 : 1;

function report(all: readonly Row[]): void {
  const rate = (value: number) => `${(value / 1e6).toFixed(0)} MB/s`;
  process.stdout.write(
    `Node.js ${process.version}, @moq/net 0.3.4, processor time, medians of ${ROUNDS} rounds\n\n`,
  );
  process.stdout.write("| what | ours | @moq/net | times | least-most | goal | plain copy |\n");
  process.stdout.write("|---|---|---|---|---|---|---|\n");
  for (const { what, ours, theirs, times, goal, copy } of all) {
    const range = `${times.least.toFixed(1)}-${times.most.toFixed(1)}`;
    const cells = [
      what,
      rate(ours),
      rate(theirs),
      times.median.toFixed(1),
      range,
      goal,
      rate(copy),
    ];
    process.stdout.write(`| ${cells.join(" | ")} |\n`);
  }
  process.stdout.write(`${JSON.stringify(all)}\n`);
}
