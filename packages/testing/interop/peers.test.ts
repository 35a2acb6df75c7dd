import { expect, test } from "vitest";
import {
  connectScriptedIetf,
  connectScriptedLite,
  Scene,
  ScriptedIetfServer,
  ScriptedLiteServer,
} from "../src/index.js";

/** What the tests of the bridge rest on: if one of these fails, the peers are at fault, not the bridge. */

async function inScene(title: string, body: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = await Scene.create(title);
  try {
    await body(scene);
  } finally {
    await scene.end();
  }
}

test.each(["https", "ws"] as const)(
  "peers: moq-rs reads moq-rs through moq-relay over %s",
  (scheme) =>
    inScene(`peers moq-relay ${scheme}`, async (scene) => {
      const relay = await scene.moqRelay();
      const url = scheme === "https" ? relay.httpsUrl : relay.wsUrl;
      const publisher = await scene.python("publisher", url);
      await publisher.publish("p", "room/one", "chat");
      await publisher.tick("p", 50, 5);
      const viewer = await scene.python("viewer", url);
      await viewer.announced("room/one", { timeoutMs: 5_000 });
      await viewer.view("v", "room/one", "chat");
      const read = await viewer.framesRead("v", 12, { timeoutMs: 10_000 });
      await publisher.wrote("p", read.at(-1), 5_000);
      const written = new Map(
        publisher.frames("p").map((frame) => [`${frame.group}/${frame.index}`, frame.payload]),
      );
      for (const frame of read) {
        expect(frame.payload).toBe(written.get(`${frame.group}/${frame.index}`));
      }
      const transports = (await relay.sessions()).map((session) => session.transport);
      expect(transports).toEqual(Array(2).fill(scheme === "https" ? "quic" : "websocket"));

      await publisher.finish("p");
      await viewer.announced("room/one", { active: false, timeoutMs: 5_000 });
      expect(viewer.live()).toEqual([]);
    }),
);

test("peers: a moq-rs client comes back after moq-relay was killed", () =>
  inScene("peers restart", async (scene) => {
    const relay = await scene.moqRelay();
    const publisher = await scene.python("publisher", relay.wsUrl);
    await publisher.publish("p", "room/two", "chat");
    await publisher.tick("p", 50, 5);
    const viewer = await scene.python("viewer", relay.wsUrl);
    await viewer.view("v", "room/two", "chat");
    await viewer.framesRead("v", 3, { timeoutMs: 10_000 });
    await relay.kill();
    await relay.start();
    const from = viewer.events.length;
    await viewer.announced("room/two", { timeoutMs: 10_000, from });
    await viewer.framesRead("v", 3, { timeoutMs: 10_000, from });
  }));

test("peers: moq-clock-ietf reads moq-clock-ietf through moq-relay-ietf and its proxy", () =>
  inScene("peers moq-relay-ietf", async (scene) => {
    const relay = await scene.ietfRelay();
    const proxy = await scene.udpProxy(relay.port);
    const publisher = await scene.clock({ url: relay.url, namespace: "a/clock", publish: true });
    await relay.received("PUBLISH_NAMESPACE", "a/clock", { timeoutMs: 5_000 });
    await relay.publishes("a/clock");
    const subscriber = await scene.clock({ url: proxy.url, namespace: "a/clock" });
    const ticks = await subscriber.ticks.waitForCount(() => true, 3, {
      what: "three ticks",
      timeoutMs: 10_000,
    });
    await publisher.printed(ticks.at(-1), 5_000);
    // The publisher may have begun before anybody read.
    const written = publisher.ticks.all();
    const first = written.indexOf(ticks[0] ?? "");
    expect(written.slice(first, first + ticks.length)).toEqual(ticks);
    expect(proxy.connections).toBe(1);
  }));

