import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { thrown } from "../test/helpers.js";
import { hasPathPrefix, isValidPath, joinPath, parsePath, pathProblem } from "./path.js";

describe("paths", () => {
  test.each(["", "a", "a/b/c", "ä/ö", ".hidden/b", "a..b", "internal/x", "a b", "x".repeat(1024)])(
    "%j is valid",
    (path) => {
      expect(isValidPath(path)).toBe(true);
      expect(joinPath(parsePath(path))).toBe(path);
    },
  );

  test.each([
    ["/a", "an empty segment"],
    ["a/", "an empty segment"],
    ["a//b", "an empty segment"],
    ["/", "an empty segment"],
    ["a/./b", "a segment that is . or .."],
    ["..", "a segment that is . or .."],
    ["a\nb", "a control character"],
    ["a\u007fb", "a control character"],
    ["a\u0085b", "a control character"],
    ["a\ud800b", "text that is not valid Unicode"],
    [Array(33).fill("a").join("/"), "more than 32 segments"],
    ["x".repeat(1025), "longer than 1024 bytes"],
    ["ä".repeat(513), "longer than 1024 bytes"],
  ])("%j is refused", (path, problem) => {
    expect(pathProblem(path)).toBe(problem);
    expect(thrown(() => parsePath(path))).toBe("path_invalid");
  });

  test("32 segments are allowed", () => {
    expect(parsePath(Array(32).fill("a").join("/"))).toHaveLength(32);
  });

  test("segments that do not make a path are refused", () => {
    expect(thrown(() => joinPath(["a/b"]))).toBe("path_invalid");
    expect(thrown(() => joinPath([""]))).toBe("path_invalid");
    expect(joinPath([])).toBe("");
  });

  test("a prefix is whole segments", () => {
    const segments = fc.array(fc.constantFrom("a", "ab", "b"), { maxLength: 4 });
    fc.assert(
      fc.property(segments, segments, (path, prefix) => {
        const expected = prefix.every((part, i) => path[i] === part);
        expect(hasPathPrefix(path.join("/"), prefix.join("/"))).toBe(expected);
      }),
    );
  });
});
