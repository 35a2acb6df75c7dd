import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Metrics } from "./admin/metrics.js";
import { bridgeStatus } from "./admin/status.fixture.js";
import { runOptions } from "./flags.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const read = (path: string) => readFileSync(`${ROOT}${path}`, "utf8");
const FLAGS = new Set(runOptions().map((option) => option.long));

function flagsIn(text: string): string[] {
  return text.match(/(?<=[\s"])--[a-z-]+/g) ?? [];
}

describe("what is deployed", () => {
  it("the Dockerfile runs steps that exist, as another user than root, and is looked after", () => {
    const lines = read("Dockerfile").split("\n");
    const { scripts } = JSON.parse(read("package.json"));
    for (const line of lines) {
      const script = /^RUN npm run (\S+)/.exec(line)?.[1];
      if (script) expect(scripts).toHaveProperty(script);
      const program = /^RUN node (\S+)/.exec(line)?.[1];
      if (program) expect(existsSync(`${ROOT}${program}`)).toBe(true);
    }
    expect(lines.indexOf("USER node")).toBeGreaterThan(
      lines.lastIndexOf("FROM node:20-bookworm-slim"),
    );
    expect(lines.some((line) => line.startsWith("HEALTHCHECK"))).toBe(true);
    const command = lines.find((line) => line.startsWith("CMD [")) ?? "";
    for (const flag of flagsIn(command)) expect(FLAGS).toContain(flag);
  });

  it("the systemd unit leaves every setting to the configuration file", () => {
    const start = /^ExecStart=.*$/m.exec(read("deploy/moq-bridge.service"))?.[0] ?? "";
    const given = flagsIn(start);
    expect(given).toEqual(["--config"]);
    // Directives that systemd does not know are ignored by it, where it only warns.
    const verified = spawnSync("systemd-analyze", ["verify", `${ROOT}deploy/moq-bridge.service`], {
      encoding: "utf8",
    });
    if (verified.error === undefined) expect(verified.stderr).not.toContain("moq-bridge.service");
  });

  it("the dashboard asks for metrics that exist", async () => {
    const text = await new Metrics(() => bridgeStatus(), { version: "1", startedAt: 0 }).text();
    const names = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const { panels } = JSON.parse(read("deploy/grafana-dashboard.json")) as {
      panels: { targets: { expr: string }[] }[];
    };
    const asked = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join(" ");
    const used = new Set(asked.match(/moq_bridge_\w+/g));
    expect(used.size).toBeGreaterThan(10);
    for (const name of used) expect(names).toContain(name.replace(/_bucket$/, ""));
  });

  it("the release builds every platform that the addon's loader may ask for", async () => {
    const { PLATFORMS } = await import(`${ROOT}scripts/native-package.mjs`);
    const built = [...read(".github/workflows/release.yml").matchAll(/\{ platform: ([\w-]+)/g)];
    expect(built.map(([, platform]) => platform)).toEqual(PLATFORMS);
  });

  it("the release says whose packages they are, and lets the addon come for each platform", async () => {
    const { PLATFORMS, releaseManifest } = await import(`${ROOT}scripts/native-package.mjs`);
    const addon = { name: "@moq-bridge/transport-native", version: "1.2.3" };
    expect(releaseManifest(addon, "packages/transport-native", "o/r")).toEqual({
      ...addon,
      repository: {
        type: "git",
        url: "git+https://github.com/o/r.git",
        directory: "packages/transport-native",
      },
      optionalDependencies: Object.fromEntries(
        PLATFORMS.map((platform: string) => [`@moq-bridge/transport-native-${platform}`, "1.2.3"]),
      ),
    });
    const other = { name: "@moq-bridge/origin", version: "1.2.3", dependencies: { ws: "1" } };
    expect(releaseManifest(other, "packages/origin", "o/r")).toMatchObject(other);
    expect(read(".github/workflows/release.yml")).toMatch(
      /native-package\.mjs prepare-release.*npm publish.*-r publish/s,
    );
  });
});
