import { eventually, Scene } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { metricsProblems, metricValues } from "../src/admin/metrics-lint.fixture.js";
import { Demo } from "../src/demo/demo.js";
import { demoResult } from "../src/demo/demo-text.js";
import { PARTS } from "../src/demo/world.js";
import { startDemo } from "./demo-fixture.js";
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

test("the metrics pass promtool's rules and agree with what the demo's viewers counted", async () => {
  const { demo, url, stop } = await startDemo();
  try {
    const { streams } = demo;
    await eventually(() => demo.well && streams.every(({ counts }) => counts.frames >= 4), {
      what: "some seconds of the demo",
      timeoutMs: 30_000,
    });
    for (const stream of streams) stream.stop();
    await eventually(() => streams.every(({ complete }) => complete), {
      what: "the last frames",
      timeoutMs: 30_000,
    });
    // A group counts as sent when its end is, which comes after its last frame.
    const text = await eventually(
      async () => {
        const text = await (await fetch(`${url}/metrics`)).text();
        const values = metricValues(text);
        const groups = (what: string, side: string) =>
          values.get(`moq_bridge_${what}_groups_total{side="${side}"}`);
        const done =
          groups("sent", "cloudflare") === groups("received", "relay") &&
          groups("sent", "relay") === groups("received", "cloudflare");
        return done ? text : undefined;
      },
      { what: "every group that was received to be sent", timeoutMs: 30_000 },
    );
    expect(metricsProblems(text)).toEqual([]);
    const values = metricValues(text);
    for (const [direction, from, to] of [
      ["to-cloudflare", "relay", "cloudflare"],
      ["to-relay", "cloudflare", "relay"],
    ] as const) {
      const seen = { frames: 0, bytes: 0, tracks: 0 };
      for (const { counts, tracks } of streams.filter((each) => each.direction === direction)) {
        seen.frames += counts.frames;
        seen.bytes += counts.bytes;
        seen.tracks += tracks.length;
      }
      const read = (name: string, labels: string) => values.get(`moq_bridge_${name}{${labels}}`);
      const received = `side="${from}"`;
      const sent = `side="${to}"`;
      expect(read("sent_frames_total", sent)).toBe(seen.frames);
      expect(read("received_frames_total", received)).toBe(seen.frames);
      expect(read("sent_bytes_total", sent)).toBeGreaterThan(seen.bytes);
      expect(read("sent_bytes_total", sent)).toBeLessThan(seen.bytes * 1.1);
      expect(read("added_latency_seconds_count", sent)).toBe(seen.frames);
      expect(read("skipped_groups_total", sent)).toBe(0);
      expect(read("reconnects_total", sent)).toBe(0);
      expect(read("served_subscriptions", sent)).toBe(seen.tracks);
      expect(read("announcements", `direction="${direction}",state="announced"`)).toBe(2);
    }
    expect(values.get('moq_bridge_registry_polls_total{result="ok"}')).toBeGreaterThan(0);
    expect(values.get('moq_bridge_registry_polls_total{result="failed"}')).toBe(0);
  } finally {
    await stop();
  }
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
