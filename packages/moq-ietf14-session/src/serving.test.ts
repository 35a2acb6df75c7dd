import type { ControlMessage } from "@moq-bridge/moq-wire/ietf14";
import { Origin, type TrackRequest } from "@moq-bridge/origin";
import { MoqError } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { LAG_GRACE_MS } from "./limits.js";
import { cloudflare, standard } from "./profile.js";
import { publishing, show } from "./publishing.fixture.js";
import { publishTrack, ScriptedPeer, subscribeMessage, text } from "./session.fixture.js";

describe("SUBSCRIBE from the peer", () => {
  it("is answered as Cloudflare's relay needs it", async () => {
    const { peer, track } = await publishing();
    const group = track.openGroup(5);
    group?.writeFrame(text("old"));
    await peer.send(subscribeMessage(1, "a/b", "t"));
    expect(peer.got("subscribe_ok")).toEqual([
      {
        type: "subscribe_ok",
        requestId: 1,
        trackAlias: 0,
        expires: 0n,
        groupOrder: "ascending",
        largestLocation: undefined,
        parameters: [],
      },
    ]);
    group?.writeFrame(text("new"));
    group?.finish();
    await peer.settle(1);
    expect(show(peer, 0)).toBe("0 5/0@0: 0=old 1=new fin");
  });

  it("carries the track's priority to others", async () => {
    const { peer, track } = await publishing(standard);
    track.openGroup(0)?.writeFrame(text("x"));
    await peer.send(subscribeMessage(1, "a/b", "t"));
    expect(show(peer, 0)).toBe("0 0/0@55: 0=x open");
  });

  it("is refused for anything but a namespace published here, exactly", async () => {
    const { peer } = await publishing();
    const paths = ["a", "a/b/c", "b", "a/B", "internal/origins/x"];
    for (const [index, path] of paths.entries()) {
      await peer.send(subscribeMessage(2 * index + 1, path, "t"));
    }
    await peer.send(
      subscribeMessage(11, "x", "t", { trackNamespace: ["a/b"] }),
      subscribeMessage(13, "x", "t", { trackNamespace: ["a", "", "b"] }),
    );
    expect(peer.got("subscribe_ok")).toEqual([]);
    expect(peer.got("subscribe_error").map((error) => error.errorCode)).toEqual(
      Array<number>(7).fill(4),
    );
  });

  it("below a published prefix is served from what is found there, the longest name first", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const origin = new Origin({ runtime: peer.runtime });
    for (const path of ["live", "live/a", "live/b", "live/b/c"]) {
      publishTrack(origin, path, "t")
        .openGroup(0)
        ?.writeFrame(text(`of ${path}`));
    }
    const own = new Origin({ runtime: peer.runtime });
    publishTrack(own, "live/b", "t").openGroup(0)?.writeFrame(text("own"));
    const named = own.broadcast("live/b");
    if (named) peer.session.publishNamespace("live/b", named);
    peer.session.publishPrefix("live", (path) => origin.broadcast(path));
    await peer.settle();
    expect(peer.got("publish_namespace").map((message) => message.trackNamespace)).toEqual([
      ["live", "b"],
      ["live"],
    ]);
    const paths = ["live", "live/a", "live/b", "live/b/c", "live/none", "lives", "other"];
    for (const [index, path] of paths.entries()) {
      await peer.send(subscribeMessage(2 * index + 1, path, "t"));
    }
    await peer.settle();
    expect(peer.got("subscribe_error").map(({ requestId }) => requestId)).toEqual([9, 11, 13]);
    expect([0, 1, 2, 3].map((index) => show(peer, index).split("0=")[1])).toEqual([
      "of live open",
      "of live/a open",
      "own open",
      "of live/b/c open",
    ]);
  });

  it("gets the refusal of the track, with its code", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const origin = new Origin({ runtime: peer.runtime });
    const requests: TrackRequest[] = [];
    origin.createBroadcast("a", { onTrack: (request) => requests.push(request) });
    const broadcast = origin.broadcast("a");
    if (broadcast) peer.session.publishNamespace("a", broadcast);
    const names = ["track_not_found", "unauthorized", "other"];
    for (const [index, name] of names.entries()) {
      await peer.send(subscribeMessage(2 * index + 1, "a", name));
    }
    for (const { name, reject } of requests.map((r) => ({
      name: r.name,
      reject: r.reject.bind(r),
    }))) {
      reject(new MoqError(name, `because ${name}`, { scope: "subscription" }));
    }
    await peer.settle();
    expect(peer.got("subscribe_error")).toMatchObject([
      { requestId: 1, errorCode: 4, errorReason: "because track_not_found" },
      { requestId: 3, errorCode: 1 },
      { requestId: 5, errorCode: 0 },
    ]);
  });

  it("is answered TIMEOUT when the track never answers, and not at all once given up", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const origin = new Origin({ runtime: peer.runtime, idleMs: 0 });
    const cancelled: string[] = [];
    origin.createBroadcast("a", {
      onTrack: (request) => request.onCancelled(() => cancelled.push(request.name)),
    });
    const broadcast = origin.broadcast("a");
    if (broadcast) peer.session.publishNamespace("a", broadcast);
    await peer.send({ type: "publish_namespace_ok", requestId: 0 });
    await peer.send(subscribeMessage(1, "a", "slow"), subscribeMessage(3, "a", "left"), {
      type: "unsubscribe",
      requestId: 3,
    });
    await peer.settle(1);
    expect(cancelled).toEqual(["left"]);
    await peer.settle(cloudflare.requestTimeoutMs);
    expect(peer.got("subscribe_error")).toMatchObject([{ requestId: 1, errorCode: 2 }]);
    expect(cancelled).toEqual(["left", "slow"]);
    expect(peer.session.stats().servedSubscriptions).toBe(0);
  });

  it("twice for one track gets the half-sent group from object 0 each time", async () => {
    const { peer, track } = await publishing();
    await peer.send(subscribeMessage(1, "a/b", "t"));
    const group = track.openGroup(5);
    group?.writeFrame(text("one"));
    await peer.settle(1);
    await peer.send(subscribeMessage(3, "a/b", "t"));
    await peer.settle(1);
    group?.writeFrame(text("two"));
    await peer.settle(1);
    expect([show(peer, 0), show(peer, 1)]).toEqual([
      "0 5/0@0: 0=one 1=two open",
      "1 5/0@0: 0=one 1=two open",
    ]);
  });

  it("that is withdrawn resets its streams, and its alone", async () => {
    const { peer, track } = await publishing();
    await peer.send(subscribeMessage(1, "a/b", "t"), subscribeMessage(3, "a/b", "t"));
    track.openGroup(5)?.writeFrame(text("one"));
    await peer.settle(1);
    await peer.send({ type: "unsubscribe", requestId: 1 }, { type: "unsubscribe", requestId: 1 });
    expect(peer.streams.map(({ end }) => end)).toEqual(["reset", "open"]);
    expect(peer.got("publish_done")).toEqual([]);
  });

  it("ends with PUBLISH_DONE after its streams, which it counts", async () => {
    const { peer, track } = await publishing();
    await peer.send(subscribeMessage(1, "a/b", "t"));
    for (const sequence of [1, 2, 3]) {
      const group = track.openGroup(sequence);
      group?.writeFrame(text("x"));
      group?.finish();
      await peer.settle(2);
    }
    track.finish();
    await peer.settle(1);
    expect(peer.got("publish_done")).toEqual([
      { type: "publish_done", requestId: 1, statusCode: 2, streamCount: 3n, errorReason: "" },
    ]);
    expect(peer.streams.map(({ end }) => end)).toEqual(["fin", "fin", "fin"]);
  });

  it("ends with the track's failure", async () => {
    const { peer, track } = await publishing();
    await peer.send(subscribeMessage(1, "a/b", "t"));
    track.openGroup(1)?.writeFrame(text("x"));
    await peer.settle(1);
    track.abort(new MoqError("track_failed", "the source broke", { scope: "subscription" }));
    await peer.settle(1);
    expect(peer.got("publish_done")).toMatchObject([
      { statusCode: 0, streamCount: 1n, errorReason: "the source broke" },
    ]);
    expect(peer.streams.map(({ end }) => end)).toEqual(["reset"]);
  });

  it("goes on after the name is withdrawn, which new ones do not", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const origin = new Origin({ runtime: peer.runtime });
    const track = publishTrack(origin, "a", "t");
    const broadcast = origin.broadcast("a");
    if (!broadcast) throw new Error("nothing is announced");
    const publication = peer.session.publishNamespace("a", broadcast);
    await peer.send({ type: "publish_namespace_ok", requestId: 0 });
    await peer.send(subscribeMessage(1, "a", "t"));
    publication.withdraw();
    await peer.settle();
    await peer.send(subscribeMessage(3, "a", "t"));
    expect(peer.got("subscribe_error")).toMatchObject([{ requestId: 3, errorCode: 4 }]);
    track.openGroup(1)?.writeFrame(text("still"));
    await peer.settle(1);
    expect(show(peer, 0)).toBe("0 1/0@0: 0=still open");
  });

  it("with a range gets exactly that", async () => {
    const { peer, track } = await publishing(standard);
    for (const sequence of [4, 5, 6, 7]) {
      const group = track.openGroup(sequence);
      for (const part of ["a", "b", "c"]) group?.writeFrame(text(part));
      group?.finish();
    }
    const start = { group: 5, object: 1 };
    const filter = { type: "absolute_range", start, endGroup: 6 } as const;
    await peer.send(subscribeMessage(1, "a/b", "t", { filter }));
    await peer.settle(5);
    expect(peer.streams.map((_, index) => show(peer, index))).toEqual([
      "0 5/0@55: 1=b 2=c fin",
      "0 6/0@55: 0=a 1=b 2=c fin",
    ]);
    expect(peer.got("publish_done")).toMatchObject([{ statusCode: 3, streamCount: 2n }]);
    await peer.send(subscribeMessage(3, "a/b", "t", { filter: { ...filter, endGroup: 4 } }));
    expect(peer.got("subscribe_error")).toMatchObject([{ errorCode: 5 }]);
  });

  it("without forwarding waits for an update", async () => {
    const { peer, track } = await publishing(standard);
    await peer.send(subscribeMessage(1, "a/b", "t", { forward: false }));
    track.openGroup(1)?.writeFrame(text("x"));
    await peer.settle(5);
    expect(peer.streams).toEqual([]);
    await peer.send({
      type: "subscribe_update",
      requestId: 3,
      subscriptionRequestId: 1,
      startLocation: { group: 0, object: 0 },
      endGroup: 0,
      subscriberPriority: 1,
      forward: true,
      parameters: [],
    });
    await peer.settle(5);
    expect(show(peer, 0)).toBe("0 1/0@55: 0=x open");
  });
});

