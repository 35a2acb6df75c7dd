// Sums vitest's JSON reports given as arguments: says what failed, and prints one line of counts.
// A report that is missing, broken, empty, or holds a skipped test counts as a failure.
import { readFileSync } from "node:fs";
import { relative } from "node:path";

const MESSAGE_LINES = 12;

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
  const notRun = report.testResults.filter(
    (suite) => suite.status === "failed" && suite.assertionResults.length === 0,
  );
  for (const { name, message } of notRun) sayFailed(name, "did not run", message);
  for (const { name, assertionResults } of report.testResults) {
    const failures = assertionResults.filter(({ status }) => status === "failed");
    for (const { fullName, failureMessages } of failures) {
      sayFailed(name, fullName, failureMessages.join("\n"));
    }
  }
  const suites = notRun.length;
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

/** The first lines of a message hold what was expected; where this is read, what scrolled by is often gone. */
function sayFailed(file, test, message) {
  console.error(`FAILED ${relative(process.cwd(), file)}: ${test}`);
  for (const line of message.split("\n").slice(0, MESSAGE_LINES)) console.error(`    ${line}`);
}
