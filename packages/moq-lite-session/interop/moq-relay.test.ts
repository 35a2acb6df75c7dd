import type { LiteVersion } from "@moq-bridge/moq-wire/lite";
import { type Announcements, type BroadcastConsumer, Origin } from "@moq-bridge/origin";
import { systemRuntime } from "@moq-bridge/runtime";
import { connectNative, connectWebSocket, type TransportSession } from "@moq-bridge/transport";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
// By path: as a dependency it would depend on itself, for that package needs this one.
import type { MoqRelay } from "../../testing/src/moq-relay.js";
import { Scene } from "../../testing/src/scene.js";
import { elapse, eventually, within } from "../../testing/src/wait.js";
import { connectLite, type LiteSession } from "../src/index.js";

const PROTOCOL: Readonly<Record<LiteVersion, string>> = {
  "lite-01": "moql",
  "lite-02": "moql",
  "lite-03": "moq-lite-03",
  "lite-04": "moq-lite-04",
  "lite-05": "moq-lite-05",
  "lite-06": "moq-lite-06",
};

const TRANSPORTS = ["WebSocket", "WebTransport"] as const;
const SOON = 5_000;

let scene: Scene;
let relay: MoqRelay;
let nextOriginId = 0;

interface Peer {
  readonly session: LiteSession;
  readonly publish: Origin;
  readonly receive: Origin;
}

beforeEach(async (context) => {
  scene = await Scene.create(`moq-lite-session ${context.task.name}`);
  relay = await scene.moqRelay();
});

afterEach(async () => {
  await scene.end();
});

async function connect(
  transport: (typeof TRANSPORTS)[number],
  version: LiteVersion,
): Promise<Peer> {
  const options = {
    protocols: [PROTOCOL[version]],
    tls: { ca: scene.certificate.ca },
    timeoutMs: SOON,
  };
  const connection: TransportSession = await (transport === "WebSocket"
    ? connectWebSocket(relay.wsUrl, options)
    : connectNative(relay.httpsUrl, options));
  const runtime = systemRuntime;
  const publish = new Origin({ runtime });
  const receive = new Origin({ runtime, idleMs: 200 });
  const originId = BigInt(1000 + nextOriginId++);
  const session = await connectLite(connection, {
    runtime,
    originId,
    publish,
    subscribe: receive,
    ...(version === "lite-01" ? { setupVersions: [version] } : {}),
  });
  scene.onEnd(async () => session.close());
  expect(session.version).toBe(version);
  await session.announced;
  return { session, publish, receive };
}

async function next(announcements: Announcements) {
  return await within(announcements.next(), { what: "an announcement", timeoutMs: SOON });
}

async function active(announcements: Announcements): Promise<BroadcastConsumer> {
  const announcement = await next(announcements);
  if (announcement?.type !== "active") throw new Error(`not active: ${announcement?.type}`);
  return announcement.broadcast;
}

/** Bytes that differ by group and frame. */
function payload(group: number, frame: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + group * 31 + frame * 13) & 255);
}

function expectBytes(found: Uint8Array | undefined, expected: Uint8Array): void {
  expect(found?.byteLength).toBe(expected.byteLength);
  expect(Buffer.compare(found ?? expected, expected)).toBe(0);
}

const cases = TRANSPORTS.flatMap((transport) =>
  (["lite-06", "lite-05", "lite-04", "lite-03", "lite-02", "lite-01"] as const).map(
    (version) => [version, transport] as const,
  ),
);

