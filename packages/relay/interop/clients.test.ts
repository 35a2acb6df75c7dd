import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../testing/src/clock.js";
import { PythonPeer } from "../../testing/src/python-peer.js";
import { Scene } from "../../testing/src/scene.js";
import {
  type EmbeddedRelay,
  Ietf14Relay,
  type ListeningRelay,
  LiteRelay,
  listen,
  signToken,
} from "../src/index.js";

const SOON = { timeoutMs: 15_000 };
const ALL = { root: "", put: [""], get: [""] };
const KEY = new Uint8Array(32).fill(9);

let scene: Scene;

beforeEach(async (context) => {
  scene = await Scene.create(`relay clients ${context.task.name}`);
});

afterEach(async () => {
  await scene.end();
});

/** WebTransport with the scene's certificate, which the real clients trust. */
async function start(relay: EmbeddedRelay, plain = false): Promise<ListeningRelay> {
  const { cert, key } = scene.certificate;
  const listening = await listen(relay, {
    runtime,
    host: "127.0.0.1",
    port: 0,
    ...(plain ? { webTransport: "off" } : { identity: { cert, key } }),
  });
  scene.onEnd(() => listening.close());
  return listening;
}

async function clock(options: Parameters<typeof Clock.start>[1]): Promise<Clock> {
  const clock = await Clock.start(scene, options);
  scene.onEnd(() => clock.stop());
  return clock;
}

describe("the draft-14 relay", () => {
  it("carries a clock of Cloudflare's library from publisher to viewers, late ones too", async () => {
    const relay = new Ietf14Relay({ runtime });
    const { port } = await start(relay);
    const url = `https://localhost:${port}`;
    const publisher = await clock({ url, namespace: "a/clock", publish: true });
    await publisher.ticks.waitForCount(() => true, 1, { what: "a second", ...SOON });
    const first = await clock({ url, namespace: "a/clock" });
    await first.ticks.waitForCount(() => true, 2, { what: "two seconds", ...SOON });
    const late = await clock({ url, namespace: "a/clock" });
    await late.ticks.waitForCount(() => true, 2, { what: "two seconds", ...SOON });
    for (const tick of [...first.ticks.all(), ...late.ticks.all()]) {
      await publisher.printed(tick, SOON.timeoutMs);
    }
    expect([relay.names, relay.sessions]).toEqual([["a/clock"], 3]);
  });
});

describe("the moq-lite relay", () => {
  it("carries frames of a moq-rs publisher to an ordinary viewer and a cluster node", async () => {
    const relay = new LiteRelay({ runtime, key: KEY });
    const { webSocketUrl } = await start(relay, true);
    const url = async (claims: object) =>
      `${webSocketUrl}/?jwt=${await signToken(KEY, { ...ALL, ...claims })}`;
    const publisher = await PythonPeer.start(scene, "publisher", await url({}));
    const viewer = await PythonPeer.start(scene, "viewer", await url({}));
    const node = await PythonPeer.start(scene, "node", await url({ cluster: true }));
    const other = await PythonPeer.start(scene, "other-node", await url({ cluster: true }));
    for (const peer of [publisher, viewer, node, other]) scene.onEnd(() => peer.stop());
    await publisher.publish("p", "a/b", "t");
    await node.publish("n", "from/node", "t");
    for (const peer of [viewer, other]) {
      await peer.view("v", "a/b", "t");
      await peer.announced("a/b", SOON);
    }
    await viewer.announced("from/node", SOON);
    await publisher.tick("p", 50, 10);
    const sent = () =>
      publisher.frames("p").map(({ group, index, sha256 }) => [group, index, sha256]);
    for (const peer of [viewer, other]) {
      const frames = await peer.framesRead("v", 30, SOON);
      await publisher.wrote("p", frames.at(-1), SOON.timeoutMs);
      for (const { group, index, sha256 } of frames) {
        expect(sent()).toContainEqual([group, index, sha256]);
      }
    }
    // A node learns nothing that came from another node.
    expect(other.live()).toEqual(["a/b"]);
  });
});
