import { Origin } from "@moq-bridge/origin";
import { expect, it } from "vitest";
import { cloudflare, standard } from "./profile.js";
import { publishTrack, ScriptedPeer, sessionPair, subscribeOk } from "./session.fixture.js";

/** A subscription that fills a track with one reader of priority 10. */
async function start(profile = standard, grant = 1000n) {
  const peer = await ScriptedPeer.start("server", { profile, grant });
  const origin = new Origin({ runtime: peer.runtime });
  const track = publishTrack(origin, "a", "t");
  const reader = origin.broadcast("a")?.subscribe("t", { priority: 10 });
  const subscription = peer.session.subscribe("a/b", "t", { priority: 10 });
  await peer.settle();
  return { peer, track, reader, subscription };
}

it("sends SUBSCRIBE_UPDATE when the demand changes, with the start the publisher has", async () => {
  const { peer, track, reader, subscription } = await start();
  await peer.send({ ...subscribeOk(0, 7), largestLocation: { group: 5, object: 3 } });
  subscription.fill(track);
  await peer.settle();
  expect(peer.got("subscribe_update")).toEqual([]);
  reader?.update({ priority: 200 });
  await peer.settle();
  expect(peer.got("subscribe_update")).toEqual([
    {
      type: "subscribe_update",
      requestId: 2,
      subscriptionRequestId: 0,
      startLocation: { group: 6, object: 0 },
      endGroup: 0,
      subscriberPriority: 55,
      forward: true,
      parameters: [],
    },
  ]);
  reader?.update({ priority: 200 });
  subscription.unsubscribe();
  reader?.update({ priority: 3 });
  await peer.settle();
  expect(peer.got("subscribe_update")).toHaveLength(1);
});

it("sends only the last of the updates that waited for a request ID", async () => {
  const { peer, track, reader, subscription } = await start(standard, 1n);
  await peer.send(subscribeOk(0, 7));
  subscription.fill(track);
  for (const priority of [20, 30, 40]) reader?.update({ priority });
  await peer.send({ type: "max_request_id", requestId: 1000n });
  expect(peer.got("subscribe_update").map((m) => m.subscriberPriority)).toEqual([215]);
});

it("sends none to a peer that does not take them", async () => {
  const { peer, track, reader, subscription } = await start(cloudflare);
  await peer.send(subscribeOk(0, 7));
  subscription.fill(track);
  reader?.update({ priority: 200 });
  await peer.settle();
  expect(peer.got("subscribe_update")).toEqual([]);
});

it("changes the demand of the track at the other end", async () => {
  const remote = new Origin({ runtime: (await sessionPair()).runtime });
  const track = publishTrack(remote, "a", "t");
  const { runtime, client, origin } = await sessionPair({ server: { serve: remote } });
  const subscription = client.subscribe("a", "t", { priority: 10 });
  await runtime.advance(0);
  expect(track.demand?.priority).toBe(10);
  const copy = publishTrack(origin, "copy", "t");
  const reader = origin.broadcast("copy")?.subscribe("t", { priority: 10 });
  subscription.fill(copy);
  reader?.update({ priority: 77 });
  await runtime.advance(0);
  expect(track.demand?.priority).toBe(77);
});
