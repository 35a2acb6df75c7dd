import { createHash } from "node:crypto";
import {
  elapse,
  fragmentedMp4,
  PeerProcess,
  type PythonFrame,
  type PythonPeer,
  peerExecutable,
  type Scene,
} from "@moq-bridge/testing";
import { describe, expect, test } from "vitest";
import { inScene, PATIENCE_MS, startBridged } from "./fixture.js";

const FRAMES_PER_GROUP = 10;
const GROUPS = 6;
/** The movie's own pace: moq-relay-ietf passes over groups that come in a burst. */
const FRAME_MS = 40;

/** moq-pub's tracks: two that are written once, and the video. */
const CATALOG = ".catalog";
const INIT = "0.mp4";
const VIDEO = "1.m4s";

describe.each([
  ["WebTransport", "https"],
  ["WebSocket", "ws"],
] as const)(
  "interop | the bridge | moq-pub 0.8.15 to moq-rs 0.5.1 through both relays | moq-00 to moq-lite-06 | %s",
  (_transport, scheme) => {
    test("a fragmented MP4 arrives object for object", () =>
      inScene(`11 movie ${scheme}`, async (scene) => {
        const { ietf, registry, relayUrl } = await startBridged(scene, scheme);
        const movie = fragmentedMp4({
          frames: GROUPS * FRAMES_PER_GROUP,
          framesPerGroup: FRAMES_PER_GROUP,
          frameBytes: 20_000,
        });
        const publisher = await startPublisher(scene, ietf.url);
        publisher.write(movie.init);
        await ietf.received("PUBLISH_NAMESPACE", "live/movie", { timeoutMs: PATIENCE_MS });
        registry.list("live/movie");

        const early = await watch(scene, "early", relayUrl);
        await expectOnce(early, publisher, movie.init);
        for (const [index, fragment] of movie.fragments.entries()) {
          publisher.write(fragment);
          await elapse(FRAME_MS);
          if (index === 0) await early.framesRead(VIDEO, 1, { timeoutMs: PATIENCE_MS });
        }
        const count = movie.fragments.length;
        const read = await early.framesRead(VIDEO, count, { timeoutMs: PATIENCE_MS });
        expect(inOrder(read)).toEqual(movie.fragments.map((each, index) => objectOf(each, index)));

        // Who comes when all is written gets both tracks written once, and the newest group whole.
        const late = await watch(scene, "late", relayUrl);
        await expectOnce(late, publisher, movie.init);
        const last = { group: GROUPS - 1, index: FRAMES_PER_GROUP - 1 };
        await late.events.waitFor(
          (event) =>
            event.event === "frame" && event.group === last.group && event.index === last.index,
          { what: "the end of the newest group", timeoutMs: PATIENCE_MS },
        );
        const newest = late.frames(VIDEO).filter(({ group }) => group === last.group);
        expect(inOrder(newest)).toEqual(inOrder(read).slice(-FRAMES_PER_GROUP));
      }));
  },
);

async function startPublisher(scene: Scene, url: string): Promise<PeerProcess> {
  const { ca } = scene.certificate.files;
  const publisher = await PeerProcess.start({
    name: "moq-pub",
    command: peerExecutable("moq-pub"),
    args: ["--name", "live/movie", "--tls-root", ca, "--tls-disable-verify", url],
    env: { RUST_LOG: "info" },
    logFile: scene.logFile("moq-pub"),
  });
  scene.onEnd(() => publisher.stop());
  return publisher;
}

/** Somebody on the relay who reads all three tracks. */
async function watch(scene: Scene, name: string, relayUrl: string): Promise<PythonPeer> {
  const viewer = await scene.python(name, relayUrl);
  await viewer.announced("live/movie", { timeoutMs: PATIENCE_MS });
  for (const track of [CATALOG, INIT, VIDEO]) {
    await viewer.view(track, "live/movie", track, { maxAgeMs: 5_000 });
  }
  return viewer;
}

/** Checks the tracks that are written once. */
async function expectOnce(
  viewer: PythonPeer,
  publisher: PeerProcess,
  init: Uint8Array,
): Promise<void> {
  const [catalog] = await viewer.framesRead(CATALOG, 1, { timeoutMs: PATIENCE_MS });
  // moq-pub prints the catalog it publishes.
  const printed = Buffer.from(catalog?.payload ?? "", "base64").toString();
  expect(JSON.parse(printed)).toMatchObject({ tracks: [{ name: VIDEO }] });
  expect(publisher.text).toContain(`catalog: ${printed}`);
  const [first] = await viewer.framesRead(INIT, 1, { timeoutMs: PATIENCE_MS });
  expect(first && identityOf(first)).toEqual(objectOf(init, 0));
}

interface ObjectIdentity {
  readonly group: number;
  readonly index: number;
  readonly size: number;
  readonly sha256: string;
}

function objectOf(payload: Uint8Array, index: number): ObjectIdentity {
  return {
    group: Math.floor(index / FRAMES_PER_GROUP),
    index: index % FRAMES_PER_GROUP,
    size: payload.byteLength,
    sha256: createHash("sha256").update(payload).digest("hex"),
  };
}

function identityOf({ group, index, size, sha256 }: PythonFrame): ObjectIdentity {
  return { group, index, size, sha256 };
}

/** Groups are streams of their own, so the first object of one may overtake the last of another. */
function inOrder(frames: readonly PythonFrame[]): ObjectIdentity[] {
  return frames.map(identityOf).sort((a, b) => a.group - b.group || a.index - b.index);
}
