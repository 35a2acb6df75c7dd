import { elapse, ScriptedIetfServer, ScriptedLiteServer } from "@moq-bridge/testing";
import { expect, test } from "vitest";
import { inScene, PATIENCE_MS, startBridged, startClock, textOf } from "./fixture.js";

const CONTROL_CHARACTER = String.fromCharCode(7);
const FORBIDDEN = [
  "internal/origins/evil.example:443",
  "internal/x",
  ".hidden/x",
  "room/.hidden",
  "room/./x",
  "room/../x",
  "..",
  "room//x",
  "/room/x",
  "room/x/",
  "",
  `room/${CONTROL_CHARACTER}`,
  Array(33).fill("p").join("/"),
  `room/${"x".repeat(1_020)}`,
];
const LONGEST = `room/${"x".repeat(1_019)}`;
const DEEPEST = Array(32).fill("p").join("/");

test.concurrent("7. registry rows that must not cross are never announced on the relay", () =>
  inScene("7 rows", async (scene) => {
    const relay = await ScriptedLiteServer.start(scene);
    const cloudflare = await ScriptedIetfServer.start(scene);
    const registry = await scene.registry();
    registry.rows = [
      ...FORBIDDEN.map((name) => ({ stream_id: name, origin: "cloudflare" })),
      { stream_id: "elsewhere/x", origin: "earthseed" },
      { stream_id: 7, origin: "cloudflare" },
      null,
      { origin: "cloudflare" },
      ...["live/good", LONGEST, DEEPEST].map((name) => ({ stream_id: name, origin: "cloudflare" })),
    ];
    await scene.bridge({
      relayUrl: relay.url,
      cloudflareUrl: cloudflare.url,
      registryUrl: registry.url,
    });
    const connection = await relay.connected({ timeoutMs: PATIENCE_MS });
    for (const name of ["live/good", LONGEST, DEEPEST]) {
      await connection.events.waitFor(
        (event) => event.type === "announced" && event.path === name,
        { what: name.slice(0, 40), timeoutMs: PATIENCE_MS },
      );
    }
    const asked = registry.requests.length;
    await registry.requests.waitForCount(() => true, 3, {
      what: "further polls",
      timeoutMs: PATIENCE_MS,
      from: asked,
    });
    expect(connection.live()).toEqual([DEEPEST, LONGEST, "live/good"].sort());
    expect(connection.events.filter((event) => event.type === "announced")).toHaveLength(3);
  }));

test.concurrent("7. the relay's broadcasts that must not cross are never published to Cloudflare", () =>
  inScene("7 broadcasts", async (scene) => {
    const relay = await ScriptedLiteServer.start(scene);
    const cloudflare = await ScriptedIetfServer.start(scene);
    await scene.bridge({ relayUrl: relay.url, cloudflareUrl: cloudflare.url });
    const upstream = await relay.connected({ timeoutMs: PATIENCE_MS });
    // The others are not paths a moq-lite peer can send: slashes are collapsed, depth is bounded.
    const sendable = FORBIDDEN.filter(
      (name) => !/^\/|\/\/|\/$/.test(name) && name.split("/").length <= 32 && name.length <= 1_024,
    );
    for (const name of sendable) upstream.announce(name);
    upstream.announce("room/good");
    const downstream = await cloudflare.connected({ timeoutMs: PATIENCE_MS });
    await downstream.received(
      "publish_namespace",
      ({ trackNamespace }) => trackNamespace.join("/") === "room/good",
      { timeoutMs: PATIENCE_MS },
    );
    await elapse(1_000);
    expect(downstream.messages("publish_namespace").map((m) => m.trackNamespace)).toEqual([
      ["room", "good"],
    ]);
  }));

