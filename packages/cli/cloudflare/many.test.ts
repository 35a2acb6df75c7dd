import {
  connectScriptedIetf,
  elapse,
  eventually,
  type IetfConnection,
  type IetfRelay,
  type PythonPeer,
  type Scene,
  within,
} from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { ADMIN_FLAGS, adminUrl, statusOf } from "../interop/admin-fixture.js";
import {
  type Bridged,
  expectCleanOutput,
  inScene,
  PATIENCE_MS,
  startBridged,
  textOf,
} from "../interop/fixture.js";
import { connectRelayPeer, expectUnaltered, SteadyViewer, tick } from "./fixture.js";

/** Broadcasts of each side, how often one comes, and how long it stays. */
const EACH_SIDE = 50;
const EVERY_MS = 3_100;
const LIFE_MS = 25_000;
/** What is announced, and what ends, is so on the other side within the poll interval of 1 s and another second; the rest is for a busy machine. */
const IN_TIME_MS = 4_000;
const FRAMES = 3;
const TRACK = "now";
const SUBSCRIPTIONS = 200;
/** 80 % of the 50 requests that moq-relay-ietf grants a session. */
const REQUESTS_PER_SESSION = 40;

/** How long each broadcast took to be seen and to be ended on the other side, in milliseconds. */
class Times {
  readonly seen: number[] = [];
  readonly ended: number[] = [];

  get late(): number[] {
    return [...this.seen, ...this.ended].filter((ms) => ms > IN_TIME_MS);
  }
}

interface Sides extends Bridged {
  readonly scene: Scene;
  /** Publishes and watches on the relay. */
  readonly relayPeer: PythonPeer;
  /** Publishes on Cloudflare's side. */
  readonly cdnPeer: IetfConnection;
  readonly times: Times;
}

/** One of the relay's broadcasts, from its first frame to its end, watched on Cloudflare's side. */
async function fromRelay({ scene, ietf, relayPeer, times }: Sides, index: number): Promise<void> {
  const [name, path] = [`r${index}`, `room/${index}`];
  const publishedAt = performance.now();
  await relayPeer.publish(name, path, TRACK);
  await relayPeer.tick(name, 250, 10);
  const shown = await ietf.received("PUBLISH_NAMESPACE", path, { timeoutMs: PATIENCE_MS });
  times.seen.push(shown.at - publishedAt);
  const viewer = await SteadyViewer.start(scene, ietf.url, path, TRACK);
  await viewer.frames.waitForCount(() => true, FRAMES, {
    what: `${FRAMES} frames of ${path}`,
    timeoutMs: PATIENCE_MS,
  });
  await elapse(publishedAt + LIFE_MS - performance.now());
  const finishedAt = performance.now();
  await relayPeer.finish(name);
  const hidden = await ietf.received("PUBLISH_NAMESPACE_DONE", path, { timeoutMs: PATIENCE_MS });
  times.ended.push(hidden.at - finishedAt);
  await viewer.ends.waitFor(({ how }) => how === "SUBSCRIBE_ERROR 4", {
    what: `the end of ${path} at its viewer`,
    timeoutMs: PATIENCE_MS,
  });
  viewer.stop();
  expectUnaltered(viewer.frames.all(), name);
}

