import {
  cloudflare,
  connectIetf14,
  type Ietf14Session,
  type Subscription,
} from "@moq-bridge/moq-ietf14-session";
import { Origin, type TrackProducer } from "@moq-bridge/origin";
import { MoqError, VirtualRuntime } from "@moq-bridge/runtime";
import { type MemoryPair, memoryPair, type TransportSession } from "@moq-bridge/transport";
import { describe, expect, test } from "vitest";
import { Ietf14Relay } from "./ietf14-relay.js";
import { type Ietf14Rules, PLAIN_RULES } from "./rules.js";

class World {
  readonly runtime = new VirtualRuntime({ seed: 3 });
  readonly relay: Ietf14Relay;

  constructor(rules: Partial<Ietf14Rules> = {}) {
    this.relay = new Ietf14Relay({
      runtime: this.runtime,
      rules: { ...PLAIN_RULES, ...rules },
    });
  }

  transport(path = "/"): MemoryPair {
    const pair = memoryPair({ runtime: this.runtime, protocol: "moq-00" });
    void this.relay.serve(withPath(pair.server, path));
    return pair;
  }

  async connect(path = "/"): Promise<Ietf14Session & { cut?: never }> {
    const opening = connectIetf14(this.transport(path).client, {
      runtime: this.runtime,
      profile: cloudflare,
    });
    await this.settle();
    return opening;
  }

  /** A broadcast whose tracks are made when they are asked for. */
  broadcast(path: string) {
    const origin = new Origin({ runtime: this.runtime });
    const tracks: TrackProducer[] = [];
    origin.createBroadcast(path, {
      onTrack: (request) => {
        if (request.name === "none") request.reject(notHere);
        else tracks.push(request.accept({ priority: 1, maxLatencyMs: 1000 }));
      },
    });
    const broadcast = origin.broadcast(path);
    if (!broadcast) throw new Error("not announced");
    return { broadcast, tracks };
  }

  async publish(session: Ietf14Session, path: string) {
    const { broadcast, tracks } = this.broadcast(path);
    const publication = session.publishNamespace(path, broadcast);
    publication.accepted.catch(() => {});
    await this.settle();
    return { publication, tracks };
  }

  /** Collects what a subscription brings, as text. */
  async watch(session: Ietf14Session, path: string, track = "t") {
    const origin = new Origin({ runtime: this.runtime });
    const sink = origin.createBroadcast("sink").createTrack("t");
    const reader = origin.broadcast("sink")?.subscribe("t");
    const seen: string[] = [];
    void (async () => {
      for (let group = await reader?.nextGroup(); group; group = await reader?.nextGroup()) {
        const frames: string[] = [];
        const at = seen.push(`${group.sequence}:`) - 1;
        for (let frame = await group.readFrame(); frame; frame = await group.readFrame()) {
          frames.push(Buffer.from(frame.payload).toString());
          seen[at] = `${group.sequence}: ${frames.join(" ")}`;
        }
        seen[at] += ".";
      }
    })();
    const subscription = session.subscribe(path, track);
    void subscription.accepted.then(
      () => subscription.fill(sink),
      () => undefined,
    );
    await this.settle();
    return { seen, subscription };
  }

  async settle(ms = 5): Promise<void> {
    await this.runtime.advance(ms);
  }
}

const notHere = new MoqError("track_not_found", "no such track", { scope: "subscription" });

