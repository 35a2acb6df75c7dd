import {
  type BridgeOptions,
  type BridgeProcess,
  createCertificate,
  elapse,
  freePort,
  type RegistryAnswer,
  type Scene,
  ScriptedIetfServer,
  ScriptedLiteServer,
} from "@moq-bridge/testing";
import { describe, expect, test } from "vitest";
import { expectCleanOutput, inScene, PATIENCE_MS } from "./fixture.js";

const TOKEN = "a-very-secret-token-value";
const MINUTE_OF_LOG_LINES = 12;

/** A line the bridge printed about a failure of `subject`. */
function failureLines(bridge: BridgeProcess, subject: string): string[] {
  return bridge.process.output
    .all()
    .map((line) => line.text)
    .filter((text) => /\b(warn|error)\b/i.test(text) && text.includes(subject));
}

/** It said once, clearly, what is wrong, lives on, and neither works nor writes without end. */
async function expectCalmFailure(
  bridge: BridgeProcess,
  subject: "relay" | "cloudflare" | "registry",
  reason: RegExp,
): Promise<void> {
  const line = new RegExp(`\\b(warn|error)\\b +${subject}: .*(${reason.source})`, "i");
  await bridge.process.waitForLine(line, {
    timeoutMs: PATIENCE_MS,
  });
  const before = await bridge.processorTime();
  await elapse(4_000);
  expect(bridge.process.exit).toBeUndefined();
  expect((await bridge.processorTime()) - before).toBeLessThan(1_000);
  const lines = failureLines(bridge, `${subject}:`);
  expect(lines.length).toBeGreaterThanOrEqual(1);
  expect(lines.length).toBeLessThan(MINUTE_OF_LOG_LINES);
  expectCleanOutput(bridge, TOKEN);
}

/** Both sides and the registry work, except for what `options` replaces. */
async function startBroken(scene: Scene, options: BridgeOptions) {
  const relay = await ScriptedLiteServer.start(scene);
  const cloudflare = await ScriptedIetfServer.start(scene);
  const registry = await scene.registry();
  registry.list("live/one");
  const bridge = await scene.bridge({
    relayUrl: relay.url,
    cloudflareUrl: cloudflare.url,
    registryUrl: registry.url,
    ...options,
    flags: options.flags ?? ["--relay-token", TOKEN],
  });
  return { relay, cloudflare, registry, bridge };
}

