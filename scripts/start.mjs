// npm start: installs and builds what is missing or older than its sources, then runs the demo
// with the arguments given. The QUIC addon is built where cargo is; without it the demo runs over WebSocket.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

if (!isInstalled()) run("npx", "-y", "pnpm@10.34.9", "install", "--frozen-lockfile");
if (!hasAddon()) {
  // It may fail: the demo says what it runs over.
  spawnSync(process.execPath, ["scripts/setup.mjs"], { cwd: root, stdio: "inherit" });
}
run(process.execPath, "scripts/build.mjs", "command", "page");
const demo = spawnSync(
  process.execPath,
  ["packages/cli/bin/moq-bridge.js", "demo", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = demo.status ?? 1;

function run(command, ...args) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status !== 0) process.exit(status ?? 1);
}

function isInstalled() {
  const done = join(root, "node_modules", ".modules.yaml");
  return existsSync(done) && changedAt(done) >= changedAt(join(root, "pnpm-lock.yaml"));
}

function hasAddon() {
  return readdirSync(join(root, "packages", "transport-native")).some((name) =>
    name.endsWith(".node"),
  );
}

function changedAt(path) {
  return statSync(path).mtimeMs;
}
