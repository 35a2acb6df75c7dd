import type { ControlMessage, FetchRange } from "@moq-bridge/moq-wire/ietf14";
import { Origin } from "@moq-bridge/origin";
import { VirtualRuntime } from "@moq-bridge/runtime";
import { describe, expect, it } from "vitest";
import { cloudflare, moqRelay, type PeerProfile, standard } from "./profile.js";
import { publishing } from "./publishing.fixture.js";
import { ScriptedPeer, subscribeMessage, subscribeOk } from "./session.fixture.js";

/** What ends a session of one profile and not of another. */
describe("a peer that follows the draft, and one that does not", () => {
  it("may not have a track twice", async () => {
    const strict = await publishing(standard);
    await strict.peer.send(subscribeMessage(1, "a/b", "t"), subscribeMessage(3, "a/b", "t"));
    expect(await strict.peer.closeCode()).toBe(3);
    const lenient = await publishing(cloudflare);
    await lenient.peer.send(subscribeMessage(1, "a/b", "t"), subscribeMessage(3, "a/b", "t"));
    expect(lenient.peer.got("subscribe_ok").map((ok) => ok.requestId)).toEqual([1, 3]);
  });

  it("may have a track again", async () => {
    const { peer } = await publishing(standard);
    const again = [subscribeMessage(1, "a/b", "t"), subscribeMessage(3, "a/b", "t")] as const;
    await peer.send(again[0], { type: "unsubscribe", requestId: 1 }, again[1]);
    expect(peer.got("subscribe_ok").map((ok) => ok.requestId)).toContain(3);
  });

  const truncated = async (profile: PeerProfile) => {
    const peer = await ScriptedPeer.start("client", { profile });
    const subscription = peer.session.subscribe("a", "t");
    await peer.settle();
    await peer.send(subscribeOk(1, 9));
    subscription.fill(new Origin({ runtime: peer.runtime }).createBroadcast("in").createTrack("t"));
    const stream = await peer.transport.openUni();
    await stream.write(Uint8Array.of(0x10, 9, 0, 0, 0, 5, 1));
    stream.finish();
    await peer.settle();
    return peer;
  };

  it("may not end a stream inside an object", async () => {
    expect(await (await truncated(standard)).closeCode()).toBe(3);
    const peer = await truncated(cloudflare);
    expect(peer.session.stats().groupsTruncated).toBe(1);
    await expect(peer.closeCode()).rejects.toThrow("the session is open");
  });
});

describe("a track's name of more than 4,096 bytes", () => {
  /** SUBSCRIBE for (a, b) and a name of so many bytes, which no encoder of ours writes. */
  const subscribe = (requestId: number, nameBytes: number) => {
    const length = [0x80, 0, nameBytes >> 8, nameBytes & 0xff];
    const head = [requestId, 2, 1, 0x61, 1, 0x62, ...length];
    const tail = [127, 0, 1, 2, 0];
    const size = head.length + nameBytes + tail.length;
    const name = new Uint8Array(nameBytes).fill(0x78);
    return Uint8Array.of(3, size >> 8, size & 0xff, ...head, ...name, ...tail);
  };

  it("ends the session with a peer that follows the draft", async () => {
    const { peer } = await publishing(standard);
    await peer.sendBytes(subscribe(1, 4_094));
    expect(peer.got("subscribe_error")).toHaveLength(1);
    await peer.sendBytes(subscribe(3, 4_095));
    expect(await peer.closeCode()).toBe(3);
  });

  it.each([cloudflare, moqRelay])(
    "is what a viewer asked $name for, and refused",
    async (profile) => {
      const { peer } = await publishing(profile);
      await peer.sendBytes(subscribe(1, 4_095), subscribe(3, 60_000));
      await peer.send(subscribeMessage(5, "a/b", "t"));
      expect(peer.got("subscribe_error").map((m) => [m.requestId, m.errorCode])).toEqual([
        [1, 3],
        [3, 3],
      ]);
      expect(peer.got("subscribe_ok")).toHaveLength(1);
      expect(peer.session.stats().unsupported).toBe(2);
    },
  );
});

describe("a FETCH that joins a subscription", () => {
  const fetch = (requestId: number, range: FetchRange): ControlMessage => ({
    type: "fetch",
    requestId,
    subscriberPriority: 0,
    groupOrder: "publisher",
    range,
    parameters: [],
  });
  const joining = (joiningRequestId: number) =>
    ({ type: "relative_joining", joiningRequestId, joiningStart: 1 }) as const;

  it("ends the session where the filter is not LargestObject", async () => {
    const { peer } = await publishing(standard);
    const filter = { type: "next_group_start" } as const;
    await peer.send(subscribeMessage(1, "a/b", "t", { filter }), fetch(3, joining(1)));
    expect(await peer.closeCode()).toBe(3);
  });

  it("is refused otherwise, as any FETCH is", async () => {
    const { peer } = await publishing(standard);
    const start = { group: 0, object: 0 };
    const standalone = { type: "standalone", trackNamespace: ["a"], trackName: "t" } as const;
    await peer.send(
      subscribeMessage(1, "a/b", "t"),
      fetch(3, joining(1)),
      fetch(5, joining(99)),
      fetch(7, { ...standalone, start, end: start }),
    );
    expect(
      peer.got("fetch_error").map(({ requestId, errorCode }) => [requestId, errorCode]),
    ).toEqual([
      [3, 3],
      [5, 3],
      [7, 3],
    ]);
  });
});

