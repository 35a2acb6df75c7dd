import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BridgeOptions } from "@moq-bridge/bridge";
import debug from "debug";
import { afterAll, describe, expect, it, vi } from "vitest";
import { bridgeStatus } from "./admin/status.fixture.js";
import { type CliHost, runCli } from "./cli.js";
import { VERSION } from "./flags.js";
import type { RunnableBridge } from "./run-bridge.js";

const folder = mkdtempSync(join(tmpdir(), "moq-bridge-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

const urls = [
  ...["--relay-url", "https://relay.example", "--cloudflare-url", "https://cdn.example"],
  ...["--registry-url", "https://registry.example"],
];

/** A command line that runs a bridge which does as `bridge` says. */
function setUp(args: readonly string[], bridge: Partial<RunnableBridge> = {}, environment = {}) {
  const out: string[] = [];
  const errors: string[] = [];
  const calls: string[] = [];
  let options: BridgeOptions | undefined;
  let signal = (_name: string) => {};
  let uncaught = (_error: unknown) => {};
  const started = new Promise<void>((resolve) => {
    const start = bridge.start;
    bridge = {
      ...bridge,
      start: () => {
        calls.push("start");
        start?.();
        resolve();
      },
    };
  });
  const host: CliHost = {
    args,
    environment,
    wallClock: () => 0,
    writeOut: (text) => out.push(text),
    writeError: (text) => errors.push(text),
    writeBytes: () => {},
    input: (async function* () {})(),
    stopRequested: new Promise((resolve) => {
      signal = resolve;
    }),
    onUncaught: (handle) => {
      uncaught = handle;
    },
  };
  const done = runCli(host, (given) => {
    options = given;
    return {
      start: () => bridge.start?.(),
      stop: async () => {
        calls.push("stop");
        await bridge.stop?.();
      },
      status: () => bridgeStatus(),
      pollNow: async () => {
        calls.push("pollNow");
      },
    };
  });
  return {
    out,
    errors,
    calls,
    done,
    started,
    options: () => options as BridgeOptions,
    signal: (name: string) => signal(name),
    uncaught: (error: unknown) => uncaught(error),
  };
}

describe("run", () => {
  it("starts the bridge, stops it at a signal and ends with 0", async () => {
    const cli = setUp(urls);
    await cli.started;
    cli.signal("SIGTERM");
    expect(await cli.done).toBe(0);
    expect(cli.calls).toEqual(["start", "stop"]);
    expect(cli.errors.join("")).toMatch(
      /info {2}moq-bridge \S+ starts relay=https:\/\/relay.example cloudflare=https:\/\/cdn.example registry=https:\/\/registry.example direction=both\n/,
    );
    expect(cli.errors.join("")).toContain("SIGTERM: withdrawing");
  });

  it("hands on what it was given", async () => {
    const cli = setUp(
      [...urls, "--relay-token", "tokentoken", "--allow", "a/*", "--poll-interval", "2"],
      {},
    );
    await cli.started;
    const options = cli.options();
    expect(await options.relay.token()).toBe("tokentoken");
    expect(options).toMatchObject({
      relay: { url: "https://relay.example/", tls: {}, insecureWs: false },
      cloudflare: { url: "https://cdn.example/", tls: {} },
      registries: [{ source: { label: "https://registry.example" }, pollIntervalMs: 2000 }],
      direction: "both",
      allow: ["a/*"],
      deny: [],
    });
    cli.signal("SIGINT");
    await cli.done;
  });

  it.each<[string[], boolean]>([
    [[], true],
    [["--direction", "to-relay"], false],
    [["--allow", "a"], false],
    [["--deny", "a"], false],
  ])("with %j says that the relay's broadcasts become public: %s", async (args, says) => {
    const cli = setUp([...urls, ...args]);
    await cli.started;
    cli.signal("SIGINT");
    await cli.done;
    const line = "every broadcast of the relay becomes public on cdn.example;";
    expect(cli.errors.filter((text) => text.includes(line))).toHaveLength(says ? 1 : 0);
  });

  it("reads the token file before each connect, and hides what it held", async () => {
    const file = join(folder, "token");
    writeFileSync(file, "first-token\n");
    const cli = setUp([...urls, "--relay-token-file", file]);
    await cli.started;
    const { relay, log } = cli.options();
    expect(await relay.token()).toBe("first-token");
    writeFileSync(file, " second-token ");
    expect(await relay.token()).toBe("second-token");
    log.error("refused: second-token, first-token");
    writeFileSync(file, "\n");
    await expect(relay.token()).rejects.toMatchObject({ code: "token_unreadable" });
    rmSync(file);
    await expect(relay.token()).rejects.toThrow(`cannot read ${file}: there is no such file`);
    cli.signal("SIGINT");
    expect(await cli.done).toBe(0);
    expect(cli.errors.join("")).toContain("refused: [hidden], [hidden]");
  });

  it("writes JSON, and what DEBUG asks for, without the token", async () => {
    const cli = setUp(
      [...urls, "--log-format", "json", "--log-level", "error"],
      {},
      { RELAY_TOKEN: "tokentoken" },
    );
    await cli.started;
    debug.enable("moq:*");
    debug("moq:test")("sent %s\nand %o", "jwt=abc", { token: "tokentoken" });
    debug.disable();
    cli.options().log.error("tokentoken");
    cli.signal("SIGINT");
    await cli.done;
    const lines = cli.errors.map((line) => JSON.parse(line));
    expect(lines.map(({ message }) => message)).toEqual([
      "sent jwt=[hidden]\nand { token: '[hidden]' }",
      "[hidden]",
    ]);
    expect(lines[0].name).toBe("moq:test");
  });

  it("ends with 1 and one line when something fails that nobody caught", async () => {
    const cli = setUp([...urls, "--relay-token", "tokentoken"]);
    await cli.started;
    cli.uncaught(new Error("boom\nwith tokentoken"));
    expect(await cli.done).toBe(1);
    expect(cli.errors.at(-1)).toMatch(/^\S+ error boom with \[hidden\]\n$/);
    expect(cli.errors.join("")).not.toContain("cli.test.ts");
  });

  it("so does every other command, without a stack and without a secret", async () => {
    const cli = setUp(["relay", "--dialect", "draft-14", "--listen", "127.0.0.1:0", "--no-quic"]);
    const listens = () => expect(cli.errors.join("")).toContain("WebSocket: ");
    await vi.waitFor(listens, { timeout: 15_000 });
    cli.uncaught(new Error("boom\nwith jwt=hunter2 and \u001b[2J"));
    expect(await cli.done).toBe(1);
    expect(cli.errors.at(-1)).toBe("moq-bridge: boom with jwt=[hidden] and \u{fffd}[2J\n");
    cli.signal("SIGTERM");
  });

  it("ends with 1 and one line when the bridge cannot start or stop", async () => {
    const throwing = () => {
      throw new Error("cannot");
    };
    expect(await setUp(urls, { start: throwing }).done).toBe(1);
    const cli = setUp(urls, { stop: async () => throwing() });
    await cli.started;
    cli.signal("SIGINT");
    expect(await cli.done).toBe(1);
    expect(cli.errors.at(-1)).toMatch(/^\S+ error cannot\n$/);
  });
});

describe("wrong usage", () => {
  it.each<[string[], string]>([
    [["--relay-tokn=hunter2"], "unknown option '--relay-tokn' (see moq-bridge --help)"],
    [
      ["--relay-tokn", "hunter2"],
      "unknown option '--relay-tokn' (Did you mean --relay-token?) (see moq-bridge --help)",
    ],
    [["demmo"], "there is no such command; did you mean demo? (see moq-bridge --help)"],
    [
      ["list", "--tls-fingerprint", "abc", "https://h"],
      "--tls-fingerprint must be a SHA-256 in 64 hex digits",
    ],
    [["list"], "missing required argument 'url' (see moq-bridge list --help)"],
    [
      ["relay", "--dialekt", "x"],
      "unknown option '--dialekt' (Did you mean --dialect?) (see moq-bridge relay --help)",
    ],
    [
      ["--direction", "sideways"],
      "option '--direction <way>' argument 'sideways' is invalid. Allowed choices are both, to-cloudflare, to-relay. (see moq-bridge --help)",
    ],
    [
      ["--log-level", "loud"],
      "option '--log-level <level>' argument 'loud' is invalid. Allowed choices are trace, debug, info, warn, error. (see moq-bridge --help)",
    ],
    [
      ["--allow", ""],
      "option '--allow <pattern>' argument '' is invalid. It is empty. (see moq-bridge --help)",
    ],
    [["--relay-url"], "option '--relay-url <url>' argument missing (see moq-bridge --help)"],
    [
      ["hunter2hunter2"],
      "there is no such command; there are run, status, doctor, list, sub, pub, demo, relay, interop, config-schema, help (see moq-bridge --help)",
    ],
    [
      ["run", "stop"],
      "too many arguments for 'run'. Expected 0 arguments but got 1. (see moq-bridge --help)",
    ],
    [
      [...urls, "--relay-token-file", join(folder, "none")],
      `--relay-token-file: the relay token: cannot read ${join(folder, "none")}: there is no such file`,
    ],
    [
      [...urls.slice(0, 4)],
      "give --registry-url <url> (or STREAM_REGISTRY_URL), or --direction to-cloudflare to do without",
    ],
    [
      ["--relay-token", "hunter2", "--relay-url", "https://h", "hunter2"],
      "too many arguments for 'run'. Expected 0 arguments but got 1. (see moq-bridge --help)",
    ],
  ])("%j ends with 2 and one line", async (args, line) => {
    const cli = setUp(args);
    expect(await cli.done).toBe(2);
    expect(cli.errors).toEqual([`moq-bridge: ${line}\n`]);
    expect(cli.out).toEqual([]);
    expect(cli.calls).toEqual([]);
  });
});

describe("help and version", () => {
  it("go to standard output and end with 0", async () => {
    const help = setUp(["--help"]);
    expect(await help.done).toBe(0);
    for (const text of [
      "--relay-url <url>",
      "EARTHSEED_RELAY_URL",
      "--tls-disable-verify",
      "--deny",
    ]) {
      expect(help.out.join("")).toContain(text);
    }
    const version = setUp(["--version"]);
    expect(await version.done).toBe(0);
    expect(version.out).toEqual([`${VERSION}\n`]);
    expect([...help.errors, ...version.errors]).toEqual([]);
  });
});
