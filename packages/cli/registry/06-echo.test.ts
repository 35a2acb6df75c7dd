import { elapse, eventually } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import {
  expectCleanOutput,
  inScene,
  PATIENCE_MS,
  SCHEMES,
  startBridged,
  startClock,
} from "../interop/fixture.js";

const ECHO_MS = 30_000;

test.concurrent.each(SCHEMES)(
  "6. a registry that lists the relay's own names as cloudflare makes no echo, over %s",
  (scheme) =>
    inScene(`6 ${scheme}`, async (scene) => {
      const { ietf, registry, bridge, relayUrl } = await startBridged(scene, scheme);
      const native = ["room/a", "room/b", "room/c"];
      const foreign = ["live/x", "live/y"];
      const all = [...foreign, ...native];
      registry.list(...all);
      for (const name of foreign) await startClock(scene, ietf, name);
      const publisher = await scene.python("publisher", relayUrl);
      for (const name of native) {
        await publisher.publish(name, name, "now");
        await publisher.tick(name, 200, 10);
      }
      // A bystander: moq-rs shows a publisher its own names beside the relay's.
      const bystander = await scene.python("bystander", relayUrl);
      await eventually(() => bystander.live().join() === all.join(), {
        what: `the relay to announce ${all}`,
        timeoutMs: PATIENCE_MS,
      });
      await ietf.publishes(...all);
      const settled = { relay: bystander.events.length, ietf: ietf.control.length };
      await elapse(ECHO_MS);

      expect(bystander.live()).toEqual(all);
      await ietf.publishes(...all);
      const moves = bystander.events.filter((event) => event.event === "announced", settled.relay);
      expect(moves).toEqual([]);
      const messages = ietf.control
        .all(settled.ietf)
        .filter(({ type }) => type.startsWith("PUBLISH_NAMESPACE"));
      expect(messages).toEqual([]);

      // The relay's names are still served by the relay's own publisher.
      const viewer = await scene.python("viewer", relayUrl);
      await viewer.view("v", "room/a", "now");
      const [frame] = await viewer.framesRead("v", 1, { timeoutMs: PATIENCE_MS });
      await publisher.wrote("room/a", frame, PATIENCE_MS);
      const own = publisher
        .frames("room/a")
        .find(({ group, index }) => group === frame?.group && index === frame.index);
      expect(frame?.payload).toBe(own?.payload);
      expectCleanOutput(bridge);
    }),
);
