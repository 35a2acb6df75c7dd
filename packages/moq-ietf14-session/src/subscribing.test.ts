import { encodeSubgroupHeader } from "@moq-bridge/moq-wire/ietf14";
import type { GroupProducer, TrackProducer } from "@moq-bridge/origin";
import { describe, expect, it } from "vitest";
import { DRAIN_MS, HOLD_MS, LINGER_MS, MAX_HELD_BYTES } from "./limits.js";
import { cloudflare, type PeerProfile, standard } from "./profile.js";
import { collectTrack, ScriptedPeer, subscribeOk, text } from "./session.fixture.js";
import type { Subscription, SubscriptionEnd } from "./subscription.js";

interface Subscribed {
  readonly peer: ScriptedPeer;
  readonly subscription: Subscription;
  readonly seen: string[];
  readonly ends: SubscriptionEnd[];
}

/** A subscription under alias 7 that fills a track. */
async function subscribed(profile: PeerProfile = cloudflare): Promise<Subscribed> {
  const peer = await ScriptedPeer.start("server", { profile });
  const subscription = peer.session.subscribe("a/b", "t", { priority: 200 });
  const ends: SubscriptionEnd[] = [];
  void subscription.done.then((end) => ends.push(end));
  await peer.settle();
  await peer.send(subscribeOk(0, 7));
  await subscription.accepted;
  const { track, seen } = collectTrack(peer.runtime);
  subscription.fill(track);
  return { peer, subscription, seen, ends };
}

/** A track that wants no group. */
const UNWANTING: Omit<TrackProducer, "closed"> = {
  name: "t",
  latestGroup: 1,
  frameCount: 0,
  demand: undefined,
  openGroup: () => undefined,
  appendGroup: () => {
    throw new Error("not used");
  },
  detach: () => {},
  finish: () => {},
  abort: () => {},
  onDemand: () => () => {},
};

const publishDone = (streamCount: bigint, statusCode = 0) =>
  ({ type: "publish_done", requestId: 0, statusCode, streamCount, errorReason: "done" }) as const;

describe("SUBSCRIBE", () => {
  it("asks as the profile says", async () => {
    for (const [profile, plain, started] of [
      [cloudflare, { type: "largest_object" }, { type: "largest_object" }],
      [
        standard,
        { type: "next_group_start" },
        { type: "absolute_start", start: { group: 9, object: 0 } },
      ],
    ] as const) {
      const peer = await ScriptedPeer.start("server", { profile });
      peer.session.subscribe("a/b", "t", { priority: 200 });
      peer.session.subscribe("a/b", "u", { priority: 0, startGroup: 9 });
      await peer.settle();
      expect(peer.got("subscribe")).toMatchObject([
        {
          requestId: 0,
          trackNamespace: ["a", "b"],
          trackName: "t",
          subscriberPriority: 55,
          forward: true,
          filter: plain,
        },
        { requestId: 2, subscriberPriority: 255, filter: started },
      ]);
    }
  });

  it("is given up when it is not answered in time", async () => {
    const peer = await ScriptedPeer.start("server", {
      profile: { ...cloudflare, unansweredRequest: "ends_request" },
    });
    const subscription = peer.session.subscribe("a", "t");
    await peer.settle(cloudflare.requestTimeoutMs - 1);
    expect(peer.got("unsubscribe")).toEqual([]);
    await peer.settle(1);
    await expect(subscription.accepted).rejects.toMatchObject({ code: "request_timeout" });
    await expect(subscription.done).resolves.toMatchObject({ type: "refused" });
    expect(peer.got("unsubscribe")).toEqual([{ type: "unsubscribe", requestId: 0 }]);
    await peer.send(subscribeOk(0, 7));
    expect(peer.session.stats()).toMatchObject({ strayMessages: 1, subscriptions: 0 });
  });

  it("waits for the request limit to rise, and says that it does", async () => {
    const peer = await ScriptedPeer.start("server", { grant: 2n });
    const first = peer.session.subscribe("a", "1");
    const second = peer.session.subscribe("a", "2");
    const third = peer.session.subscribe("a", "3");
    await peer.settle();
    expect(peer.got("subscribe")).toHaveLength(1);
    expect(peer.got("requests_blocked")).toEqual([
      { type: "requests_blocked", maximumRequestId: 2n },
    ]);
    expect(peer.session.stats().requestsBlocked).toBe(2);
    second.unsubscribe();
    await peer.send({ type: "max_request_id", requestId: 100n });
    expect(peer.got("subscribe")).toMatchObject([
      { requestId: 0, trackName: "1" },
      { requestId: 2, trackName: "3" },
    ]);
    expect(peer.got("unsubscribe")).toEqual([]);
    await expect(second.done).resolves.toEqual({ type: "unsubscribed" });
    first.unsubscribe();
    third.unsubscribe();
  });

  it("does not wait for a limit that is not meant", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare, grant: 2n });
    for (let i = 0; i < 80; i++) peer.session.subscribe("a", `${i}`);
    await peer.settle();
    expect(peer.got("subscribe").at(-1)?.requestId).toBe(158);
    expect(peer.got("requests_blocked")).toEqual([]);
  });
});

