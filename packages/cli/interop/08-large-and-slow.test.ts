import { crc32 } from "node:zlib";
import {
  connectScriptedIetf,
  connectScriptedLite,
  type IetfConnection,
  ScriptedIetfServer,
  ScriptedLiteServer,
} from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { inScene, PATIENCE_MS, SCHEMES, startBridged } from "./fixture.js";

const FRAME = 4 * 1024 * 1024;
const CHUNK = 64 * 1024;
const MEBIBYTE = 1024 * 1024;
/** What one process may keep of all tracks together. */
const CACHE_BUDGET_MIB = 512;
/** Groups of as many frames of 1 MiB that go through while one viewer takes nothing. */
const STALL_GROUPS = 384;
const STALL_FRAMES = 4;

function pattern(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i += 4)
    bytes.writeUInt32LE((Math.imul(i + 1, 2654435761) + seed) >>> 0, i);
  return bytes;
}

test.concurrent.each(SCHEMES)(
  "8. a 4 MB frame's first bytes reach Cloudflare's viewer before the relay's publisher wrote its last, over %s",
  (scheme) =>
    inScene(`8 to Cloudflare ${scheme}`, async (scene) => {
      const { relay, ietf } = await startBridged(scene, scheme);
      const publisher = await connectScriptedLite(scene, relay.wsUrl);
      const source = publisher.publish("room/large", "video");
      await ietf.received("PUBLISH_NAMESPACE", "room/large", { timeoutMs: PATIENCE_MS });
      const viewer = await connectScriptedIetf(scene, ietf.url);
      await viewer.subscribe("room/large", "video", PATIENCE_MS);
      const payload = pattern(FRAME, 1);
      await source.openGroup(0);
      await source.beginFrame(FRAME);
      await source.writeBytes(payload.subarray(0, CHUNK));
      // The rest is written only after the first bytes were seen.
      await viewer.events.waitFor((event) => event.type === "progress", {
        what: "the first bytes",
        timeoutMs: PATIENCE_MS,
      });
      for (let at = CHUNK; at < FRAME; at += CHUNK) {
        await source.writeBytes(payload.subarray(at, at + CHUNK));
      }
      await source.finishGroup();
      const end = await viewer.events.waitFor((event) => event.type === "object-end", {
        what: "the last byte",
        timeoutMs: PATIENCE_MS,
      });
      expect(end.type === "object-end" && end.payload.equals(payload)).toBe(true);
    }),
);

test.concurrent.each(SCHEMES)(
  "8. a 4 MB frame's first bytes reach the relay's viewer before Cloudflare's publisher wrote its last, over %s",
  (scheme) =>
    inScene(`8 to the relay ${scheme}`, async (scene) => {
      const { relay, ietf, registry } = await startBridged(scene, scheme);
      const publisher = await connectScriptedIetf(scene, ietf.url);
      const source = publisher.serve("live/large", "video");
      await publisher.publishNamespace("live/large");
      registry.list("live/large");
      const viewer = await connectScriptedLite(scene, relay.wsUrl);
      await viewer.events.waitFor((event) => event.type === "announced", {
        what: "live/large",
        timeoutMs: PATIENCE_MS,
      });
      await viewer.subscribe("live/large", "video");
      const payload = pattern(FRAME, 2);
      await source.openGroup(0);
      await source.beginObject(FRAME);
      await source.writeBytes(payload.subarray(0, CHUNK));
      await viewer.events.waitFor((event) => event.type === "progress", {
        what: "the first bytes",
        timeoutMs: PATIENCE_MS,
      });
      for (let at = CHUNK; at < FRAME; at += CHUNK) {
        await source.writeBytes(payload.subarray(at, at + CHUNK));
      }
      await source.finishGroup();
      const end = await viewer.events.waitFor((event) => event.type === "frame-end", {
        what: "the last byte",
        timeoutMs: PATIENCE_MS,
      });
      expect(end.type === "frame-end" && end.payload.equals(payload)).toBe(true);
    }),
);

/** The newest group of which a subscription has everything. */
async function groupComplete(
  connection: IetfConnection,
  alias: number,
  group: number,
): Promise<void> {
  await connection.events.waitFor(
    (event) => event.type === "stream-end" && event.alias === alias && event.group === group,
    { what: `group ${group} of subscription ${alias}`, timeoutMs: PATIENCE_MS },
  );
}

test.concurrent("8. a viewer that stops reading costs the others nothing, and memory stays bounded", () =>
  inScene("8 stalled", async (scene) => {
    const relay = await ScriptedLiteServer.start(scene);
    const cloudflare = await ScriptedIetfServer.start(scene);
    const bridge = await scene.bridge({ relayUrl: relay.url, cloudflareUrl: cloudflare.url });
    const upstream = await relay.connected({ timeoutMs: PATIENCE_MS });
    const source = upstream.publish("room/one", "video");
    const downstream = await cloudflare.connected({ timeoutMs: PATIENCE_MS });
    await downstream.received("publish_namespace", () => true, { timeoutMs: PATIENCE_MS });
    await source.openGroup(0);
    await source.writeFrame("warm-up");
    const reading = await downstream.subscribe("room/one", "video", PATIENCE_MS);
    const stalled = await downstream.subscribe("room/one", "video", PATIENCE_MS);
    if (reading === undefined || stalled === undefined) throw new Error("SUBSCRIBE was refused");
    await downstream.events.waitForCount((event) => event.type === "object-end", 2, {
      what: "both viewers' first object",
      timeoutMs: PATIENCE_MS,
    });
    downstream.stall(stalled);

    downstream.keepPayloads = false;
    const payload = pattern(MEBIBYTE, 3);
    const before = await bridge.residentMemory();
    let peak = before;
    for (let group = 1; group <= STALL_GROUPS; group++) {
      await source.openGroup(group);
      for (let frame = 0; frame < STALL_FRAMES; frame++) await source.writeFrame(payload);
      await source.finishGroup();
      await groupComplete(downstream, reading.alias, group);
      peak = Math.max(peak, await bridge.residentMemory());
    }
    // Every byte of every group reached the viewer that reads.
    const checksums = downstream.events
      .all()
      .flatMap((event) =>
        event.type === "object-end" && event.alias === reading.alias && event.group > 0
          ? [event.checksum]
          : [],
      );
    expect(checksums).toEqual(Array(STALL_GROUPS * STALL_FRAMES).fill(crc32(payload)));
    // Three times the cache's budget went through; that budget, and what awaits the collector, stayed.
    expect(STALL_GROUPS * STALL_FRAMES).toBe(3 * CACHE_BUDGET_MIB);
    expect((peak - before) / MEBIBYTE).toBeLessThan(1.5 * CACHE_BUDGET_MIB);
  }));
