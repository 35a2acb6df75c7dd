import { describe, expect, test } from "vitest";
import {
  bytes,
  codeOf,
  collectRequests,
  drain,
  fillGroup,
  heard,
  INFO,
  outage,
  rejection,
  setup,
  take,
  thrown,
} from "../test/helpers.js";

describe("several sources of a path", () => {
  test("with the same known first hop are one instance", async () => {
    const { origin } = setup();
    const announced = origin.announced();
    const first = origin.createBroadcast("a", { hops: [7n, 1n] });
    const second = origin.createBroadcast("a", { hops: [7n, 2n] });
    expect(heard(announced)).toEqual(["+a 7,2"]);
    const consumer = origin.broadcast("a");
    expect(consumer?.hops).toEqual([7n, 2n]);
    second.abort(outage);
    expect(heard(announced)).toEqual([]);
    expect(consumer?.hops).toEqual([7n, 1n]);
    first.finish();
    expect(heard(announced)).toEqual(["-a finished"]);
    expect(await second.closed).toEqual({ type: "aborted", error: outage });
    expect(consumer?.hops).toEqual([7n, 1n]);
  });

  test.each([
    ["no", []],
    ["unknown", [0n]],
    ["other", [8n]],
  ])("with %s first hops replace each other", (_, hops) => {
    const { origin } = setup();
    const announced = origin.announced();
    const first = origin.createBroadcast("a", { hops });
    heard(announced);
    const second = origin.createBroadcast("a", { hops: hops[0] ? [9n] : hops });
    expect(heard(announced)).toHaveLength(2);
    first.finish();
    expect(heard(announced)).toEqual([]);
    second.finish();
    expect(heard(announced)).toEqual(["-a finished"]);
  });

  test("move the tracks being read when theirs ends, inside a group", async () => {
    const { origin, budget, runtime } = setup();
    const old = collectRequests();
    const first = origin.createBroadcast("a", { hops: [7n, 1n], onTrack: old.onTrack });
    const reader = origin.broadcast("a")?.subscribe("t");
    if (!reader) throw new Error("not announced");
    const producer = old.at(0).accept(INFO);
    const group = producer.openGroup(3);
    group?.writeFrame(bytes(4));
    group?.beginFrame({ size: 4 });
    group?.writeChunk(bytes(2));
    const reading = await take(reader);

    const newer = collectRequests();
    const second = origin.createBroadcast("a", { hops: [7n, 2n], onTrack: newer.onTrack });
    expect(newer.requests).toHaveLength(0);
    first.abort(outage);
    expect(await producer.closed).toEqual({ type: "aborted", error: outage });
    expect(producer.openGroup(4)).toBeUndefined();
    expect(newer.requests).toHaveLength(1);
    expect(newer.at(0)).toMatchObject({ path: "a", name: "t", demand: { priority: 128 } });
    const continued = newer.at(0).accept(INFO);
    fillGroup(continued.openGroup(3), bytes(4), bytes(4), bytes(1));
    expect(drain(reading)).toEqual({ frames: [[0, 1, 2, 3], [0, 1, 2, 3], [0]], after: "end" });
    expect(continued.latestGroup).toBe(3);

    reader.close();
    second.finish();
    await runtime.advance(5000);
    expect([budget.usedBytes, runtime.pendingTimers]).toEqual([0, 0]);
  });

  test("take over requests that were not answered, and created tracks", async () => {
    const { origin } = setup();
    const old = collectRequests();
    const first = origin.createBroadcast("a", { hops: [7n], onTrack: old.onTrack });
    const created = first.createTrack("made");
    const consumer = origin.broadcast("a");
    const [asked, made] = [consumer?.subscribe("asked"), consumer?.subscribe("made")];
    let cancelled = false;
    old.at(0).onCancelled(() => {
      cancelled = true;
    });
    const newer = collectRequests();
    origin.createBroadcast("a", { hops: [7n, 2n], onTrack: newer.onTrack });
    first.finish();
    expect(cancelled).toBe(true);
    expect(await created.closed).toEqual({ type: "finished" });
    expect(newer.requests.map((request) => request.name).sort()).toEqual(["asked", "made"]);
    for (const request of newer.requests) request.accept(INFO).appendGroup().writeFrame(bytes(1));
    if (!asked || !made) throw new Error("not announced");
    expect(drain(await take(asked)).frames).toEqual([[0]]);
    expect(drain(await take(made)).frames).toEqual([[0]]);
  });

  test("of another instance cut its readers and leave its tracks for its return", async () => {
    const { origin } = setup();
    const announced = origin.announced();
    const first = origin.createBroadcast("a", { hops: [1n] });
    const track = first.createTrack("t");
    fillGroup(track.appendGroup(), bytes(1));
    const consumer = origin.broadcast("a");
    const reader = consumer?.subscribe("t");
    if (!consumer || !reader) throw new Error("not announced");
    await take(reader);
    const next = reader.nextGroup();
    const second = origin.createBroadcast("a", { hops: [2n] });
    expect(await rejection(next)).toBe("instance_replaced");
    expect((await consumer.closed).type).toBe("aborted");
    expect(await rejection(consumer.subscribe("t").info)).toBe("instance_replaced");
    fillGroup(track.appendGroup(), bytes(1, 5));
    second.abort(outage);
    expect(heard(announced)).toEqual(["+a 1"]);
    const back = origin.broadcast("a");
    expect(back).not.toBe(consumer);
    const again = back?.subscribe("t");
    if (!again) throw new Error("not announced");
    expect(drain(await take(again)).frames).toEqual([[5]]);
  });

  test("with other content under a known number all end, then come back as another instance", async () => {
    const { origin } = setup();
    const announced = origin.announced();
    const asked = collectRequests();
    const first = origin.createBroadcast("a", { hops: [7n], onTrack: asked.onTrack });
    const reader = origin.broadcast("a")?.subscribe("t");
    fillGroup(asked.at(0).accept(INFO).openGroup(0), bytes(4));
    const second = origin.createBroadcast("a", { hops: [7n], onTrack: asked.onTrack });
    const third = origin.createBroadcast("a", { hops: [7n], onTrack: asked.onTrack });
    heard(announced);
    first.abort(outage);
    const restarted = asked.at(1).accept(INFO);
    expect(thrown(() => fillGroup(restarted.openGroup(0), bytes(4, 1)))).toBe("instance_replaced");
    for (const source of [second, third]) {
      const reason = await source.closed;
      expect(reason.type === "aborted" && codeOf(reason.error)).toBe("instance_replaced");
    }
    expect(await rejection(reader?.nextGroup() ?? Promise.resolve())).toBe("instance_replaced");
    origin.createBroadcast("a", { hops: [7n] });
    expect(heard(announced)).toEqual(["-a instance_replaced", "+a 7"]);
  });

  test("whose chain changes stay the same instance unless the first hop does", async () => {
    const { origin } = setup();
    const announced = origin.announced();
    const source = origin.createBroadcast("a", { hops: [7n] });
    const track = source.createTrack("t");
    heard(announced);
    source.setHops([7n, 8n]);
    expect(heard(announced)).toEqual([]);
    expect(origin.broadcast("a")?.hops).toEqual([7n, 8n]);
    source.setHops([9n]);
    expect(heard(announced)).toEqual(["-a instance_replaced", "+a 9"]);
    expect((await track.closed).type).toBe("aborted");
    source.createTrack("t");
    expect(thrown(() => source.setHops([1n, 1n]))).toBe("hops_invalid");
    source.finish();
    source.setHops([3n]);
    expect(heard(announced)).toEqual(["-a finished"]);
  });
});
