import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const WRANGLER = join(PACKAGE, "node_modules/.bin/wrangler");
const DATABASE = "moq-bridge-registry";
const SECRET = "a secret that only tests know, long enough";

let folder: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "moq-bridge-wrangler-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.pid === undefined) continue;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    process.kill(-child.pid, "SIGKILL");
    await ended;
  }
  await rm(folder, { recursive: true });
});

/** Starts wrangler, away from the network and from the developer's own files. */
function wrangler(...args: string[]) {
  const child = spawn(WRANGLER, args, {
    cwd: PACKAGE,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      CI: "1",
      NO_COLOR: "1",
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_LOG_PATH: folder,
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
    },
  });
  children.push(child);
  const output = { text: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output.text += chunk;
    });
  }
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { output, exited };
}

async function succeeds(...args: string[]): Promise<string> {
  const { output, exited } = wrangler(...args);
  const code = await exited;
  expect(code, output.text).toBe(0);
  return output.text;
}

test("migrate and dev: the service answers, and keeps what it is told", async () => {
  const state = join(folder, "state");
  const migrate = ["d1", "migrations", "apply", DATABASE, "--local", "--persist-to", state];
  const migrated = await succeeds(...migrate);
  for (const name of await readdir(join(PACKAGE, "migrations"))) expect(migrated).toContain(name);
  expect(await succeeds(...migrate)).toContain("No migrations to apply");

  const { output } = wrangler(
    ...["dev", "--ip", "127.0.0.1", "--port", "0", "--inspector-port", "0"],
    ...["--persist-to", state, "--var", `REGISTRY_JWT_SECRET:${SECRET}`, "--test-scheduled"],
  );
  await expect
    .poll(() => output.text, { timeout: 60_000, interval: 100 })
    .toMatch(/Ready on http:\/\/127\.0\.0\.1:\d+/);
  const base = /Ready on (http:\/\/127\.0\.0\.1:\d+)/.exec(output.text)?.[1] ?? "";
  const greet = async () => (await fetch(`${base}/api/stats/greet`)).json();
  expect(await greet()).toEqual({ broadcasts: [] });
  const token = await new SignJWT({ prefixes: ["meeting"] })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("7")
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(SECRET));
  const post = (authorization: string) =>
    fetch(`${base}/api/stats/broadcast`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization },
      body: JSON.stringify({ stream_id: "meeting/xyz789", origin: "cloudflare" }),
    });
  expect((await post("Bearer x")).status).toBe(401);
  expect((await post(`Bearer ${token}`)).status).toBe(201);
  expect(await greet()).toMatchObject({
    broadcasts: [{ stream_id: "meeting/xyz789", origin: "cloudflare" }],
  });
  const scheduled = await fetch(`${base}/__scheduled?cron=*+*+*+*+*`);
  expect(scheduled.status).toBe(200);
});

test("deploy --dry-run: one bundle with the D1 binding and nothing of Node", async () => {
  const said = await succeeds("deploy", "--dry-run", "--outdir", join(folder, "out"));
  expect(said).toContain("env.DB");
  expect(said).toContain("REGISTRY_WRITING");
  const files = (await readdir(join(folder, "out"))).filter((name) => name.endsWith(".js"));
  expect(files).toEqual(["worker.js"]);
  const bundle = await readFile(join(folder, "out", "worker.js"), "utf8");
  expect(bundle).not.toMatch(/from\s*"(node:)?(fs|http|net|crypto|buffer|stream|events)"/);
  expect(bundle.length).toBeLessThan(200_000);
});
