import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { signToken, type TokenKey } from "@moq-bridge/relay";
import {
  type BridgeProcess,
  elapse,
  type IetfRelay,
  type OldMoqRelay,
  type RegistryServer,
  type Scene,
} from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { SteadyViewer } from "../cloudflare/fixture.js";
import { ADMIN_FLAGS, adminUrl, statusOf } from "../interop/admin-fixture.js";
import {
  expectCleanOutput,
  expectRun,
  inScene,
  PATIENCE_MS,
  startClock,
} from "../interop/fixture.js";

const KEY: TokenKey = new Uint8Array(32).fill(7);
/** All of the relay, both ways. */
const EVERYTHING = { root: "", put: [""], get: [""] };
/** What would come back has come by then. */
const ECHO_MS = 15_000;

/** How the bridge reaches the relay: its WebSocket has no session at the root, so there all paths are below `room`. */
const REACHED = {
  WebTransport: { url: (relay: OldMoqRelay) => relay.httpsUrl, root: "" },
  WebSocket: { url: (relay: OldMoqRelay) => relay.wsUrl("room"), root: "room/" },
};
type Reached = keyof typeof REACHED;
const OVER = Object.keys(REACHED) as Reached[];

/** The tokens a bridge may have: of a node of the cluster, or of an ordinary session that sees all. */
const TOKENS = { "a cluster token": true, "an ordinary token": false };

interface World {
  readonly relay: OldMoqRelay;
  readonly ietf: IetfRelay;
  readonly registry: RegistryServer;
  /** The file that the bridge's token is in. */
  readonly tokenFile: string;
}

async function startWorld(scene: Scene): Promise<World> {
  const authKeyFile = join(scene.folder, "key");
  const k = Buffer.from(KEY).toString("base64url");
  const jwk = { kty: "oct", alg: "HS256", key_ops: ["sign", "verify"], k };
  await writeFile(authKeyFile, Buffer.from(JSON.stringify(jwk)).toString("base64url"));
  const [relay, ietf, registry] = await Promise.all([
    scene.oldMoqRelay({ authKeyFile, flags: ["--log-level", "debug"] }),
    scene.ietfRelay(),
    scene.registry(),
  ]);
  return { relay, ietf, registry, tokenFile: join(scene.folder, "token") };
}

function startBridge(
  scene: Scene,
  world: World,
  over: Reached,
  withToken = true,
): Promise<BridgeProcess> {
  const { relay, ietf, registry, tokenFile } = world;
  return scene.bridge({
    relayUrl: REACHED[over].url(relay),
    cloudflareUrl: ietf.url,
    registryUrl: registry.url,
    flags: [...(withToken ? ["--relay-token-file", tokenFile] : []), ...ADMIN_FLAGS],
  });
}

/** A session of the relay, of moq-rs, ordinary unless its token says otherwise. */
async function peer(scene: Scene, { relay }: World, name: string, cluster = false) {
  const token = await signToken(KEY, { ...EVERYTHING, cluster });
  return scene.python(name, `${relay.httpsUrl}?jwt=${token}`);
}

const ANNOUNCE =
  /(\w+\{id=\d+\}): moq_lite::lite::(subscriber|publisher): announce broadcast=(\S+)$/;

/** The sessions, as the relay's log names them, that it heard of a broadcast from (as subscriber) or told of it (as publisher). */
function announcing(
  { relay }: World,
  role: "subscriber" | "publisher",
  broadcast: string,
): string[] {
  return relay.process.output.all().flatMap(({ text }) => {
    const [, session = "", as, path] = ANNOUNCE.exec(text) ?? [];
    return as === role && path === broadcast ? [session] : [];
  });
}