function withPath(session: TransportSession, path: string): TransportSession {
  return new Proxy(session, {
    get: (target, key) => {
      if (key === "path") return path;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function write(track: TrackProducer | undefined, group: number, ...frames: string[]) {
  const open = track?.openGroup(group);
  for (const frame of frames) open?.writeFrame(Buffer.from(frame));
  return open;
}

async function end(world: World, subscription: Subscription) {
  let ended: unknown;
  void subscription.done.then((value) => {
    ended = value;
  });
  await world.settle(2000);
  return ended;
}

describe("names", () => {
  test("one publisher each; another is refused with 0 done and finds it free later", async () => {
    const world = new World();
    const [first, second] = [await world.connect(), await world.connect()];
    const held = await world.publish(first, "a/b");
    const refused = await world.publish(second, "a/b");
    await expect(refused.publication.accepted).rejects.toMatchObject({
      code: "request_refused",
      wireCode: 0,
      message: expect.stringContaining("done"),
    });
    refused.publication.withdraw();
    held.publication.withdraw();
    await world.settle(20);
    // CANCEL follows DONE, which the publication waits for.
    expect(await held.publication.ended).toEqual({ type: "withdrawn" });
    const again = await world.publish(second, "a/b");
    await world.settle(2000);
    await expect(again.publication.accepted).resolves.toBeUndefined();
    first.close();
    second.close();
    await world.settle();
    expect([world.relay.names, world.relay.sessions]).toEqual([0, 0]);
  });

  test("an unknown one is error 4, and so is one of another path", async () => {
    const world = new World();
    const publisher = await world.connect("/a");
    await world.publish(publisher, "x");
    for (const path of ["/", "/b", "/a/b"]) {
      const { subscription } = await world.watch(await world.connect(path), "x");
      await expect(subscription.accepted).rejects.toMatchObject({ wireCode: 4 });
    }
    for (const path of ["/a", "/a/", "/a?token=1"]) {
      const { subscription } = await world.watch(await world.connect(path), "x");
      await expect(subscription.accepted).resolves.toBeDefined();
    }
  });

  test("a session that ends gives its names back, and tells the viewers 0 done", async () => {
    const world = new World();
    const publisher = await world.connect();
    const viewer = await world.connect();
    const { tracks } = await world.publish(publisher, "a");
    const { subscription, seen } = await world.watch(viewer, "a");
    write(tracks[0], 0, "x")?.finish();
    await world.settle();
    publisher.close();
    expect(await end(world, subscription)).toMatchObject({
      type: "done",
      status: 0,
      reason: "done",
    });
    expect(seen).toEqual(["0: x."]);
    const next = await world.publish(await world.connect(), "a");
    await expect(next.publication.accepted).resolves.toBeUndefined();
  });
});

describe("tracks", () => {
  test("are subscribed once at the publisher; who joins gets the newest group from its start", async () => {
    const world = new World();
    const publisher = await world.connect();
    const { tracks } = await world.publish(publisher, "a");
    const first = await world.watch(await world.connect(), "a");
    await expect(first.subscription.accepted).resolves.toBeDefined();
    write(tracks[0], 0, "old")?.finish();
    const open = write(tracks[0], 1, "one");
    await world.settle();
    const second = await world.watch(await world.connect(), "a");
    open?.writeFrame(Buffer.from("two"));
    await world.settle();
    expect(first.seen).toEqual(["0: old.", "1: one two"]);
    expect(second.seen).toEqual(["1: one two"]);
    open?.finish();
    await world.settle();
    const third = await world.watch(await world.connect(), "a");
    expect(third.seen).toEqual(["1: one two."]);
    expect(tracks).toHaveLength(1);
  });

  test("are kept when the last viewer left: the publisher is told nothing", async () => {
    const world = new World();
    const publisher = await world.connect();
    const { tracks } = await world.publish(publisher, "a");
    const viewer = await world.connect();
    const { subscription } = await world.watch(viewer, "a");
    write(tracks[0], 0, "kept")?.finish();
    await world.settle();
    subscription.unsubscribe();
    await world.settle(60_000);
    expect(tracks[0]?.demand).toBeDefined();
    const late = await world.watch(await world.connect(), "a");
    expect(late.seen).toEqual(["0: kept."]);
    expect(tracks).toHaveLength(1);
  });

  test("are let go at the publisher where the rules say so", async () => {
    const world = new World({ unsubscribesUpstream: true });
    const { tracks } = await world.publish(await world.connect(), "a");
    const { subscription } = await world.watch(await world.connect(), "a");
    subscription.unsubscribe();
    await world.settle(60_000);
    expect(tracks[0]?.demand).toBeUndefined();
  });

  test("the publisher refuses are accepted first, then done with its code", async () => {
    const world = new World();
    await world.publish(await world.connect(), "a");
    const { subscription } = await world.watch(await world.connect(), "a", "none");
    await expect(subscription.accepted).resolves.toBeDefined();
    expect(await end(world, subscription)).toMatchObject({
      type: "done",
      status: 4,
      reason: "closed, code=4",
    });
  });

  test("of a name below a published one are asked of that publisher", async () => {
    const world = new World();
    const publisher = await world.connect();
    await world.publish(publisher, "a");
    const below = await world.watch(await world.connect(), "a/b");
    // It has nothing there, which it says.
    expect(await end(world, below.subscription)).toMatchObject({ type: "done", status: 4 });
  });

  test("of a name that is withdrawn run on to the end of the open group", async () => {
    const world = new World();
    const publisher = await world.connect();
    const { publication, tracks } = await world.publish(publisher, "a");
    const { subscription, seen } = await world.watch(await world.connect(), "a");
    write(tracks[0], 0, "whole")?.finish();
    await world.settle();
    publication.withdraw();
    expect(await end(world, subscription)).toMatchObject({
      type: "done",
      status: 0,
      reason: "done",
    });
    expect(seen).toEqual(["0: whole."]);
  });

  test("carry large objects unaltered in many chunks", async () => {
    const world = new World();
    const { tracks } = await world.publish(await world.connect(), "a");
    const { seen } = await world.watch(await world.connect(), "a");
    const large = "0123456789".repeat(100_000);
    write(tracks[0], 7, large, "", "end")?.finish();
    await world.settle(200);
    expect(seen).toEqual([`7: ${large}  end.`]);
  });
});

describe("a message that is not taken", () => {
  test("ends the session", async () => {
    const world = new World();
    const { client } = world.transport();
    const control = await client.openBidi();
    await control.send.write(new Uint8Array([0x40, 0x99, 0, 0]));
    await world.settle();
    expect(await client.closed).toMatchObject({ by: "peer", code: 3 });
  });

  test("ends the control stream only, where the rules say so", async () => {
    const world = new World({ onFatalMessage: "zombie" });
    const { client } = world.transport();
    const control = await client.openBidi();
    await control.send.write(new Uint8Array([0x40, 0x99, 0, 0]));
    await world.settle();
    expect(await control.recv.read()).toBeUndefined();
    expect(world.relay.sessions).toBe(1);
  });

  test("so does a data stream of no known type", async () => {
    const world = new World();
    const { client } = world.transport();
    const stream = await client.openUni();
    await stream.write(new Uint8Array([0x3f, 1, 2, 3]));
    await world.settle();
    expect(await client.closed).toMatchObject({ by: "peer", code: 3 });
  });
});
