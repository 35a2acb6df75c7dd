import { type Clock, elapse, type PythonPeer } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import {
  clockLines,
  inScene,
  PATIENCE_MS,
  startBridged,
  startClock,
  textOf,
} from "../interop/fixture.js";
import { clockAccepted } from "./fixture.js";

const NAME = "live/clock";
/** The kill, the time-out and some ticks must fit into one minute. */
const LATEST_START_SECOND = 20;

/** Reads until a line of `clock` that it printed after the call arrives. */
async function readsFrom(viewer: PythonPeer, name: string, clock: Clock): Promise<void> {
  const line = await clock.ticks.waitFor(() => true, {
    what: "a tick of the new clock",
    timeoutMs: PATIENCE_MS,
    from: clock.ticks.length,
  });
  const second = line.slice(-2);
  await viewer.events.waitFor(
    (event) => event.event === "frame" && event.viewer === name && textOf(event) === second,
    { what: `${line} at ${name}`, timeoutMs: PATIENCE_MS },
  );
}

test(
  "4. moq-clock-ietf is killed and restarted within the same minute",
  () =>
    inScene("4 same minute", async (scene) => {
      const { ietf, registry, relayUrl } = await startBridged(scene, "ws");
      registry.list(NAME);
      const stayer = await scene.python("stayer", relayUrl);
      await stayer.announced(NAME, { timeoutMs: PATIENCE_MS });
      while (new Date().getUTCSeconds() > LATEST_START_SECOND) await elapse(200);

      const first = await startClock(scene, ietf, NAME);
      await stayer.view("stayer", NAME, "now");
      const before = await stayer.framesRead("stayer", 4, { timeoutMs: PATIENCE_MS });
      const group = before[0]?.group;
      await first.kill();
      const from = stayer.events.length;

      const second = await clockAccepted(scene, ietf, NAME);
      const newcomer = await scene.python("newcomer", relayUrl);
      await newcomer.view("newcomer", NAME, "now");
      await Promise.all([
        readsFrom(stayer, "stayer", second),
        readsFrom(newcomer, "newcomer", second),
      ]);
      const restarted = newcomer.frames("newcomer");
      // The same group number with other content, or this test shows nothing.
      expect(restarted[0]?.group).toBe(group);
      expect(restarted[0]?.index).toBe(0);

      // Both have the new run from its first object, and nothing of it is missing.
      const ticks = second.ticks.all();
      for (const [viewer, name, since] of [
        [stayer, "stayer", from],
        [newcomer, "newcomer", 0],
      ] as const) {
        const lines = clockLines(viewer.frames(name, since)).filter((line) => ticks.includes(line));
        expect(lines).toEqual(ticks.slice(0, lines.length));
        expect(lines.length).toBeGreaterThan(0);
      }
    }),
  150_000,
);
