import { LITE_VERSIONS, liteAlpn } from "@moq-bridge/moq-wire/lite";
import { Origin } from "@moq-bridge/origin";
import { settle, VirtualRuntime } from "@moq-bridge/runtime";
import { memoryPair } from "@moq-bridge/transport";
import { beforeEach, describe, expect, it } from "vitest";
import { acceptLite, connectLite } from "./connect.js";
import { announced, bytes, connectPair, readGroup } from "./session.fixture.js";

let runtime: VirtualRuntime;
beforeEach(() => {
  runtime = new VirtualRuntime();
});

describe.each(LITE_VERSIONS)("%s", (version) => {
  it("settles on the version", async () => {
    const { client, server } = await connectPair(runtime, version);
    const settled = version === "lite-01" ? "lite-02" : version;
    expect(client.session.version).toBe(settled);
    expect(server.session.version).toBe(settled);
  });

  it("carries a track in both directions", async () => {
    const { client, server } = await connectPair(runtime, version);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const track = from.publish.createBroadcast("room/a").createTrack("video");
      const group = track.appendGroup();
      group.writeFrame(bytes("one"));
      const broadcast = await announced(to.receive, "room/a");
      const reader = broadcast.subscribe("video");
      const first = readGroup(reader);
      await settle();
      group.writeFrame(bytes("two"));
      group.finish();
      expect(await first).toBe("0: one,two");
      const second = track.appendGroup();
      second.writeFrame(bytes("three"));
      second.finish();
      track.finish();
      expect(await readGroup(reader)).toBe("1: three");
      const end = readGroup(reader);
      await runtime.advance(5_000);
      expect(await end).toBeUndefined();
    }
  });

  it("does not tell a peer of its own broadcast where one Origin is filled and served", async () => {
    const shared = new Origin({ runtime });
    const clients = [31n, 32n].map((originId) => {
      const transport = memoryPair({ runtime, protocol: liteAlpn(version) });
      const publish = new Origin({ runtime });
      const receive = new Origin({ runtime });
      const server = { runtime, originId: 30n, publish: shared, subscribe: shared };
      const opening = Promise.all([
        connectLite(transport.client, { runtime, originId, publish, subscribe: receive }),
        acceptLite(transport.server, server),
      ]);
      return { publish, receive, opening };
    });
    await runtime.advance(0);
    await Promise.all(clients.map(({ opening }) => opening));
    const [publisher, viewer] = clients;
    const broadcast = publisher?.publish.createBroadcast("room/a");
    await runtime.advance(100);
    expect(viewer?.receive.broadcast("room/a")).toBeDefined();
    expect(publisher?.receive.broadcast("room/a")).toBeUndefined();
    broadcast?.finish();
    await runtime.advance(100);
    expect(viewer?.receive.broadcast("room/a")).toBeUndefined();
  });
});
