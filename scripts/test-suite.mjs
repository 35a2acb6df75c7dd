// `node scripts/test-suite.mjs NAME`: installs what one suite of tests with real peers or browsers needs, and runs it.
import { spawnSync } from "node:child_process";

const PEERS = ["npm", "run", "peers"];
const ADDON = ["node", "packages/transport-native/build.mjs"];
const CHROMIUM = ["node", "scripts/browser.mjs"];
const BROWSERS = ["node", "scripts/browser.mjs", "chromium", "webkit"];
// Tests that start the command run what was built, which must not be older than the sources.
const COMMAND = ["node", "scripts/build.mjs", "command"];
const COMMAND_AND_PAGE = [...COMMAND, "page"];
const TABLE = ["node", "scripts/interop-table.mjs"];

/** What runs before and after the vitest project of the same name, and its configuration where it has its own. */
const SUITES = {
  interop: { before: [PEERS, CHROMIUM, ADDON, COMMAND_AND_PAGE], after: [TABLE] },
  cloudflare: { before: [PEERS, ADDON, COMMAND], after: [] },
  registry: { before: [PEERS, ADDON, COMMAND], after: [] },
  browser: { before: [BROWSERS, PEERS, ADDON, COMMAND_AND_PAGE], after: [] },
  chromium: { before: [CHROMIUM], after: [], config: "vitest.chromium.ts" },
};

const name = process.argv[2] ?? "";
const suite = SUITES[name];
if (!suite) fail(`no suite is called "${name}"; there are ${Object.keys(SUITES).join(", ")}`);
for (const command of suite.before) {
  if (!run(command)) fail(`${command.join(" ")} failed, so the tests of ${name} cannot run`);
}
const passed = run([
  ...["npx", "vitest", "run", "--config", suite.config ?? "vitest.workspace.ts"],
  ...["--project", name],
  ...["--reporter=default", "--reporter=json", `--outputFile.json=test-output/${name}.json`],
]);
const finished = suite.after.map(run);
process.exitCode = passed && finished.every(Boolean) ? 0 : 1;

function run([command, ...args]) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (error) console.error(`${command}: ${error.message}`);
  return status === 0;
}

function fail(reason) {
  console.error(`test-suite: ${reason}`);
  process.exit(1);
}
