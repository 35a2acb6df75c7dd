import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAnswer } from "./parse-answer.js";

const origins = ["cloudflare", "earthseed"];
const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (rows: unknown[]) =>
  parseAnswer(bytes(JSON.stringify({ broadcasts: rows })), "application/json");
const names = (rows: unknown[], origin = "cloudflare") => [
  ...(parse(rows).byOrigin.get(origin)?.keys() ?? []),
];
const good = { stream_id: "good", origin: "cloudflare" };

describe("rows", () => {
  it("become entries, by origin", () => {
    const answer = parse([
      {
        stream_id: "a/b",
        origin: "cloudflare",
        viewer_count: 3,
        started_at: "2026-01-01 10:00:00",
      },
      { stream_id: "c", origin: "earthseed" },
    ]);
    expect(answer.byOrigin.get("cloudflare")?.get("a/b")).toEqual({
      streamId: "a/b",
      origin: "cloudflare",
      instance: "2026-01-01 10:00:00",
      viewerCount: 3,
    });
    expect([...(answer.byOrigin.get("earthseed")?.keys() ?? [])]).toEqual(["c"]);
    expect(answer.rows).toBe(2);
  });

  it.each([
    ["not_an_object", null],
    ["not_an_object", "text"],
    ["not_an_object", ["a", "cloudflare"]],
    ["bad_stream_id", { origin: "cloudflare" }],
    ["bad_stream_id", { stream_id: "", origin: "cloudflare" }],
    ["bad_stream_id", { stream_id: 7, origin: "cloudflare" }],
    ["stream_id_too_long", { stream_id: "é".repeat(513), origin: "cloudflare" }],
    ["bad_origin", { stream_id: "a" }],
    ["bad_origin", { stream_id: "a", origin: null }],
    ["unknown_origin", { stream_id: "a", origin: "elsewhere" }],
    ["unknown_origin", { stream_id: "a", origin: "Cloudflare" }],
    ["unknown_origin", { stream_id: "a", origin: "__proto__" }],
  ])("are skipped as %s: %j", (reason, row) => {
    const answer = parse([good, row]);
    expect(names([good, row])).toEqual(["good"]);
    expect([...answer.skipped]).toEqual([[reason, 1]]);
  });

  it("without a usable origin leave their name in doubt; of another origin they do not", () => {
    expect([...parse([good, { stream_id: "a", origin: 1 }]).doubtful]).toEqual(["a"]);
    expect([...parse([good, { stream_id: "a", origin: "elsewhere" }]).doubtful]).toEqual([]);
  });

  it("accept a name of exactly the longest size", () => {
    expect(names([{ stream_id: "é".repeat(512), origin: "cloudflare" }])).toHaveLength(1);
  });

  it.each([
    [{ started_at: "s", lease: "l" }, "s"],
    [{ lease: "l" }, "l"],
    [{ started_at: null, lease: 17 }, "17"],
    [{ started_at: 1767225600 }, "1767225600"],
    [{ started_at: "" }, undefined],
    [{ started_at: {} }, undefined],
    [{ started_at: "x".repeat(257) }, undefined],
  ])("take their instance from %j: %s", (fields, instance) => {
    const answer = parse([{ ...good, ...fields }]);
    expect(answer.byOrigin.get("cloudflare")?.get("good")?.instance).toBe(instance);
  });

  it.each([-1, 1.5, "3", null, 1e300])("ignore a viewer count of %j", (viewer_count) => {
    const answer = parse([{ ...good, viewer_count }]);
    expect(answer.byOrigin.get("cloudflare")?.get("good")?.viewerCount).toBeUndefined();
  });

  it("of one name are merged to the same entry in whatever order they come", () => {
    const row = fc.record({
      stream_id: fc.constantFrom("a", "b"),
      origin: fc.constantFrom("cloudflare", "earthseed"),
      started_at: fc.option(fc.string(), { nil: undefined }),
      viewer_count: fc.option(fc.nat(), { nil: undefined }),
    });
    const shuffled = fc
      .array(row, { minLength: 1 })
      .chain((rows) =>
        fc.tuple(fc.constant(rows), fc.shuffledSubarray(rows, { minLength: rows.length })),
      );
    fc.assert(
      fc.property(shuffled, ([rows, others]) => {
        const a = parse(rows);
        const b = parse(others);
        for (const origin of origins) {
          const sorted = (answer: typeof a) => [...(answer.byOrigin.get(origin) ?? [])].sort();
          expect(sorted(a)).toEqual(sorted(b));
        }
        const distinct = [...a.byOrigin.values()].reduce((sum, entries) => sum + entries.size, 0);
        expect(a.duplicates).toBe(rows.length - distinct);
      }),
    );
  });
});

describe("the answer", () => {
  it("may have no rows", () => {
    expect(parse([])).toMatchObject({ rows: 0, duplicates: 0 });
  });

  it("may begin with a byte order mark", () => {
    expect(parseAnswer(bytes('\ufeff{"broadcasts":[]}'), undefined).rows).toBe(0);
  });

  it.each([
    ["registry_html", "<!doctype html><p>hunter2", "text/plain"],
    ["registry_html", "  \n<html>hunter2", undefined],
    ["registry_html", "hunter2", "text/html; charset=utf-8"],
    ["registry_bad_json", "", "application/json"],
    ["registry_bad_json", '{"broadcasts":[{"stream_id":"hunter2"', "application/json"],
    ["registry_bad_json", '{"broadcasts":[]} hunter2', "application/json"],
    ["registry_bad_json", "[".repeat(200_000), "application/json"],
    ["registry_shape", "[]", "application/json"],
    ["registry_shape", "null", "application/json"],
    ["registry_shape", '"hunter2"', "application/json"],
    ["registry_shape", "{}", "application/json"],
    ["registry_shape", '{"broadcasts":{}}', "application/json"],
    ["registry_shape", '{"broadcasts":[{"id":"hunter2"},{"id":"b"}]}', "application/json"],
  ])("is refused as %s, without being quoted: %s", (code, text, contentType) => {
    let error: unknown;
    try {
      parseAnswer(bytes(text), contentType);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code, scope: "process" });
    expect((error as Error).message).not.toMatch(/hunter2|\n/);
  });

  it("of invalid UTF-8 is refused", () => {
    const body = bytes('{"broadcasts":[{"stream_id":"?","origin":"cloudflare"}]}');
    expect(parseAnswer(body, undefined).rows).toBe(1);
    body[body.indexOf("?".charCodeAt(0))] = 0xff;
    expect(() => parseAnswer(body, undefined)).toThrow("not complete, valid JSON");
  });

  it("cut off anywhere is refused", () => {
    const whole = bytes(JSON.stringify({ broadcasts: [good] }));
    for (let length = 0; length < whole.byteLength; length++) {
      expect(() => parseAnswer(whole.subarray(0, length), undefined)).toThrow();
    }
  });

  it("says which reasons kept every row out", () => {
    expect(() => parse([{ id: "a" }, { stream_id: "b" }])).toThrow(
      "none of the 2 rows fits (1 bad_stream_id, 1 bad_origin)",
    );
  });

  it("with rows of unknown origins only is a good answer without entries", () => {
    expect(parse([{ stream_id: "a", origin: "elsewhere" }]).byOrigin.size).toBe(0);
  });
});
