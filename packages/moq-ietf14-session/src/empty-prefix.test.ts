import { Origin } from "@moq-bridge/origin";
import { expect, it } from "vitest";
import { cloudflare, moqRelay, standard } from "./profile.js";
import { publishTrack, ScriptedPeer } from "./session.fixture.js";

const EVERYTHING = {
  type: "subscribe_namespace",
  requestId: 0,
  trackNamespacePrefix: [],
  parameters: [],
} as const;

it.each([moqRelay, cloudflare])(
  "$name: a prefix of no fields asks for everything",
  async (profile) => {
    const serve = new Origin({ runtime: (await ScriptedPeer.start("client")).runtime });
    publishTrack(serve, "a/b", "t");
    const peer = await ScriptedPeer.start("client", { profile, serve });
    await peer.send(EVERYTHING);
    expect(peer.got("subscribe_namespace_ok")).toHaveLength(1);
    expect(peer.got("publish_namespace")).toMatchObject([{ trackNamespace: ["a", "b"] }]);
  },
);

it("the standard profile: it ends the session", async () => {
  const peer = await ScriptedPeer.start("client", { profile: standard });
  await peer.send(EVERYTHING);
  expect(await peer.closeCode()).toBe(3);
});
