import { execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventually, freePort, peerExecutable } from "@moq-bridge/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildImage, type Image } from "./image.js";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const NPM = join(dirname(process.execPath), "npm");
const BUILD_MS = 900_000;
const INSTALL_MS = 240_000;
/** As nobody, where that can be chosen. */
const UNPRIVILEGED = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

let image: Image;
beforeAll(async () => {
  image = await buildImage();
}, BUILD_MS);
afterAll(() => image?.remove());

test("24a. the Dockerfile's steps in a clean folder give a bridge that is healthy, and ends when told", async () => {
  const port = await freePort();
  const withPort = (words: readonly string[]) =>
    words.map((word) => word.replaceAll("9090", `${port}`));
  const [program = "", ...args] = withPort(image.command);
  const nobody = `127.0.0.1:${await freePort()}`;
  const env = {
    ...image.environment,
    PATH: dirname(process.execPath),
    EARTHSEED_RELAY_URL: `ws://${nobody}`,
    CLOUDFLARE_RELAY_URL: `https://${nobody}`,
    STREAM_REGISTRY_URL: `http://${nobody}`,
  };
  const container = spawn(program, args, { cwd: "/", env, ...UNPRIVILEGED });
  const ended = new Promise((resolve) => container.on("close", resolve));
  const [ask = "", ...question] = withPort(image.healthCheck);
  const isHealthy = () =>
    run(ask, question, { cwd: "/", env, ...UNPRIVILEGED }).then(
      () => true,
      () => false,
    );
  expect(await isHealthy()).toBe(false);
  await eventually(isHealthy, { what: "a healthy bridge", timeoutMs: 20_000 });
  container.kill("SIGTERM");
  expect(await ended).toBe(0);
});

const NODES: [name: string, executable: () => string][] = [
  ["this Node.js", () => process.execPath],
  ["Node.js 24", () => peerExecutable("node")],
];

describe.each(NODES)("24b. the packed packages, installed with npm on %s", (_name, executable) => {
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
    const tarballs = (await readdir(image.packed)).map((name) => join(image.packed, name));
    // Without install scripts: none may be needed.
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    await inFolder(node, [await npmCli(), "install", ...flags, ...tarballs]);
  }, INSTALL_MS);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("brings nothing that would run or compile at installation", async () => {
    const lock = await readFile(join(folder, "node_modules", ".package-lock.json"), "utf8");
    const packages: Record<string, { hasInstallScript?: true }> = JSON.parse(lock).packages;
    expect(Object.keys(packages)).toContain("node_modules/moq-bridge");
    const withScript = Object.entries(packages).filter(
      ([, { hasInstallScript }]) => hasInstallScript,
    );
    expect(withScript).toEqual([]);
    const files = await readdir(join(folder, "node_modules"), { recursive: true });
    expect(files.filter((file) => file.endsWith("binding.gyp"))).toEqual([]);
  });

  test("gives a command that says its version", async () => {
    const npx = ["exec", "--no", "moq-bridge", "--", "--version"];
    const { stdout } = await inFolder(node, [await npmCli(), ...npx]);
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
    const { stdout } = await inFolder(node, [bin, "demo", "--duration", "5"]);
    expect(stdout).toContain("draft-14 runs over WebTransport");
    expect(stdout).toContain("both directions carried everything unaltered");
  });

  test("gives a demo with its page", async () => {
    const bin = join(folder, "node_modules/moq-bridge/bin/moq-bridge.js");
    const { stdout } = await inFolder(node, [bin, "demo", "--web", "--duration", "1"]);
    expect(stdout).toMatch(/^Open it in a browser: http/m);
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