describe("data", () => {
  it("flows as it arrives and ends with its group", async () => {
    const { peer, seen } = await subscribed();
    const stream = await peer.stream({ trackAlias: 7, groupId: 4 }, [{ payload: "a" }]);
    expect(seen).toEqual(["4: a…"]);
    stream.finish();
    await peer.settle();
    expect(seen).toEqual(["4: a"]);
    expect(peer.session.stats()).toMatchObject({
      groupsReceived: 1,
      objectsReceived: 1,
      openRecvStreams: 0,
    });
  });

  it("that comes before SUBSCRIBE_OK is held", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const subscription = peer.session.subscribe("a", "t");
    await peer.settle();
    const whole = await peer.stream({ trackAlias: 3, groupId: 1 }, [{ payload: "x" }]);
    whole.finish();
    const part = await peer.stream({ trackAlias: 3, groupId: 2 }, [{ payload: "y" }]);
    await part.write(Uint8Array.of(0, 2, 0x7a));
    await peer.settle(HOLD_MS - 1);
    await peer.send(subscribeOk(0, 3));
    await subscription.accepted;
    const { track, seen } = collectTrack(peer.runtime);
    subscription.fill(track);
    await part.write(Uint8Array.of(0x7a));
    part.finish();
    await peer.settle();
    expect(seen).toEqual(["1: x", "2: y zz"]);
  });

  it("is held neither for ever nor without bound", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const late = await peer.stream({ trackAlias: 3, groupId: 1 }, [{ payload: "x" }]);
    await peer.settle(HOLD_MS);
    await expect(late.stopped).resolves.toBe(1);
    const big = await peer.transport.openUni();
    const header = encodeSubgroupHeader({
      trackAlias: 3,
      groupId: 1,
      subgroupId: 0,
      publisherPriority: 0,
      extensionsPresent: false,
      endOfGroup: false,
    });
    const write = async () => {
      await big.write([header, Uint8Array.of(0, 0xbf, 0xff, 0xff, 0xff)]);
      for (let sent = 0; sent <= MAX_HELD_BYTES; sent += 65536)
        await big.write(new Uint8Array(65536));
    };
    const writing = write().catch((error: unknown) => error);
    await peer.settle();
    await expect(big.stopped).resolves.toBe(1);
    await writing;
    expect(peer.session.stats().unknownAliases).toBe(2);
  });

  it("that ends inside an object breaks its group off, nothing more", async () => {
    const { peer, seen } = await subscribed();
    const cut = await peer.stream({ trackAlias: 7, groupId: 1 }, [{ payload: "a" }]);
    await cut.write(Uint8Array.of(0, 5, 1, 2));
    cut.finish();
    const reset = await peer.stream({ trackAlias: 7, groupId: 2 }, [{ payload: "b" }]);
    reset.reset(0);
    const fine = await peer.stream({ trackAlias: 7, groupId: 3 }, [{ payload: "c" }]);
    fine.finish();
    await peer.settle();
    expect(seen).toEqual(["1: a!", "2: b!", "3: c"]);
    expect(peer.session.stats().groupsTruncated).toBe(2);
  });

  it("that cannot be carried is counted", async () => {
    const { peer, seen } = await subscribed();
    const objects = [{ payload: "a" }, { id: 3, payload: "b" }, { status: 3 }];
    const stream = await peer.stream({ trackAlias: 7, groupId: 1 }, objects);
    stream.finish();
    const other = await peer.stream({ trackAlias: 7, groupId: 1, subgroupId: 2 }, []);
    const first = await peer.stream({ trackAlias: 7, groupId: 1, subgroupId: "first_object_id" }, [
      { id: 4, payload: "z" },
    ]);
    await expect(other.stopped).resolves.toBe(1);
    await expect(first.stopped).resolves.toBe(1);
    const extended = await peer.transport.openUni();
    await extended.write(Uint8Array.of(0x11, 7, 2, 0, 0, 2, 2, 5, 1, 0x63));
    await peer.settle();
    expect(seen).toEqual(["1: a b", "2: c…"]);
    expect(peer.session.stats()).toMatchObject({
      objectGaps: 2,
      statusObjectsDropped: 1,
      subgroupsDropped: 2,
      extensionsDropped: 1,
    });
  });

  it("in a subgroup named after its first object 0 is carried", async () => {
    const { peer, seen } = await subscribed();
    await peer.stream({ trackAlias: 7, groupId: 1, subgroupId: "first_object_id" }, [
      { payload: "a" },
      { payload: "b" },
    ]);
    expect(seen).toEqual(["1: a b…"]);
  });

  it("of a group without its head continues what is there, or is dropped", async () => {
    const { peer, seen } = await subscribed();
    const broken = await peer.stream({ trackAlias: 7, groupId: 1 }, [
      { payload: "a" },
      { payload: "b" },
    ]);
    expect(seen).toEqual(["1: a b…"]);
    await peer.stream({ trackAlias: 7, groupId: 1 }, [{ id: 2, payload: "c" }]);
    expect(seen).toEqual(["1: a b c…"]);
    broken.reset(0);
    const headless = await peer.stream({ trackAlias: 7, groupId: 2 }, [{ id: 4, payload: "e" }]);
    await expect(headless.stopped).resolves.toBe(1);
    expect(peer.session.stats()).toMatchObject({ objectGaps: 4, groupsTruncated: 1 });
  });

  it("with numbers above 2^53 - 1 fails its track, nothing more", async () => {
    const { peer, ends } = await subscribed();
    const stream = await peer.transport.openUni();
    await stream.write(Uint8Array.from([0x10, 7, ...Array<number>(8).fill(0xff), 0]));
    await peer.settle();
    expect(ends).toMatchObject([{ type: "failed", error: { code: "wire_unsupported" } }]);
    expect(peer.got("unsubscribe")).toEqual([{ type: "unsubscribe", requestId: 0 }]);
    expect(peer.session.stats().unsupported).toBe(1);
    peer.session.subscribe("a/b", "t");
  });

  it("of a group that is not wanted is stopped", async () => {
    const { peer, subscription } = await subscribed();
    subscription.fill({ ...UNWANTING, closed: new Promise(() => {}) });
    const stream = await peer.stream({ trackAlias: 7, groupId: 1 }, [{ payload: "a" }]);
    await expect(stream.stopped).resolves.toBe(1);
    expect(peer.session.stats().groupsUnwanted).toBe(1);
  });

  it("of a group that stops being wanted is stopped, too", async () => {
    const { peer, subscription } = await subscribed();
    let unwanted = () => {};
    const group: GroupProducer = {
      sequence: 1,
      nextFrame: 0,
      startAt: () => {},
      beginFrame: () => {},
      writeChunk: () => {},
      writeFrame: () => {},
      finish: () => {},
      abort: () => {},
      onUnwanted: (callback) => {
        unwanted = callback;
      },
    };
    subscription.fill({ ...UNWANTING, openGroup: () => group, closed: new Promise(() => {}) });
    const stream = await peer.stream({ trackAlias: 7, groupId: 1 }, [{ payload: "a" }]);
    unwanted();
    await expect(stream.stopped).resolves.toBe(1);
  });
});

