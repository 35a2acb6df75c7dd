import { writeFile } from "node:fs/promises";
import { tokenExpiry } from "@moq-bridge/bridge";
import { eventually, type Scene } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { statusOf } from "./admin-fixture.js";
import {
  type Decide,
  startWithAuthority,
  tokenFile,
  unlessExpired,
  untilExpired,
} from "./authority.js";
import {
  expectCleanOutput,
  expectRun,
  inScene,
  PATIENCE_MS,
  SCHEMES,
  type Scheme,
  startClock,
} from "./fixture.js";
import { startCommand } from "./run-command.js";

/** Of the first token, in seconds: longer than everybody takes to start on a busy machine. */
const LIFETIME_S = 18;

/** A token of this lifetime, as a relay's own service would issue it; nobody here checks its signature. */
function tokenFor(seconds: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + seconds;
  return `${part({ alg: "HS256" })}.${part({ exp, root: "", cluster: true })}.bm90LWEtc2lnbmF0dXJl`;
}

/** The bridge with a token of this lifetime, in seconds. */
async function startWorld(scene: Scene, scheme: Scheme, lifetime: number, decide: Decide) {
  const tokens: string[] = [];
  const issue = async (seconds: number) => {
    const token = tokenFor(seconds);
    tokens.push(token);
    await writeFile(tokenFile(scene), `${token}\n`);
  };
  await issue(lifetime);
  const world = await startWithAuthority(scene, scheme, decide, ["--log-level", "debug"]);
  return { ...world, tokens, issue };
}
type World = Awaited<ReturnType<typeof startWorld>>;

test.concurrent.each(SCHEMES)(
  "22a. no viewer sees a gap when the token is renewed before moq-relay ends the session for it, over %s",
  (scheme) =>
    inScene(`22a ${scheme}`, async (scene) => {
      const world = await startWorld(scene, scheme, LIFETIME_S, untilExpired);
      const { relay, ietf, registry, bridge, relayUrl, tokens, issue, url } = world;
      const [first = ""] = tokens;
      const expiresAt = tokenExpiry(first) ?? Number.NaN;
      const { ca } = scene.certificate.files;
      const clock = await startClock(scene, ietf, "live/clock");
      registry.list("live/clock");
      const peer = await scene.python("peer", relayUrl);
      await peer.announced("live/clock", { timeoutMs: PATIENCE_MS });
      await peer.view("clock", "live/clock", "now");
      await peer.publish("talk", "room/talk", "now");
      await ietf.received("PUBLISH_NAMESPACE", "room/talk", { timeoutMs: PATIENCE_MS });
      // Of the same token as the bridge's first session, and not renewed.
      const doomed = startCommand([
        ...["list", `${relayUrl}?jwt=${first}`, "--follow"],
        ...(scheme === "https" ? ["--tls-ca", ca] : []),
      ]);
      await doomed.wrote(/^\+ live\/clock$/m);
      const reader = startCommand([
        ...["sub", ietf.url, "room/talk", "now", "--dialect", "draft-14", "--tls-ca", ca],
        ...["--format", "json", "--count", "200"],
      ]);
      await peer.tick("talk", 100, 10);
      await peer.framesRead("clock", 2, { timeoutMs: PATIENCE_MS });
      await issue(600);
      await bridge.process.waitForLine(/relay: opening a new session before the token/, {
        timeoutMs: LIFETIME_S * 1_000,
      });
      await eventually(
        async () => {
          const { relay: side } = await statusOf(url);
          return side.traffic.sessionsOpened === 2 && side.traffic.sessionsOpen === 1;
        },
        { what: "the old session to be left", timeoutMs: PATIENCE_MS },
      );
      const read = await reader.ended;
      expect(Date.now()).toBeGreaterThan(expiresAt);
      expect(read).toMatchObject({ code: 0, error: "" });
      const numbers = read.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { group: number; frame: number });
      const flat = numbers.map(({ group, frame }) => group * 10 + frame);
      expect(flat).toEqual(flat.map((_, index) => (flat[0] ?? 0) + index));
      expect(await doomed.ended).toMatchObject({
        code: 1,
        error: expect.stringContaining("the peer closed the session with code 2"),
      });
      const before = peer.frames("clock").length;
      const frames = await peer.framesRead("clock", before + 2, { timeoutMs: PATIENCE_MS });
      await expectRun(frames, clock);
      const { relay: side } = await statusOf(url);
      expect(side.traffic.reconnects).toBe(0);
      expect(side.sessions[0]?.since).toBeLessThan(expiresAt);
      expect((await relay.sessions()).length).toBe(2);
      expectCleanOutput(bridge, ...tokens);
    }),
);

test.concurrent("22b. a token that is not renewed is a clear state where moq-relay keeps the session, and the bridge is back once it is", () =>
  inScene("22b", async (scene) => {
    const world = await startWorld(scene, "ws", LIFETIME_S, unlessExpired);
    const { relay, bridge, url } = world;
    await bridge.process.waitForLine(/relay: connected/, { timeoutMs: PATIENCE_MS });
    await bridge.process.waitForLine(/relay: the token expired at \S+ and there is no new one/, {
      timeoutMs: LIFETIME_S * 1_000,
    });
    expect(await statusOf(url)).toMatchObject({
      relay: { connected: true },
      relayToken: { expired: true },
    });
    await relay.kill();
    await relay.start();
    await expectBackWhenRenewed(world, "answered with HTTP status 401");
  }));

test.concurrent("22c. a session that moq-relay ends with its token is a clear state, and the bridge is back once there is a new one", () =>
  inScene("22c", async (scene) => {
    const world = await startWorld(scene, "https", LIFETIME_S, untilExpired);
    await world.bridge.process.waitForLine(/relay: connected/, { timeoutMs: PATIENCE_MS });
    await expectBackWhenRenewed(world, "the peer closed the session with code 2");
  }));

/** The bridge is down and says that its token is why; with a new one it is back. */
async function expectBackWhenRenewed(world: World, refusal: string): Promise<void> {
  const { bridge, tokens, issue, url } = world;
  const reason = new RegExp(`${refusal}.*; the token expired at \\S+Z, give a new one$`);
  await eventually(
    async () => {
      const { relay } = await statusOf(url);
      return !relay.connected && reason.test(relay.reason ?? "");
    },
    { what: `the reason ${reason}`, timeoutMs: LIFETIME_S * 1_000 + PATIENCE_MS },
  );
  expect(await (await fetch(`${url}/readyz`)).text()).toBe("not ready: relay\n");
  await issue(600);
  await eventually(async () => (await statusOf(url)).ready, {
    what: "the bridge to be back",
    timeoutMs: PATIENCE_MS,
  });
  expect((await statusOf(url)).relayToken).toMatchObject({ expired: false });
  expectCleanOutput(bridge, ...tokens);
}
