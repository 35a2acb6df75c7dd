import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_PATH_BYTES, MAX_PATH_PARTS, PathPolicy } from "./path-policy.js";

const open = new PathPolicy([], []);

describe("what never crosses", () => {
  it.each([
    ["", "empty_path"],
    ["internal/origins/evil.example:443", "internal"],
    ["internal", "internal"],
    ["a//b", "empty_segment"],
    ["/a", "empty_segment"],
    ["a/", "empty_segment"],
    ["a/./b", "dot_segment"],
    ["a/../b", "dot_segment"],
    [".internal/origins/x", "dot_segment"],
    ["a/.hidden", "dot_segment"],
    ["a\u0000b", "control_character"],
    ["a\nb", "control_character"],
    ["a\u0085b", "control_character"],
    [
      Array(MAX_PATH_PARTS + 1)
        .fill("a")
        .join("/"),
      "too_many_parts",
    ],
    [`${"é".repeat(MAX_PATH_BYTES / 2)}x`, "too_long"],
  ])("%j is refused as %s", (path, refusal) => {
    expect(open.refusal(path)).toBe(refusal);
  });

  it.each(["a", "internals/x", "a/internal", "a.b/c.", "é".repeat(MAX_PATH_BYTES / 2)])(
    "%j crosses",
    (path) => {
      expect(open.refusal(path)).toBeUndefined();
    },
  );

  it("a longest path of the most parts crosses", () => {
    expect(open.refusal(Array(MAX_PATH_PARTS).fill("a").join("/"))).toBeUndefined();
  });

  it("no pattern lets it cross", () => {
    expect(new PathPolicy(["**"], []).refusal("internal/origins/x")).toBe("internal");
  });
});

describe("patterns", () => {
  it.each([
    ["meeting/*", "meeting/a", true],
    ["meeting/*", "meeting/a/b", false],
    ["meeting/*", "meeting", false],
    ["meeting/**", "meeting/a/b", true],
    ["meeting/**", "meeting", true],
    ["meeting/**", "meetings", false],
    ["**/cam", "a/b/cam", true],
    ["**/cam", "cam", true],
    ["a/**/z", "a/z", true],
    ["a/**/z", "a/b/c/z", true],
    ["a/**/z", "ab/z", false],
    ["room-*", "room-1", true],
    ["room-*", "room-1/x", false],
    ["a.b", "axb", false],
    ["**", "anything/at/all", true],
    ["a+(b)", "a+(b)", true],
  ])("%s on %s: %s", (pattern, path, matches) => {
    expect(new PathPolicy([pattern], []).refusal(path)).toBe(matches ? undefined : "not_allowed");
    expect(new PathPolicy([], [pattern]).refusal(path)).toBe(matches ? "denied" : undefined);
  });

  it("deny is stronger than allow", () => {
    expect(new PathPolicy(["a/**"], ["a/b"]).refusal("a/b")).toBe("denied");
  });

  it("a pattern without stars matches exactly itself", () => {
    const segment = fc.stringMatching(/^[a-z0-9+$^()[\]{}|?-]{1,8}$/);
    const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(path, path, (pattern, other) => {
        const policy = new PathPolicy([], [pattern]);
        if (neverInternal(pattern)) expect(policy.refusal(pattern)).toBe("denied");
        if (neverInternal(other) && other !== pattern) {
          expect(policy.refusal(other)).toBeUndefined();
        }
      }),
    );
  });
});

const neverInternal = (path: string) => path.split("/")[0] !== "internal";
