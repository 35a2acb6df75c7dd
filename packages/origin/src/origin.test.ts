import { MoqError, settle, VirtualRuntime } from "@moq-bridge/runtime";
import { describe, expect, test } from "vitest";
import {
  bytes,
  codeOf,
  collectRequests,
  drain,
  fillGroup,
  INFO,
  rejection,
  setup,
  stateOf,
  take,
  thrown,
} from "../test/helpers.js";
import { type Announcements, MemoryBudget, Origin } from "./index.js";

const outage = new MoqError("session_lost", "the session was lost", { scope: "session" });

/** What a listener hears right now, in short. */
function heard(announced: Announcements): string[] {
  const all: string[] = [];
  for (let next = announced.tryNext(); next; next = announced.tryNext()) {
    if (next.type === "active") {
      all.push(`+${next.path} ${next.hops.join(",")}`);
    } else {
      all.push(
        `-${next.path} ${next.reason.type === "finished" ? "finished" : next.reason.error.code}`,
      );
    }
  }
  return all;
}

test("a created track is announced, subscribed to and read live", async () => {
  const runtime = new VirtualRuntime();
  const budget = new MemoryBudget();
  const origin = new Origin({ runtime, budget });
  const announced = origin.announced();
  const broadcast = origin.createBroadcast("a/b", { hops: [7n] });
  const video = broadcast.createTrack("video");
  const active = await announced.next();
  if (active?.type !== "active") throw new Error("not active");
  expect([active.path, active.hops]).toEqual(["a/b", [7n]]);

  const reader = active.broadcast.subscribe("video");
  const first = video.appendGroup();
  first.beginFrame({ size: 3 });
  first.writeChunk(new Uint8Array([1, 2]));
  const group = await reader.nextGroup();
  expect(group?.next()).toEqual({ type: "frame", header: { size: 3 } });
  expect(group?.next()).toEqual({ type: "chunk", bytes: new Uint8Array([1, 2]) });
  expect(group?.next()).toBeUndefined();
  const readable = group?.readable();
  first.writeChunk(new Uint8Array([3]));
  first.finish();
  await readable;
  expect(group?.next()).toEqual({ type: "chunk", bytes: new Uint8Array([3]) });
  expect(group?.next()).toEqual({ type: "end" });

  video.finish();
  expect(await reader.nextGroup()).toBeUndefined();
  broadcast.finish();
  expect(await announced.next()).toEqual({
    type: "ended",
    path: "a/b",
    reason: { type: "finished" },
  });
  expect(await active.broadcast.closed).toEqual({ type: "finished" });
  announced.close();
  await settle();
  expect([runtime.pendingTimers, budget.usedBytes]).toEqual([0, 0]);
});

describe("announcements", () => {
  test("are what lives under a prefix of whole segments", () => {
    const { origin } = setup();
    for (const path of ["", "a", "a/b", "ab", "a/b/c"]) origin.createBroadcast(path);
    const below = (prefix: string) =>
      heard(origin.announced(prefix))
        .map((line) => line.trim())
        .sort();
    expect(below("a")).toEqual(["+a", "+a/b", "+a/b/c"]);
    expect(below("a/b/c")).toEqual(["+a/b/c"]);
    expect(below("b")).toEqual([]);
    expect(below("")).toEqual(["+", "+a", "+a/b", "+a/b/c", "+ab"]);
    expect(thrown(() => origin.announced("a/"))).toBe("path_invalid");
  });

  test("of one path become one, or none, for a listener who was not looking", () => {
    const { origin } = setup();
    const announced = origin.announced();
    origin.createBroadcast("a").finish();
    expect(heard(announced)).toEqual([]);
    origin.createBroadcast("a", { hops: [1n] });
    origin.createBroadcast("a", { hops: [2n] });
    expect(heard(announced)).toEqual(["+a 2"]);
    const third = origin.createBroadcast("a", { hops: [3n] });
    expect(heard(announced)).toEqual(["-a instance_replaced", "+a 3"]);
    third.finish();
    expect(heard(announced)).toEqual(["-a finished", "+a 2"]);
  });

  test("wake a listener that waits, and end with close", async () => {
    const { origin } = setup();
    const announced = origin.announced("a");
    const next = announced.next();
    origin.createBroadcast("b");
    expect(await stateOf(next)).toBe("pending");
    origin.createBroadcast("a/x");
    expect(await next).toMatchObject({ type: "active", path: "a/x" });
    const last = announced.next();
    announced.close();
    expect(await last).toBeUndefined();
    expect(await announced.next()).toBeUndefined();
  });

  test("can be looped over", async () => {
    const { origin } = setup();
    origin.createBroadcast("a");
    const announced = origin.announced();
    const paths: string[] = [];
    for await (const announcement of announced) {
      paths.push(announcement.path);
      if (paths.length === 2) break;
      origin.createBroadcast("b");
    }
    expect(paths).toEqual(["a", "b"]);
    expect(await announced.next()).toBeUndefined();
  });
});

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

