import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../../scripts/count-results.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "moq-bridge-count-"));
afterAll(() => rmSync(folder, { recursive: true }));

const DID_NOT_RUN = { name: "/x/broken.test.ts", status: "failed", message: "no such module" };

function report(name: string, changes: object = {}): string {
  const file = join(folder, name);
  const whole = {
    numTotalTests: 3,
    numPassedTests: 3,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults: [{ status: "passed", assertionResults: [{}] }],
  };
  writeFileSync(file, JSON.stringify({ ...whole, ...changes }));
  return file;
}

function run(...files: string[]) {
  return spawnSync(process.execPath, [SCRIPT, ...files], { encoding: "utf8" });
}

function count(...files: string[]): { line: string; status: number | null } {
  const { stdout, status } = run(...files);
  return { line: stdout.trim(), status };
}

test("sums the reports", () => {
  expect(count(report("a"), report("b"))).toEqual({ line: "6 passed, 0 failed", status: 0 });
});

test.each([
  ["a failed test", { numPassedTests: 2, numFailedTests: 1 }, "5 passed, 1 failed"],
  ["a skipped test", { numPassedTests: 2, numPendingTests: 1 }, "5 passed, 1 failed"],
  [
    "a file that did not run",
    { testResults: [{ ...DID_NOT_RUN, assertionResults: [] }] },
    "6 passed, 1 failed",
  ],
  ["no tests at all", { numTotalTests: 0, numPassedTests: 0 }, "3 passed, 1 failed"],
])("%s is a failure", (name, changes, line) => {
  expect(count(report("a"), report(name.replaceAll(" ", "-"), changes))).toEqual({
    line,
    status: 1,
  });
});

test("a report that is missing is a failure", () => {
  expect(count(report("a"), join(folder, "missing"))).toEqual({
    line: "3 passed, 1 failed",
    status: 1,
  });
});

test("what failed is said, and how", () => {
  const failed = {
    status: "failed",
    fullName: "a stream ends",
    failureMessages: ["AssertionError: expected 1 to be 2"],
  };
  const { stderr } = run(
    report("c", {
      numPassedTests: 2,
      numFailedTests: 1,
      testResults: [
        { name: "/x/ends.test.ts", status: "failed", message: "", assertionResults: [failed, {}] },
        { ...DID_NOT_RUN, assertionResults: [] },
      ],
    }),
  );
  expect(stderr).toMatch(/ends\.test\.ts: a stream ends\n +AssertionError: expected 1 to be 2/);
  expect(stderr).toMatch(/broken\.test\.ts: did not run\n +no such module/);
});
