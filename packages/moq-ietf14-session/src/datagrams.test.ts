import { encodeDatagram, type ObjectDatagram } from "@moq-bridge/moq-wire/ietf14";
import { describe, expect, it } from "vitest";
import { HOLD_MS, MAX_EARLY_DATAGRAMS } from "./limits.js";
import { collectTrack, ScriptedPeer, subscribeOk, text } from "./session.fixture.js";

/** A peer whose track, alias 7, is read; `datagram` sends an object of it. */
async function subscribed() {
  const peer = await ScriptedPeer.start("server");
  const subscription = peer.session.subscribe("a/b", "t");
  await peer.settle();
  await peer.send(subscribeOk(0, 7));
  const { track, seen } = collectTrack(peer.runtime);
  subscription.fill(track);
  const datagram = async (
    groupId: number,
    objectId: number,
    payload: string | { status: number },
    more: Partial<ObjectDatagram> = {},
  ) => {
    peer.transport.sendDatagram(
      encodeDatagram({
        trackAlias: 7,
        groupId,
        objectId,
        publisherPriority: 0,
        endOfGroup: false,
        content:
          typeof payload === "string"
            ? { type: "payload", payload: text(payload) }
            : { type: "status", ...payload },
        ...more,
      }),
    );
    await peer.settle();
  };
  return { peer, subscription, track, seen, datagram };
}

describe("objects in datagrams", () => {
  it("are frames of their group at once; a newer group ends it", async () => {
    const { peer, seen, datagram } = await subscribed();
    await datagram(4, 0, "a");
    expect(seen).toEqual(["4: a…"]);
    await datagram(4, 1, "");
    await datagram(5, 0, "b");
    await datagram(7, 0, "c", { endOfGroup: true });
    await datagram(8, 0, "d");
    await datagram(8, 1, { status: 3 });
    expect(seen).toEqual(["4: a ", "5: b", "7: c", "8: d"]);
    expect(peer.session.stats()).toMatchObject({
      datagramsReceived: 5,
      datagramsDropped: 0,
      statusObjectsDropped: 1,
      groupsReceived: 4,
    });
  });

  it("that are late, lost or of no track are counted", async () => {
    const { peer, seen, datagram } = await subscribed();
    await datagram(4, 2, "c");
    await datagram(4, 5, "f");
    await datagram(4, 3, "d");
    await datagram(3, 0, "old");
    await datagram(5, 0, "x", { extensions: Uint8Array.of(2, 5) });
    await datagram(6, 0, "y", { trackAlias: 8 });
    for (let count = 0; count < MAX_EARLY_DATAGRAMS; count++) {
      await datagram(7 + count, 0, "z", { trackAlias: 8 });
    }
    expect(seen).toEqual(["4: c f", "5: x…"]);
    expect(peer.session.stats()).toMatchObject({
      datagramsReceived: 3,
      datagramsDropped: 3,
      objectGaps: 2,
      extensionsDropped: 1,
    });
  });

  it("that overtook the answer, or came before the track was filled, are not lost", async () => {
    const peer = await ScriptedPeer.start("server");
    const subscription = peer.session.subscribe("a/b", "t");
    await peer.settle();
    peer.transport.sendDatagram(Uint8Array.of(0x04, 7, 1, 0, 0x61));
    await peer.settle(HOLD_MS - 1);
    await peer.send(subscribeOk(0, 7));
    peer.transport.sendDatagram(Uint8Array.of(0x04, 7, 2, 0, 0x62));
    await peer.settle();
    const { track, seen } = collectTrack(peer.runtime);
    subscription.fill(track);
    await peer.settle();
    expect(seen).toEqual(["1: a", "2: b…"]);
  });

  it("that nobody explains in time are dropped", async () => {
    const peer = await ScriptedPeer.start("server");
    peer.transport.sendDatagram(Uint8Array.of(0x04, 7, 1, 0, 0x61));
    await peer.settle(HOLD_MS);
    peer.session.subscribe("a/b", "t");
    await peer.settle();
    await peer.send(subscribeOk(0, 7));
    expect(peer.session.stats().datagramsDropped).toBe(1);
  });

  it("go on in the same group after another SUBSCRIBE", async () => {
    const { peer, subscription, track, seen, datagram } = await subscribed();
    await datagram(4, 0, "a");
    subscription.unsubscribe();
    track.detach();
    await datagram(4, 1, "meanwhile");
    const again = peer.session.subscribe("a/b", "t");
    await peer.settle();
    await peer.send(subscribeOk(2, 7));
    again.fill(track);
    await datagram(4, 2, "b");
    expect(seen).toEqual(["4: a meanwhile b…"]);
  });
});
