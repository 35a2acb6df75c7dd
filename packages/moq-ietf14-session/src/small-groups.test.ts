import { Origin, type TrackProducer } from "@moq-bridge/origin";
import { describe, expect, it } from "vitest";
import { cloudflare, type PeerProfile } from "./profile.js";
import { publishTrack, ScriptedPeer, subscribeMessage, text } from "./session.fixture.js";

/** Milliseconds one way: an acknowledgement takes twice that. */
const LATENCY_MS = 40;

/** A session that serves track `t` to a scripted relay 40 ms away, subscribed. */
async function serving(profile: PeerProfile = cloudflare) {
  const memory = { latencyMs: LATENCY_MS };
  const peer = await ScriptedPeer.start("server", { profile, memory });
  const origin = new Origin({ runtime: peer.runtime });
  const track = publishTrack(origin, "a", "t");
  const broadcast = origin.broadcast("a");
  if (broadcast) peer.session.publishNamespace("a", broadcast);
  await peer.settle(LATENCY_MS);
  await peer.send({ type: "publish_namespace_ok", requestId: 0 }, subscribeMessage(1, "a", "t"));
  await peer.settle(2 * LATENCY_MS);
  return { peer, track };
}

function write(track: TrackProducer, sequence: number, objects = 1): void {
  const group = track.openGroup(sequence);
  for (let index = 0; index < objects; index++) group?.writeFrame(text(`${sequence}`));
  group?.finish();
}

/** Groups of one object every 20 ms. */
async function speak(peer: ScriptedPeer, track: TrackProducer, objects = 1): Promise<void> {
  for (let sequence = 0; sequence < 10; sequence++) {
    write(track, sequence, objects);
    await peer.settle(20);
  }
}

describe("groups of one object in quick succession", () => {
  it("are all sent, each after the one before was given up", async () => {
    const { peer, track } = await serving();
    await speak(peer, track);
    expect(peer.session.openSendStreams).toBe(1);
    expect(peer.session.stats()).toMatchObject({ groupsSent: 10, groupsUnconfirmed: 9 });
    await peer.settle(2 * LATENCY_MS);
    expect(peer.streams).toHaveLength(10);
  });

  it("are never open two at a time, in a burst either", async () => {
    const { peer, track } = await serving();
    let most = 0;
    for (let sequence = 0; sequence < 6; sequence++) write(track, sequence);
    for (let ms = 0; ms < 100; ms++) {
      await peer.settle(1);
      most = Math.max(most, peer.session.openSendStreams);
    }
    expect(most).toBe(1);
    expect(peer.session.stats()).toMatchObject({ groupsSent: 6, groupsSkipped: 0 });
  });

  it("are left alone once the peer has them", async () => {
    const { peer, track } = await serving();
    for (let sequence = 0; sequence < 5; sequence++) {
      write(track, sequence);
      await peer.settle(99);
    }
    expect(peer.session.stats().groupsUnconfirmed).toBe(0);
    expect(peer.streams.map(({ end }) => end)).toEqual(Array<string>(5).fill("fin"));
  });

  it("may overtake each other where the peer does not mind", async () => {
    const { peer, track } = await serving({ ...cloudflare, smallGroups: undefined });
    await speak(peer, track);
    expect(peer.session.openSendStreams).toBeGreaterThan(2);
    expect(peer.session.stats().groupsUnconfirmed).toBe(0);
  });
});

describe("other groups", () => {
  it("of several objects are opened at once", async () => {
    const { peer, track } = await serving();
    await speak(peer, track, 2);
    expect(peer.session.openSendStreams).toBeGreaterThan(2);
    expect(peer.session.stats().groupsUnconfirmed).toBe(0);
  });

  it("that come slowly are opened at once", async () => {
    const { peer, track } = await serving({
      ...cloudflare,
      smallGroups: { perSecond: 51, graceShare: 0.8 },
    });
    await speak(peer, track);
    expect(peer.session.stats().groupsUnconfirmed).toBe(0);
  });
});