describe("MAX_REQUEST_ID", () => {
  const profile = { ...standard, grantedRequests: 8n };
  const track = (requestId: number) => subscribeMessage(requestId, "a/b", `t${requestId}`);
  const granted = (peer: ScriptedPeer) =>
    peer.got("max_request_id").map(({ requestId }) => Number(requestId));

  it("rises by as many requests as are over, and no others", async () => {
    const peer = await ScriptedPeer.start("server", { profile });
    const origin = new Origin({ runtime: peer.runtime });
    origin.createBroadcast("a/b", { onTrack: () => {} });
    const broadcast = origin.broadcast("a/b");
    if (broadcast) peer.session.publishNamespace("a/b", broadcast);
    await peer.send({ type: "publish_namespace_ok", requestId: 0 });
    // Four may be open at once: 1, 3, 5, 7. Nobody answers for these tracks, so each is pending.
    await peer.send(track(1), track(3), track(5));
    expect(granted(peer)).toEqual([]);
    await peer.send({ type: "unsubscribe", requestId: 3 });
    expect(granted(peer)).toEqual([10]);
    await peer.send(track(7), track(9));
    expect(granted(peer)).toEqual([10]);
    await peer.send(track(11));
    expect(await peer.closeCode()).toBe(7);
  });

  it("rises for requests that end with their answer", async () => {
    const { peer } = await publishing(profile);
    for (let requestId = 1; requestId < 41; requestId += 2) {
      await peer.send({
        type: "publish_namespace",
        requestId,
        trackNamespace: ["x"],
        parameters: [],
      });
    }
    expect(peer.got("publish_namespace_error")).toHaveLength(20);
    expect(granted(peer).at(-1)).toBeGreaterThanOrEqual(43);
  });
});

describe("what is given up here", () => {
  it("ends a prefix that waits for its answer", async () => {
    const peer = await ScriptedPeer.start("server");
    const prefix = peer.session.subscribeNamespace("a");
    prefix.unsubscribe();
    await expect(prefix.accepted).rejects.toMatchObject({ code: "unsubscribed" });
    await peer.settle();
    expect(peer.got("unsubscribe_namespace")).toHaveLength(1);
    expect(() => peer.session.subscribeNamespace("a/b")).not.toThrow();
    expect(() => peer.session.subscribeNamespace("a")).toThrow("already");
  });

  it.each(["reject", "cancel"] as const)("ends a namespace of the peer (%s)", async (how) => {
    let ended = 0;
    const peer = await ScriptedPeer.start("client", {
      onPublishNamespace: (offer) => {
        void offer.ended.then(() => ended++);
        if (how === "cancel") offer.accept();
        offer[how]("no");
      },
    });
    await peer.send({
      type: "publish_namespace",
      requestId: 0,
      trackNamespace: ["a"],
      parameters: [],
    });
    expect(ended).toBe(1);
  });

  it("says GOAWAY once", async () => {
    const peer = await ScriptedPeer.start("client");
    peer.session.sendGoaway();
    expect(() => peer.session.sendGoaway()).toThrow("already");
  });
});

describe("TRACK_STATUS of ours", () => {
  const ok = { type: "track_status_ok", trackAlias: 0, expires: 0n, parameters: [] } as const;

  it("says how far a track is, or why not", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const known = peer.session.trackStatus("a/b", "t");
    const unknown = peer.session.trackStatus("a/b", "u");
    await peer.settle();
    expect(peer.got("track_status")).toMatchObject([
      { requestId: 0, trackNamespace: ["a", "b"], trackName: "t" },
      { requestId: 2, trackName: "u" },
    ]);
    await peer.send(
      { type: "track_status_error", requestId: 2, errorCode: 4, errorReason: "Track not found" },
      { ...ok, requestId: 0, groupOrder: "ascending", largestLocation: { group: 5, object: 6 } },
    );
    expect(await known).toEqual({ largestLocation: { group: 5, object: 6 }, expires: 0n });
    await expect(unknown).rejects.toMatchObject({ code: "request_refused", wireCode: 4 });
  });

  it("is refused when nobody answers, the session ends, or the peer cannot be asked", async () => {
    const peer = await ScriptedPeer.start("server");
    const late = expect(peer.session.trackStatus("a", "t")).rejects.toMatchObject({
      code: "request_timeout",
    });
    await peer.settle(standard.requestTimeoutMs);
    await late;
    await peer.send({ ...ok, requestId: 0, groupOrder: "ascending", largestLocation: undefined });
    expect(peer.session.stats().strayMessages).toBe(1);
    const lost = expect(peer.session.trackStatus("a", "t")).rejects.toMatchObject({
      code: "session_closed",
    });
    peer.transport.close(0, "");
    await peer.settle();
    await lost;
    const relay = await ScriptedPeer.start("server", { profile: moqRelay });
    expect(() => relay.session.trackStatus("a", "t")).toThrow("cannot be asked");
    const long = peer.session.subscribeNamespace.bind(relay.session, "x".repeat(5000));
    expect(long).toThrow("4096");
  });
});

it("a prefix of the peer that overlaps another is refused with PREFIX_OVERLAP", async () => {
  const peer = await ScriptedPeer.start("client", {
    serve: new Origin({ runtime: new VirtualRuntime() }),
  });
  const prefix = (requestId: number, ...fields: string[]): ControlMessage => ({
    type: "subscribe_namespace",
    requestId,
    trackNamespacePrefix: fields,
    parameters: [],
  });
  await peer.send(prefix(0, "a", "b"), prefix(2, "a"), prefix(4, "a", "b", "c"), prefix(6, "b"));
  expect(peer.got("subscribe_namespace_ok").map(({ requestId }) => requestId)).toEqual([0, 6]);
  const refused = peer.got("subscribe_namespace_error");
  expect(refused.map(({ requestId, errorCode }) => [requestId, errorCode])).toEqual([
    [2, 5],
    [4, 5],
  ]);
});
