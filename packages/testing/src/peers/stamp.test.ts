import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { elapse } from "../wait.js";
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

test("two at once install it once; the second waits for the first", async () => {
  const layout = cacheLayout(root);
  const installs: string[] = [];
  const one = installation("1", installs);
  let second: Promise<boolean> | undefined;
  const slow = {
    ...one,
    install: async () => {
      second = ensureInstalled(layout, one);
      const waits = elapse(300).then(() => "waits");
      expect(await Promise.race([second, waits])).toBe("waits");
      await one.install();
    },
  };
  expect(await ensureInstalled(layout, slow)).toBe(true);
  expect(await second).toBe(false);
  expect(installs).toEqual(["1"]);
});

test("one that was killed at it is not waited for", async () => {
  const layout = cacheLayout(root);
  const left = `${layout.stamps}.lock`;
  await mkdir(left, { recursive: true });
  await utimes(left, 0, 0);
  expect(await ensureInstalled(layout, installation("1", []))).toBe(true);
});

test("the cache follows the environment", () => {
  expect(cacheRoot({ MOQ_BRIDGE_CACHE: "/own", XDG_CACHE_HOME: "/xdg" })).toBe("/own");
  expect(cacheRoot({ MOQ_BRIDGE_CACHE: "", XDG_CACHE_HOME: "/xdg" })).toBe("/xdg/moq-bridge");
  expect(cacheRoot({})).toMatch(/\/\.cache\/moq-bridge$/);
});