describe.concurrent("9. a side that cannot be reached gives one clear line and nothing else suffers", () => {
  test("9. a wrong host for the relay", () =>
    inScene("9 relay host", async (scene) => {
      const relayUrl = `https://no-such-host.invalid:${await freePort()}/`;
      const { bridge, cloudflare } = await startBroken(scene, { relayUrl });
      await cloudflare.connected({ timeoutMs: PATIENCE_MS });
      await expectCalmFailure(bridge, "relay", /no-such-host\.invalid/);
    }));

  test("9. nobody listens where the relay should be", () =>
    inScene("9 relay port", async (scene) => {
      const port = await freePort();
      const { bridge, cloudflare } = await startBroken(scene, {
        relayUrl: `ws://127.0.0.1:${port}/`,
      });
      await cloudflare.connected({ timeoutMs: PATIENCE_MS });
      await expectCalmFailure(bridge, "relay", new RegExp(`${port}`));
    }));

  test("9. a wrong host for Cloudflare", () =>
    inScene("9 cloudflare host", async (scene) => {
      const cloudflareUrl = `https://no-such-host.invalid:${await freePort()}/`;
      const { bridge, relay } = await startBroken(scene, { cloudflareUrl });
      await relay.connected({ timeoutMs: PATIENCE_MS });
      await expectCalmFailure(bridge, "cloudflare", /no-such-host\.invalid/);
    }));

  test("9. a certificate of another authority", () =>
    inScene("9 certificate", async (scene) => {
      const other = await createCertificate(scene.folder, "other");
      const real = await scene.moqRelay();
      const { bridge } = await startBroken(scene, {
        relayUrl: real.httpsUrl,
        trust: ["--relay-tls-ca", other.files.ca, "--cloudflare-tls-ca", other.files.ca],
      });
      await expectCalmFailure(bridge, "relay", /certificate|issuer|TLS/);
      await expectCalmFailure(bridge, "cloudflare", /certificate|issuer|TLS/);
      expect(await real.sessions()).toEqual([]);
    }));

  test("9. a certificate for another host", () =>
    inScene("9 certificate host", async (scene) => {
      const certificate = await createCertificate(scene.folder, "elsewhere", {
        hosts: ["elsewhere.example"],
      });
      const real = await scene.moqRelay({ certificate });
      const { bridge, cloudflare } = await startBroken(scene, {
        relayUrl: real.httpsUrl,
        trust: [
          ...["--relay-tls-ca", certificate.files.ca],
          ...["--cloudflare-tls-ca", scene.certificate.files.ca],
        ],
      });
      await cloudflare.connected({ timeoutMs: PATIENCE_MS });
      await expectCalmFailure(bridge, "relay", /certificate|name|TLS/);
      expect(await real.sessions()).toEqual([]);
    }));

  test("9. a wrong fingerprint", () =>
    inScene("9 fingerprint", async (scene) => {
      const wrong = "00".repeat(32);
      const real = await scene.moqRelay();
      const { bridge } = await startBroken(scene, {
        relayUrl: real.httpsUrl,
        trust: ["--relay-tls-fingerprint", wrong, "--cloudflare-tls-fingerprint", wrong],
      });
      await expectCalmFailure(bridge, "relay", /fingerprint|certificate/);
      await expectCalmFailure(bridge, "cloudflare", /fingerprint|certificate/);
      expect(await real.sessions()).toEqual([]);
    }));

  test("9. the right fingerprint is enough", () =>
    inScene("9 right fingerprint", async (scene) => {
      const { fingerprint } = scene.certificate;
      const real = await scene.moqRelay();
      const { cloudflare } = await startBroken(scene, {
        relayUrl: real.httpsUrl,
        trust: [
          "--relay-tls-fingerprint",
          fingerprint,
          "--cloudflare-tls-fingerprint",
          fingerprint,
        ],
        // moq-relay without an authority refuses whoever brings a token.
        flags: [],
      });
      await cloudflare.connected({ timeoutMs: PATIENCE_MS });
      const viewer = await scene.python("viewer", real.wsUrl);
      await viewer.announced("live/one", { timeoutMs: PATIENCE_MS });
    }));

  test.each(["close", "unknown-version"] as const)(
    "9. Cloudflare's side answers SETUP with: %s",
    (behaviour) =>
      inScene(`9 setup ${behaviour}`, async (scene) => {
        const bad = await ScriptedIetfServer.start(scene, behaviour);
        const { bridge, relay } = await startBroken(scene, { cloudflareUrl: bad.url });
        await relay.connected({ timeoutMs: PATIENCE_MS });
        await expectCalmFailure(bridge, "cloudflare", /.+/);
        expect(bad.arrivals.length).toBeLessThan(MINUTE_OF_LOG_LINES);
      }),
  );

  test.each(["close", "unknown-version"] as const)(
    "9. the relay answers SETUP with: %s",
    (behaviour) =>
      inScene(`9 relay setup ${behaviour}`, async (scene) => {
        const bad = await ScriptedLiteServer.start(scene, behaviour);
        const { bridge, cloudflare } = await startBroken(scene, { relayUrl: bad.url });
        await cloudflare.connected({ timeoutMs: PATIENCE_MS });
        await expectCalmFailure(bridge, "relay", /.+/);
        expect(bad.arrivals.length).toBeLessThan(MINUTE_OF_LOG_LINES);
      }),
  );

  const answers: [string, RegistryAnswer, RegExp][] = [
    ["500", { type: "raw", status: 500, body: "oops" }, /500/],
    ["HTML", { type: "raw", contentType: "text/html", body: "<!doctype html><p>hi" }, /JSON/],
    ["50 MB", { type: "huge", bytes: 50_000_000 }, /large|bytes|MB|size/],
  ];
  test.each(answers)("9. a registry that answers %s", (title, answer, reason) =>
    inScene(`9 registry ${title}`, async (scene) => {
      const { bridge, registry, relay } = await startBroken(scene, {});
      const connection = await relay.connected({ timeoutMs: PATIENCE_MS });
      await connection.events.waitFor((event) => event.type === "announced", {
        what: "live/one",
        timeoutMs: PATIENCE_MS,
      });
      registry.answer = answer;
      await expectCalmFailure(bridge, "registry", reason);
      expect(connection.live()).toEqual(["live/one"]);
      registry.answer = { type: "rows" };
      registry.list("live/one", "live/two");
      await connection.events.waitFor(
        (event) => event.type === "announced" && event.path === "live/two",
        { what: "live/two", timeoutMs: PATIENCE_MS },
      );
    }),
  );

  test("9. a registry that says nothing for 30 s", () =>
    inScene("9 registry silent", async (scene) => {
      const { bridge, registry, relay } = await startBroken(scene, {});
      const connection = await relay.connected({ timeoutMs: PATIENCE_MS });
      await connection.events.waitFor((event) => event.type === "announced", {
        what: "live/one",
        timeoutMs: PATIENCE_MS,
      });
      registry.answer = { type: "silent" };
      const silentSince = performance.now();
      await bridge.process.waitForLine(/registry: /, { timeoutMs: 30_000 });
      await elapse(30_000 - (performance.now() - silentSince));
      expect(connection.live()).toEqual(["live/one"]);
      expect(failureLines(bridge, "registry:").length).toBeLessThan(MINUTE_OF_LOG_LINES);
      expectCleanOutput(bridge, TOKEN);
      registry.answer = { type: "rows" };
      registry.list("live/one", "live/two");
      await connection.events.waitFor(
        (event) => event.type === "announced" && event.path === "live/two",
        { what: "live/two", timeoutMs: PATIENCE_MS },
      );
    }));
});

test.concurrent.each([
  ["nothing", []],
  [
    "no registry",
    ["--relay-url", "https://relay.example/", "--cloudflare-url", "https://c.example/"],
  ],
  [
    "a token in the clear",
    [
      ...["--relay-url", "ws://relay.example/", "--cloudflare-url", "https://c.example/"],
      ...["--registry-url", "https://r.example/", "--relay-token", TOKEN],
    ],
  ],
] as const)("9. settings that say %s end with exit code 2 and one line", (title, flags) =>
  inScene(`9 settings ${title}`, async (scene) => {
    const bridge = await scene.bridge({ args: flags });
    expect(await bridge.process.exited).toEqual({ code: 2, signal: null });
    const lines = bridge.process.output.all();
    expect(lines).toHaveLength(1);
    expect(lines[0]?.text).toMatch(/--(relay|registry|cloudflare|insecure)/);
    expectCleanOutput(bridge, TOKEN);
  }),
);
