import { type GroupPiece, Origin, type TrackConsumer } from "@moq-bridge/origin";
import { systemRuntime, VirtualRuntime } from "@moq-bridge/runtime";
import { memoryPair } from "@moq-bridge/transport";
import { describe, expect, it } from "vitest";
import { Scene } from "../../testing/src/scene.js";
import { elapse, eventually } from "../../testing/src/wait.js";
import { connectTo, publishTrack } from "../interop/relay.fixture.js";
import {
  acceptIetf14,
  cloudflare,
  connectIetf14,
  type Ietf14Session,
  type PeerProfile,
  standard,
} from "../src/index.js";

const TRACK = "catalog.json";
const CATALOG = new TextEncoder().encode('{"tracks":[]}');

/** Subscribes to the catalog and collects its groups: `sequence: payload`. */
async function readCatalog(session: Ietf14Session, path: string): Promise<string[]> {
  const origin = new Origin({ runtime: systemRuntime });
  const subscription = session.subscribe(path, TRACK);
  void subscription.accepted.then(() =>
    subscription.fill(origin.createBroadcast("in").createTrack(TRACK)),
  );
  await subscription.accepted;
  const seen: string[] = [];
  const reader = origin.broadcast("in")?.subscribe(TRACK);
  void (async () => {
    for (let group = await reader?.nextGroup(); group; group = await reader?.nextGroup()) {
      const frame = await group.readFrame();
      seen.push(`${group.sequence}: ${Buffer.from(frame?.payload ?? []).toString()}`);
    }
  })();
  return seen;
}

/** A relay, in memory, that gives who joins only groups that are still open, as one operator reports of the hosted network. */
class OpenGroupsOnlyRelay {
  readonly runtime = new VirtualRuntime();
  readonly #cache = new Origin({ runtime: this.runtime });
  #publisher: Ietf14Session | undefined;

  /** A publisher's session. */
  async publisher(profile: PeerProfile): Promise<Ietf14Session> {
    const { client, server } = memoryPair({ runtime: this.runtime });
    const accepting = acceptIetf14(server, {
      runtime: this.runtime,
      profile: standard,
      onPublishNamespace: (namespace) => namespace.accept(),
    });
    const connecting = connectIetf14(client, { runtime: this.runtime, profile });
    await this.runtime.advance(1);
    this.#publisher = await accepting;
    const session = this.#publisher;
    // Asked once, by the first viewer, and kept.
    this.#cache.dynamic((request) => {
      const subscription = session.subscribe(request.path, request.name);
      void subscription.accepted.then((info) => subscription.fill(request.accept(info)));
    });
    return connecting;
  }

  /** A viewer's session. */
  async viewer(): Promise<Ietf14Session> {
    const { client, server } = memoryPair({ runtime: this.runtime });
    const serve = new Origin({ runtime: this.runtime });
    serve.createBroadcast("a", {
      onTrack: (request) => {
        const out = request.accept({ priority: 0, maxLatencyMs: 5_000 });
        const track = this.#cache.request("a").subscribe(request.name);
        void copyWhatIsOpen(track, (sequence, pieces) => {
          const group = out.openGroup(sequence);
          for (const piece of pieces) {
            if (piece.type === "frame") group?.beginFrame(piece.header);
            else if (piece.type === "chunk") group?.writeChunk(piece.bytes);
          }
        });
      },
    });
    const accepting = acceptIetf14(server, { runtime: this.runtime, profile: standard, serve });
    const connecting = connectIetf14(client, { runtime: this.runtime, profile: cloudflare });
    await this.runtime.advance(1);
    await accepting;
    return connecting;
  }
}

/** Hands on what there is of each group, but not of a first group that has ended. */
async function copyWhatIsOpen(
  track: TrackConsumer,
  write: (sequence: number, pieces: GroupPiece[]) => void,
): Promise<void> {
  let first = true;
  for (let group = await track.nextGroup(); group; group = await track.nextGroup()) {
    if (!first) await group.readable();
    const pieces: GroupPiece[] = [];
    for (let piece = group.next(); piece; piece = group.next()) {
      pieces.push(piece);
      if (piece.type === "end") break;
    }
    if (!first || pieces.at(-1)?.type !== "end") write(group.sequence, pieces);
    first = false;
  }
}

/** What a viewer reads who joins 60 s after the catalog was written, in the presence of one who was there from the start. */
async function joinLate(profile: PeerProfile): Promise<{ early: string[]; late: string[] }> {
  const relay = new OpenGroupsOnlyRelay();
  const publisher = await relay.publisher(profile);
  const origin = new Origin({ runtime: relay.runtime });
  const track = origin.createBroadcast("a").createTrack(TRACK);
  const broadcast = origin.broadcast("a");
  if (broadcast) publisher.publishNamespace("a", broadcast);
  await relay.runtime.advance(10);
  const reading = readCatalog(await relay.viewer(), "a");
  await relay.runtime.advance(10);
  const early = await reading;
  const group = track.openGroup(7);
  group?.writeFrame(CATALOG);
  group?.finish();
  await relay.runtime.advance(60_000);
  const joining = readCatalog(await relay.viewer(), "a");
  await relay.runtime.advance(60_000);
  return { early, late: await joining };
}

const READ_ONCE = ['7: {"tracks":[]}'];

describe("a catalog written once", () => {
  it("is read, once, by a viewer who joins 60 s later where only open groups are passed on", async () => {
    expect(await joinLate(cloudflare)).toEqual({ early: READ_ONCE, late: READ_ONCE });
  });

  it("is not, without the rule", async () => {
    const late = await joinLate({ ...cloudflare, writeOnceTracks: [] });
    expect(late).toEqual({ early: READ_ONCE, late: [] });
  });

  it("is read, once, by viewers who join moq-relay-ietf later, and its successor too", async (context) => {
    const scene = await Scene.create(`moq-ietf14-session ${context.task.name}`);
    try {
      const relay = await scene.ietfRelay();
      const publisher = await connectTo(scene, relay.url);
      const track = await publishTrack(publisher, "own/catalog", TRACK);
      const early = await readCatalog(await connectTo(scene, relay.url), "own/catalog");
      const write = (sequence: number) => {
        const group = track.openGroup(sequence);
        group?.writeFrame(CATALOG);
        group?.finish();
      };
      write(7);
      // Longer than the relay's idle time-out.
      await elapse(15_000);
      const late = await readCatalog(await connectTo(scene, relay.url), "own/catalog");
      const soon = { what: "the catalog", timeoutMs: 5_000 };
      await eventually(() => late.length > 0, soon);
      await elapse(1_000);
      expect([early, late]).toEqual([READ_ONCE, READ_ONCE]);
      expect(publisher.openSendStreams).toBe(1);
      write(8);
      await eventually(() => early.length > 1 && late.length > 1, soon);
      const last = await readCatalog(await connectTo(scene, relay.url), "own/catalog");
      await eventually(() => last.length > 0, soon);
      expect([early.at(-1), late.at(-1), ...last]).toEqual(Array(3).fill('8: {"tracks":[]}'));
      expect(publisher.openSendStreams).toBe(1);
    } finally {
      await scene.end();
    }
  });
});
