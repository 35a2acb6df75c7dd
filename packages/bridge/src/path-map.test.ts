import { describe, expect, it } from "vitest";
import { PathMap } from "./path-map.js";

describe("PathMap", () => {
  it.each([
    [{}, "a/b", { path: "a/b" }],
    [{ add: "x/y" }, "a/b", { path: "x/y/a/b" }],
    [{ strip: "a" }, "a/b", { path: "b" }],
    [{ strip: "a", add: "x" }, "a/b", { path: "x/b" }],
    [{ strip: "a" }, "ab/c", { refusal: "outside_prefix" }],
    [{ strip: "a" }, "a", { refusal: "outside_prefix" }],
    [{ strip: "a" }, "a/internal/b", { refusal: "internal" }],
    [{ add: Array(32).fill("x").join("/") }, "a", { refusal: "too_many_parts" }],
    [{ deny: ["a/**"], strip: "a" }, "a/b", { refusal: "denied" }],
    [{ allow: ["b/**"], add: "b" }, "a", { refusal: "not_allowed" }],
  ])("%j takes %j to %j", (rules, path, mapped) => {
    expect(new PathMap(rules).map(path)).toEqual(mapped);
  });

  it("carries only what every set of rules carries", () => {
    const map = new PathMap({ allow: ["a/**"], strip: "a" }, { deny: ["**/secret"] });
    expect(map.map("a/b")).toEqual({ path: "b" });
    expect(map.map("a/secret")).toEqual({ refusal: "denied" });
    expect(map.map("b")).toEqual({ refusal: "not_allowed" });
  });

  it.each(["", "internal", "a//b", ".x", "a/"])("takes no prefix %j", (prefix) => {
    expect(() => new PathMap({ add: prefix })).toThrow("cannot be a prefix");
  });
});
