import type { ControlMessageOf } from "@moq-bridge/moq-wire/ietf14";
import { Origin, type TrackRequest } from "@moq-bridge/origin";
import { describe, expect, it } from "vitest";
import { standard } from "./profile.js";
import { publishing, show } from "./publishing.fixture.js";
import { ScriptedPeer, subscribeMessage, text } from "./session.fixture.js";

const update = (
  requestId: number,
  more: Partial<ControlMessageOf<"subscribe_update">> = {},
): ControlMessageOf<"subscribe_update"> => ({
  type: "subscribe_update",
  requestId,
  subscriptionRequestId: 1,
  startLocation: { group: 0, object: 0 },
  endGroup: 0,
  subscriberPriority: 1,
  forward: true,
  parameters: [],
  ...more,
});

describe("SUBSCRIBE_UPDATE from the peer", () => {
  it("leaves out groups before a later start, and objects before it in its group", async () => {
    const { peer, track } = await publishing(standard);
    await peer.send(subscribeMessage(1, "a/b", "t"));
    await peer.send(update(3, { startLocation: { group: 2, object: 1 } }));
    for (const groupId of [1, 2]) {
      const group = track.openGroup(groupId);
      for (const frame of ["x", "y"]) group?.writeFrame(text(frame));
      group?.finish();
      await peer.settle(5);
    }
    expect(peer.streams.map((_, index) => show(peer, index))).toEqual(["0 2/0@55: 1=y fin"]);
  });

  it("that ends it where it is ends it at once", async () => {
    const { peer, track } = await publishing(standard);
    await peer.send(subscribeMessage(1, "a/b", "t"));
    track.openGroup(1)?.finish();
    await peer.settle(5);
    expect(peer.got("publish_done")).toEqual([]);
    await peer.send(update(3, { endGroup: 2 }));
    expect(peer.got("publish_done")).toMatchObject([{ statusCode: 3, streamCount: 1n }]);
  });

  it.each([
    ["ends before", { endGroup: 5 }, ["0 5/0@55: 0=x reset"]],
    [
      "starts after",
      { startLocation: { group: 6, object: 0 } },
      ["0 5/0@55: 0=x reset", "0 6/0@55: 0=z open"],
    ],
  ] as const)("resets the stream of a group it %s", async (_name, narrowed, shown) => {
    const { peer, track } = await publishing(standard);
    await peer.send(subscribeMessage(1, "a/b", "t"));
    const group = track.openGroup(5);
    group?.writeFrame(text("x"));
    await peer.settle(5);
    await peer.send(update(3, narrowed));
    group?.writeFrame(text("y"));
    track.openGroup(6)?.writeFrame(text("z"));
    await peer.settle(5);
    expect(peer.streams.map((_, index) => show(peer, index))).toEqual(shown);
    const done = "endGroup" in narrowed ? [{ statusCode: 3, streamCount: 1n }] : [];
    expect(peer.got("publish_done")).toMatchObject(done);
  });

  it("holds an open group while it says not to forward", async () => {
    const { peer, track } = await publishing(standard);
    await peer.send(subscribeMessage(1, "a/b", "t"));
    const group = track.openGroup(5);
    group?.writeFrame(text("x"));
    await peer.settle(5);
    await peer.send(update(3, { forward: false }));
    group?.writeFrame(text("y"));
    await peer.settle(5);
    expect(show(peer, 0)).toBe("0 5/0@55: 0=x open");
    await peer.send(update(5, { forward: true }));
    group?.finish();
    await peer.settle(5);
    expect(show(peer, 0)).toBe("0 5/0@55: 0=x 1=y fin");
  });

  it.each([
    ["before anything was sent", 0],
    ["inside a group", 1],
  ])("not to forward, %s, does not hide that the track ends", async (_name, streams) => {
    const { peer, track } = await publishing(standard);
    await peer.send(subscribeMessage(1, "a/b", "t", { forward: streams > 0 }));
    track.openGroup(5)?.writeFrame(text("x"));
    await peer.settle(5);
    await peer.send(update(3, { forward: false }));
    track.openGroup(6)?.finish();
    track.finish();
    await peer.settle(5);
    expect(peer.got("publish_done")).toMatchObject([
      { statusCode: 2, streamCount: BigInt(streams) },
    ]);
    expect(peer.streams.map(({ end }) => end)).toEqual(streams > 0 ? ["reset"] : []);
  });

  it("counts before the track is known, too", async () => {
    const peer = await ScriptedPeer.start("server", { profile: standard });
    const origin = new Origin({ runtime: peer.runtime });
    let request: TrackRequest | undefined;
    origin.createBroadcast("a/b", {
      onTrack: (each) => {
        request = each;
      },
    });
    const broadcast = origin.broadcast("a/b");
    if (broadcast) peer.session.publishNamespace("a/b", broadcast);
    await peer.send({ type: "publish_namespace_ok", requestId: 0 });
    await peer.send(subscribeMessage(1, "a/b", "t", { forward: false }));
    await peer.send(update(3, { endGroup: 2 }));
    const track = request?.accept({ priority: 200, maxLatencyMs: 0 });
    track?.openGroup(1)?.finish();
    await peer.settle(5);
    expect(peer.streams).toHaveLength(1);
    expect(peer.got("publish_done")).toMatchObject([{ statusCode: 3 }]);
  });
});

describe("a range", () => {
  it("ends with its last group, whether or not there is another", async () => {
    const { peer, track } = await publishing(standard);
    const filter = { type: "absolute_range", start: { group: 1, object: 0 }, endGroup: 2 } as const;
    await peer.send(subscribeMessage(1, "a/b", "t", { filter }));
    for (const groupId of [1, 2]) {
      track.openGroup(groupId)?.finish();
      await peer.settle(5);
    }
    expect(peer.got("publish_done")).toMatchObject([{ statusCode: 3, streamCount: 2n }]);
  });
});
