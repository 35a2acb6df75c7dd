// Prints who was spoken to in the last `npm run test:interop`, from vitest's JSON report,
// or from the reports given as arguments, for a run in parts.
// A row is a `describe` titled `interop | ours | peer | protocol | transport`.
// `--write` also puts the table into docs/interop.md.
import { readFileSync, writeFileSync } from "node:fs";

const args = process.argv.slice(2);
const files = args.filter((arg) => !arg.startsWith("--"));
if (files.length === 0) files.push("test-output/interop.json");
const reports = files.map((file) => JSON.parse(readFileSync(file, "utf8")));

/** @type {Map<string, { cells: string[], passed: number, failed: number }>} */
const rows = new Map();
for (const suite of reports.flatMap(({ testResults }) => testResults)) {
  for (const { ancestorTitles, status } of suite.assertionResults) {
    const title = ancestorTitles.find((each) => each.startsWith("interop | "));
    if (title === undefined) continue;
    const row = rows.get(title) ?? { cells: title.split(" | ").slice(1), passed: 0, failed: 0 };
    if (status === "passed") row.passed += 1;
    else row.failed += 1;
    rows.set(title, row);
  }
}

const head = ["ours", "peer", "protocol", "transport", "checks", "result"];
const body = [...rows.values()]
  .map(({ cells, passed, failed }) => [
    ...cells,
    `${passed + failed}`,
    failed === 0 ? "all passed" : `${failed} FAILED`,
  ])
  .sort((a, b) => a.join().localeCompare(b.join()));
const widths = head.map((title, column) =>
  Math.max(title.length, ...body.map((row) => row[column]?.length ?? 0)),
);
const line = (cells) =>
  `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
const table = [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join(
  "\n",
);
const date = new Date(Math.max(...reports.map(({ startTime }) => startTime)))
  .toISOString()
  .slice(0, 10);
console.log(`Interoperability, ${date}\n\n${table}`);

if (args.includes("--write")) {
  const page = "docs/interop.md";
  const [before] = readFileSync(page, "utf8").split("<!-- table -->");
  writeFileSync(
    page,
    `${before}<!-- table -->\n\nRun of ${date} on Node.js ${process.versions.node}.\n\n${table}\n`,
  );
}
if (rows.size === 0) process.exitCode = 1;
