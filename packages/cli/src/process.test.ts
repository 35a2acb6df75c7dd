import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { VERSION } from "./flags.js";

const bin = fileURLToPath(new URL("../bin/moq-bridge.js", import.meta.url));
const running = new Set<ChildProcess>();

beforeAll(() => {
  const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
  if (!existsSync(main)) throw new Error("these tests run the built command: npm run build first");
});

afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** The built command as a process, with an environment of its own. */
function start(args: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [bin, ...args], {
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const output = { out: "", error: "" };
  let look = () => {};
  child.stdout?.on("data", (chunk) => {
    output.out += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    output.error += chunk;
    look();
  });
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on("close", (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  const wrote = (text: string) =>
    new Promise<void>((resolve, reject) => {
      look = () => {
        if (output.error.includes(text)) resolve();
      };
      look();
      void ended.then(() => reject(new Error(`ended without writing it:\n${output.error}`)));
    });
  return { child, output, ended, wrote };
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

const unreachable = (port: number) => ({
  EARTHSEED_RELAY_URL: `ws://127.0.0.1:${port}`,
  CLOUDFLARE_RELAY_URL: `https://127.0.0.1:${port}`,
  STREAM_REGISTRY_URL: `http://127.0.0.1:${port}/api`,
});

describe("the process", () => {
  it("ends with 2 and one line when settings are missing", async () => {
    const { ended, output } = start([]);
    expect(await ended).toEqual({ code: 2, signal: null });
    expect(output.out).toBe("");
    expect(output.error).toMatch(/^moq-bridge: give --relay-url [^\n]*\n$/);
  });

  it("shows its version", async () => {
    const { ended, output } = start(["--version"]);
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(output).toEqual({ out: `${VERSION}\n`, error: "" });
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "runs by variables alone though nobody answers, and ends with 0 at %s",
    async (signal) => {
      const environment = unreachable(await closedPort());
      const { child, ended, output, wrote } = start([], environment);
      await wrote("every broadcast of the relay becomes public");
      child.kill(signal);
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(output.error).toContain(`${signal}: withdrawing`);
      for (const line of output.error.trimEnd().split("\n")) {
        expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z (trace|debug|info |warn |error) \S/);
      }
    },
  );

  it("logs one line when the registry cannot be reached, without a token", async () => {
    const environment = unreachable(await closedPort());
    const { child, ended, output, wrote } = start(["--relay-token", "tokentoken"], {
      ...environment,
      STREAM_REGISTRY_URL: `${environment.STREAM_REGISTRY_URL}?key=tokentoken`,
      DEBUG: "*",
    });
    await wrote("ECONNREFUSED");
    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(output.error).not.toContain("tokentoken");
  });

  it("hides a token given as a flag from the process list", async () => {
    const args = ["--relay-token", "tokentoken"];
    const { child, wrote } = start(args, unreachable(await closedPort()));
    await wrote("becomes public");
    expect(commandLine(child.pid)).toContain("moq-bridge");
    expect(commandLine(child.pid)).not.toContain("tokentoken");
  });
});

function commandLine(pid: number | undefined): string {
  const file = `/proc/${pid}/cmdline`;
  if (existsSync(file)) return readFileSync(file, "utf8");
  return execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" });
}
