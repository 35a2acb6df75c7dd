import { expect, it } from "vitest";
import { Scene } from "../../testing/src/scene.js";
import { cloudflare, type PeerProfile } from "../src/index.js";
import { runAudioLine } from "./audio-line.js";
import { appendFileSync } from "node:fs";
import { loadavg } from "node:os";

const runs: [string, number][] = JSON.parse(process.env.RUNS ?? "[]");
const delayMs = Number(process.env.DELAY ?? 15);
const seconds = Number(process.env.SECONDS_ ?? 25);
for (const [rule, loss] of runs) {
  it(`${rule} ${loss}`, async () => {
    const scene = await Scene.create("measure");
    const relay = await scene.ietfRelay();
    const [late, wait] = rule.split(":");
    const profile: PeerProfile = { ...cloudflare, smallGroups: rule === "off" ? undefined : { perSecond: 10, waitMs: Number(wait), late: late as "skip" } };
    const result = await runAudioLine(scene, relay, { profile, seconds, loss, delayMs, seed: Number(process.env.SEED ?? 1) });
    appendFileSync("/tmp/audio.txt", JSON.stringify({ rule, loss, delayMs, load: loadavg()[0]?.toFixed(1), ...result }) + "\n");
    await scene.end();
    expect(result.groups).toBeGreaterThan(0);
  });
}
