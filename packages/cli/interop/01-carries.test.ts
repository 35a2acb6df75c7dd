import { elapse, ScriptedIetfServer, ScriptedLiteServer } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import {
  clockLines,
  expectCleanOutput,
  expectRun,
  inScene,
  PATIENCE_MS,
  SCHEMES,
  startBridged,
  startClock,
  textOf,
} from "./fixture.js";

/** How long a track without viewers may still be pulled: the idle time of 2 s, and the time a message takes. */
const RELEASE_MS = 5_000;

test.concurrent.each(SCHEMES)(
  "1a. a clock on Cloudflare's side is announced and read whole on the relay, over %s",
  (scheme) =>
    inScene(`1a ${scheme}`, async (scene) => {
      const { ietf, registry, bridge, relayUrl } = await startBridged(scene, scheme);
      const clock = await startClock(scene, ietf, "live/clock");
      registry.list("live/clock");
      const viewer = await scene.python("viewer", relayUrl);
      await viewer.announced("live/clock", { timeoutMs: PATIENCE_MS });
      await viewer.view("first", "live/clock", "now");

      // 20 ticks and at most two first objects.
      const frames = await viewer.framesRead("first", 22, { timeoutMs: 40_000 });
      expect(clockLines(frames).length).toBeGreaterThanOrEqual(20);
      await expectRun(frames, clock);

      // Somebody who comes in the middle of a group gets it from its first object.
      for (;;) {
        const group = viewer.frames("first").at(-1)?.group ?? -1;
        await viewer.events.waitFor(
          (event) => event.event === "frame" && event.group >= group && event.index >= 4,
          { what: "the middle of a group", timeoutMs: 70_000 },
        );
        const latest = viewer.frames("first").at(-1);
        const late = await scene.python("late", relayUrl);
        await late.view("late", "live/clock", "now");
        const [first] = await late.framesRead("late", 1, { timeoutMs: PATIENCE_MS });
        if (latest === undefined || latest.index < 4 || first?.group !== latest.group) continue;
        const own = await late.framesRead("late", latest.index + 1, { timeoutMs: PATIENCE_MS });
        const known = viewer.frames("first").filter((frame) => frame.group === latest.group);
        expect(own.map((frame) => [frame.index, textOf(frame)])).toEqual(
          known.slice(0, own.length).map((frame) => [frame.index, textOf(frame)]),
        );
        break;
      }
      expectCleanOutput(bridge);
    }),
);

test.concurrent.each(SCHEMES)(
  "1b. a moq-rs publisher on the relay is read by moq-clock-ietf on Cloudflare's side, over %s",
  (scheme) =>
    inScene(`1b ${scheme}`, async (scene) => {
      const { ietf, bridge, relayUrl } = await startBridged(scene, scheme);
      const publisher = await scene.python("publisher", relayUrl);
      await publisher.publish("talk", "room/talk", "now");
      await ietf.received("PUBLISH_NAMESPACE", "room/talk", { timeoutMs: PATIENCE_MS });
      const subscriber = await scene.clock({ url: ietf.url, namespace: "room/talk" });
      const published: string[] = [];
      for (let minute = 0; minute < 3; minute++) {
        const base = `2026-11-23 12:0${minute}:`;
        await publisher.openGroup("talk");
        await publisher.write("talk", base);
        for (let second = 10; second < 17; second++) {
          await publisher.write("talk", String(second));
          const line = `${base}${second}`;
          published.push(line);
          await subscriber.ticks.waitFor((tick) => tick === line, {
            what: line,
            timeoutMs: PATIENCE_MS,
          });
        }
      }
      expect(subscriber.ticks.all()).toEqual(published);
      expectCleanOutput(bridge);
    }),
);

