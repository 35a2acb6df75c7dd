// Sums vitest's JSON reports given as arguments and prints one line of counts.
// A report that is missing, broken, empty, or holds a skipped test counts as a failure.
import { readFileSync } from "node:fs";

let passed = 0;
let failed = 0;
for (const file of process.argv.slice(2)) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    console.error(`${file}: ${error.message}`);
    failed += 1;
    continue;
  }
  const skipped = report.numPendingTests + report.numTodoTests;
  const suites = report.testResults.filter(
    (suite) => suite.status === "failed" && suite.assertionResults.length === 0,
  ).length;
  const empty = report.numTotalTests === 0 ? 1 : 0;
  console.error(
    `${file}: ${report.numPassedTests} passed, ${report.numFailedTests} failed, ` +
      `${skipped} skipped, ${suites} files that did not run`,
  );
  passed += report.numPassedTests;
  failed += report.numFailedTests + skipped + suites + empty;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
