import { expect, it } from "vitest";
import { matchesTrack } from "./track-patterns.js";

it.each([
  [["catalog.json"], "catalog.json", true],
  [["catalog.json"], "catalog.json.z", false],
  [["a", ".catalog"], ".catalog", true],
  [["*"], "", true],
  [["cat*"], "catalog", true],
  [["cat*"], "a cat", false],
  [["*.json"], "video.json", true],
  [["a*b*c"], "a-b-b-c", true],
  [["a*b*c"], "a-c-b", false],
  [["ab*ba"], "aba", false],
  [["a*a*a"], "aa", false],
  [[], "x", false],
])("%j and %j: %s", (patterns, name, fits) => {
  expect(matchesTrack(patterns, name)).toBe(fits);
});
