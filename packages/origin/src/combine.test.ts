import { describe, expect, test } from "vitest";
import { bytes, drain, fillGroup, heard, outage, rejection, setup, take } from "../test/helpers.js";
import { combine, Origin } from "./index.js";

function pair() {
  const { runtime, budget, origin: primary } = setup();
  const secondary = new Origin({ runtime, budget });
  const combined = combine(primary, secondary, { runtime, budget });
  const announced = combined.announced();
  const settle = () => runtime.advance(0);
  const listen = async () => {
    await settle();
    return heard(announced);
  };
  return { runtime, budget, primary, secondary, combined, settle, listen };
}

function read(combined: ReturnType<typeof pair>["combined"], path = "a", name = "t") {
  const track = combined.broadcast(path)?.subscribe(name);
  if (!track) throw new Error("not announced");
  return track;
}

describe("merge", () => {
  test("what either announces is announced, with what was there before", async () => {
    const { runtime, origin: primary } = setup();
    const secondary = new Origin({ runtime });
    primary.createBroadcast("a", { hops: [1n] });
    secondary.createBroadcast("b/c", { hops: [2n, 3n] });
    const combined = combine(primary, secondary, { runtime });
    expect(heard(combined.announced())).toEqual(["+a 1", "+b/c 2,3"]);
    expect(heard(combined.announced("b"))).toEqual(["+b/c 2,3"]);
  });

  test("media is pulled once for all readers, and counted once", async () => {
    const { primary, combined, settle, budget } = pair();
    let requests = 0;
    primary.createBroadcast("a", {
      onTrack: (request) => {
        requests++;
        fillGroup(request.accept({ priority: 9, maxLatencyMs: 70 }).appendGroup(), bytes(100_000));
      },
    });
    await settle();
    expect(requests).toBe(0);
    const readers = [read(combined), read(combined)];
    await settle();
    expect(requests).toBe(1);
    for (const reader of readers) {
      expect(await reader.info).toEqual({ priority: 9, maxLatencyMs: 70 });
      expect(drain(await take(reader)).frames[0]).toHaveLength(100_000);
    }
    expect(budget.usedBytes).toBeLessThan(110_000);
  });

  test("a refused track is refused, and asked for again", async () => {
    const { primary, combined, settle } = pair();
    primary.createBroadcast("a", { onTrack: (request) => request.reject(outage) });
    await settle();
    const refused = rejection(read(combined).info);
    await settle();
    expect(await refused).toBe("session_lost");
  });

  test("a name alone is asked of the side that announces it, else of the primary", async () => {
    const { primary, secondary, combined, settle } = pair();
    const asked: string[] = [];
    primary.dynamic((request) => asked.push(`primary ${request.path}`));
    secondary.dynamic((request) => asked.push(`secondary ${request.path}`));
    secondary.createBroadcast("s");
    await settle();
    combined.request("s").subscribe("t");
    combined.request("p").subscribe("t");
    expect(asked).toEqual(["secondary s", "primary p"]);
  });
});

describe("replacement", () => {
  test("the primary's comes first, whichever was there before", async () => {
    const { primary, secondary, listen } = pair();
    secondary.createBroadcast("a", { hops: [2n] });
    expect(await listen()).toEqual(["+a 2"]);
    const first = primary.createBroadcast("a", { hops: [1n] });
    expect(await listen()).toEqual(["-a instance_replaced", "+a 1"]);
    secondary.createBroadcast("a", { hops: [3n] });
    expect(await listen()).toEqual([]);
    first.finish();
    expect(await listen()).toEqual(["-a instance_replaced", "+a 3"]);
  });

  test("another instance on the same side does not let the other side in between", async () => {
    const { primary, secondary, listen } = pair();
    primary.createBroadcast("a", { hops: [1n] });
    secondary.createBroadcast("a", { hops: [9n] });
    expect(await listen()).toEqual(["+a 1"]);
    primary.createBroadcast("a", { hops: [2n] });
    expect(await listen()).toEqual(["-a instance_replaced", "+a 2"]);
  });

  test("readers of the replaced one learn it", async () => {
    const { primary, secondary, combined, settle } = pair();
    secondary
      .createBroadcast("a", { hops: [2n] })
      .createTrack("t")
      .appendGroup();
    await settle();
    const reader = read(combined);
    await settle();
    await take(reader);
    const next = rejection(reader.nextGroup());
    primary.createBroadcast("a", { hops: [1n] });
    await settle();
    expect(await next).toBe("instance_replaced");
  });

  test("other content under the same first hop is another instance", async () => {
    const { primary, secondary, combined, settle, listen } = pair();
    const first = primary.createBroadcast("a", { hops: [1n] });
    fillGroup(first.createTrack("t").appendGroup(), bytes(4));
    const second = secondary.createBroadcast("a", { hops: [1n, 5n] });
    fillGroup(second.createTrack("t").appendGroup(), bytes(4, 100));
    expect(await listen()).toEqual(["+a 1"]);
    const reader = read(combined);
    await settle();
    await take(reader);
    const next = rejection(reader.nextGroup());
    first.abort(outage);
    expect(await listen()).toEqual(["-a instance_replaced", "+a 1,5"]);
    expect(await next).toBe("instance_replaced");
  });
});