test("peers: the scripted draft-14 session serves and reads a track through moq-relay-ietf", () =>
  inScene("peers scripted draft-14", async (scene) => {
    const relay = await scene.ietfRelay();
    const publisher = await connectScriptedIetf(scene, relay.url);
    const source = publisher.serve("a/b", "now");
    await publisher.publishNamespace("a/b");
    await source.openGroup(5);
    await source.writeObject("2026-11-23 12:00:");
    await source.writeObject("07");
    const viewer = await connectScriptedIetf(scene, relay.url);
    expect(await viewer.subscribe("a/b", "now")).toBeDefined();
    await viewer.events.waitForCount((event) => event.type === "object-end", 2, {
      what: "two objects",
      timeoutMs: 5_000,
    });
    const clock = await scene.clock({ url: relay.url, namespace: "a/b" });
    await clock.ticks.waitFor((tick) => tick === "2026-11-23 12:00:07", {
      what: "the tick",
      timeoutMs: 5_000,
    });
    expect(await viewer.subscribe("a/c", "now")).toBeUndefined();
  }));

test("peers: the scripted draft-14 server reads a real clock", () =>
  inScene("peers scripted draft-14 server", async (scene) => {
    const server = await ScriptedIetfServer.start(scene);
    const clock = await scene.clock({ url: server.url, namespace: "a/clock", publish: true });
    const connection = await server.connected({ timeoutMs: 5_000 });
    await connection.received("publish_namespace", () => true, { timeoutMs: 5_000 });
    await connection.subscribe("a/clock", "now");
    await connection.events.waitForCount((event) => event.type === "object-end", 3, {
      what: "three objects",
      timeoutMs: 5_000,
    });
    expect(clock.ticks.length).toBeGreaterThan(1);
  }));

test("peers: the scripted moq-lite session serves and reads a track through moq-relay", () =>
  inScene("peers scripted moq-lite", async (scene) => {
    const relay = await scene.moqRelay();
    const publisher = await connectScriptedLite(scene, relay.wsUrl);
    const source = publisher.publish("a/b", "now");
    await source.openGroup(5);
    await source.writeFrame("one");
    const viewer = await connectScriptedLite(scene, relay.wsUrl);
    await viewer.events.waitFor((event) => event.type === "announced" && event.path === "a/b", {
      what: "a/b",
      timeoutMs: 5_000,
    });
    await viewer.subscribe("a/b", "now");
    const python = await scene.python("python", relay.httpsUrl);
    await python.view("v", "a/b", "now");
    await python.framesRead("v", 1, { timeoutMs: 5_000 });
    await source.writeFrame("two");
    await source.finishGroup();
    await viewer.events.waitForCount((event) => event.type === "frame-end", 2, {
      what: "two frames",
      timeoutMs: 5_000,
    });
    await python.framesRead("v", 2, { timeoutMs: 5_000 });
  }));

test("peers: the scripted moq-lite server reads and is read by moq-rs", () =>
  inScene("peers scripted moq-lite server", async (scene) => {
    const server = await ScriptedLiteServer.start(scene);
    const python = await scene.python("python", server.url);
    const connection = await server.connected({ timeoutMs: 5_000 });
    const source = connection.publish("from/server", "now");
    await source.openGroup(1);
    await source.writeFrame("hello");
    await python.view("v", "from/server", "now");
    const [frame] = await python.framesRead("v", 1, { timeoutMs: 5_000 });
    expect(Buffer.from(frame?.payload ?? "", "base64").toString()).toBe("hello");
    await python.publish("p", "from/python", "now");
    await connection.events.waitFor((event) => event.type === "announced", {
      what: "from/python",
      timeoutMs: 5_000,
    });
    expect(connection.live()).toEqual(["from/python"]);
    await python.openGroup("p", 9);
    await python.write("p", "back");
    await connection.subscribe("from/python", "now");
    const end = await connection.events.waitFor((event) => event.type === "frame-end", {
      what: "a frame",
      timeoutMs: 5_000,
    });
    expect(end).toMatchObject({ group: 9, frame: 0, payload: Buffer.from("back") });
  }));
