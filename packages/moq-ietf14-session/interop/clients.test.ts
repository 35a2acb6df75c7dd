import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fragmentedMp4 } from "../../testing/src/fragmented-mp4.js";
import { PeerProcess } from "../../testing/src/peer-process.js";
import { type PeerExecutable, peerExecutable } from "../../testing/src/peers/locate.js";
import { Scene } from "../../testing/src/scene.js";
import { elapse, eventually } from "../../testing/src/wait.js";
import { ServingRelay } from "./serving-relay.js";

const SOON = 10_000;

let scene: Scene;
let relay: ServingRelay;

beforeEach(async (context) => {
  scene = await Scene.create(`draft-14 clients ${context.task.name}`);
  relay = await ServingRelay.start(scene);
});

afterEach(async () => {
  await scene.end();
});

async function run(
  name: PeerExecutable,
  args: readonly string[],
  output?: string,
): Promise<PeerProcess> {
  const tls = ["--tls-root", scene.certificate.files.ca, "--tls-disable-verify"];
  const all = [...args, ...tls];
  const command = peerExecutable(name);
  const peer = await PeerProcess.start({
    name,
    ...(output === undefined
      ? { command, args: all }
      : {
          command: "sh",
          args: ["-c", 'out=$1; shift; exec "$@" > "$out"', "sh", output, command, ...all],
        }),
    // moq-sub logs to where the movie goes.
    env: { RUST_LOG: output === undefined ? "info" : "off" },
    logFile: scene.logFile(name),
  });
  scene.onEnd(() => peer.stop());
  return peer;
}

const TEST_CASES = [
  "setup-only",
  "announce-only",
  "publish-namespace-done",
  "subscribe-error",
  "announce-subscribe",
  "subscribe-before-announce",
];

describe("interop | our server | moq-test-client 0.1.7 | moq-00 | WebTransport", () => {
  it.each(TEST_CASES)("%s", async (name) => {
    const client = await run("moq-test-client", ["--relay", relay.url, "--test", name, "-v"]);
    const { code } = await client.exited;
    expect(client.text).toMatch(new RegExp(`^ok 1 - ${name}`, "m"));
    expect(code).toBe(0);
  });
});

describe("interop | our server | moq-clock-ietf 0.6.15 | moq-00 | WebTransport", () => {
  it("publishes and subscribes", async () => {
    const url = relay.url;
    const publisher = await scene.clock({ url, namespace: "clock", publish: true });
    await eventually(() => relay.namespaces.has("clock"), { what: "the name", timeoutMs: SOON });
    const subscriber = await scene.clock({ url, namespace: "clock" });
    const ticks = await subscriber.ticks.waitForCount(() => true, 3, {
      what: "three ticks",
      timeoutMs: SOON,
    });
    for (const tick of ticks) await publisher.printed(tick, SOON);
  });

  it("publishes in datagrams", async () => {
    const clock = { url: relay.url, namespace: "clock", publish: true, datagrams: true };
    const publisher = await scene.clock(clock);
    await eventually(() => relay.namespaces.has("clock"), { what: "the name", timeoutMs: SOON });
    const reader = relay.origin.broadcast("clock")?.subscribe("now");
    const read: string[] = [];
    while (read.length < 3) {
      const group = await reader?.nextGroup();
      const frame = await group?.readFrame();
      read.push(Buffer.from(frame?.payload ?? []).toString());
    }
    for (const tick of read) await publisher.printed(tick, SOON);
    expect(relay.stats()[0]).toMatchObject({ datagramsDropped: 0, groupsReceived: 3 });
  });

  it("asks TRACK_STATUS before it subscribes", async () => {
    const url = relay.url;
    await scene.clock({ url, namespace: "clock", publish: true });
    await eventually(() => relay.namespaces.has("clock"), { what: "the name", timeoutMs: SOON });
    const subscriber = await scene.clock({ url, namespace: "clock", trackStatus: true });
    await subscriber.ticks.waitForCount(() => true, 2, { what: "two ticks", timeoutMs: SOON });
    expect(relay.stats()[1]?.requestsReceived).toBe(2);
  });
});

describe("interop | our server | moq-pub 0.8.15, moq-sub 0.4.9 | moq-00 | WebTransport", () => {
  it("carries a fragmented MP4, byte for byte", async () => {
    const mp4 = fragmentedMp4({ frames: 20, framesPerGroup: 5, frameBytes: 3_000 });
    const publisher = await run("moq-pub", ["--name", "movie", relay.url]);
    publisher.write(mp4.init);
    await eventually(() => relay.namespaces.has("movie"), { what: "the name", timeoutMs: SOON });
    const output = join(scene.folder, "movie.mp4");
    await run("moq-sub", ["--name", "movie", "--catalog", relay.url], output);
    await eventually(() => relay.stats()[1]?.servedSubscriptions === 3, {
      what: "catalog, init and video to be asked for",
      timeoutMs: SOON,
    });
    for (const fragment of mp4.fragments) {
      publisher.write(fragment);
      // At the pace of the movie: moq-sub passes over groups that come in a burst.
      await elapse(40);
    }
    const expected = Buffer.concat([mp4.init, ...mp4.fragments]);
    await eventually(async () => (await readFile(output)).byteLength >= expected.byteLength, {
      what: "the whole movie",
      timeoutMs: SOON,
    });
    expect(Buffer.compare(await readFile(output), expected)).toBe(0);
  });
});
