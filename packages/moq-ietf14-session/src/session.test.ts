import { Origin } from "@moq-bridge/origin";
import { describe, expect, it } from "vitest";
import type { PeerNamespace } from "./peer-namespace.js";
import { cloudflare, standard } from "./profile.js";
import { collectTrack, publishTrack, sessionPair, text } from "./session.fixture.js";

describe.each([standard, cloudflare])("between two sessions, profile $name", (profile) => {
  const onPublishNamespace = (namespace: PeerNamespace) => namespace.accept();
  const both = { client: { profile }, server: { profile, onPublishNamespace } };

  async function subscribed(seed?: number) {
    const pair = await sessionPair({ ...both, ...(seed === undefined ? {} : { seed }) });
    const track = publishTrack(pair.origin, "a/b", "video");
    const broadcast = pair.origin.broadcast("a/b");
    if (!broadcast) throw new Error("nothing is announced");
    const publication = pair.client.publishNamespace("a/b", broadcast);
    const subscription = pair.server.subscribe("a/b", "video");
    await pair.runtime.advance(0);
    return { ...pair, track, broadcast, publication, subscription };
  }

  it("refuses a namespace that nobody decides about", async () => {
    const { runtime, client, origin } = await sessionPair({ client: { profile } });
    const publication = client.publishNamespace("a", origin.request("a"));
    await runtime.advance(0);
    await expect(publication.accepted).rejects.toMatchObject({
      code: "request_refused",
      wireCode: 4,
    });
    await expect(publication.ended).resolves.toMatchObject({ type: "refused" });
  });

  it("carries groups whole, in order, with their numbers", async () => {
    const { runtime, track, subscription } = await subscribed();
    const info = await subscription.accepted;
    expect(info.maxLatencyMs).toBe(5000);
    const out = collectTrack(runtime);
    subscription.fill(out.track);
    for (const sequence of [7, 8, 11]) {
      const group = track.openGroup(sequence);
      group?.writeFrame(text(`${sequence}a`));
      group?.writeFrame(text(""));
      group?.writeFrame(text(`${sequence}b`));
      group?.finish();
      await runtime.advance(5);
    }
    expect(out.seen).toEqual(["7: 7a  7b", "8: 8a  8b", "11: 11a  11b"]);
  });

  it("carries the same whatever the order of delivery", async () => {
    for (let seed = 0; seed < 30; seed++) {
      const { runtime, track, subscription } = await subscribed(seed);
      await subscription.accepted;
      const out = collectTrack(runtime);
      subscription.fill(out.track);
      for (let sequence = 0; sequence < 5; sequence++) {
        const group = track.openGroup(sequence);
        for (const part of ["x", "y", "z"]) {
          group?.writeFrame(text(`${sequence}${part.repeat(sequence * 200)}`));
          await runtime.advance(0);
        }
        group?.finish();
        await runtime.advance(2);
      }
      await runtime.advance(10);
      const frames = (g: number) =>
        ["x", "y", "z"].map((p) => `${g}${p.repeat(g * 200)}`).join(" ");
      expect(out.seen, `seed ${seed}`).toEqual([0, 1, 2, 3, 4].map((g) => `${g}: ${frames(g)}`));
    }
  });

  it("sends a frame's first bytes before its last are written", async () => {
    const { runtime, track, subscription } = await subscribed();
    await subscription.accepted;
    const inbound = new Origin({ runtime });
    const filled = inbound.createBroadcast("in").createTrack("video");
    const reader = inbound.broadcast("in")?.subscribe("video");
    subscription.fill(filled);
    const group = track.openGroup(0);
    group?.beginFrame({ size: 4_000_000 });
    group?.writeChunk(new Uint8Array(1000).fill(7));
    await runtime.advance(1);
    const received = await reader?.nextGroup();
    expect(received?.next()).toMatchObject({ type: "frame", header: { size: 4_000_000 } });
    const piece = received?.next();
    expect(piece?.type === "chunk" && piece.bytes[0]).toBe(7);
  });

  it("gives a second subscription the group that is half sent, from its first object", async () => {
    const { runtime, track, subscription, server } = await subscribed();
    await subscription.accepted;
    subscription.fill(collectTrack(runtime).track);
    const group = track.openGroup(3);
    group?.writeFrame(text("first"));
    await runtime.advance(1);
    subscription.unsubscribe();
    await expect(subscription.done).resolves.toEqual({ type: "unsubscribed" });
    const again = server.subscribe("a/b", "video");
    await runtime.advance(1);
    await again.accepted;
    const out = collectTrack(runtime);
    again.fill(out.track);
    await runtime.advance(1);
    group?.writeFrame(text("second"));
    group?.finish();
    await runtime.advance(1);
    expect(out.seen).toEqual(["3: first second"]);
  });

  it("ends a subscription when the track ends, after its data", async () => {
    const { runtime, track, subscription, client } = await subscribed();
    await subscription.accepted;
    const out = collectTrack(runtime);
    subscription.fill(out.track);
    const group = track.appendGroup();
    group.writeFrame(text("only"));
    group.finish();
    track.finish();
    await runtime.advance(2000);
    await expect(subscription.done).resolves.toMatchObject({ type: "done", status: 2 });
    expect(client.stats()).toMatchObject({ servedSubscriptions: 0, openSendStreams: 0 });
  });

  it("refuses tracks and namespaces that are not there", async () => {
    const { runtime, server } = await subscribed();
    for (const [path, name] of [
      ["a/b", "audio"],
      ["a", "video"],
      ["a/b/c", "video"],
      ["x", "video"],
    ] as const) {
      const subscription = server.subscribe(path, name);
      await runtime.advance(0);
      await expect(subscription.accepted).rejects.toMatchObject({ wireCode: 4 });
      await expect(subscription.done).resolves.toMatchObject({ type: "refused" });
    }
  });

  it("ends everything with the session", async () => {
    const { runtime, client, server, subscription, transports } = await subscribed();
    await subscription.accepted;
    const publication = client.publishNamespace("other", new Origin({ runtime }).request("other"));
    transports.cut();
    await runtime.advance(0);
    await expect(subscription.done).resolves.toMatchObject({ type: "session_closed" });
    await expect(publication.ended).resolves.toMatchObject({ type: "session_closed" });
    await expect(publication.accepted).rejects.toMatchObject({ scope: "session" });
    for (const session of [client, server]) {
      await expect(session.closed).resolves.toMatchObject({
        by: "transport",
        error: { code: "connection_lost" },
      });
      expect(() => session.subscribe("a/b", "video")).toThrow("the session has ended");
    }
    await runtime.advance(60_000);
    expect(runtime.pendingTimers).toBe(0);
  });
});

