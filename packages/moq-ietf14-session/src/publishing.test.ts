import { Origin } from "@moq-bridge/origin";
import { describe, expect, it } from "vitest";
import { announceAll } from "./announce-all.js";
import { cloudflare, type PeerProfile, standard } from "./profile.js";
import type { NamespacePublication } from "./publication.js";
import { ScriptedPeer } from "./session.fixture.js";

async function started(profile: PeerProfile = cloudflare) {
  const peer = await ScriptedPeer.start("server", { profile });
  const broadcast = new Origin({ runtime: peer.runtime }).request("any");
  const publish = (path = "a/b"): NamespacePublication =>
    peer.session.publishNamespace(path, broadcast);
  const ends: string[] = [];
  const follow = (publication: NamespacePublication) => {
    void publication.ended.then(({ type }) => ends.push(type));
    return publication;
  };
  return { peer, publish, follow, ends };
}

const cancel = {
  type: "publish_namespace_cancel",
  trackNamespace: ["a", "b"],
  errorCode: 0,
  errorReason: "done",
} as const;

function names(peer: ScriptedPeer): string[] {
  return peer.received
    .filter(({ type }) => type.startsWith("publish_namespace"))
    .map((m) => m.type);
}

describe("PUBLISH_NAMESPACE", () => {
  it("is accepted, cancelled, and may then be published at once", async () => {
    const { peer, publish, follow, ends } = await started();
    const publication = follow(publish());
    await peer.settle();
    expect(peer.got("publish_namespace")).toEqual([
      { type: "publish_namespace", requestId: 0, trackNamespace: ["a", "b"], parameters: [] },
    ]);
    await peer.send({ type: "publish_namespace_ok", requestId: 0 });
    await publication.accepted;
    await peer.send(cancel);
    expect(ends).toEqual(["cancelled"]);
    publication.withdraw();
    publish();
    await peer.settle();
    expect(names(peer)).toEqual(["publish_namespace", "publish_namespace"]);
  });

  it("rests after DONE until its CANCEL, so that this does not hit the next one", async () => {
    const { peer, publish, follow, ends } = await started();
    const first = follow(publish());
    await peer.send({ type: "publish_namespace_ok", requestId: 0 });
    first.withdraw();
    const second = follow(publish());
    await peer.settle(cloudflare.cancelTimeoutMs - 1);
    expect(names(peer)).toEqual(["publish_namespace", "publish_namespace_done"]);
    await peer.send(cancel);
    expect(ends).toEqual(["withdrawn"]);
    expect(peer.got("publish_namespace")).toHaveLength(2);
    await peer.send({ type: "publish_namespace_ok", requestId: 2 });
    await second.accepted;
  });

  it("rests no longer than the profile says when no CANCEL comes", async () => {
    const { peer, publish, follow, ends } = await started();
    const first = follow(publish());
    await peer.send({ type: "publish_namespace_ok", requestId: 0 });
    first.withdraw();
    publish();
    await peer.settle(cloudflare.cancelTimeoutMs);
    expect(ends).toEqual(["withdrawn"]);
    expect(peer.got("publish_namespace")).toHaveLength(2);
  });

  it("withdrawn and then refused rests only as a refused one: no CANCEL comes", async () => {
    const { peer, publish, follow, ends } = await started();
    const first = follow(publish());
    first.withdraw();
    await peer.send({
      type: "publish_namespace_error",
      requestId: 0,
      errorCode: 0,
      errorReason: "done",
    });
    expect(ends).toEqual(["withdrawn"]);
    publish();
    await peer.settle(cloudflare.namespaceRestMs - 1);
    expect(names(peer)).toEqual(["publish_namespace", "publish_namespace_done"]);
    await peer.settle(1);
    expect(peer.got("publish_namespace")).toHaveLength(2);
  });

  it("that is refused is cleared from the relay with DONE and rests", async () => {
    const { peer, publish, follow, ends } = await started();
    const first = follow(publish());
    await peer.send({
      type: "publish_namespace_error",
      requestId: 0,
      errorCode: 0,
      errorReason: "done",
    });
    await expect(first.accepted).rejects.toMatchObject({ wireCode: 0 });
    expect(ends).toEqual(["refused"]);
    first.withdraw();
    publish();
    await peer.settle(cloudflare.namespaceRestMs - 1);
    expect(names(peer)).toEqual(["publish_namespace", "publish_namespace_done"]);
    await peer.settle(1);
    expect(peer.got("publish_namespace")).toHaveLength(2);
  });

  it("that nobody answers is given up with DONE", async () => {
    const { peer, publish } = await started({ ...cloudflare, unansweredRequest: "ends_request" });
    const publication = publish();
    await peer.settle(cloudflare.requestTimeoutMs);
    await expect(publication.accepted).rejects.toMatchObject({ code: "request_timeout" });
    expect(names(peer)).toEqual(["publish_namespace", "publish_namespace_done"]);
  });

  it("withdrawn while it rests is never sent", async () => {
    const { peer, publish, follow, ends } = await started();
    const first = follow(publish());
    await peer.send({ type: "publish_namespace_ok", requestId: 0 });
    first.withdraw();
    const second = follow(publish());
    second.withdraw();
    await expect(second.accepted).rejects.toMatchObject({ code: "withdrawn" });
    await peer.settle(cloudflare.cancelTimeoutMs);
    expect(ends).toEqual(["withdrawn", "withdrawn"]);
    expect(peer.got("publish_namespace")).toHaveLength(1);
  });

  it("ignores a CANCEL that cannot be meant for it", async () => {
    const { peer, publish, follow, ends } = await started();
    follow(publish());
    await peer.send(cancel);
    await peer.send({ type: "publish_namespace_ok", requestId: 0 });
    expect(ends).toEqual([]);
    expect(peer.session.stats().strayMessages).toBe(1);
  });

  it("is cancelled by a CANCEL with a code above 2^53 - 1, too", async () => {
    const { peer, publish } = await started();
    const [head, code] = [[0x0c, 0, 14, 2, 1, 0x61, 1, 0x62], new Uint8Array(8).fill(0xff)];
    const huge = Uint8Array.of(...head, ...code, 0);
    const publication = publish();
    await peer.sendBytes(huge);
    await peer.send({ type: "publish_namespace_ok", requestId: 0 });
    await peer.sendBytes(huge);
    await expect(publication.ended).resolves.toEqual({
      type: "cancelled",
      status: undefined,
      reason: "PUBLISH_NAMESPACE_CANCEL has errorCode above 2^53 - 1",
    });
    const withdrawn = publish();
    await peer.send({ type: "publish_namespace_ok", requestId: 2 });
    withdrawn.withdraw();
    publish();
    await peer.sendBytes(huge);
    expect(peer.got("publish_namespace")).toHaveLength(3);
    expect(peer.session.stats()).toMatchObject({ unsupported: 3, strayMessages: 1 });
  });

  it("toward a standard peer neither rests nor clears what was refused", async () => {
    const { peer, publish, follow, ends } = await started(standard);
    const first = follow(publish());
    await peer.send({
      type: "publish_namespace_error",
      requestId: 0,
      errorCode: 4,
      errorReason: "",
    });
    await expect(first.accepted).rejects.toMatchObject({ wireCode: 4 });
    const second = follow(publish());
    await peer.send({ type: "publish_namespace_ok", requestId: 2 });
    second.withdraw();
    publish();
    await peer.settle();
    expect(ends).toEqual(["refused", "withdrawn"]);
    expect(names(peer)).toEqual([
      "publish_namespace",
      "publish_namespace",
      "publish_namespace_done",
      "publish_namespace",
    ]);
  });
});

describe("announceAll", () => {
  it("publishes what an Origin announces and withdraws what ends", async () => {
    const { peer } = await started(standard);
    const origin = new Origin({ runtime: peer.runtime });
    const first = origin.createBroadcast("one");
    const refused: string[] = [];
    const all = announceAll(peer.session, origin, {
      onRefused: (path, error) => refused.push(`${path} ${error.code}`),
    });
    await peer.settle();
    origin.createBroadcast("two");
    await peer.settle();
    expect(peer.got("publish_namespace").map((m) => m.trackNamespace)).toEqual([["one"], ["two"]]);
    await peer.send({
      type: "publish_namespace_error",
      requestId: 2,
      errorCode: 1,
      errorReason: "",
    });
    expect(refused).toEqual(["two request_refused"]);
    first.finish();
    await peer.settle();
    expect(peer.got("publish_namespace_done").map((m) => m.trackNamespace)).toEqual([["one"]]);
    origin.createBroadcast("three");
    await peer.settle();
    all.close();
    await peer.settle();
    expect(peer.got("publish_namespace_done").map((m) => m.trackNamespace)).toEqual([
      ["one"],
      ["three"],
    ]);
  });
});
