import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cacheLayout, cacheRoot } from "./cache.js";
import { ensureInstalled } from "./stamp.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "moq-bridge-stamp-"));
});
afterEach(() => rm(root, { recursive: true }));

function installation(version: string, installs: string[]) {
  const executable = join(root, "tool");
  return {
    name: "tool",
    specification: { version },
    executable,
    install: async () => {
      installs.push(version);
      await writeFile(executable, version, { mode: 0o755 });
    },
  };
}

test("installs what is missing, what has another specification, and nothing else", async () => {
  const layout = cacheLayout(root);
  const installs: string[] = [];
  expect(await ensureInstalled(layout, installation("1", installs))).toBe(true);
  expect(await ensureInstalled(layout, installation("1", installs))).toBe(false);
  expect(await ensureInstalled(layout, installation("2", installs))).toBe(true);
  await rm(join(root, "tool"));
  expect(await ensureInstalled(layout, installation("2", installs))).toBe(true);
  expect(installs).toEqual(["1", "2", "2"]);
});

test("an installation that brings no executable, or fails half-way, is made again", async () => {
  const layout = cacheLayout(root);
  const broken = { ...installation("1", []), install: async () => {} };
  await expect(ensureInstalled(layout, broken)).rejects.toThrow(/missing after install/);
  const installs: string[] = [];
  await ensureInstalled(layout, installation("1", installs));
  const failing = {
    ...installation("2", []),
    install: () => Promise.reject(new Error("no network")),
  };
  await expect(ensureInstalled(layout, failing)).rejects.toThrow("no network");
  expect(await ensureInstalled(layout, installation("1", installs))).toBe(true);
});

test("the cache follows the environment", () => {
  expect(cacheRoot({ MOQ_BRIDGE_CACHE: "/own", XDG_CACHE_HOME: "/xdg" })).toBe("/own");
  expect(cacheRoot({ MOQ_BRIDGE_CACHE: "", XDG_CACHE_HOME: "/xdg" })).toBe("/xdg/moq-bridge");
  expect(cacheRoot({})).toMatch(/\/\.cache\/moq-bridge$/);
});