describe("the end", () => {
  it("of data that PUBLISH_DONE overtook is waited for, briefly", async () => {
    const { peer, seen, ends } = await subscribed();
    await peer.send(publishDone(0n));
    const late = await peer.stream({ trackAlias: 7, groupId: 1 }, [{ payload: "a" }]);
    await peer.settle(DRAIN_MS);
    expect(ends).toEqual([]);
    late.finish();
    await peer.settle();
    expect(seen).toEqual(["1: a"]);
    expect(ends).toEqual([{ type: "done", status: 0, reason: "done" }]);
  });

  it("comes at once when every stream that was counted is there", async () => {
    const { peer, ends } = await subscribed(standard);
    const stream = await peer.stream({ trackAlias: 7, groupId: 1 }, [{ payload: "a" }]);
    stream.finish();
    await peer.settle();
    await peer.send(publishDone(2n, 2));
    expect(ends).toEqual([]);
    const second = await peer.stream({ trackAlias: 7, groupId: 2 }, [{ payload: "b" }]);
    second.finish();
    await peer.settle();
    expect(ends).toEqual([{ type: "done", status: 2, reason: "done" }]);
  });

  it("does not wait for a stream that never ends", async () => {
    const { peer, ends } = await subscribed();
    const stuck = await peer.stream({ trackAlias: 7, groupId: 1 }, [{ payload: "a" }]);
    await peer.send(publishDone(0n));
    await peer.settle(LINGER_MS);
    expect(ends).toHaveLength(1);
    await expect(stuck.stopped).resolves.toBe(1);
  });

  it("by UNSUBSCRIBE stops the streams there are and those that still come", async () => {
    const { peer, subscription, ends } = await subscribed();
    const open = await peer.stream({ trackAlias: 7, groupId: 1 }, [{ payload: "a" }]);
    subscription.unsubscribe();
    subscription.unsubscribe();
    await peer.settle();
    expect(ends).toEqual([{ type: "unsubscribed" }]);
    expect(peer.got("unsubscribe")).toHaveLength(1);
    await expect(open.stopped).resolves.toBe(1);
    const late = await peer.stream({ trackAlias: 7, groupId: 2 }, [{ payload: "b" }]);
    await expect(late.stopped).resolves.toBe(1);
    expect(peer.session.stats().unknownAliases).toBe(0);
  });

  it("of the filled track unsubscribes", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const subscription = peer.session.subscribe("a", "t");
    await peer.settle();
    await peer.send(subscribeOk(0, 7));
    const { track } = collectTrack(peer.runtime);
    subscription.fill(track);
    track.finish();
    await expect(subscription.done).resolves.toEqual({ type: "unsubscribed" });
    await peer.settle();
    expect(peer.got("unsubscribe")).toHaveLength(1);
  });

  it("by the session leaves groups for the next source", async () => {
    const { peer, seen, ends } = await subscribed();
    await peer.stream({ trackAlias: 7, groupId: 1 }, [{ payload: "a" }]);
    peer.transport.close(0, "");
    await peer.settle();
    expect(ends).toMatchObject([{ type: "session_closed" }]);
    expect(seen).toEqual(["1: a…"]);
    expect(peer.runtime.pendingTimers).toBe(0);
  });

  it("by PUBLISH_DONE instead of SUBSCRIBE_ERROR is a refusal", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const subscription = peer.session.subscribe("a", "t");
    await peer.settle();
    await peer.send({ ...publishDone(0n, 4), errorReason: "no\nsuch track" });
    await expect(subscription.accepted).rejects.toMatchObject({
      wireCode: 4,
      message: "SUBSCRIBE was refused with 4: no such track",
    });
  });

  it("keeps a track's alias apart from the next track's", async () => {
    const { peer, subscription } = await subscribed();
    subscription.unsubscribe();
    const next = peer.session.subscribe("a/b", "t");
    await peer.settle();
    await peer.send(subscribeOk(2, 7));
    await next.accepted;
    const { track, seen } = collectTrack(peer.runtime);
    next.fill(track);
    await peer.stream({ trackAlias: 7, groupId: 5 }, [{ payload: "new" }]);
    expect(seen).toEqual(["5: new…"]);
  });
});