describe("the end of a broadcast", () => {
  test("by outage fails its tracks", async () => {
    const { origin, budget } = setup();
    const asked = collectRequests();
    const source = origin.createBroadcast("a", { onTrack: asked.onTrack });
    const consumer = origin.broadcast("a");
    const reader = consumer?.subscribe("t");
    const waiting = consumer?.subscribe("u");
    const producer = asked.at(0).accept(INFO);
    producer.appendGroup().writeFrame(bytes(1));
    source.abort(outage);
    for (const track of [reader, waiting]) {
      expect(await rejection(track?.nextGroup() ?? Promise.resolve())).toBe("session_lost");
    }
    expect(await producer.closed).toEqual({ type: "aborted", error: outage });
    expect(budget.usedBytes).toBe(0);
  });

  test("cleanly lets the last groups arrive", async () => {
    const { origin, budget, runtime } = setup();
    const asked = collectRequests();
    const source = origin.createBroadcast("a", { onTrack: asked.onTrack });
    const consumer = origin.broadcast("a");
    const reader = consumer?.subscribe("t");
    const unanswered = consumer?.subscribe("u");
    if (!consumer || !reader || !unanswered) throw new Error("not announced");
    const producer = asked.at(0).accept(INFO);
    source.finish();
    expect(origin.broadcast("a")).toBeUndefined();
    expect(await rejection(unanswered.nextGroup())).toBe("broadcast_ended");
    expect(await rejection(consumer.subscribe("v").nextGroup())).toBe("broadcast_ended");
    fillGroup(producer.appendGroup(), bytes(1));
    producer.finish();
    expect(drain(await take(reader))).toEqual({ frames: [[0]], after: "end" });
    expect(await reader.nextGroup()).toBeUndefined();
    await settle();
    expect([budget.usedBytes, runtime.pendingTimers]).toEqual([0, 0]);
  });

  test("is said once", async () => {
    const { origin } = setup();
    const source = origin.createBroadcast("a");
    source.finish();
    source.abort(outage);
    source.finish();
    expect(await source.closed).toEqual({ type: "finished" });
    expect(thrown(() => source.createTrack("t"))).toBe("broadcast_ended");
  });

  test("of the whole origin leaves nothing", async () => {
    const { origin, budget, runtime } = setup();
    const source = origin.createBroadcast("a");
    const track = source.createTrack("t");
    for (let i = 0; i < 3; i++) fillGroup(track.appendGroup(), bytes(10));
    origin.broadcast("a")?.subscribe("t").close();
    const requested = origin.request("b");
    const reader = requested.subscribe("t");
    const announced = origin.announced();
    origin.close();
    expect(await announced.next()).toBeUndefined();
    expect(await requested.closed).toEqual({ type: "finished" });
    expect(await reader.nextGroup()).toBeUndefined();
    expect([budget.usedBytes, runtime.pendingTimers]).toEqual([0, 0]);
  });
});

