import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { peerExecutable } from "@moq-bridge/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const NPM = join(dirname(process.execPath), "npm");
const INSTALL_MS = 240_000;

let packed: string;
let tarballs: string[];
beforeAll(async () => {
  packed = await mkdtemp(join(tmpdir(), "moq-bridge-packed-"));
  await run(process.execPath, [join(ROOT, "scripts", "pack.mjs"), packed]);
  tarballs = (await readdir(packed)).map((name) => join(packed, name));
}, INSTALL_MS);
afterAll(() => rm(packed, { recursive: true, force: true }));

const NODES: [name: string, executable: () => string][] = [
  ["this Node.js", () => process.execPath],
  ["Node.js 24", () => peerExecutable("node")],
];

describe.each(NODES)("24. the packed packages, installed with npm on %s", (_name, executable) => {
  let folder: string;
  let node: string;
  /** Runs a program with that Node.js first on the path. */
  const inFolder = (file: string, args: readonly string[]) =>
    run(file, [...args], {
      cwd: folder,
      env: {
        // With this machine's way to the registry.
        ...process.env,
        PATH: [dirname(node), process.env["PATH"] ?? ""].join(delimiter),
      },
    });

  beforeAll(async () => {
    node = executable();
    folder = await mkdtemp(join(tmpdir(), "moq-bridge-installed-"));
    await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    // Without install scripts: none may be needed.
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    await inFolder(node, [await npmCli(), "install", ...flags, ...tarballs]);
  }, INSTALL_MS);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("gives a command that says its version", async () => {
    const { stdout } = await inFolder(node, [
      await npmCli(),
      "exec",
      "--no",
      "moq-bridge",
      "--",
      "--version",
    ]);
    const { version } = JSON.parse(await readFile(join(ROOT, "packages/cli/package.json"), "utf8"));
    expect(stdout).toBe(`${version}\n`);
  });

  test("gives a doctor that finds the QUIC addon", async () => {
    const bin = join(folder, "node_modules/moq-bridge/bin/moq-bridge.js");
    const failed = await inFolder(node, [bin, "doctor"]).catch((error) => error);
    expect(failed).toMatchObject({ code: 2, stderr: "" });
    expect(failed.stdout).toMatch(/^ok +Node\.js/m);
    expect(failed.stdout).toMatch(/^ok +QUIC +the native addon loads$/m);
    expect(failed.stdout).toMatch(/^fail +settings +give --relay-url/m);
  });

  test("gives a demo that runs", async () => {
    const bin = join(folder, "node_modules/moq-bridge/bin/moq-bridge.js");
    await inFolder(node, [bin, "demo", "--duration", "5"]);
  });

  test("gives entries that can all be imported, and nothing else of ours", async () => {
    const scope = join(folder, "node_modules/@moq-bridge");
    const names = ["moq-bridge", ...(await readdir(scope)).map((name) => `@moq-bridge/${name}`)];
    const entries: string[] = [];
    for (const name of names) {
      const file = join(folder, "node_modules", name, "package.json");
      const { exports } = JSON.parse(await readFile(file, "utf8"));
      for (const entry of Object.keys(exports ?? {})) {
        if (!entry.endsWith(".json")) entries.push(join(name, entry));
      }
    }
    expect(entries).toContain("@moq-bridge/moq-wire/ietf14");
    const script = `
      for (const entry of ${JSON.stringify(entries)}) {
        const module = await import(entry);
        if (Object.keys(module).length === 0) throw new Error(entry + " exports nothing");
      }
      console.log("imported");`;
    const { stdout } = await inFolder(node, ["--input-type=module", "--eval", script]);
    expect(stdout).toBe("imported\n");
  });
});

/** npm's own program, to run it with another Node.js. */
async function npmCli(): Promise<string> {
  const { stdout } = await run(NPM, ["root", "--global"]);
  return join(stdout.trim(), "npm", "bin", "npm-cli.js");
}