describe("a track that is asked for again under the alias it had", () => {
  it("keeps a stream that overtakes its SUBSCRIBE_OK", async () => {
    const { peer, subscription } = await subscribed();
    subscription.unsubscribe();
    const again = peer.session.subscribe("a/b", "t");
    await peer.settle();
    const early = await peer.stream({ trackAlias: 7, groupId: 5 }, [{ payload: "catalog" }]);
    early.finish();
    await peer.settle(HOLD_MS - 1);
    await peer.send(subscribeOk(2, 7));
    await again.accepted;
    const { track, seen } = collectTrack(peer.runtime);
    again.fill(track);
    await peer.settle();
    expect(seen).toEqual(["5: catalog"]);
  });

  it("and refused waits for no more of its streams", async () => {
    const { peer, subscription } = await subscribed();
    subscription.unsubscribe();
    const again = peer.session.subscribe("a/b", "t");
    const refused = expect(again.accepted).rejects.toMatchObject({ code: "request_refused" });
    await peer.settle();
    await peer.send({ type: "subscribe_error", requestId: 2, errorCode: 4, errorReason: "" });
    await refused;
    const late = await peer.stream({ trackAlias: 7, groupId: 5 }, [{ payload: "x" }]);
    await expect(late.stopped).resolves.toBe(1);
    expect(peer.session.stats().unknownAliases).toBe(0);
  });

  it("is told apart from another track that gets the alias: what comes late is not taken for that one's", async () => {
    const { peer, subscription } = await subscribed();
    subscription.unsubscribe();
    const other = peer.session.subscribe("a/b", "u");
    await peer.settle();
    const late = await peer.stream({ trackAlias: 7, groupId: 5 }, [{ payload: "of t" }]);
    await expect(late.stopped).resolves.toBe(1);
    await peer.send(subscribeOk(2, 7));
    await other.accepted;
    const { track, seen } = collectTrack(peer.runtime);
    other.fill(track);
    await peer.settle();
    expect(seen).toEqual([]);
  });

  it("keeps its streams when the end of the one before is through", async () => {
    const { peer, ends } = await subscribed(standard);
    await peer.send(publishDone(3n));
    const again = peer.session.subscribe("a/b", "t");
    await peer.settle();
    const requestId = peer.got("subscribe").at(-1)?.requestId ?? 0;
    await peer.send(subscribeOk(requestId, 7));
    const { track, seen } = collectTrack(peer.runtime);
    again.fill(track);
    await peer.settle(LINGER_MS);
    expect(ends).toMatchObject([{ type: "done" }]);
    await peer.stream({ trackAlias: 7, groupId: 4 }, [{ payload: "new" }]);
    expect(seen).toEqual(["4: new…"]);
  });
});

describe("payload", () => {
  it("is handed on as views of what arrived", async () => {
    const { peer, seen } = await subscribed();
    const payload = "x".repeat(3000);
    const stream = await peer.stream({ trackAlias: 7, groupId: 1 }, [{ payload }]);
    await stream.write([Uint8Array.of(0, 0x44, 0x00), text("y".repeat(1024))]);
    await peer.settle();
    expect(seen).toEqual([`1: ${payload} ${"y".repeat(1024)}…`]);
    expect(peer.session.stats().bytesReceived).toBeGreaterThan(4000);
  });
});