describe("a broadcast published in another origin", () => {
  function pair() {
    const from = setup();
    const to = new Origin({ runtime: from.runtime, budget: from.budget });
    const asked = collectRequests();
    const source = from.origin.createBroadcast("a", { hops: [7n], onTrack: asked.onTrack });
    const broadcast = from.origin.broadcast("a");
    if (!broadcast) throw new Error("not announced");
    return { ...from, to, ...asked, source, broadcast };
  }

  test("shares its tracks and chain, and one pull", async () => {
    const { to, broadcast, requests, at, origin } = pair();
    const announced = to.announced();
    to.publish("x/y", broadcast);
    expect(heard(announced)).toEqual(["+x/y 7"]);
    const there = to.broadcast("x/y")?.subscribe("t", { priority: 3 });
    const here = origin.broadcast("a")?.subscribe("t", { priority: 1 });
    if (!there || !here) throw new Error("not announced");
    expect(requests).toHaveLength(1);
    const producer = at(0).accept(INFO);
    expect(producer.demand).toEqual({ priority: 3 });
    const payload = bytes(1000);
    fillGroup(producer.appendGroup(), payload);
    const frames = await Promise.all(
      [there, here].map(async (reader) => (await take(reader)).readFrame()),
    );
    for (const frame of frames) expect(frame?.payload.buffer).toBe(payload.buffer);
    expect(await there.info).toEqual(INFO);
    there.update({ priority: 2 });
    expect(producer.demand).toEqual({ priority: 2 });
  });

  test("has a chain of its own if given", () => {
    const { to, broadcast } = pair();
    to.publish("a", broadcast, { hops: [7n, 9n] });
    expect(heard(to.announced())).toEqual(["+a 7,9"]);
  });

  test("ends when the original does", async () => {
    const { to, broadcast, source } = pair();
    const announced = to.announced();
    const published = to.publish("a", broadcast);
    heard(announced);
    const reader = to.broadcast("a")?.subscribe("t");
    source.abort(outage);
    expect(await published.closed).toEqual({ type: "aborted", error: outage });
    expect(heard(announced)).toEqual(["-a session_lost"]);
    expect(await rejection(reader?.nextGroup() ?? Promise.resolve())).toBe("session_lost");
  });

  test("is withdrawn without touching the original", async () => {
    const { to, broadcast, at, origin } = pair();
    const published = to.publish("a", broadcast);
    const there = to.broadcast("a")?.subscribe("t");
    const here = origin.broadcast("a")?.subscribe("t");
    if (!there || !here) throw new Error("not announced");
    const producer = at(0).accept(INFO);
    const next = there.nextGroup();
    published.abort(outage);
    expect(await rejection(next)).toBe("session_lost");
    expect(to.broadcast("a")).toBeUndefined();
    fillGroup(producer.appendGroup(), bytes(1));
    expect((await take(here)).sequence).toBe(0);
    expect(thrown(() => published.createTrack("t"))).toBe("broadcast_relayed");
  });

  test("withdrawn cleanly ends its subscriptions cleanly", async () => {
    const { to, broadcast } = pair();
    const published = to.publish("a", broadcast);
    const next = to.broadcast("a")?.subscribe("t").nextGroup();
    published.finish();
    expect(await next).toBeUndefined();
  });

  test("gives way to a newer source, and its readers learn it", async () => {
    const { to, broadcast } = pair();
    to.publish("a", broadcast);
    const next = to.broadcast("a")?.subscribe("t").nextGroup();
    to.createBroadcast("a", { hops: [8n] });
    expect(await rejection(next ?? Promise.resolve())).toBe("instance_replaced");
  });
});

