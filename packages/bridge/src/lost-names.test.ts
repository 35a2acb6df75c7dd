import { cloudflare } from "@moq-bridge/moq-ietf14-session";
import { afterEach, expect, it } from "vitest";
import { Publisher, World } from "./world.fixture.js";

let world: World;

afterEach(async () => {
  const stopped = world.bridge.stop();
  await world.runtime.advance(20_000);
  await stopped;
});

it("a name of a lost session is announced once more when nothing can take it away", async () => {
  world = new World();
  await world.start();
  new Publisher(world.relay.native, "mine", [5n]);
  await world.runtime.advance(2_000);
  world.cdn.cut();
  await world.runtime.advance(40_000);
  const before = world.cdn.names.get("mine");
  // This Cloudflare sends no CANCEL, for which a withdrawn name waits.
  await world.runtime.advance(8_000 + cloudflare.cancelTimeoutMs);
  const after = world.cdn.names.get("mine");
  expect(before).toBeDefined();
  expect(after).toBeDefined();
  expect(after).not.toBe(before);
  await world.runtime.advance(120_000);
  expect(world.cdn.names.get("mine")).toBe(after);
});
