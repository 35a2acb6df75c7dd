import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tokenExpiry } from "@moq-bridge/bridge";
import { eventually, type Scene } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { ADMIN_FLAGS, adminUrl, statusOf } from "./admin-fixture.js";
import { startAuthority } from "./authority.js";
import {
  clockLines,
  expectCleanOutput,
  expectRun,
  inScene,
  PATIENCE_MS,
  relayUrlOf,
  SCHEMES,
  type Scheme,
  startClock,
} from "./fixture.js";
import { startCommand } from "./run-command.js";

/** A token of this lifetime, as a relay's own service would issue it; nobody here checks its signature. */
function tokenFor(seconds: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + seconds;
  return `${part({ alg: "HS256" })}.${part({ exp, root: "", cluster: true })}.bm90LWEtc2lnbmF0dXJl`;
}

async function setUp(scene: Scene, scheme: Scheme, lifetime: number) {
  const [relay, ietf, registry] = await Promise.all([
    startAuthority(scene).then((authUrl) => scene.moqRelay({ authUrl })),
    scene.ietfRelay(),
    scene.registry(),
  ]);
  const file = join(scene.folder, "token");
  const tokens: string[] = [];
  const issue = async (seconds: number) => {
    const token = tokenFor(seconds);
    tokens.push(token);
    await writeFile(file, `${token}\n`);
  };
  await issue(lifetime);
  const relayUrl = relayUrlOf(relay, scheme);
  const bridge = await scene.bridge({
    relayUrl,
    cloudflareUrl: ietf.url,
    registryUrl: registry.url,
    flags: ["--relay-token-file", file, "--log-level", "debug", ...ADMIN_FLAGS],
  });
  return { relay, ietf, registry, bridge, relayUrl, tokens, issue, url: await adminUrl(bridge) };
}

test.each(SCHEMES)(
  "22a. no viewer sees a gap when the token is renewed before it expires, over %s",
  (scheme) =>
    inScene(`22a ${scheme}`, async (scene) => {
      const lifetime = 12;
      const { relay, ietf, registry, bridge, relayUrl, tokens, issue, url } = await setUp(
        scene,
        scheme,
        lifetime,
      );
      const expiresAt = tokenExpiry(tokens[0] ?? "");
      const { ca } = scene.certificate.files;
      const clock = await startClock(scene, ietf, "live/clock");
      registry.list("live/clock");
      const peer = await scene.python("peer", relayUrl);
      await peer.announced("live/clock", { timeoutMs: PATIENCE_MS });
      await peer.view("clock", "live/clock", "now");
      await peer.publish("talk", "room/talk", "now");
      await ietf.received("PUBLISH_NAMESPACE", "room/talk", { timeoutMs: PATIENCE_MS });
      const reader = startCommand([
        ...["sub", ietf.url, "room/talk", "now", "--dialect", "draft-14", "--tls-ca", ca],
        ...["--format", "json", "--count", "200"],
      ]);
      await peer.tick("talk", 100, 10);
      await peer.framesRead("clock", 2, { timeoutMs: PATIENCE_MS });
      await issue(600);
      await bridge.process.waitForLine(/relay: opening a new session before the token/, {
        timeoutMs: lifetime * 1_000,
      });
      await eventually(
        async () => {
          const { relay: side } = await statusOf(url);
          return side.traffic.sessionsOpened === 2 && side.traffic.sessionsOpen === 1;
        },
        { what: "the old session to be left", timeoutMs: PATIENCE_MS },
      );
      const after = peer.frames("clock").length;
      const frames = await peer.framesRead("clock", after + 5, { timeoutMs: PATIENCE_MS });
      expectRun(clockLines(frames), clock.ticks.all());
      const read = await reader.ended;
      expect(read).toMatchObject({ code: 0, error: "" });
      const numbers = read.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { group: number; frame: number });
      const flat = numbers.map(({ group, frame }) => group * 10 + frame);
      expect(flat).toEqual(flat.map((_, index) => (flat[0] ?? 0) + index));
      const { relay: side } = await statusOf(url);
      expect(side.traffic.reconnects).toBe(0);
      expect(side.sessions[0]?.since).toBeLessThan(expiresAt ?? 0);
      expect((await relay.sessions()).length).toBe(2);
      expectCleanOutput(bridge, ...tokens);
    }),
);

test("22b. a token that is not renewed is a clear state, and the bridge is back once it is", () =>
  inScene("22b", async (scene) => {
    const { relay, bridge, tokens, issue, url } = await setUp(scene, "ws", 4);
    await bridge.process.waitForLine(/relay: connected/, { timeoutMs: PATIENCE_MS });
    await bridge.process.waitForLine(/relay: the token expired at \S+ and there is no new one/, {
      timeoutMs: PATIENCE_MS,
    });
    expect(await statusOf(url)).toMatchObject({
      relay: { connected: true },
      relayToken: { expired: true },
    });
    await relay.kill();
    await relay.start();
    const down = await eventually(
      async () => {
        const status = await statusOf(url);
        return status.relay.reason?.includes("token expired") ? status : undefined;
      },
      { what: "the reason", timeoutMs: PATIENCE_MS },
    );
    expect(down.relay.reason).toMatch(/401.*; the token expired at \S+Z, give a new one$/);
    expect(await (await fetch(`${url}/readyz`)).text()).toBe("not ready: relay\n");
    await issue(600);
    await eventually(async () => (await statusOf(url)).ready, {
      what: "the bridge to be back",
      timeoutMs: PATIENCE_MS,
    });
    expect((await statusOf(url)).relayToken).toMatchObject({ expired: false });
    expectCleanOutput(bridge, ...tokens);
  }));