describe("a broadcast requested by name", () => {
  test("is one for all who hold it, asked for from the newest handler", async () => {
    const { origin, runtime, budget } = setup();
    const [older, newer] = [collectRequests(), collectRequests()];
    origin.dynamic(older.onTrack);
    origin.dynamic(newer.onTrack);
    const holders = [origin.request("a/b"), origin.request("a/b")];
    const readers = holders.map((holder) => holder.subscribe("t"));
    expect([older.requests.length, newer.requests.length]).toEqual([0, 1]);
    expect(newer.at(0)).toMatchObject({ path: "a/b", name: "t" });
    const producer = newer.at(0).accept(INFO);
    fillGroup(producer.appendGroup(), bytes(1));
    for (const reader of readers) expect(drain(await take(reader)).frames).toEqual([[0]]);
    expect(heard(origin.announced())).toEqual([]);
    for (const reader of readers) reader.close();
    holders[0]?.close();
    holders[0]?.close();
    expect(await stateOf(producer.closed)).toBe("pending");
    holders[1]?.close();
    expect(await producer.closed).toEqual({ type: "finished" });
    expect([budget.usedBytes, runtime.pendingTimers]).toEqual([0, 0]);
    expect(await rejection(holders[1]?.subscribe("t").info ?? Promise.resolve())).toBe(
      "broadcast_closed",
    );
  });

  test("lasts as long as it is read, and no idle time longer", async () => {
    const { origin, runtime } = setup();
    const asked = collectRequests();
    origin.dynamic(asked.onTrack);
    const holder = origin.request("a");
    const reader = holder.subscribe("t");
    const producer = asked.at(0).accept(INFO);
    holder.close();
    await runtime.advance(10_000);
    expect(await stateOf(holder.closed)).toBe("pending");
    reader.close();
    await runtime.advance(0);
    expect(await stateOf(holder.closed)).toBe("resolved");
    expect(await stateOf(producer.closed)).toBe("resolved");
    expect(runtime.pendingTimers).toBe(0);
  });

  test("waits for a handler, also when the one that was asked went without answering", async () => {
    const { origin } = setup();
    const reader = origin.request("a").subscribe("t");
    const first = collectRequests();
    const stop = origin.dynamic(first.onTrack);
    let cancelled = false;
    first.at(0).onCancelled(() => {
      cancelled = true;
    });
    stop();
    expect(cancelled).toBe(true);
    expect(await stateOf(reader.info)).toBe("pending");
    const second = collectRequests();
    const stopSecond = origin.dynamic(second.onTrack);
    const producer = second.at(0).accept(INFO);
    stopSecond();
    fillGroup(producer.appendGroup(), bytes(1));
    expect((await take(reader)).sequence).toBe(0);
    expect(await stateOf(producer.closed)).toBe("pending");
  });

  test("that turns out to be another instance ends; the next request is fresh", async () => {
    const { origin } = setup();
    const asked = collectRequests();
    origin.dynamic(asked.onTrack);
    const holder = origin.request("a");
    holder.subscribe("t");
    const producer = asked.at(0).accept(INFO);
    producer.openGroup(5)?.writeFrame(bytes(3));
    producer.detach();
    expect(thrown(() => producer.openGroup(5)?.writeFrame(bytes(3, 1)))).toBe("instance_replaced");
    expect((await holder.closed).type).toBe("aborted");
    const fresh = origin.request("a");
    const reader = fresh.subscribe("t");
    fillGroup(asked.at(1).accept(INFO).openGroup(5), bytes(3, 1));
    expect(drain(await take(reader)).frames).toEqual([[1, 2, 3]]);
    holder.close();
    expect(await stateOf(fresh.closed)).toBe("pending");
  });

  test("needs a path", () => {
    const { origin } = setup();
    expect(thrown(() => origin.request("/a"))).toBe("path_invalid");
    expect(thrown(() => origin.createBroadcast("a//b"))).toBe("path_invalid");
    expect(thrown(() => origin.createBroadcast("a", { hops: [1n, 1n] }))).toBe("hops_invalid");
    expect(origin.broadcast("a")).toBeUndefined();
  });
});