describe("a clean close", () => {
  it("is no error on either side", async () => {
    const { runtime, client, server } = await sessionPair();
    client.close();
    await runtime.advance(0);
    await expect(client.closed).resolves.toEqual({ by: "local" });
    await expect(server.closed).resolves.toEqual({ by: "peer" });
  });

  it("with a code is an error where it arrives", async () => {
    const { runtime, client, server } = await sessionPair();
    server.close(2, "go away");
    await runtime.advance(0);
    await expect(client.closed).resolves.toMatchObject({ by: "peer", error: { wireCode: 2 } });
  });
});

describe("a slow reader", () => {
  it("more than one group behind loses its stream and goes on with the newest", async () => {
    const { runtime, client, server, origin } = await sessionPair({ memory: { windowBytes: 100 } });
    const track = publishTrack(origin, "a", "video");
    const broadcast = origin.broadcast("a");
    if (!broadcast) throw new Error("nothing is announced");
    client.publishNamespace("a", broadcast);
    const subscription = server.subscribe("a", "video");
    await runtime.advance(0);
    await subscription.accepted;
    // Nothing is read before `fill`: the held budget is not reached, but this stream's window is.
    const held = track.openGroup(0);
    held?.writeFrame(new Uint8Array(50));
    await runtime.advance(0);
    for (const sequence of [1, 2, 3]) {
      const group = track.openGroup(sequence);
      group?.writeFrame(text(`g${sequence}`));
      group?.finish();
    }
    await runtime.advance(500);
    const out = collectTrack(runtime);
    subscription.fill(out.track);
    await runtime.advance(10);
    expect(out.seen.at(-1)).toBe("3: g3");
    expect(client.stats().groupsSkipped).toBe(3);
  });
});

