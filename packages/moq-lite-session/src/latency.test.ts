import { Origin } from "@moq-bridge/origin";
import { MoqError, settle, VirtualRuntime } from "@moq-bridge/runtime";
import { memoryPair } from "@moq-bridge/transport";
import { expect, it } from "vitest";
import { acceptLite, connectLite } from "./connect.js";

it("measures how long frames of other sessions stayed, not those older than the subscription", async () => {
  const runtime = new VirtualRuntime({ seed: 1 });
  const origin = new Origin({ runtime });
  const viewed = new Origin({ runtime });
  const pair = memoryPair({ runtime, seed: 1, protocol: "moq-lite-05" });
  const accepting = acceptLite(pair.server, { runtime, publish: origin, originId: 1n });
  const connecting = connectLite(pair.client, { runtime, subscribe: viewed, originId: 2n });
  await runtime.advance(100);
  const [server, client] = await Promise.all([accepting, connecting]);
  const broadcast = origin.createBroadcast("a", {
    onTrack: (request) => request.reject(new MoqError("x", "x", { scope: "subscription" })),
  });
  const track = broadcast.createTrack("t");
  const group = track.appendGroup();
  const write = (arrivedAt?: number) => {
    group.beginFrame({ size: 1, ...(arrivedAt === undefined ? {} : { arrivedAt }) });
    group.writeChunk(new Uint8Array(1));
  };
  await runtime.advance(1_000);
  write(runtime.now());
  await runtime.advance(1_000);
  const reader = viewed.broadcast("a")?.subscribe("t");
  await runtime.advance(100);
  await reader?.nextGroup();
  write();
  write(runtime.now() - 30);
  await runtime.advance(100);
  await settle();
  expect(server.stats().framesOut).toBe(3);
  const { addedLatency } = server.stats();
  expect(addedLatency.count).toBe(1);
  expect(addedLatency.sumMs).toBeGreaterThanOrEqual(30);
  expect(addedLatency.sumMs).toBeLessThan(40);
  expect(client.stats().framesIn).toBe(3);
  reader?.close();
  client.close();
});