describe("groups", () => {
  it("are opened one after the other, never two in a millisecond", async () => {
    const { peer, track } = await publishing();
    await peer.send(subscribeMessage(1, "a/b", "t"));
    for (let sequence = 0; sequence < 5; sequence++) {
      const group = track.openGroup(sequence);
      group?.writeFrame(text(`${sequence}`));
      group?.finish();
    }
    await peer.settle();
    expect(peer.streams).toHaveLength(1);
    for (let count = 2; count <= 5; count++) {
      await peer.settle(1);
      expect(peer.streams).toHaveLength(count);
    }
    expect(peer.streams.map((_, index) => show(peer, index))).toEqual(
      [0, 1, 2, 3, 4].map((g) => `0 ${g}/0@0: 0=${g} fin`),
    );
  });

  it("wait for the one before to end", async () => {
    const { peer, track } = await publishing();
    await peer.send(subscribeMessage(1, "a/b", "t"));
    const first = track.openGroup(0);
    first?.writeFrame(text("x"));
    const second = track.openGroup(1);
    second?.writeFrame(text("y"));
    second?.finish();
    await peer.settle(LAG_GRACE_MS * 5);
    expect(peer.streams).toHaveLength(1);
    first?.finish();
    await peer.settle(2);
    expect(peer.streams.map((_, index) => show(peer, index))).toEqual([
      "0 0/0@0: 0=x fin",
      "0 1/0@0: 0=y fin",
    ]);
  });

  it("that stall while two newer ones wait are reset for the newest", async () => {
    const { peer, track } = await publishing();
    await peer.send(subscribeMessage(1, "a/b", "t"));
    track.openGroup(0)?.writeFrame(text("x"));
    await peer.settle(1);
    for (const sequence of [1, 2]) {
      const group = track.openGroup(sequence);
      group?.writeFrame(text(`${sequence}`));
      group?.finish();
    }
    await peer.settle(LAG_GRACE_MS - 1);
    expect(peer.streams).toHaveLength(1);
    await peer.settle(2);
    expect(peer.streams.map((_, index) => show(peer, index))).toEqual([
      "0 0/0@0: 0=x reset",
      "0 2/0@0: 0=2 fin",
    ]);
    expect(peer.session.stats().groupsSkipped).toBe(2);
  });

  it("that the peer stops cost only themselves", async () => {
    const { peer, track } = await publishing();
    await peer.send(subscribeMessage(1, "a/b", "t"));
    const group = track.openGroup(0);
    group?.abort(new MoqError("gone", "evicted", { scope: "stream" }));
    const next = track.openGroup(1);
    next?.writeFrame(text("y"));
    await peer.settle(5);
    expect(show(peer, peer.streams.length - 1)).toBe("0 1/0@0: 0=y open");
  });
});

describe("TRACK_STATUS", () => {
  it("says whether the track is there", async () => {
    const { peer } = await publishing();
    const status = (requestId: number, path: string, name: string): ControlMessage => ({
      ...subscribeMessage(requestId, path, name),
      type: "track_status",
    });
    await peer.send(status(1, "a/b", "t"), status(3, "a/b", "u"), status(5, "x", "t"));
    await peer.settle();
    expect(peer.got("track_status_ok")).toMatchObject([{ requestId: 1, trackAlias: 0 }]);
    expect(peer.got("track_status_error")).toMatchObject([
      { requestId: 5, errorCode: 4 },
      { requestId: 3, errorCode: 4 },
    ]);
  });
});