describe("failover", () => {
  test("inside a group, when both have the same instance", async () => {
    const { primary, secondary, combined, settle, listen } = pair();
    const first = primary.createBroadcast("a", { hops: [1n] });
    const lost = first.createTrack("t").appendGroup();
    const second = secondary.createBroadcast("a", { hops: [1n, 5n] });
    const kept = second.createTrack("t").appendGroup();
    for (const group of [lost, kept]) group.writeFrame(bytes(3));
    expect(await listen()).toEqual(["+a 1"]);
    const reader = read(combined);
    await settle();
    const group = await take(reader);
    expect(drain(group).frames).toEqual([[0, 1, 2]]);
    lost.beginFrame({ size: 4 });
    lost.writeChunk(bytes(2));
    await settle();
    first.abort(outage);
    kept.writeFrame(bytes(4));
    kept.finish();
    expect(await listen()).toEqual([]);
    expect(drain(group)).toEqual({ frames: [[0, 1, 2, 3]], after: "end" });
    expect(combined.broadcast("a")?.hops).toEqual([1n, 5n]);
  });

  test("back to the primary goes unnoticed, too", async () => {
    const { primary, secondary, combined, settle, listen } = pair();
    const second = secondary.createBroadcast("a", { hops: [1n, 5n] });
    const over = second.createTrack("t").appendGroup();
    over.writeFrame(bytes(1));
    await settle();
    const reader = read(combined);
    await settle();
    const group = await take(reader);
    const first = primary
      .createBroadcast("a", { hops: [1n] })
      .createTrack("t")
      .appendGroup();
    first.writeFrame(bytes(1));
    await settle();
    second.finish();
    await settle();
    first.writeFrame(bytes(2));
    first.finish();
    expect(await listen()).toEqual(["+a 1"]);
    expect(drain(group)).toEqual({ frames: [[0], [0, 1]], after: "end" });
  });
});

describe("end", () => {
  test("clean: readers get what is on its way", async () => {
    const { primary, combined, settle, listen } = pair();
    let group: ReturnType<ReturnType<Origin["createBroadcast"]>["createTrack"]> | undefined;
    const source = primary.createBroadcast("a", {
      onTrack: (request) => {
        group = request.accept({ priority: 0, maxLatencyMs: 0 });
      },
    });
    expect(await listen()).toEqual(["+a "]);
    const reader = read(combined);
    await settle();
    source.finish();
    expect(await listen()).toEqual(["-a finished"]);
    fillGroup(group?.appendGroup(), bytes(2));
    group?.finish();
    await settle();
    expect(drain(await take(reader))).toEqual({ frames: [[0, 1]], after: "end" });
    expect(await reader.nextGroup()).toBeUndefined();
  });

  test("an outage: readers get its error", async () => {
    const { primary, combined, settle, listen } = pair();
    const source = primary.createBroadcast("a");
    source.createTrack("t").appendGroup();
    expect(await listen()).toEqual(["+a "]);
    const reader = read(combined);
    await settle();
    const group = await take(reader);
    const next = rejection(reader.nextGroup());
    source.abort(outage);
    expect(await listen()).toEqual(["-a session_lost"]);
    expect(await next).toBe("session_lost");
    expect(() => group.next()).toThrow(expect.objectContaining({ code: "session_lost" }));
  });

  test("nothing is left when the last reader and the last source are gone", async () => {
    const { runtime, budget, primary, secondary, combined, settle } = pair();
    let released = false;
    const source = primary.createBroadcast("a", {
      onTrack: (request) => {
        const track = request.accept({ priority: 0, maxLatencyMs: 0 });
        track.appendGroup().writeFrame(bytes(5));
        track.onDemand((demand) => {
          released = demand === undefined;
        });
      },
    });
    secondary.createBroadcast("a");
    await settle();
    const reader = read(combined);
    await settle();
    reader.close();
    await runtime.advance(10_000);
    expect(released).toBe(true);
    source.finish();
    combined.close();
    await runtime.advance(10_000);
    expect([budget.usedBytes, runtime.pendingTimers]).toEqual([0, 0]);
    expect(combined.broadcast("a")).toBeUndefined();
  });
});
