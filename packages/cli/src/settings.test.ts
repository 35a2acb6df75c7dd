import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createProgram, type Flags } from "./flags.js";
import { readSettings } from "./settings.js";

const folder = mkdtempSync(join(tmpdir(), "moq-bridge-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const caFile = join(folder, "ca.pem");
const emptyFile = join(folder, "empty.pem");
writeFileSync(caFile, pem);
writeFileSync(emptyFile, "");

const relay = ["--relay-url", "https://relay.example/root"];
const cloudflare = ["--cloudflare-url", "https://cdn.example"];
const registry = ["--registry-url", "https://registry.example/api"];
const urls = [...relay, ...cloudflare, ...registry];
const local = [
  ...["--relay-url", "https://localhost:1", "--cloudflare-url", "https://10.0.0.1:2"],
  ...registry,
];
const fingerprint = "ab".repeat(32);

async function settings(args: readonly string[], environment: Record<string, string> = {}) {
  let flags: Flags | undefined;
  const program = createProgram(async (given) => {
    flags = given;
  });
  await program.parseAsync([...args], { from: "user" });
  if (!flags) throw new Error("run was not called");
  return readSettings(flags, environment);
}

describe("settings", () => {
  it("come from flags, with defaults", async () => {
    const { relay, cloudflare, registry, ...rest } = await settings(urls);
    expect(relay.url.href).toBe("https://relay.example/root");
    expect(relay).toMatchObject({ token: undefined, tls: {}, insecureWs: false });
    expect(cloudflare.url.href).toBe("https://cdn.example/");
    expect(registry.urls[0]?.url.href).toBe("https://registry.example/api");
    expect(registry.pollIntervalMs).toBe(5000);
    expect(rest).toEqual({
      direction: "both",
      allow: [],
      deny: [],
      toCloudflare: { allow: [], deny: [] },
      toRelay: { allow: [], deny: [] },
      streams: {},
      logLevel: "info",
      logFormat: "text",
    });
  });

  it("come from the seed's variables, and flags are stronger", async () => {
    const environment = {
      EARTHSEED_RELAY_URL: "https://relay.example",
      CLOUDFLARE_RELAY_URL: "https://cdn.example",
      STREAM_REGISTRY_URL: "https://registry.example",
      RELAY_TOKEN: "from-variable",
      POLL_INTERVAL: "2.5",
    };
    const byVariable = await settings([], environment);
    expect(byVariable.relay.url.hostname).toBe("relay.example");
    expect(byVariable.relay.token).toEqual({ value: "from-variable" });
    expect(byVariable.registry.pollIntervalMs).toBe(2500);
    const byFlag = await settings(
      ["run", "--relay-url", "wss://other.example", "--relay-token", "t", "--poll-interval", "1"],
      environment,
    );
    expect(byFlag.relay.url.protocol).toBe("wss:");
    expect(byFlag.relay.token).toEqual({ value: "t" });
    expect(byFlag.registry.pollIntervalMs).toBe(1000);
    const byFile = await settings(["--relay-token-file", "f"], environment);
    expect(byFile.relay.token).toEqual({ file: "f" });
  });

  it("take an empty variable as not given", async () => {
    expect(
      (await settings(urls, { RELAY_TOKEN: " ", POLL_INTERVAL: "" })).relay.token,
    ).toBeUndefined();
  });

  it("collect patterns and fingerprints", async () => {
    const result = await settings([
      ...urls,
      ...["--allow", "a/**", "--allow", "b", "--deny", "c", "--direction", "to-relay"],
      ...[
        "--relay-tls-fingerprint",
        `${"AB:".repeat(31)}AB`,
        "--relay-tls-fingerprint",
        fingerprint,
      ],
      ...["--cloudflare-tls-ca", caFile],
    ]);
    expect(result).toMatchObject({ allow: ["a/**", "b"], deny: ["c"], direction: "to-relay" });
    expect(result.relay.tls).toEqual({ fingerprints: [fingerprint, fingerprint] });
    expect(result.cloudflare.tls).toEqual({ ca: pem });
  });

  it("tell each direction's names and Cloudflare's terms", async () => {
    const result = await settings([
      ...urls,
      ...["--to-cloudflare-deny", "x/**", "--to-cloudflare-strip", "a", "--to-cloudflare-add", "b"],
      ...["--to-relay-allow", "y", "--to-relay-add", "c/d", "--announce-prefix", "b"],
      ...["--request-limit", "50", "--max-sessions", "8", "--write-once", "meta.*"],
      ...["--hold", "2.5", "--probe", "catalog.json"],
    ]);
    expect(result).toMatchObject({
      toCloudflare: { allow: [], deny: ["x/**"], strip: "a", add: "b" },
      toRelay: { allow: ["y"], deny: [], strip: undefined, add: "c/d" },
      streams: { holdMs: 2_500, probeTrack: "catalog.json" },
    });
    expect(result.cloudflare).toMatchObject({
      announcePrefix: "b",
      requestLimit: 50,
      maxSessions: 8,
      writeOnceTracks: ["meta.*"],
    });
  });

  it.each([
    [["--request-limit", "0"], "--request-limit must be a whole number"],
    [["--max-sessions", "1.5"], "--max-sessions must be a whole number"],
    [["--max-sessions", "many"], "--max-sessions must be a whole number"],
    [["--hold", "-1"], "--hold must be 0 to 600 seconds"],
    [["--hold", "601"], "--hold must be 0 to 600 seconds"],
    [["--probe", ""], "--probe is empty"],
    [["--announce-prefix", "internal/x"], "--announce-prefix must be a path"],
    [["--to-relay-strip", "a//b"], "--to-relay-strip must be a path"],
    [["--to-cloudflare-add", ""], "--to-cloudflare-add must be a path"],
    [
      ["--direction", "to-relay", "--to-cloudflare-add", "a"],
      "give --to-cloudflare-add or --direction to-relay, not both",
    ],
    [
      ["--direction", "to-relay", "--announce-prefix", "a"],
      "give --announce-prefix or --direction to-relay, not both",
    ],
  ])("refuse %j", async (args, message) => {
    await expect(settings([...urls, ...args])).rejects.toThrow(message);
  });

  it("of the other direction are refused with --direction to-cloudflare", async () => {
    const args = [...relay, ...cloudflare, "--direction", "to-cloudflare", "--probe", "t"];
    await expect(settings(args)).rejects.toThrow("give --probe or --direction to-cloudflare");
  });

  it("need no registry to carry only toward Cloudflare, and take one all the same", async () => {
    const args = [...relay, ...cloudflare, "--direction", "to-cloudflare"];
    expect((await settings(args)).registry.urls).toEqual([]);
    const environment = { STREAM_REGISTRY_URL: "https://registry.example" };
    expect((await settings(args, environment)).registry.urls).toHaveLength(1);
    expect((await settings([...args, ...registry])).registry.urls).toHaveLength(1);
  });

  it("switch verification off on local hosts by one flag or each by its own", async () => {
    const both = await settings([...local, "--tls-disable-verify"]);
    expect([both.relay.tls, both.cloudflare.tls]).toEqual([{ insecure: true }, { insecure: true }]);
    const one = await settings([...urls, "--relay-tls-insecure"]);
    expect([one.relay.tls, one.cloudflare.tls]).toEqual([{ insecure: true }, {}]);
    await settings([...local, "--tls-disable-verify", "--relay-tls-insecure"]);
  });

  it.each([
    ["ws://127.0.0.1:1", []],
    ["ws://relay.example", ["--insecure-ws"]],
    ["wss://relay.example", []],
  ])("allow a token at %s with %j", async (url, more) => {
    const args = ["--relay-url", url, ...cloudflare, ...registry, "--relay-token", "t", ...more];
    expect((await settings(args)).relay.token).toEqual({ value: "t" });
  });
});

describe("refused, with what to give instead:", () => {
  it.each<[string[], string]>([
    [
      [],
      "give --relay-url <url> (or EARTHSEED_RELAY_URL), --cloudflare-url <url> (or CLOUDFLARE_RELAY_URL), --registry-url <url> (or STREAM_REGISTRY_URL); or see it at work without any: moq-bridge demo",
    ],
    [[...relay, ...registry], "give --cloudflare-url <url> (or CLOUDFLARE_RELAY_URL)"],
    [
      [...relay, ...cloudflare],
      "give --registry-url <url> (or STREAM_REGISTRY_URL), or --direction to-cloudflare to do without",
    ],
    [
      ["--relay-url", "hunter2", ...cloudflare, ...registry],
      "--relay-url is not a URL; give one that begins with https:// or wss:// or ws://",
    ],
    [
      ["--relay-url", "http://h/hunter2", ...cloudflare, ...registry],
      "--relay-url begins with http://; give one that begins with https:// or wss:// or ws://",
    ],
    [
      [...relay, "--cloudflare-url", "wss://h", ...registry],
      "--cloudflare-url begins with wss://; give one that begins with https://",
    ],
    [
      [...relay, ...cloudflare, "--registry-url", "file:///x"],
      "--registry-url begins with file://; give one that begins with http:// or https://",
    ],
    [
      ["--relay-url", "https://u:hunter2@h", ...cloudflare, ...registry],
      "--relay-url must not contain a user name or password",
    ],
    [
      [...urls, "--relay-token", "a", "--relay-token-file", "b"],
      "give --relay-token or --relay-token-file, not both",
    ],
    [
      ["--relay-url", "https://h/?jwt=hunter2", ...cloudflare, ...registry, "--relay-token", "a"],
      "--relay-url has a jwt= already; give the token once",
    ],
    [
      ["--relay-url", "ws://relay.example", ...cloudflare, ...registry, "--relay-token", "a"],
      "a token over ws:// can be read on the way; give a wss:// or https:// --relay-url, or --insecure-ws",
    ],
    [
      ["--relay-url", "ws://10.0.0.1/?jwt=hunter2", ...cloudflare, ...registry],
      "a token over ws:// can be read on the way; give a wss:// or https:// --relay-url, or --insecure-ws",
    ],
    ...["0", "0.05", "-1", "1e9", "five", "99999"].map((value): [string[], string] => [
      [...urls, "--poll-interval", value],
      "--poll-interval (or POLL_INTERVAL) must be 0.1 to 86400 seconds",
    ]),
    [
      [...urls, "--tls-disable-verify"],
      "--tls-disable-verify is for loopback and private hosts only; give --relay-tls-ca or --relay-tls-fingerprint for relay.example",
    ],
    [
      [
        "--relay-url",
        "https://localhost",
        "--cloudflare-url",
        "https://a.mediaoverquic.com",
        ...registry,
        "--tls-disable-verify",
      ],
      "--tls-disable-verify is for loopback and private hosts only; leave it out",
    ],
    [
      [
        ...relay,
        "--cloudflare-url",
        "https://a.mediaoverquic.com",
        ...registry,
        "--cloudflare-tls-insecure",
      ],
      "--cloudflare-tls-insecure is refused for a.mediaoverquic.com; leave it out",
    ],
    [
      [...urls, "--relay-tls-ca", caFile, "--relay-tls-insecure"],
      "give one of --relay-tls-ca and --relay-tls-insecure",
    ],
    [
      [...urls, "--relay-tls-ca", caFile, "--relay-tls-fingerprint", fingerprint],
      "give one of --relay-tls-ca and --relay-tls-fingerprint",
    ],
    [
      [...local, "--tls-disable-verify", "--cloudflare-tls-ca", caFile],
      "give one of --cloudflare-tls-ca and --tls-disable-verify",
    ],
    [
      ["--relay-url", "ws://h", ...cloudflare, ...registry, "--relay-tls-ca", caFile],
      "--relay-tls-ca needs an https:// or wss:// --relay-url",
    ],
    [
      [...urls, "--relay-tls-ca", join(folder, "none")],
      `--relay-tls-ca: cannot read ${join(folder, "none")}: there is no such file`,
    ],
    [
      [...urls, "--relay-tls-ca", folder],
      `--relay-tls-ca: cannot read ${folder}: it is a directory`,
    ],
    [
      [...urls, "--relay-tls-ca", emptyFile],
      `--relay-tls-ca: ${emptyFile} holds no PEM certificate`,
    ],
    [
      [...urls, "--cloudflare-tls-fingerprint", "ab"],
      "--cloudflare-tls-fingerprint must be a SHA-256 in 64 hex digits",
    ],
  ])("%j", async (args, message) => {
    await expect(settings(args)).rejects.toMatchObject({ name: "UsageError", message });
  });
});