describe.each(cases)(
  "interop | our client | moq-relay 0.17.10 | moq-%s | %s",
  (version, transport) => {
    it("carries announcements, tracks and their end, without an echo", async () => {
      const publisher = await connect(transport, version);
      const viewer = await connect(transport, version);
      const echoes = publisher.receive.announced();
      const heard = viewer.receive.announced();

      const broadcast = publisher.publish.createBroadcast("room/a");
      const track = broadcast.createTrack("video");
      const seen = await active(heard);
      expect(seen.path).toBe("room/a");

      const reader = seen.subscribe("video");
      const sizes = [10, 0, 5_000, 300_000];
      for (let sequence = 0; sequence < 5; sequence++) {
        const group = track.appendGroup();
        for (const [frame, size] of sizes.entries()) {
          group.writeFrame(payload(sequence, frame, size));
        }
        group.finish();
        const arrived = await within(reader.nextGroup(), { what: "a group", timeoutMs: SOON });
        expect(arrived?.sequence).toBe(sequence);
        for (const [frame, size] of sizes.entries()) {
          const read = await within(arrived?.readFrame() ?? Promise.resolve(undefined), {
            what: `frame ${frame} of group ${sequence}`,
            timeoutMs: SOON,
          });
          expectBytes(read?.payload, payload(sequence, frame, size));
        }
        expect(await arrived?.readFrame()).toBeUndefined();
      }

      track.finish();
      // Up to lite-04 the relay ends no subscription of its viewers before they leave.
      if (version === "lite-05" || version === "lite-06") {
        const end = await within(reader.nextGroup(), { what: "the end", timeoutMs: SOON });
        expect(end).toBeUndefined();
      }
      broadcast.finish();
      expect(await next(heard)).toMatchObject({ type: "ended", path: "room/a" });
      expect(echoes.tryNext()).toBeUndefined();
      expect(publisher.session.stats().broadcastsIn).toBe(0);
    });

    it("gives a late viewer the open group from its first frame", async () => {
      const publisher = await connect(transport, version);
      const track = publisher.publish.createBroadcast("late").createTrack("video");
      const early = await connect(transport, version);
      const first = (await active(early.receive.announced())).subscribe("video");
      const group = track.appendGroup();
      group.writeFrame(payload(0, 0, 100));
      const arrived = await within(first.nextGroup(), { what: "a group", timeoutMs: SOON });
      await within(arrived?.readFrame() ?? Promise.reject(), { what: "a frame", timeoutMs: SOON });
      group.writeFrame(payload(0, 1, 100));

      const late = await connect(transport, version);
      const second = (await active(late.receive.announced())).subscribe("video");
      const joined = await within(second.nextGroup(), { what: "the group", timeoutMs: SOON });
      expect(joined?.sequence).toBe(0);
      group.writeFrame(payload(0, 2, 100));
      group.finish();
      for (const frame of [0, 1, 2]) {
        const read = await within(joined?.readFrame() ?? Promise.reject(), {
          what: `frame ${frame}`,
          timeoutMs: SOON,
        });
        expectBytes(read?.payload, payload(0, frame, 100));
      }
      expect(publisher.session.stats().subscriptionsOut).toBe(1);
    });

    it("hands a big frame on before it is whole", async () => {
      const publisher = await connect(transport, version);
      const viewer = await connect(transport, version);
      const track = publisher.publish.createBroadcast("big").createTrack("video");
      const reader = (await active(viewer.receive.announced())).subscribe("video");
      const group = track.appendGroup();
      group.beginFrame({ size: 4_000_000 });
      group.writeChunk(new Uint8Array(100_000));
      const arrived = await within(reader.nextGroup(), { what: "the group", timeoutMs: SOON });
      const readable = () =>
        within(arrived?.readable() ?? Promise.reject(), { what: "bytes", timeoutMs: SOON });
      await readable();
      expect(arrived?.next()).toMatchObject({ type: "frame", header: { size: 4_000_000 } });
      await readable();
      expect(arrived?.next()?.type).toBe("chunk");
      group.writeChunk(new Uint8Array(3_900_000));
      group.finish();
    });

    it("subscribes only while somebody reads, and again later", async () => {
      const publisher = await connect(transport, version);
      const viewer = await connect(transport, version);
      const track = publisher.publish.createBroadcast("demand").createTrack("video");
      const seen = await active(viewer.receive.announced());
      const served = () => publisher.session.stats().subscriptionsOut;
      await elapse(300);
      expect(served()).toBe(0);
      for (const sequence of [0, 1]) {
        const reader = seen.subscribe("video");
        await eventually(() => served() === 1, { what: "a subscription", timeoutMs: SOON });
        const group = track.appendGroup();
        group.writeFrame(payload(sequence, 0, 50));
        group.finish();
        const arrived = await within(
          (async () => {
            let next = await reader.nextGroup();
            while (next && next.sequence < sequence) next = await reader.nextGroup();
            return next;
          })(),
          { what: "a group", timeoutMs: SOON },
        );
        expectBytes((await arrived?.readFrame())?.payload, payload(sequence, 0, 50));
        reader.close();
        await eventually(() => served() === 0, { what: "its end", timeoutMs: SOON });
      }
    });

    it("says what does not exist", async () => {
      const publisher = await connect(transport, version);
      const viewer = await connect(transport, version);
      publisher.publish.createBroadcast("some").createTrack("video");
      const seen = await active(viewer.receive.announced());
      const missing = seen.subscribe("nothing");
      await expect(
        within(missing.nextGroup(), { what: "the refusal", timeoutMs: SOON }),
      ).rejects.toMatchObject({ scope: "subscription" });
      expect(viewer.session.stats().broadcastsIn).toBe(1);
    });
  },
);

describe.each(TRANSPORTS)(
  "interop | our client | moq-relay 0.17.10 | moq-lite-05 | %s",
  (transport) => {
    it("keeps two publishers of one path apart, and hands over when the newer leaves", async () => {
      const older = await connect(transport, "lite-05");
      const newer = await connect(transport, "lite-05");
      const viewer = await connect(transport, "lite-05");
      const heard = viewer.receive.announced();
      const read = async (text: string) => {
        const reader = (await active(heard)).subscribe("t");
        const group = await within(reader.nextGroup(), { what: text, timeoutMs: SOON });
        expect(Buffer.from((await group?.readFrame())?.payload ?? []).toString()).toBe(text);
      };
      const publish = (peer: Peer, text: string) => {
        const broadcast = peer.publish.createBroadcast("same");
        broadcast.createTrack("t").appendGroup().writeFrame(Buffer.from(text));
        return broadcast;
      };
      publish(older, "older");
      await read("older");
      const broadcast = publish(newer, "newer");
      expect((await next(heard))?.type).toBe("ended");
      await read("newer");
      broadcast.finish();
      expect((await next(heard))?.type).toBe("ended");
      await read("older");
    });

    it("tells of GOAWAY when the relay drains", async () => {
      await relay.stop();
      relay = await scene.moqRelay({ drainTimeout: "5s" });
      const peer = await connect(transport, "lite-05");
      const stopping = relay.stop();
      expect(await within(peer.session.goaway, { what: "GOAWAY", timeoutMs: SOON })).toBe("");
      peer.session.close();
      await stopping;
    });

    it("ends with the relay", async () => {
      const peer = await connect(transport, "lite-05");
      await relay.stop();
      const end = await within(peer.session.closed, { what: "the end", timeoutMs: SOON });
      // The relay exits at once: its close code does not always get out before its connection ends.
      expect(end.by).toBe("peer");
      expect([0, undefined]).toContain(end.code);
    });
  },
);