test.concurrent.each(SCHEMES)(
  "1c. nothing is pulled from Cloudflare before somebody on the relay asks, once for two viewers, over %s",
  (scheme) =>
    inScene(`1c from Cloudflare ${scheme}`, async (scene) => {
      const cloudflare = await ScriptedIetfServer.start(scene);
      const relay = await scene.moqRelay();
      const relayUrl = scheme === "https" ? relay.httpsUrl : relay.wsUrl;
      const registry = await scene.registry();
      registry.list("live/one");
      await scene.bridge({ relayUrl, cloudflareUrl: cloudflare.url, registryUrl: registry.url });
      const connection = await cloudflare.connected({ timeoutMs: PATIENCE_MS });
      const source = connection.serve("live/one", "video");
      const one = await scene.python("one", relayUrl);
      const two = await scene.python("two", relayUrl);
      await one.announced("live/one", { timeoutMs: PATIENCE_MS });
      await two.announced("live/one", { timeoutMs: PATIENCE_MS });
      await elapse(2_000);
      expect(connection.messages("subscribe")).toEqual([]);

      await source.openGroup(1);
      await source.writeObject("first");
      await one.view("v", "live/one", "video");
      await one.framesRead("v", 1, { timeoutMs: PATIENCE_MS });
      await two.view("v", "live/one", "video");
      await two.framesRead("v", 1, { timeoutMs: PATIENCE_MS });
      await source.writeObject("second");
      for (const viewer of [one, two]) {
        const frames = await viewer.framesRead("v", 2, { timeoutMs: PATIENCE_MS });
        expect(frames.map(textOf)).toEqual(["first", "second"]);
      }
      expect(connection.messages("subscribe")).toHaveLength(1);

      await one.leave("v");
      await source.writeObject("third");
      await two.framesRead("v", 3, { timeoutMs: PATIENCE_MS });
      expect(connection.messages("unsubscribe")).toEqual([]);
      await two.leave("v");
      await connection.received("unsubscribe", () => true, { timeoutMs: RELEASE_MS });
      expect(source.subscribers).toBe(0);
    }),
);

test.concurrent("1c. nothing is pulled from the relay before somebody on Cloudflare's side asks, once for two subscribers", () =>
  inScene("1c from the relay", async (scene) => {
    const cloudflare = await ScriptedIetfServer.start(scene);
    const relay = await ScriptedLiteServer.start(scene);
    await scene.bridge({ relayUrl: relay.url, cloudflareUrl: cloudflare.url });
    const upstream = await relay.connected({ timeoutMs: PATIENCE_MS });
    const source = upstream.publish("room/one", "video");
    const downstream = await cloudflare.connected({ timeoutMs: PATIENCE_MS });
    await downstream.received("publish_namespace", () => true, { timeoutMs: PATIENCE_MS });
    await elapse(2_000);
    const asked = () => upstream.events.filter((event) => event.type === "subscribe");
    expect(asked()).toEqual([]);

    await source.openGroup(1);
    await source.writeFrame("first");
    const one = await downstream.subscribe("room/one", "video");
    const two = await downstream.subscribe("room/one", "video");
    if (one === undefined || two === undefined) throw new Error("a SUBSCRIBE was refused");
    for (const { alias } of [one, two]) {
      await downstream.events.waitFor(
        (event) => event.type === "object-end" && event.alias === alias,
        { what: "an object", timeoutMs: PATIENCE_MS },
      );
    }
    expect(asked()).toHaveLength(1);
    downstream.unsubscribe(one);
    await source.writeFrame("second");
    await downstream.events.waitFor(
      (event) => event.type === "object-end" && event.alias === two.alias && event.object === 1,
      { what: "object 1", timeoutMs: PATIENCE_MS },
    );
    expect(source.subscribers).toBe(1);
    downstream.unsubscribe(two);
    await upstream.events.waitFor((event) => event.type === "unsubscribe", {
      what: "the end of the upstream subscription",
      timeoutMs: RELEASE_MS,
    });
    expect(asked()).toHaveLength(1);
  }));
