// Runs dist/codec.js on the second Node.js, which @moq/net needs (`npm run peers node`).
import { spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";

const { MOQ_BRIDGE_CACHE, XDG_CACHE_HOME } = process.env;
const cache = MOQ_BRIDGE_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "moq-bridge");
const folder = `node-${process.platform}-${process.arch}`;
const node = join(cache, "node", "node_modules", folder, "bin", "node");
const result = spawnSync(node, ["dist/codec.js"], { stdio: "inherit" });
if (result.error) console.error(`cannot run ${node}: ${result.error.message}`);
process.exitCode = result.status ?? 1;
