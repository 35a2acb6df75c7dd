import { describe, expect, test } from "vitest";
import { end, World, write } from "./relay-world.fixture.js";

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
    expect([world.relay.names, world.relay.sessions]).toEqual([[], 0]);
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

  test("one that is withdrawn in the middle of a group ends its viewers with the session", async () => {
    const world = new World();
    const publisher = await world.connect();
    const { publication, tracks } = await world.publish(publisher, "a");
    const { subscription, seen } = await world.watch(await world.connect(), "a");
    write(tracks[0], 0, "x");
    await world.settle();
    publication.withdraw();
    publisher.close();
    expect(await end(world, subscription)).toMatchObject({ type: "done", status: 0 });
    expect(seen).toEqual(["0: x"]);
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
