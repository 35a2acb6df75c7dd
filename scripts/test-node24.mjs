// Runs the unit suite on the second Node.js (`npm run peers node` fetches it).
import { spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";

const { MOQ_BRIDGE_CACHE, XDG_CACHE_HOME } = process.env;
const cache = MOQ_BRIDGE_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "moq-bridge");
const node = join(
  cache,
  "node",
  "node_modules",
  `node-${process.platform}-${process.arch}`,
  "bin",
  "node",
);
const result = spawnSync(
  node,
  [
    "node_modules/vitest/vitest.mjs",
    "run",
    ...["--config", "vitest.workspace.ts", "--project", "unit"],
    ...["--reporter=default", "--reporter=json"],
    "--outputFile.json=test-output/unit-node24.json",
  ],
  { stdio: "inherit" },
);
if (result.error) console.error(`cannot run ${node}: ${result.error.message}`);
process.exitCode = result.status ?? 1;
