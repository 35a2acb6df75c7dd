import { Origin } from "@moq-bridge/origin";
import { describe, expect, it } from "vitest";
import { cloudflare, type PeerProfile } from "./profile.js";
import { publishTrack, ScriptedPeer, subscribeMessage, text } from "./session.fixture.js";

/** A session that serves the tracks named, subscribed in turn, to a scripted relay. */
async function serving(names: readonly string[], profile: PeerProfile = cloudflare) {
  const peer = await ScriptedPeer.start("server", { profile });
  const origin = new Origin({ runtime: peer.runtime });
  const producer = origin.createBroadcast("a");
  const tracks = names.map((name) => {
    const track = producer.createTrack(name);
    const open = (sequence: number) => {
      const group = track.openGroup(sequence);
      group?.writeFrame(text(`${sequence}`));
      return group;
    };
    const write = (sequence: number) => open(sequence)?.finish();
    return { open, write, finish: () => track.finish() };
  });
  const broadcast = origin.broadcast("a");
  if (broadcast) peer.session.publishNamespace("a", broadcast);
  await peer.settle();
  await peer.send({ type: "publish_namespace_ok", requestId: 0 });
  for (const [index, name] of names.entries()) {
    await peer.send(subscribeMessage(2 * index + 1, "a", name));
  }
  const ends = () => peer.streams.map(({ end }) => end);
  const objects = (index: number) =>
    peer.streams[index]?.events.filter(({ type }) => type === "object").length;
  return { peer, tracks, ends, objects };
}

describe("a write-once track", () => {
  it.each(["catalog.json", ".catalog"])("%s keeps its newest group's stream open", async (name) => {
    const { peer, tracks, ends, objects } = await serving([name]);
    tracks[0]?.write(1);
    await peer.settle(60_000);
    expect(objects(0)).toBe(1);
    expect(ends()).toEqual(["open"]);
    tracks[0]?.write(2);
    await peer.settle(60_000);
    expect(ends()).toEqual(["fin", "open"]);
    expect(peer.session.stats()).toMatchObject({ groupsSent: 2, groupsSkipped: 0 });
  });

  it("closes it at the track's end, before PUBLISH_DONE", async () => {
    const { peer, tracks, ends } = await serving(["catalog.json"]);
    tracks[0]?.write(1);
    await peer.settle(1_000);
    tracks[0]?.finish();
    await peer.settle(1);
    expect(ends()).toEqual(["fin"]);
    expect(peer.got("publish_done")).toMatchObject([{ statusCode: 2, streamCount: 1n }]);
  });

  it("resets it when the peer unsubscribes", async () => {
    const { peer, tracks, ends } = await serving(["catalog.json"]);
    tracks[0]?.write(1);
    await peer.settle(1_000);
    await peer.send({ type: "unsubscribe", requestId: 1 });
    expect(ends()).toEqual(["reset"]);
    expect(peer.session.openSendStreams).toBe(0);
  });

  it("gives it up when another track needs a stream and none is left", async () => {
    const profile = { ...cloudflare, maxOpenStreams: 1 };
    const { peer, tracks, ends } = await serving(["catalog.json", "video"], profile);
    tracks[0]?.write(1);
    await peer.settle(1_000);
    expect(ends()).toEqual(["open"]);
    tracks[1]?.write(1);
    await peer.settle(1);
    expect(ends()).toEqual(["fin", "fin"]);
    tracks[0]?.write(2);
    await peer.settle(1);
    expect(ends()).toEqual(["fin", "fin", "open"]);
  });

  it("that nobody reads any more holds nothing back", async () => {
    const profile = { ...cloudflare, maxOpenStreams: 2, writeOnceTracks: ["c*"] };
    const { peer, tracks, ends } = await serving(["c1", "c2", "video", "audio"], profile);
    tracks[0]?.write(1);
    tracks[1]?.write(1);
    await peer.settle(1_000);
    await peer.send({ type: "unsubscribe", requestId: 1 });
    tracks[2]?.open(1);
    await peer.settle(1);
    expect(ends()).toEqual(["reset", "open", "open"]);
    tracks[3]?.open(1);
    await peer.settle(1);
    expect(ends()).toEqual(["reset", "fin", "open", "open"]);
  });

  it("written again at once is finished, not reset", async () => {
    const { peer, tracks, ends } = await serving(["catalog.json"]);
    tracks[0]?.write(1);
    tracks[0]?.write(2);
    await peer.settle(1_000);
    expect(ends()).toEqual(["fin", "open"]);
    expect(peer.session.stats().groupsUnconfirmed).toBe(0);
  });

  it("is a matter of the profile's names", async () => {
    const { peer, tracks, ends } = await serving(["video", "meta.x"], {
      ...cloudflare,
      writeOnceTracks: ["meta.*"],
    });
    for (const { write } of tracks) write(1);
    await peer.settle(1_000);
    expect(ends()).toEqual(["fin", "open"]);
  });
});

describe("a peer that admits no further stream", () => {
  it("gets PUBLISH_DONE in time, and the next subscription is served again", async () => {
    const memory = { maxUniStreams: 1 };
    const peer = await ScriptedPeer.start("server", { profile: cloudflare, memory });
    const origin = new Origin({ runtime: peer.runtime });
    const stuck = publishTrack(origin, "a", "t");
    const other = publishTrack(origin, "b", "t");
    for (const path of ["a", "b"]) {
      const broadcast = origin.broadcast(path);
      if (broadcast) peer.session.publishNamespace(path, broadcast);
    }
    await peer.send(subscribeMessage(1, "a", "t"), subscribeMessage(3, "b", "t"));
    const open = stuck.openGroup(1);
    open?.writeFrame(text("x"));
    await peer.settle(1);
    other.openGroup(1)?.writeFrame(text("y"));
    await peer.settle(cloudflare.openStreamTimeoutMs - 1);
    expect(peer.got("publish_done")).toEqual([]);
    await peer.settle(1);
    expect(peer.got("publish_done")).toMatchObject([
      {
        requestId: 3,
        statusCode: 0,
        streamCount: 0n,
        errorReason: "the peer admitted no further data stream within 5000 ms",
      },
    ]);
    expect(peer.session.stats().streamOpenTimeouts).toBe(1);
    open?.finish();
    await peer.settle(1);
    await peer.send(subscribeMessage(5, "b", "t"));
    await peer.settle(1);
    // The stream that came too late was reset, unused.
    expect(peer.streams.map(({ events, end }) => [events.length > 0, end])).toEqual([
      [true, "fin"],
      [false, "reset"],
      [true, "open"],
    ]);
  });
});