/** One of Cloudflare's broadcasts, watched on the relay; of every other one the publisher leaves before its row does. */
async function fromCloudflare(sides: Sides, index: number): Promise<void> {
  const { scene, registry, relayPeer, cdnPeer, times } = sides;
  const [name, path] = [`c${index}`, `live/${index}`];
  const source = cdnPeer.serve(path, TRACK);
  const namespace = await publishName(cdnPeer, path);
  const stop = tick(scene, source, name, 250);
  const listedAt = performance.now();
  registry.rows = [...registry.rows, { stream_id: path, origin: "cloudflare" }];
  const shown = await relayPeer.announced(path, { timeoutMs: PATIENCE_MS });
  times.seen.push(shown.at - listedAt);
  await relayPeer.view(name, path, TRACK);
  await relayPeer.framesRead(name, FRAMES, { timeoutMs: PATIENCE_MS });
  await elapse(listedAt + LIFE_MS - performance.now());
  const from = relayPeer.events.length;
  const endedAt = performance.now();
  const unlist = () => {
    registry.rows = registry.rows.filter(
      (row) => (row as { stream_id: string }).stream_id !== path,
    );
  };
  if (index % 2 === 0) unlist();
  else namespace.withdraw();
  const hidden = await relayPeer.announced(path, { active: false, timeoutMs: PATIENCE_MS, from });
  times.ended.push(hidden.at - endedAt);
  if (index % 2 === 0) namespace.withdraw();
  else await elapse(EVERY_MS).then(unlist);
  stop();
  await relayPeer.leave(name);
  const frames = relayPeer.frames(name).map((frame) => ({ ...frame, text: textOf(frame) }));
  expectUnaltered(frames, name);
}

/** A name on Cloudflare's side, and how to give it up with all that is served for it. */
async function publishName(connection: IetfConnection, path: string) {
  await connection.publishNamespace(path);
  const trackNamespace = path.split("/");
  return {
    withdraw: () => {
      for (const { requestId, trackNamespace: asked } of connection.messages("subscribe")) {
        if (asked.join("/") !== path) continue;
        connection.send({
          type: "publish_done",
          requestId,
          statusCode: 2,
          streamCount: 0n,
          errorReason: "ended",
        });
      }
      connection.send({ type: "publish_namespace_done", trackNamespace });
    },
  };
}

/** Every request that moq-relay-ietf received, or sent, was answered. */
function expectAnswered(ietf: IetfRelay, request: "SUBSCRIBE" | "PUBLISH_NAMESPACE"): void {
  const count = (direction: string, type: string) =>
    ietf.control.filter((message) => message.direction === direction && message.type === type)
      .length;
  for (const [asks, answers] of [
    ["recv", "sent"],
    ["sent", "recv"],
  ] as const) {
    const answered = count(answers, `${request}_OK`) + count(answers, `${request}_ERROR`);
    expect(answered, `${request} ${asks}`).toBe(count(asks, request));
  }
}

test.concurrent(
  "100 broadcasts come and go over 3 minutes, watched, half of them each way: every one is seen and ended in time",
  () =>
    inScene("100 broadcasts", async (scene) => {
      const bridged = await startBridged(scene, "https", { flags: ADMIN_FLAGS });
      const { ietf, bridge, relayUrl, relay } = bridged;
      const times = new Times();
      const sides = {
        ...bridged,
        scene,
        times,
        relayPeer: await scene.python("peer", relayUrl),
        cdnPeer: await connectScriptedIetf(scene, ietf.url),
      };
      const url = await adminUrl(bridge);
      const lives: Promise<void>[] = [];
      for (let index = 0; index < EACH_SIDE; index++) {
        lives.push(fromRelay(sides, index), fromCloudflare(sides, index));
        await elapse(EVERY_MS);
        expect((await statusOf(url)).cloudflare.waiting).toBe(0);
      }
      await Promise.all(lives);

      expect(times.seen).toHaveLength(2 * EACH_SIDE);
      expect(times.ended).toHaveLength(2 * EACH_SIDE);
      expect(times.late).toEqual([]);
      const last = await eventually(
        async () => {
          const status = await statusOf(url);
          const { cloudflare, relay: side, broadcasts } = status;
          const open = [side, cloudflare].flatMap(({ traffic }) => [
            traffic.subscriptions,
            traffic.servedSubscriptions,
          ]);
          const nothing = broadcasts.length === 0 && open.every((count) => count === 0);
          return nothing && cloudflare.sessions.length === 1 ? status : undefined;
        },
        { what: "nothing to be left", timeoutMs: PATIENCE_MS },
      );
      expect(last.relay.traffic).toMatchObject({ sessionsOpened: 1, reconnects: 0 });
      expect(last.cloudflare.traffic.reconnects).toBe(0);
      // 50 names and at least 50 tracks, asked for once and some more.
      expect(last.cloudflare.traffic.sessionsOpened).toBeGreaterThanOrEqual(
        Math.floor((2 * EACH_SIDE) / REQUESTS_PER_SESSION),
      );
      expect(last.refused).toEqual({});
      await ietf.publishes();
      expectAnswered(ietf, "SUBSCRIBE");
      expectAnswered(ietf, "PUBLISH_NAMESPACE");
      expect((await relay.sessions()).length).toBe(2);
      expectCleanOutput(bridge);
    }),
  300_000,
);

