import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PathMap } from "./path-map.js";

const segment = fc.constantFrom("a", "b", "c", "internal", ".x", "", "é", "a.b");
const path = fc.array(segment, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
const prefix = fc
  .array(fc.constantFrom("a", "b", "é"), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join("/"));
const rules = fc.record(
  {
    strip: prefix,
    add: prefix,
    allow: fc.subarray(["a/**", "**/b", "*"]),
    deny: fc.subarray(["a/b/**", "**/c"]),
  },
  { requiredKeys: [] },
);

describe("the map of one direction", () => {
  it("loses nothing: a name leads back to its path", () => {
    fc.assert(
      fc.property(rules, path, (given, from) => {
        const map = new PathMap(given);
        const mapped = map.map(from);
        if ("path" in mapped) expect(map.inverse(mapped.path)).toBe(from);
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives no two paths one name", () => {
    fc.assert(
      fc.property(rules, path, path, (given, one, two) => {
        const map = new PathMap(given);
        const [first, second] = [map.map(one), map.map(two)];
        if (one !== two && "path" in first && "path" in second) {
          expect(first.path).not.toBe(second.path);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("knows of every name which path has it, or that none has", () => {
    fc.assert(
      fc.property(rules, path, (given, name) => {
        const map = new PathMap(given);
        const from = map.inverse(name);
        if (from !== undefined) expect(map.map(from)).toEqual({ path: name });
      }),
      { numRuns: 2_000 },
    );
  });
});
