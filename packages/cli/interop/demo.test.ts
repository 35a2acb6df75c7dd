import { eventually, Scene } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { Demo } from "../src/demo/demo.js";
import { demoResult } from "../src/demo/demo-text.js";
import { PARTS } from "../src/demo/world.js";
import { ProcessWorld } from "./process-world.js";
import { runCommand } from "./run-command.js";

const NOTHING_LOST = [
  /relay → cloudflare: \d{3,} frames, [\d.]+ MB, 0 lost, 0 altered/,
  /cloudflare → relay: \d{3,} frames, [\d.]+ MB, 0 lost, 0 altered/,
  /both directions carried everything unaltered/,
];

test("the demo carries both ways for 20 s, nothing lost, nothing altered", async () => {
  const { code, out, error } = await runCommand(["demo", "--duration", "20"]);
  for (const line of NOTHING_LOST) expect(out).toMatch(line);
  expect([code, error]).toEqual([0, ""]);
  expect(out).toContain("draft-14 runs over WebTransport");
  expect(out.match(/^ *\d+ s {2}relay → cloudflare 2\/2 streams/gm)?.length).toBeGreaterThan(10);
});

test("each relay and the bridge are killed once, and every stream comes back", async () => {
  const { code, out } = await runCommand(["demo", "--duration", "20", "--kill"]);
  for (const line of NOTHING_LOST) expect(out).toMatch(line);
  expect(out).toContain("after each outage every stream came back");
  expect(code).toBe(0);
});

test("the demo runs without QUIC, over WebSocket on both sides", async () => {
  const { code, out } = await runCommand(["demo", "--duration", "5", "--no-quic"]);
  for (const line of NOTHING_LOST) expect(out).toMatch(line);
  expect(out).toContain("draft-14 runs over WebSocket");
  expect(code).toBe(0);
});

test("as processes of their own, killed with SIGKILL one after the other, all come back", async () => {
  const scene = await Scene.create("demo as processes");
  let world: ProcessWorld | undefined;
  try {
    world = await ProcessWorld.start(scene);
    const demo = await Demo.within(world);
    const allWell = (what: string) => eventually(() => demo.well, { what, timeoutMs: 30_000 });
    await allWell("every stream comes through");
    for (const part of PARTS) {
      await demo.restart(part);
      await allWell(`every stream is back after the ${part} was killed`);
    }
    await demo.stop();
    expect(demoResult(demo.seconds, demo.streams)).toMatchObject({ ok: true });
  } finally {
    await world?.stop();
    await scene.end();
  }
});
