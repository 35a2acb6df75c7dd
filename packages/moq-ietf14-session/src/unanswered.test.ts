import { SESSION_ERROR } from "@moq-bridge/moq-wire/ietf14";
import { Origin } from "@moq-bridge/origin";
import { describe, expect, it } from "vitest";
import { cloudflare, standard } from "./profile.js";
import { ScriptedPeer, subscribeOk } from "./session.fixture.js";

const LIMIT_MS = cloudflare.requestTimeoutMs;

describe("a request that is not answered in time", () => {
  it("ends the session with a peer that answered nothing after it", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    peer.session.subscribe("a", "1");
    await peer.send(subscribeOk(0, 0));
    const last = peer.session.subscribe("a", "2");
    await peer.settle(LIMIT_MS);
    await expect(last.accepted).rejects.toMatchObject({ code: "request_timeout" });
    expect(await peer.closeCode()).toBe(SESSION_ERROR.controlMessageTimeout);
    expect(await peer.session.closed).toMatchObject({
      by: "local",
      error: { code: "request_unanswered" },
    });
  });

  it("ends it for PUBLISH_NAMESPACE too", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const broadcast = new Origin({ runtime: peer.runtime }).request("a");
    peer.session.publishNamespace("a", broadcast);
    await peer.settle(LIMIT_MS);
    expect(await peer.closeCode()).toBe(SESSION_ERROR.controlMessageTimeout);
  });

  it("ends only itself when a later one was answered", async () => {
    const peer = await ScriptedPeer.start("server", { profile: cloudflare });
    const silent = peer.session.subscribe("a", "1");
    peer.session.subscribe("a", "2");
    await peer.send(subscribeOk(2, 0));
    await peer.settle(LIMIT_MS);
    await expect(silent.accepted).rejects.toMatchObject({ code: "request_timeout" });
    await expect(peer.closeCode()).rejects.toThrow("is open");
  });

  it("ends only itself with a peer that may take its time", async () => {
    const peer = await ScriptedPeer.start("server", { profile: standard });
    const silent = peer.session.subscribe("a", "1");
    await peer.settle(LIMIT_MS);
    await expect(silent.accepted).rejects.toMatchObject({ code: "request_timeout" });
    await expect(peer.closeCode()).rejects.toThrow("is open");
  });

  it("ends only itself when it was never sent, for want of credit", async () => {
    const profile = { ...cloudflare, obeysRequestLimit: true };
    const peer = await ScriptedPeer.start("server", { profile, grant: 0n });
    const blocked = peer.session.subscribe("a", "1");
    await peer.settle(LIMIT_MS);
    await expect(blocked.accepted).rejects.toMatchObject({ code: "request_timeout" });
    await expect(peer.closeCode()).rejects.toThrow("is open");
  });
});
