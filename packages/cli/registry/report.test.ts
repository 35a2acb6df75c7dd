import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  expectCleanOutput,
  inScene,
  PATIENCE_MS,
  startBridged,
  startClock,
} from "../interop/fixture.js";
import { ServiceRegistry } from "./registry-service.fixture.js";

test("the relay's streams are listed beside Cloudflare's, and never taken for Cloudflare's", () =>
  inScene("registry report", async (scene) => {
    const registry = await ServiceRegistry.start(scene, 30_000);
    const token = await registry.token("bridge", [""]);
    const tokenFile = join(scene.folder, "registry-token");
    await writeFile(tokenFile, `${token}\n`);
    const { ietf, bridge, relayUrl } = await startBridged(scene, "ws", {
      registryUrl: registry.url,
      flags: ["--registry-write-token-file", tokenFile],
    });
    await startClock(scene, ietf, "live/clock");
    await registry.post("live/clock", await registry.token("alice", ["live"]));
    const peer = await scene.python("peer", relayUrl);
    await peer.publish("a", "room/a", "now");
    await peer.publish("b", "room/b", "now");
    await ietf.received("PUBLISH_NAMESPACE", "room/a", { timeoutMs: PATIENCE_MS });
    await peer.announced("live/clock", { timeoutMs: PATIENCE_MS });
    await expect
      .poll(() => registry.listed(), { timeout: PATIENCE_MS })
      .toEqual(["live/clock cloudflare", "room/a earthseed", "room/b earthseed"]);

    await peer.finish("a");
    await expect
      .poll(() => registry.listed(), { timeout: PATIENCE_MS })
      .toEqual(["live/clock cloudflare", "room/b earthseed"]);
    // Two polls later its own rows have not come back to it.
    const viewer = await scene.python("viewer", relayUrl);
    await viewer.announced("room/b", { timeoutMs: PATIENCE_MS });
    await viewer.announced("live/clock", { timeoutMs: PATIENCE_MS });
    expect(viewer.live()).toEqual(["live/clock", "room/b"]);
    expect(bridge.text).not.toContain("conflict");

    bridge.process.signal("SIGTERM");
    await bridge.process.exited;
    expect(await registry.listed()).toEqual(["live/clock cloudflare"]);
    expectCleanOutput(bridge, token);
  }));

test("a row named cloudflare whose name is live on the relay is the relay's, and reported", () =>
  inScene("registry row of the relay", async (scene) => {
    const registry = await ServiceRegistry.start(scene, 600_000);
    const token = await registry.token("bridge", [""]);
    const tokenFile = join(scene.folder, "registry-token");
    await writeFile(tokenFile, token);
    await registry.post("room/a", await registry.token("alice", ["room"]));
    const { ietf, bridge, relayUrl } = await startBridged(scene, "ws", {
      registryUrl: registry.url,
      flags: ["--registry-write-token-file", tokenFile],
    });
    const peer = await scene.python("peer", relayUrl);
    await peer.publish("a", "room/a", "now");
    await ietf.received("PUBLISH_NAMESPACE", "room/a", { timeoutMs: PATIENCE_MS });
    await expect
      .poll(() => bridge.text, { timeout: PATIENCE_MS })
      .toContain("the registry holds the relay's name for somebody else path=room/a");
    expect(await registry.listed()).toEqual(["room/a cloudflare"]);
  }));

test("streams come from a watched file, a mapped registry and the command line at once", () =>
  inScene("registry sources", async (scene) => {
    const file = join(scene.folder, "streams.json");
    const mapping = join(scene.folder, "mapping.json");
    const write = (...names: string[]) =>
      writeFile(
        file,
        JSON.stringify({ live: Object.fromEntries(names.map((name) => [name, {}])) }),
      );
    await write("one");
    await writeFile(
      mapping,
      JSON.stringify({
        registry: file,
        list: "live",
        id: "$key",
        origin: null,
        path: "file/{$key}",
      }),
    );
    const { registry, relayUrl } = await startBridged(scene, "ws", {
      pollInterval: 1,
      flags: [
        ...["--registry-file", file, "--registry-mapping", mapping],
        ...["--stream", "always/here"],
      ],
    });
    registry.list("live/a");
    const viewer = await scene.python("viewer", relayUrl);
    for (const name of ["file/one", "always/here", "live/a"]) {
      await viewer.announced(name, { timeoutMs: PATIENCE_MS });
    }
    await write("one", "two");
    await viewer.announced("file/two", { timeoutMs: PATIENCE_MS });
    await write("two");
    await viewer.announced("file/one", { active: false, timeoutMs: PATIENCE_MS });
    expect(viewer.live()).toEqual(["always/here", "file/two", "live/a"]);
  }));