test.concurrent.each(
  OVER.flatMap((over) =>
    Object.entries(TOKENS).map(([token, cluster]) => ({ over, token, cluster })),
  ),
)(
  "11. moq-relay 0.10.0 and a bridge with $token, over $over: streams cross both ways, none comes back",
  ({ over, token, cluster }) =>
    inScene(`11 old relay ${over} ${token}`, async (scene) => {
      const world = await startWorld(scene);
      const { ietf, registry, tokenFile } = world;
      await writeFile(tokenFile, await signToken(KEY, { ...EVERYTHING, cluster }));
      const { root } = REACHED[over];
      const clock = await startClock(scene, ietf, "live/clock");
      registry.list("live/clock");
      const bridge = await startBridge(scene, world, over);

      const [viewer, node] = await Promise.all([
        peer(scene, world, "viewer"),
        peer(scene, world, "node", true),
      ]);
      await viewer.announced(`${root}live/clock`, { timeoutMs: PATIENCE_MS });
      await viewer.view("clock", `${root}live/clock`, "now");
      const read = await viewer.framesRead("clock", 6, { timeoutMs: PATIENCE_MS });
      await expectRun(read, clock);

      const publisher = await peer(scene, world, "publisher");
      await publisher.publish("talk", `${root}room/talk`, "now");
      await publisher.tick("talk", 100, 10);
      await ietf.received("PUBLISH_NAMESPACE", "room/talk", { timeoutMs: PATIENCE_MS });
      const onCloudflare = await SteadyViewer.start(scene, ietf.url, "room/talk", "now");
      await onCloudflare.frames.waitForCount(() => true, 20, {
        what: "20 frames on Cloudflare's side",
        timeoutMs: PATIENCE_MS,
      });
      for (const { group, index, text } of onCloudflare.frames.all()) {
        expect(text).toBe(`talk group ${group} frame ${index}`);
      }

      await elapse(ECHO_MS);
      // On Cloudflare's side: its own clock, and what the bridge brought from the relay.
      await ietf.publishes("live/clock", "room/talk");
      expect(viewer.live()).toEqual([`${root}live/clock`, `${root}room/talk`]);
      // With the claim the relay shows what is ours to ordinary sessions only, and not to us.
      expect(node.live()).toEqual([...(cluster ? [] : [`${root}live/clock`]), `${root}room/talk`]);
      const [ours, ...others] = announcing(world, "subscriber", `${root}live/clock`);
      expect(others).toEqual([]);
      const told = announcing(world, "publisher", `${root}live/clock`);
      expect(told.filter((session) => session === ours)).toEqual(cluster ? [] : [ours]);
      expect(told).toHaveLength(cluster ? 2 : 4);
      const { broadcasts, relay: side } = await statusOf(await adminUrl(bridge));
      expect(broadcasts).toMatchObject([
        { path: "live/clock", direction: "to-relay", state: "announced" },
        { path: "room/talk", direction: "to-cloudflare", state: "announced" },
      ]);
      expect(side.traffic).toMatchObject({ sessionsOpened: 1, reconnects: 0 });

      // What ends there ends here. This relay shows a publisher what it published itself, which
      // moq-rs may go on announcing after its end: its session has to go.
      const from = ietf.control.length;
      await publisher.stop();
      await ietf.received("PUBLISH_NAMESPACE_DONE", "room/talk", { timeoutMs: PATIENCE_MS, from });
      registry.list();
      await viewer.announced(`${root}live/clock`, { active: false, timeoutMs: PATIENCE_MS });
      expectCleanOutput(bridge, await readFile(tokenFile, "utf8"));
    }),
);

test.concurrent("11. two bridges with ordinary tokens, whose announcements moq-relay 0.10.0 shows each other, take none of Cloudflare's names", () =>
  inScene("11 two bridges", async (scene) => {
    const world = await startWorld(scene);
    const { ietf, registry, tokenFile } = world;
    await writeFile(tokenFile, await signToken(KEY, EVERYTHING));
    const clock = await startClock(scene, ietf, "live/clock");
    registry.list("live/clock");
    const publisher = await peer(scene, world, "publisher");
    await publisher.publish("talk", "room/talk", "now");
    const bridges = [
      await startBridge(scene, world, "WebTransport"),
      await startBridge(scene, world, "WebTransport"),
    ];
    await ietf.received("PUBLISH_NAMESPACE", "room/talk", { timeoutMs: PATIENCE_MS });
    await publisher.announced("live/clock", { timeoutMs: PATIENCE_MS });
    await elapse(ECHO_MS);
    await ietf.publishes("live/clock", "room/talk");

    // The name is free while its publisher is away: it has to get it back.
    await clock.stop();
    await elapse(ECHO_MS);
    await ietf.publishes("room/talk");
    const back = await startClock(scene, ietf, "live/clock");
    await back.ticks.waitFor(() => true, { what: "a tick", timeoutMs: PATIENCE_MS });
    await ietf.publishes("live/clock", "room/talk");
    for (const bridge of bridges) expectCleanOutput(bridge, await readFile(tokenFile, "utf8"));
  }));

/** How the relay refuses: over WebTransport it closes the connection. */
const REFUSAL = {
  WebTransport: "127.0.0.1:PORT: closed by peer: 0",
  WebSocket: "127.0.0.1:PORT answered with HTTP status 401",
};
const HOUR_AGO_S = Math.floor(Date.now() / 1_000) - 3_600;
const BAD_TOKENS = {
  "of another key": {
    make: () => signToken(new Uint8Array(32).fill(9), EVERYTHING),
    why: "it may not accept this token",
  },
  expired: {
    make: () => signToken(KEY, { ...EVERYTHING, exp: HOUR_AGO_S }),
    why: `the token expired at ${new Date(HOUR_AGO_S * 1_000).toISOString()}, give a new one`,
  },
  missing: { make: async () => undefined, why: "no token was given" },
};

test.concurrent.each(
  OVER.flatMap((over) => Object.entries(BAD_TOKENS).map(([kind, bad]) => ({ over, kind, ...bad }))),
)("11. a token that is $kind is one plain line at moq-relay 0.10.0, over $over", (options) =>
  inScene(`11 bad token ${options.kind} ${options.over}`, async (scene) => {
    const { over, make, why } = options;
    const world = await startWorld(scene);
    const token = await make();
    if (token !== undefined) await writeFile(world.tokenFile, token);
    const bridge = await startBridge(scene, world, over, token !== undefined);
    const reason = `${REFUSAL[over].replace("PORT", String(world.relay.port))}; ${why}`;
    const { text } = await bridge.process.waitForLine(/warn +relay:/, { timeoutMs: PATIENCE_MS });
    expect(text).toContain(`relay: ${reason}; trying again`);
    expect((await statusOf(await adminUrl(bridge))).relay).toMatchObject({
      connected: false,
      reason,
    });
    expectCleanOutput(bridge, token ?? "eyJ");
  }),
);
