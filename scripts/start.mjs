// npm start: installs and builds what is missing or older than its sources, then runs the demo
// with the arguments given. The QUIC addon is built where cargo is; without it the demo runs over WebSocket.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const PNPM = ["npx", "-y", "pnpm@10.34.9"];

if (!isInstalled()) run(...PNPM, "install", "--frozen-lockfile");
if (!hasAddon()) {
  // It may fail: the demo says what it runs over.
  spawnSync(process.execPath, ["scripts/setup.mjs"], { cwd: root, stdio: "inherit" });
}
if (!isBuilt()) run(...PNPM, "--filter", "moq-bridge...", "build");
if (!isPageBuilt()) run(...PNPM, "--filter", "@moq-bridge/web", "build");
const demo = spawnSync(
  process.execPath,
  ["packages/cli/bin/moq-bridge.js", "demo", ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = demo.status ?? 1;

function run(command, ...args) {
  process.stdout.write(`> ${args.slice(1).join(" ")}\n`);
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

/** Every package the command needs was built after its newest source. */
function isBuilt() {
  return [...needed("cli")].every((name) => {
    const folder = join(root, "packages", name);
    const built = join(folder, "dist", "index.js");
    return existsSync(built) && changedAt(built) >= newestIn(join(folder, "src"));
  });
}

/** The pages of `--web` are built from the sources of all that they use. */
function isPageBuilt() {
  const built = join(root, "packages", "cli", "web", "demo.html");
  const sources = [...needed("web")].map((name) =>
    join(root, "packages", name, name === "web" ? "page" : "src"),
  );
  return existsSync(built) && sources.every((folder) => changedAt(built) >= newestIn(folder));
}

/** The folders of a package and of all it depends on in this workspace. */
function needed(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(join(root, "packages", name, "package.json"), "utf8"),
  );
  for (const [dependency, version] of Object.entries({
    ...dependencies,
    ...optionalDependencies,
  })) {
    if (version.startsWith("workspace:")) needed(dependency.replace("@moq-bridge/", ""), found);
  }
  return found;
}

function newestIn(folder) {
  const times = readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? newestIn(path) : changedAt(path);
  });
  return Math.max(0, ...times);
}

function changedAt(path) {
  return statSync(path).mtimeMs;
}
