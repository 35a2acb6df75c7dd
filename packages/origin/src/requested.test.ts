import { describe, expect, test } from "vitest";
import {
  bytes,
  collectRequests,
  drain,
  fillGroup,
  heard,
  INFO,
  outage,
  rejection,
  setup,
  stateOf,
  take,
  thrown,
} from "../test/helpers.js";
import { Origin } from "./index.js";

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

  test("withdrawn cleanly is read on until its tracks end", async () => {
    const { to, broadcast, at } = pair();
    const published = to.publish("a", broadcast);
    const reader = to.broadcast("a")?.subscribe("t");
    if (!reader) throw new Error("not announced");
    const producer = at(0).accept(INFO);
    published.finish();
    expect(to.broadcast("a")).toBeUndefined();
    fillGroup(producer.appendGroup(), bytes(1));
    expect((await take(reader)).sequence).toBe(0);
    producer.finish();
    expect(await reader.nextGroup()).toBeUndefined();
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