test.concurrent(`${SUBSCRIPTIONS} subscriptions one after the other through one bridge, each way: each is answered and nothing of it stays`, () =>
  inScene("200 subscriptions", async (scene) => {
    const { ietf, registry, bridge, relayUrl } = await startBridged(scene, "https", {
      flags: ADMIN_FLAGS,
    });
    const names = Array.from({ length: SUBSCRIPTIONS }, (_, index) => `track-${index}`);
    const url = await adminUrl(bridge);
    const { publish, seen } = await connectRelayPeer(scene, relayUrl);
    publish.createBroadcast("room/many", {
      onTrack: (request) => {
        const group = request.accept({ priority: 0, maxLatencyMs: 5_000 }).appendGroup();
        group.writeFrame(Buffer.from(request.name));
        group.finish();
      },
    });
    const cdn = await connectScriptedIetf(scene, ietf.url);
    for (const name of names) {
      const source = cdn.serve("live/many", name);
      await source.openGroup(0);
      await source.writeObject(name);
      await source.finishGroup();
    }
    await cdn.publishNamespace("live/many");
    registry.list("live/many");
    await ietf.received("PUBLISH_NAMESPACE", "room/many", { timeoutMs: PATIENCE_MS });

    const onRelay = async () => {
      const broadcast = await eventually(() => seen.broadcast("live/many"), {
        what: "live/many on the relay",
        timeoutMs: PATIENCE_MS,
      });
      for (const name of names) {
        const reader = broadcast.subscribe(name);
        const read = async () => (await (await reader.nextGroup())?.readFrame())?.payload;
        const payload = await within(read(), { what: name, timeoutMs: PATIENCE_MS });
        expect(Buffer.from(payload ?? []).toString()).toBe(name);
        reader.close();
      }
    };
    const onCloudflare = async () => {
      const viewer = await connectScriptedIetf(scene, ietf.url);
      for (const name of names) {
        const subscription = await viewer.subscribe("room/many", name, PATIENCE_MS);
        if (subscription === undefined) throw new Error(`${name} was refused`);
        const object = await viewer.events.waitFor(
          (event) => event.type === "object-end" && event.alias === subscription.alias,
          { what: name, timeoutMs: PATIENCE_MS },
        );
        expect(object.type === "object-end" && object.payload.toString()).toBe(name);
        viewer.unsubscribe(subscription);
      }
    };
    await Promise.all([onRelay(), onCloudflare()]);

    const { cloudflare } = await eventually(
      async () => {
        const status = await statusOf(url);
        return status.cloudflare.traffic.subscriptions === 0 ? status : undefined;
      },
      { what: "the last track to be let go", timeoutMs: PATIENCE_MS },
    );
    expect(cloudflare.waiting).toBe(0);
    expect(cloudflare.traffic.reconnects).toBe(0);
    expect(cloudflare.traffic.sessionsOpened).toBeGreaterThanOrEqual(
      SUBSCRIPTIONS / REQUESTS_PER_SESSION,
    );
    // The one that holds the name, and the newest.
    expect(cloudflare.sessions.length).toBeLessThanOrEqual(2);
    expectAnswered(ietf, "SUBSCRIBE");
    // And the bridge still carries.
    const after = await SteadyViewer.start(scene, ietf.url, "room/many", "one more");
    await after.frames.waitFor(({ text }) => text === "one more", {
      what: "one more track",
      timeoutMs: PATIENCE_MS,
    });
    expectCleanOutput(bridge);
  }));
