import { Origin } from "@moq-bridge/origin";
import { systemRuntime as runtime } from "@moq-bridge/runtime";
import { expect, test } from "vitest";
import type { TrackSpec } from "./content.js";
import { PublishedTrack } from "./published-track.js";
import { TrackCheck } from "./track-check.js";

const SPEC: TrackSpec = {
  name: "t",
  intervalMs: 1,
  framesPerGroup: 3,
  once: false,
  payload: ({ group, index, sentAt }) => Uint8Array.of(group, index, sentAt & 255, 7),
};

/** A publisher whose groups the test makes up, and a viewer that gets what the test lets through. */
function setup() {
  const origin = new Origin({ runtime });
  const published = new PublishedTrack("p", SPEC, origin.createBroadcast("p").createTrack("t"));
  const through = origin.createBroadcast("through").createTrack("t");
  const live: string[] = [];
  const check = new TrackCheck(published, (group, index) => live.push(`${group}.${index}`));
  const reader = origin.broadcast("through")?.subscribe("t");
  if (!reader) throw new Error("not announced");
  void check.follow(reader);
  /** Publishes a group now and lets some of it through. */
  const group = async (sequence: number, let_: (frames: Uint8Array[]) => Uint8Array[]) => {
    const now = performance.now();
    const sentAt = [now, now + 1, now + 2];
    published.groups.set(sequence, { sequence, sentAt, endedAt: now + 2 });
    const frames = sentAt.map(
      (_, index) => published.expected(sequence, index) ?? new Uint8Array(),
    );
    const passed = let_(frames);
    if (passed.length > 0) {
      const producer = through.openGroup(sequence);
      for (const frame of passed) producer?.writeFrame(frame);
      producer?.finish();
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { published, check, group, live };
}

const all = (frames: Uint8Array[]) => frames;

test("what arrives as it was sent is counted, and nothing else", async () => {
  const { check, group, live } = setup();
  expect(check.well).toBe(false);
  await group(0, all);
  await group(1, all);
  check.settle(Infinity);
  expect(check.counts).toEqual({ frames: 6, bytes: 24, lost: 0, missed: 0, altered: 0 });
  expect([check.well, check.complete]).toEqual([true, true]);
  // The group it found when it came may have been waiting there.
  expect(live).toEqual(["1.0", "1.1", "1.2"]);
});

test("a changed byte, a frame cut off and a group that never came are found", async () => {
  const { check, group } = setup();
  await group(0, all);
  await group(1, ([a, b, c]) => [a, Uint8Array.of(...(b ?? []).slice(0, 3), 8), c] as Uint8Array[]);
  await group(2, (frames) => frames.slice(0, 2));
  await group(3, () => []);
  await group(4, all);
  expect(check.complete).toBe(false);
  check.settle(Infinity);
  expect(check.counts).toMatchObject({ altered: 1, lost: 1 + 3, missed: 0, frames: 11 });
});

test("a frame that nobody sent is altered", async () => {
  const { published, check, group } = setup();
  await group(0, all);
  published.groups.delete(0);
  await group(1, (frames) => [...frames, Uint8Array.of(1)]);
  expect(check.counts.altered).toBe(1);
});

test("what is missing in an outage is missed; it is over with the first whole group begun after", async () => {
  const { check, group } = setup();
  await group(0, all);
  await new Promise((resolve) => setTimeout(resolve, 5));
  check.expectOutage();
  expect(check.well).toBe(false);
  await group(1, () => []);
  await group(2, (frames) => frames.slice(0, 1));
  expect([check.well, check.complete]).toEqual([false, true]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await group(3, all);
  expect(check.well).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await group(4, () => []);
  check.settle(Infinity);
  expect(check.counts).toMatchObject({ missed: 5, lost: 3, altered: 0 });
});
