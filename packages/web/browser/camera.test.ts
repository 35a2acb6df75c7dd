import { afterEach, beforeEach, expect, test } from "vitest";
import { keepScreenshot } from "./support/output.js";
import { World } from "./support/world.js";

let world: World;

beforeEach(async ({ task }) => {
  world = await World.start(`browser ${task.name}`);
});

afterEach(() => world.end());

test("a camera and a microphone of Chromium are seen and heard in WebKitGTK, and the registry lists them for as long", async () => {
  const name = "demo/camera";
  const publisher = await world.publishCamera(name);
  const viewer = await world.watch("webkit", name);
  await viewer.isIn("playing", 30_000);
  await viewer.decodesSound(15_000);
  // Chromium's own picture has no counter; it moves.
  const seen = new Set<unknown>();
  const moves = async () => {
    seen.add(await viewer.browser.evaluate(`document.querySelector("canvas").toDataURL()`));
    return seen.size > 10;
  };
  await viewer.until(moves, "ten different pictures", 15_000);
  await keepScreenshot(viewer.browser, "webkit-shows-a-camera");
  // The lease of 10 s was extended, or it would be over.
  const isOld = async () => (await publisher.number(/(\d+) pictures/)) > 13 * 15;
  await publisher.until(isOld, "the stream to be 13 s old", 30_000);
  expect(await world.isListed(name)).toBe(true);
});
