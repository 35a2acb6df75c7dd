// Packs every public package and checks the tarballs as their users get them: publint, are-the-types-wrong,
// the licences, no tests in them and nothing that runs at installation.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { build } from "tsup";
import { publicPackages, root } from "./packages.mjs";

const folder = join(root, "test-output", "packages");
const problems = [];

run(process.execPath, [join(root, "scripts", "pack.mjs")]);
for (const name of readdirSync(folder)) {
  const file = join(folder, name);
  const files = run("tar", ["-tzf", file]).split("\n");
  const manifest = JSON.parse(run("tar", ["-xzOf", file, "package/package.json"]));
  checkContents(name, files, manifest);
  if (/transport-native-(linux|darwin|win32)/.test(name)) continue;
  const tarball = readFileSync(file);
  const { messages } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
  problems.push(...messages.map((message) => `${name}: ${formatMessage(message, manifest)}`));
  checkTypes(name, file, manifest);
  console.log(`${name}: ${files.length - 1} files, ${Math.ceil(tarball.byteLength / 1024)} KiB`);
}
for (const { folder, manifest } of publicPackages()) {
  if (manifest.keywords?.includes("browser")) await checkBrowser(folder, manifest);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

function checkContents(name, files, manifest) {
  for (const license of ["LICENSE-MIT", "LICENSE-APACHE"]) {
    if (!files.includes(`package/${license}`)) problems.push(`${name}: no ${license}`);
  }
  if (manifest.name === "moq-bridge" && !files.includes("package/web/demo.html")) {
    problems.push(`${name}: no page for demo --web`);
  }
  for (const file of files) {
    if (/\.(test|fixture)\.ts$|\.prop\.ts$|target\//.test(file))
      problems.push(`${name}: has ${file}`);
  }
  for (const script of ["preinstall", "install", "postinstall"]) {
    if (manifest.scripts?.[script]) problems.push(`${name}: runs ${script}`);
  }
  for (const version of Object.values({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
  })) {
    if (/^(workspace|file|link):/.test(version)) problems.push(`${name}: depends on ${version}`);
  }
}

/** What says that it is for browsers can be bundled for one; `node` entries are for Node.js by their name. */
async function checkBrowser(folder, { name, exports }) {
  const entries = Object.entries(exports)
    .filter(([entry]) => !entry.endsWith(".json") && entry !== "./node")
    .map(([, { browser, default: file }]) => join(folder, browser?.default ?? file));
  try {
    await build({
      entry: entries,
      outDir: join(root, "test-output", "browser-packages", name),
      platform: "browser",
      format: "esm",
      noExternal: [/./],
      config: false,
      silent: true,
      dts: false,
    });
  } catch (error) {
    problems.push(`${name} cannot be bundled for a browser: ${error.message}`);
  }
}

/** JSON entries have no types to be wrong. */
function checkTypes(name, file, { exports }) {
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith(".json"));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(root, "node_modules", "@arethetypeswrong", "cli", "dist", "index.js"),
      file,
      ...["--profile", "esm-only", "--format", "table-flipped", "--no-color", "--no-emoji"],
      ...["--entrypoints", ...entries],
    ],
    { encoding: "utf8" },
  );
  if (status !== 0) problems.push(`${name}: are-the-types-wrong\n${stdout}${stderr}`);
}

function run(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`);
}