test.concurrent("7. a SUBSCRIBE is served only for exactly a path the bridge announced", () =>
  inScene("7 below", async (scene) => {
    const relay = await ScriptedLiteServer.start(scene);
    const cloudflare = await ScriptedIetfServer.start(scene);
    await scene.bridge({ relayUrl: relay.url, cloudflareUrl: cloudflare.url });
    const upstream = await relay.connected({ timeoutMs: PATIENCE_MS });
    const source = upstream.publish("room/one", "video");
    // A relay would send what is below an announced name to its publisher.
    upstream.announce("internal/origins/evil.example:443");
    const downstream = await cloudflare.connected({ timeoutMs: PATIENCE_MS });
    await downstream.received("publish_namespace", () => true, { timeoutMs: PATIENCE_MS });
    for (const path of [
      "room/one/below",
      "room",
      "room/two",
      "internal/origins/evil.example:443",
      "room/one/.",
    ]) {
      expect(await downstream.subscribe(path, "video", PATIENCE_MS), path).toBeUndefined();
    }
    expect(upstream.events.filter((event) => event.type === "subscribe")).toEqual([]);
    await source.openGroup(0);
    await source.writeFrame("yes");
    expect(await downstream.subscribe("room/one", "video", PATIENCE_MS)).toBeDefined();
    await downstream.events.waitFor((event) => event.type === "object-end", {
      what: "an object",
      timeoutMs: PATIENCE_MS,
    });
  }));

test.concurrent("7. a name live from one side's publishers is not replaced by the other side's", () =>
  inScene("7 conflict", async (scene) => {
    const { ietf, registry, relayUrl } = await startBridged(scene, "ws");
    // The same name on both sides, by publishers of their own.
    await startClock(scene, ietf, "both/sides");
    const publisher = await scene.python("publisher", relayUrl);
    await publisher.publish("p", "both/sides", "now");
    await publisher.openGroup("p");
    await publisher.write("p", "the relay's own");
    registry.list("both/sides", "live/other");
    const viewer = await scene.python("viewer", relayUrl);
    await viewer.announced("live/other", { timeoutMs: PATIENCE_MS });
    await viewer.view("v", "both/sides", "now");
    const [frame] = await viewer.framesRead("v", 1, { timeoutMs: PATIENCE_MS });
    expect(frame === undefined ? "" : textOf(frame)).toBe("the relay's own");
    const subscriber = await scene.clock({ url: ietf.url, namespace: "both/sides" });
    await subscriber.ticks.waitForCount(() => true, 2, { what: "ticks", timeoutMs: PATIENCE_MS });
    await elapse(3_000);
    const ofBoth = viewer.events.filter(
      (event) => event.event === "announced" && event.path === "both/sides",
    );
    expect(ofBoth).toHaveLength(1);
    expect(viewer.frames("v").map(textOf)).toEqual(["the relay's own"]);
  }));

test.concurrent("7. --allow and --deny hold in both directions", () =>
  inScene("7 patterns", async (scene) => {
    const { ietf, registry, bridge, relayUrl } = await startBridged(scene, "ws", {
      flags: ["--allow", "open/**", "--deny", "open/secret/**"],
    });
    const publisher = await scene.python("publisher", relayUrl);
    for (const name of ["open/a", "open/secret/b", "closed/c"]) {
      await publisher.publish(name, name, "now");
    }
    registry.list("open/x", "open/secret/y", "closed/z");
    const bystander = await scene.python("bystander", relayUrl);
    await bystander.announced("open/x", { timeoutMs: PATIENCE_MS });
    await ietf.received("PUBLISH_NAMESPACE", "open/a", { timeoutMs: PATIENCE_MS });
    await elapse(3_000);
    await ietf.publishes("open/a");
    expect(bystander.live()).toEqual(["closed/c", "open/a", "open/secret/b", "open/x"]);
    expect(bridge.text).not.toMatch(/public/);
  }));

test.concurrent("7. without patterns the bridge says at start that everything becomes public", () =>
  inScene("7 public", async (scene) => {
    const { bridge } = await startBridged(scene, "ws");
    await bridge.process.waitForLine(/public/, { timeoutMs: PATIENCE_MS });
    expect(bridge.text.match(/public/g)).toHaveLength(1);
  }));
