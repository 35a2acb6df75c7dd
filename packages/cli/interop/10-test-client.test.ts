import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Scene } from "../../testing/src/scene.js";
import type { CliHost } from "../src/cli-host.js";
import { runCli } from "../src/index.js";

let scene: Scene;

beforeEach(async (context) => {
  scene = await Scene.create(`interop client ${context.task.name}`);
});

afterEach(async () => {
  await scene.end();
});

/** Runs the command and gives what it printed and its exit code. */
async function run(
  args: readonly string[],
  environment: CliHost["environment"] = {},
): Promise<{ readonly code: number; readonly lines: string[] }> {
  let text = "";
  const code = await runCli({
    args: ["interop", ...args],
    environment,
    wallClock: () => 0,
    writeOut: (more) => {
      text += more;
    },
    writeError: () => {},
    writeBytes: () => {},
    input: (async function* () {})(),
    stopRequested: new Promise(() => {}),
    onUncaught: () => {},
  });
  return { code, lines: text.trimEnd().split("\n") };
}

const NAMES = [
  "setup-only",
  "announce-only",
  "publish-namespace-done",
  "subscribe-error",
  "announce-subscribe",
  "subscribe-before-announce",
];

describe.each([
  ["moq-relay-ietf 0.7.19", () => scene.ietfRelay()],
  ["moq-relay 0.17.10", async () => ({ url: (await scene.moqRelay()).httpsUrl })],
] as const)("interop | our test client | %s | moq-00 | WebTransport", (_name, start) => {
  it("passes all six cases, in TAP 14", async () => {
    const { url } = await start();
    const { code, lines } = await run([], { RELAY_URL: url, TLS_DISABLE_VERIFY: "1" });
    expect(lines.slice(0, 5)).toEqual([
      "TAP version 14",
      "# moq-bridge interop",
      `# Relay: ${url}`,
      "# Draft: draft-14",
      "1..6",
    ]);
    const points = lines.filter((line) => /^(not )?ok /.test(line));
    expect(points).toEqual(NAMES.map((name, index) => `ok ${index + 1} - ${name}`));
    expect(code).toBe(0);
  });
});

it("runs one case, fails where nobody answers, and lists what it has", async () => {
  const { url } = await scene.ietfRelay();
  const one = await run(["-r", url, "-t", "setup-only", "--tls-disable-verify", "-v"]);
  expect(one).toMatchObject({ code: 0 });
  expect(one.lines).toContain('  received: "SERVER_SETUP"');
  expect((await run(["--list"])).lines).toEqual(NAMES);

  const failed = await run(["-r", "https://127.0.0.1:9/", "-t", "setup-only"]);
  expect(failed.code).toBe(1);
  expect(failed.lines).toContain("not ok 1 - setup-only");
  expect(failed.lines).toContain("  expected: SERVER_SETUP");
  const nowhere = await run(["-t", "setup-only"]);
  expect(nowhere.code).toBe(1);
  expect(nowhere.lines).toContain("# Relay: https://localhost:4443");
});

it("ends with 127 for what it does not have", async () => {
  for (const args of [
    ["-r", "moqt://127.0.0.1:1/"],
    ["-r", "https://127.0.0.1:1/", "-t", "juggling"],
  ]) {
    const { code, lines } = await run(args);
    expect(code).toBe(127);
    expect(lines[1]).toMatch(/^Bail out!/);
  }
});
