import { expect, test } from "vitest";
import { metricsProblems, metricValues } from "../src/admin/metrics-lint.fixture.js";
import { ADMIN_FLAGS, adminUrl } from "./admin-fixture.js";
import { inScene, PATIENCE_MS, startBridged, textOf } from "./fixture.js";
import { runCommand, startCommand } from "./run-command.js";

test("21a. the metrics agree with what viewers on both sides counted, and pass promtool's rules", () =>
  inScene("21a metrics", async (scene) => {
    const { ietf, registry, bridge, relayUrl } = await startBridged(scene, "ws", {
      flags: ADMIN_FLAGS,
    });
    const url = await adminUrl(bridge);
    const { ca } = scene.certificate.files;

    // From the relay to Cloudflare's side.
    const peer = await scene.python("peer", relayUrl);
    await peer.publish("talk", "room/talk", "now");
    await ietf.received("PUBLISH_NAMESPACE", "room/talk", { timeoutMs: PATIENCE_MS });
    const reader = startCommand([
      ...["sub", ietf.url, "room/talk", "now", "--dialect", "draft-14", "--tls-ca", ca],
      ...["--format", "json", "--count", "20"],
    ]);
    // Whoever comes gets the newest group from its first frame: once that was read, nothing is missed.
    await peer.openGroup("talk");
    await peer.write("talk", "0 0");
    await reader.wrote(/\n/);
    for (let frame = 1; frame < 10; frame++) await peer.write("talk", `0 ${frame}`);
    await peer.openGroup("talk");
    for (let frame = 0; frame < 10; frame++) await peer.write("talk", `1 ${frame}`);
    const read = await reader.ended;
    expect(read).toMatchObject({ code: 0, error: "" });
    expect(read.out.trim().split("\n")).toHaveLength(20);

    // From Cloudflare's side to the relay.
    const writer = startCommand([
      ...["pub", ietf.url, "live/lines", "lines", "--dialect", "draft-14", "--tls-ca", ca],
      ...["--group-size", "100"],
    ]);
    await ietf.received("PUBLISH_NAMESPACE", "live/lines", { timeoutMs: PATIENCE_MS });
    registry.list("live/lines");
    await peer.announced("live/lines", { timeoutMs: PATIENCE_MS });
    await peer.view("lines", "live/lines", "lines");
    for (let line = 0; line < 30; line++) writer.write(`line ${line}\n`);
    const frames = await peer.framesRead("lines", 30, { timeoutMs: PATIENCE_MS });
    expect(frames.map(textOf)).toEqual(Array.from({ length: 30 }, (_, line) => `line ${line}`));

    const text = await (await fetch(`${url}/metrics`)).text();
    expect(metricsProblems(text)).toEqual([]);
    const values = metricValues(text);
    expect(values.get('moq_bridge_sent_frames_total{side="cloudflare"}')).toBe(20);
    expect(values.get('moq_bridge_received_frames_total{side="relay"}')).toBe(20);
    expect(values.get('moq_bridge_sent_frames_total{side="relay"}')).toBe(30);
    expect(values.get('moq_bridge_received_frames_total{side="cloudflare"}')).toBe(30);
    expect(values.get('moq_bridge_added_latency_seconds_count{side="cloudflare"}')).toBe(20);
    expect(values.get('moq_bridge_skipped_groups_total{side="relay"}')).toBe(0);
    expect(values.get('moq_bridge_announcements{direction="to-relay",state="announced"}')).toBe(1);
    expect(values.get('moq_bridge_registry_polls_total{result="ok"}')).toBeGreaterThan(0);
    writer.kill();
  }));

test("21b. list, pub, sub, status, doctor and POST /poll against real relays", () =>
  inScene("21b commands", async (scene) => {
    const { ietf, registry, bridge, relay, relayUrl } = await startBridged(scene, "ws", {
      flags: ADMIN_FLAGS,
      pollInterval: 3_600,
    });
    const { ca } = scene.certificate.files;
    const url = await adminUrl(bridge);
    const admin = ["--admin", new URL(url).host];
    const writer = startCommand(["pub", relayUrl, "room/lines", "lines", "--group-size", "2"]);
    await ietf.received("PUBLISH_NAMESPACE", "room/lines", { timeoutMs: PATIENCE_MS });
    const listed = await runCommand(["list", relay.httpsUrl, "--tls-ca", ca]);
    expect(listed).toEqual({ code: 0, out: "room/lines\n", error: "" });

    const reader = startCommand(["sub", relayUrl, "room/lines", "lines", "--count", "2"]);
    writer.write("one\ntwo\nthree\nfour\n");
    // Who comes late begins with the newest group.
    const { code, out } = await reader.ended;
    expect(code).toBe(0);
    expect(["one\ntwo\n", "three\nfour\n"]).toContain(out);

    await registry.requests.waitFor(() => true, { what: "a poll", timeoutMs: PATIENCE_MS });
    registry.list("live/new");
    const polled = await fetch(`${url}/poll`, { method: "POST" });
    expect(await polled.json()).toMatchObject({ registry: { live: 1 } });

    const status = await runCommand(["status", ...admin]);
    expect(status.code).toBe(0);
    expect(status.out).toMatch(/^moq-bridge \S+: bridging/);
    expect(status.out).toMatch(/^room\/lines +to-cloudflare +announced /m);
    expect(status.out).toMatch(/^live\/new +to-relay +announced /m);
    const json = await runCommand(["status", ...admin, "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({ ready: true });

    const flags = [
      ...["--relay-url", relayUrl, "--cloudflare-url", ietf.url, "--registry-url", registry.url],
      ...["--cloudflare-tls-ca", ca],
    ];
    const healthy = await runCommand(["doctor", ...flags]);
    expect(healthy.code, healthy.out).toBe(0);
    for (const line of ["QUIC", "relay .*lite-0", "cloudflare .*draft-14", "registry .*1 live"]) {
      expect(healthy.out).toMatch(new RegExp(`^ok .*${line}`, "m"));
    }
    await relay.kill();
    const sick = await runCommand(["doctor", ...flags.slice(0, 6)]);
    expect(sick.code).toBe(1);
    expect(sick.out).toMatch(/^fail {2}relay +\S/m);
    expect(sick.out).toMatch(/^fail {2}cloudflare +\S/m);
    writer.end();
    expect((await writer.ended).code).toBe(1);
    await bridge.stop();
    const gone = await runCommand(["status", ...admin]);
    expect(gone).toMatchObject({ code: 1, error: expect.stringContaining("no bridge answers") });
  }));
