import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../cli.js";

/** Runs a command until it ends, or until it wrote something: then it is asked to end. */
async function run(args: readonly string[], until?: RegExp) {
  let [out, error] = ["", ""];
  let stop = (_signal: string) => {};
  const stopRequested = new Promise<string>((resolve) => {
    stop = resolve;
  });
  const watch = () => {
    if (until?.test(out + error)) stop("SIGTERM");
  };
  const code = await runCli({
    args,
    environment: {},
    wallClock: Date.now,
    writeOut: (text) => {
      out += text;
      watch();
    },
    writeError: (text) => {
      error += text;
      watch();
    },
    writeBytes: () => {},
    input: (async function* () {})(),
    stopRequested,
    onUncaught: () => {},
  });
  return { code, out, error };
}

function file(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "moq-bridge-relay-")), "file");
  writeFileSync(path, text);
  return path;
}

test.each([
  [["relay"], "give --dialect moq-lite or draft-14"],
  [["relay", "--dialect", "draft-16"], "give --dialect moq-lite or draft-14"],
  [
    ["relay", "--dialect", "draft-14", "--auth-key-file", "k"],
    "--auth-key-file is for --dialect moq-lite",
  ],
  [["relay", "--dialect", "moq-lite", "--listen", "4443"], "--listen must be HOST:PORT"],
  [["relay", "--dialect", "moq-lite", "--tls-cert", "c"], "give --tls-cert and --tls-key together"],
  [
    ["relay", "--dialect", "moq-lite", "--auth-key-file", "/none"],
    "--auth-key-file: cannot read /none: there is no such file",
  ],
  [["demo", "--duration", "0"], "--duration must be 1 to 86,400 seconds"],
  [["demo", "--duration", "x"], "--duration must be 1 to 86,400 seconds"],
  [["demo", "--admin", "0.0.0.0:0"], "--admin of the demo is for this machine"],
  [["demo", "--kill"], "--kill needs --duration <seconds>"],
  [["demo", "--web", "--kill", "--duration", "9"], "--kill is for the demo without --web"],
  [["demo", "--log-level", "loud"], "--log-level must be one of trace, debug, info, warn, error"],
])("%j is refused with a line that says what to give", async (args, line) => {
  const { code, error } = await run(args);
  expect(error).toContain(line);
  expect([code, error.split("\n").length]).toEqual([2, 2]);
});

test("a key that is none is refused without a word of it", async () => {
  const path = file('{"alg":"ES256","k":"c2VjcmV0"}');
  const { code, error } = await run(["relay", "--dialect", "moq-lite", "--auth-key-file", path]);
  expect(code).toBe(2);
  expect(error).toContain("--auth-key-file: the key cannot be used: it is not for HS256");
  expect(error).not.toContain("c2VjcmV0");
});

test.each(["moq-lite", "draft-14"])(
  "a %s relay says what it is, where, and ends when asked",
  async (dialect) => {
    const { code, error } = await run(
      ["relay", "--dialect", dialect, "--listen", "127.0.0.1:0", "--no-quic"],
      /no WebTransport: .*\n/,
    );
    expect(code).toBe(0);
    expect(error).toContain(`a ${dialect} relay for development, not for production`);
    expect(error).toMatch(/WebSocket: ws:\/\/127\.0\.0\.1:\d+\n/);
    expect(error.includes("open: everybody may publish")).toBe(dialect === "moq-lite");
    expect(error).toContain("SIGTERM: ending");
  },
);

test("the demo ends when asked, and serves the status page while it runs", async () => {
  const { code, out } = await run(
    ["demo", "--admin", "127.0.0.1:0", "--no-quic"],
    / s {2}relay → cloudflare 2\/2 .*cloudflare → relay 2\/2/,
  );
  expect(out).toMatch(/status page: http:\/\/127\.0\.0\.1:\d+\//);
  expect(out).toContain("both directions carried everything unaltered");
  expect(code).toBe(0);
});

test("the demo for browsers says where its page is, and ends when asked", async () => {
  const { code, out } = await run(["demo", "--web", "--no-quic"], /Ctrl-C ends it/);
  expect(out).toMatch(/Open it in a browser: http:\/\/127\.0\.0\.1:\d+\/\n/);
  expect(out).not.toMatch(/jwt/);
  expect(code).toBe(0);
});
