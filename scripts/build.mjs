// `node scripts/build.mjs command page`: builds of these what is missing or older than its sources.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const PARTS = {
  command: { isBuilt: isCommandBuilt, filter: "moq-bridge..." },
  page: { isBuilt: isPageBuilt, filter: "@moq-bridge/web" },
};

for (const name of process.argv.slice(2)) {
  const part = PARTS[name];
  if (!part) fail(`there is no part "${name}"; there are ${Object.keys(PARTS).join(", ")}`);
  if (part.isBuilt()) continue;
  const args = ["-y", "pnpm@10.34.9", "--filter", part.filter, "build"];
  process.stdout.write(`> ${args.slice(1).join(" ")}\n`);
  const { status } = spawnSync("npx", args, {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status !== 0) fail(`the ${name} could not be built`);
}

/** Every package the command needs was built after its newest source. */
function isCommandBuilt() {
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

function fail(reason) {
  console.error(`build: ${reason}`);
  process.exit(1);
}
