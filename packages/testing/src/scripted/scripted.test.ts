import { systemRuntime } from "@moq-bridge/runtime";
import { memoryPair } from "@moq-bridge/transport";
import { expect, test } from "vitest";
import { IetfConnection } from "./ietf-connection.js";
import { LiteConnection } from "./lite-connection.js";

const timeoutMs = 2_000;

test("two scripted draft-14 sessions carry a group, from object 0 for a late subscriber", async () => {
  const pair = memoryPair({ runtime: systemRuntime });
  const [client, server] = await Promise.all([
    IetfConnection.connect(pair.client),
    IetfConnection.accept(pair.server),
  ]);
  const source = client.serve("a/b", "now");
  await client.publishNamespace("a/b");
  await source.openGroup(7);
  await source.writeObject("one");
  const subscription = await server.subscribe("a/b", "now");
  expect(subscription?.requestId).toBe(1);
  await source.beginObject(6);
  await source.writeBytes(Buffer.from("two"));
  await server.events.waitFor((event) => event.type === "progress" && event.object === 1, {
    what: "half of object 1",
    timeoutMs,
  });
  await source.writeBytes(Buffer.from("two"));
  await source.finishGroup();
  await server.events.waitFor((event) => event.type === "stream-end", { what: "FIN", timeoutMs });
  const objects = server.events
    .all()
    .flatMap((event) =>
      event.type === "object-end" ? [`${event.group}/${event.object} ${event.payload}`] : [],
    );
  expect(objects).toEqual(["7/0 one", "7/1 twotwo"]);
  expect(await server.subscribe("a/b", "other")).toBeUndefined();
  if (subscription !== undefined) server.unsubscribe(subscription);
  await server.received("publish_done", () => true, { timeoutMs });
  expect(source.subscribers).toBe(0);
});

test("two scripted moq-lite sessions carry announcements and a group", async () => {
  const pair = memoryPair({ runtime: systemRuntime });
  const client = LiteConnection.start(pair.client);
  const server = LiteConnection.start(pair.server);
  const source = client.publish("a/b", "now");
  await server.events.waitFor((event) => event.type === "announced", { what: "a/b", timeoutMs });
  expect(server.live()).toEqual(["a/b"]);
  await source.openGroup(3);
  await source.writeFrame("one");
  const id = await server.subscribe("a/b", "now");
  await server.events.waitFor((event) => event.type === "frame-end", {
    what: "frame 0",
    timeoutMs,
  });
  await source.writeFrame("two");
  await source.finishGroup();
  await server.events.waitFor((event) => event.type === "group-end", { what: "FIN", timeoutMs });
  const frames = server.events
    .all()
    .flatMap((event) =>
      event.type === "frame-end" ? [`${event.group}/${event.frame} ${event.payload}`] : [],
    );
  expect(frames).toEqual(["3/0 one", "3/1 two"]);
  server.unsubscribe(id);
  await client.events.waitFor((event) => event.type === "unsubscribe", { what: "FIN", timeoutMs });
  client.unannounce("a/b");
  await server.events.waitFor((event) => event.type === "announced" && !event.active, {
    what: "the end",
    timeoutMs,
  });
  expect(server.live()).toEqual([]);
});