describe("publishing names", () => {
  it("tells the peer's application, which may accept, cancel and see the end", async () => {
    const offered: string[] = [];
    const ends: string[] = [];
    const { runtime, client } = await sessionPair({
      server: {
        onPublishNamespace: (namespace) => {
          offered.push(namespace.path);
          void namespace.ended.then(() => ends.push(namespace.path));
          if (namespace.path === "no") namespace.reject("not this one", 1);
          else namespace.accept();
          if (namespace.path === "back") namespace.cancel("given back", 0);
        },
      },
    });
    const broadcast = new Origin({ runtime }).request("any");
    const publications = ["yes", "no", "back"].map((path) =>
      client.publishNamespace(path, broadcast),
    );
    await runtime.advance(0);
    expect(offered).toEqual(["yes", "no", "back"]);
    const [yes, no, back] = publications;
    await yes?.accepted;
    await expect(no?.accepted).rejects.toMatchObject({ wireCode: 1 });
    await expect(back?.ended).resolves.toEqual({
      type: "cancelled",
      status: 0,
      reason: "given back",
    });
    yes?.withdraw();
    await expect(yes?.ended).resolves.toEqual({ type: "withdrawn" });
    await runtime.advance(0);
    expect(ends).toEqual(["no", "back", "yes"]);
  });

  it("refuses paths without a form as a namespace, and a name published already", async () => {
    const { runtime, client } = await sessionPair();
    const broadcast = new Origin({ runtime }).request("any");
    for (const path of ["", "a//b", "/a", `${"a/".repeat(32)}a`, "x".repeat(5000), "\ud800"]) {
      expect(() => client.publishNamespace(path, broadcast)).toThrow(
        expect.objectContaining({ code: "path_invalid" }),
      );
      expect(() => client.subscribe(path, "t")).toThrow(
        expect.objectContaining({ code: "path_invalid" }),
      );
    }
    client.publishNamespace("a", broadcast);
    expect(() => client.publishNamespace("a", broadcast)).toThrow(
      expect.objectContaining({ code: "namespace_duplicate" }),
    );
    client.subscribe("a", "t");
    expect(() => client.subscribe("a", "t")).toThrow(
      expect.objectContaining({ code: "subscription_duplicate" }),
    );
  });
});

describe("a peer that reads slowly", () => {
  it("gets ten thousand names all the same", async () => {
    let offered = 0;
    const { runtime, client } = await sessionPair({
      client: { profile: cloudflare },
      server: {
        profile: cloudflare,
        onPublishNamespace: (namespace) => {
          offered++;
          namespace.accept();
        },
      },
      memory: { windowBytes: 1_000 },
    });
    const broadcast = new Origin({ runtime }).request("any");
    const accepted = Array.from(
      { length: 10_000 },
      (_, index) => client.publishNamespace(`name/${index}`, broadcast).accepted,
    );
    await runtime.advance(100);
    await Promise.all(accepted);
    expect(offered).toBe(10_000);
  });
});

describe("serving an Origin", () => {
  it("announces under the prefixes asked for, and serves what it announces", async () => {
    const runtimeOf = await sessionPair();
    const served = new Origin({ runtime: runtimeOf.runtime });
    runtimeOf.client.close();
    const offered: string[] = [];
    const { runtime, client } = await sessionPair({
      server: { serve: served },
      client: {
        onPublishNamespace: (namespace) => {
          offered.push(namespace.path);
          namespace.accept();
          void namespace.ended.then(() => offered.push(`-${namespace.path}`));
        },
      },
    });
    const live = served.createBroadcast("live/one");
    const track = live.createTrack("t");
    served.createBroadcast("other/two");
    const prefix = client.subscribeNamespace("live");
    await runtime.advance(0);
    await prefix.accepted;
    expect(offered).toEqual(["live/one"]);
    served.createBroadcast("live/three");
    await runtime.advance(0);
    expect(offered).toEqual(["live/one", "live/three"]);
    const subscription = client.subscribe("live/one", "t");
    await runtime.advance(0);
    await subscription.accepted;
    const out = collectTrack(runtime);
    subscription.fill(out.track);
    track.appendGroup().writeFrame(text("hello"));
    await runtime.advance(1);
    expect(out.seen).toEqual(["0: hello…"]);
    live.finish();
    await runtime.advance(0);
    expect(offered.at(-1)).toBe("-live/one");
    expect(() => client.subscribeNamespace("live/one")).toThrow(
      expect.objectContaining({ code: "prefix_overlap" }),
    );
    prefix.unsubscribe();
    await runtime.advance(0);
    expect(offered.at(-1)).toBe("-live/three");
  });

  it("cannot be asked for where the profile says so", async () => {
    const { client } = await sessionPair({ client: { profile: cloudflare } });
    expect(() => client.subscribeNamespace("a")).toThrow(
      expect.objectContaining({ code: "message_not_allowed" }),
    );
    expect(() => client.sendGoaway()).toThrow(
      expect.objectContaining({ code: "message_not_allowed" }),
    );
  });
});

describe("GOAWAY", () => {
  it("gives the client the new URI", async () => {
    const { runtime, client, server } = await sessionPair();
    server.sendGoaway("https://elsewhere.example/");
    await runtime.advance(0);
    await expect(client.goaway).resolves.toBe("https://elsewhere.example/");
    expect(() => client.sendGoaway("https://no.example/")).toThrow("has no URI");
    client.sendGoaway();
    await runtime.advance(0);
    await expect(server.goaway).resolves.toBe("");
  });
});
